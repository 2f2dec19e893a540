//! The presets do what the servers they are named after are known for.

use std::time::Duration;

use smtp_mock::{Pair, Preset, Server};

use crate::client::{Client, Ended};

const MAIL: [&str; 6] =
    ["EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "x\r\n.", "QUIT"];

fn server(name: &str) -> Server {
    Server::new(Preset::named(name).expect("the preset exists").scenario().expect("it is sound"))
}

/// Runs a client and gives how it ended, when, and its replies.
fn run<'a>(server: &Server, script: impl IntoIterator<Item = &'a str>) -> (Ended, Duration, Vec<String>) {
    let mut pair = Pair::new(Client::new(script), server.session());
    pair.run();
    let now = pair.now();
    let client = pair.into_client();
    (client.ended.expect("a closed client says why"), now, client.replies)
}

#[test]
fn sendmail_pauses_five_seconds_and_postscreen_six() {
    for (name, seconds) in [("sendmail-greetpause", 5), ("postscreen", 6)] {
        let (ended, now, replies) = run(&server(name), ["QUIT"]);
        assert_eq!((ended, now), (Ended::Quit, Duration::from_secs(seconds)), "{name}");
        assert_eq!(replies[0].lines().count(), if name == "postscreen" { 2 } else { 1 });
    }
}

#[test]
fn whoever_speaks_first_is_cut_off() {
    for (name, reply) in [
        ("sendmail-greetpause", "554 mail.sendmail.test ESMTP not accepting messages\r\n"),
        ("postscreen", "521 5.5.1 Protocol error\r\n"),
    ] {
        let mut session = server(name).session();
        session.now(Duration::ZERO);
        while !matches!(session.poll(), smtp_mock::Output::WaitUntil(_)) {}
        session.input(b"EHLO early.test\r\n");
        let smtp_mock::Output::Send(octets) = session.poll() else { panic!("{name}: a reply is due") };
        assert_eq!(String::from_utf8(octets).expect("it is text"), reply);
        assert_eq!(session.poll(), smtp_mock::Output::Close(smtp_mock::Close::Fin), "{name}");
    }
}

#[test]
fn pix_hides_esmtp_and_is_slow_at_the_dot() {
    let server = server("pix");
    let mut script = MAIL.to_vec();
    script.insert(1, "HELO x.test");
    let (ended, now, replies) = run(&server, script);
    assert_eq!((ended, now), (Ended::Quit, Duration::from_secs(10)));
    assert!(replies[0].starts_with("220 ****") && replies[1].starts_with("500 "), "{replies:?}");
}

#[test]
fn gmail_limits_after_three_messages_in_several_lines() {
    let server = server("gmail");
    for _ in 0..3 {
        assert_eq!(run(&server, MAIL).0, Ended::Quit);
    }
    let (ended, _, replies) = run(&server, MAIL);
    assert!(matches!(ended, Ended::Lost { .. }));
    assert!(replies[5].starts_with("421-4.7.28 ") && replies[5].lines().count() == 3, "{replies:?}");
    let (_, _, replies) = run(&server, ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<nobody@d.test>", "QUIT"]);
    assert!(replies[3].contains("550-5.1.1"), "{replies:?}");
}

#[test]
fn office365_wants_tls_and_counts_connections() {
    let server = server("office365");
    let (_, _, replies) = run(&server, ["EHLO x.test", "MAIL FROM:<>", "QUIT"]);
    assert!(replies[1].contains("STARTTLS") && !replies[1].contains("AUTH"), "{replies:?}");
    assert!(replies[2].starts_with("530"), "{replies:?}");
    let open: Vec<_> = (0..3).map(|_| server.session()).collect();
    let mut fourth = server.session();
    let smtp_mock::Output::Send(octets) = fourth.poll() else { panic!("a reply is due") };
    assert!(octets.starts_with(b"432 4.3.2 "));
    drop(open);
}

#[test]
fn postfix_greylists_and_exim_refuses_after_the_message() {
    let server_postfix = server("postfix");
    let script = ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<grey@d.test>", "RCPT TO:<grey@d.test>", "QUIT"];
    let (_, _, replies) = run(&server_postfix, script);
    assert!(replies[3].starts_with("450 4.2.0") && replies[4].starts_with("250"), "{replies:?}");
    let script = ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<evaluate@d.test>", "DATA", "x\r\n.", "QUIT"];
    let (_, _, replies) = run(&server("exim"), script);
    assert!(replies[5].starts_with("550-Your message") && replies[5].lines().count() == 3, "{replies:?}");
}

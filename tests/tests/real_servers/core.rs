//! The protocol engine by itself, without the program, against Postfix: what it writes, and what it makes of
//! the replies.

use native_tls::{Certificate, TlsConnector};
use smtp_core::{Client, Config, End, Envelope, Event, Outcome, Plain, Secret, Verb};
use smtp_tests::driver::{Passed, drive};
use smtp_tests::lab::Postfix;

const MESSAGE: &[u8] = b"From: you@example.org\nSubject: lines\r\n\r\n.dot\nlone\rCR\r\n..\n\nlast line";
/// What a receiver must have of it: CRLF at each line's end, every dot.
const DELIVERED: &[u8] =
    b"From: you@example.org\r\nSubject: lines\r\n\r\n.dot\r\nlone\r\nCR\r\n..\r\n\r\nlast line\r\n";

#[test]
fn with_pipelining_mail_rcpt_and_data_leave_in_one_write() {
    // with CHUNKING there would be no DATA
    let postfix = Postfix::start_with(&[("smtpd_discard_ehlo_keywords", "chunking")]).unwrap();
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse().unwrap()).unwrap();
    client.send(envelope(&["friend@example.net", "nobody@example.net", "colleague@example.net"])).unwrap();
    client.quit().unwrap();
    let passed = run(&postfix, client, &postfix.plain().to_string());

    let group = "MAIL FROM:<you@example.org>\r\nRCPT TO:<friend@example.net>\r\nRCPT TO:<nobody@example.net>\r\n\
        RCPT TO:<colleague@example.net>\r\nDATA\r\n";
    let end = "From: you@example.org\r\nSubject: lines\r\n\r\n..dot\r\nlone\r\nCR\r\n...\r\n\r\nlast line\r\n.\r\n\
        QUIT\r\n";
    let writes: Vec<_> = passed.writes.iter().map(|octets| String::from_utf8_lossy(octets)).collect();
    assert_eq!(writes, ["EHLO client.example\r\n", group, end]);

    let [Outcome::Accepted(_), Outcome::Refused { verb: Verb::Rcpt, reply }, Outcome::Accepted(_)] =
        &delivered(&passed)[..]
    else {
        panic!("{:?}", passed.events)
    };
    assert_eq!(reply.code().value(), 550);
    for mailbox in ["friend@example.net", "colleague@example.net"] {
        assert_eq!(landed(&postfix, mailbox, 1), [DELIVERED]);
    }
}

#[test]
fn with_chunking_a_message_leaves_in_one_write() {
    let postfix = Postfix::start().unwrap();
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse().unwrap()).unwrap();
    for _ in 0..3 {
        client.send(envelope(&["friend@example.net"])).unwrap();
    }
    client.quit().unwrap();
    let passed = run(&postfix, client, &postfix.plain().to_string());

    let writes: Vec<_> = passed.writes.iter().map(|octets| String::from_utf8_lossy(octets)).collect();
    assert!(writes[1].starts_with("MAIL FROM:<you@example.org>"), "{writes:#?}");
    assert!(writes[1].contains(" LAST\r\nFrom: you@example.org\r\n"), "{writes:#?}");
    for event in &passed.events {
        if let Event::Done { end: End::Delivered(outcomes), .. } = event {
            assert!(matches!(outcomes[..], [Outcome::Accepted(_)]), "{outcomes:?}");
        }
    }
    let sent = DELIVERED.strip_suffix(b"\r\n").unwrap();
    for message in landed(&postfix, "friend@example.net", 3) {
        // BDAT carries a message that ends without a line end; Postfix stores it with one
        assert_eq!(message.strip_suffix(b"\r\n").unwrap(), sent);
    }
}

#[test]
fn under_tls_it_logs_in_and_delivers() {
    let postfix = Postfix::start().unwrap();
    for implicit in [false, true] {
        let mut config = Config::default();
        config.implicit_tls = implicit;
        let mut client = Client::new(config);
        client.hello("client.example".parse().unwrap()).unwrap();
        if !implicit {
            client.start_tls().unwrap();
            client.hello("client.example".parse().unwrap()).unwrap();
        }
        let plain = Plain::new(postfix.user(), Secret::from(postfix.password())).unwrap();
        client.authenticate(vec![Box::new(plain)]).unwrap();
        client.send(envelope(&["friend@example.net"])).unwrap();
        client.quit().unwrap();
        let server = if implicit { postfix.smtps() } else { postfix.submission() };
        let passed = run(&postfix, client, &server.to_string());
        assert!(matches!(delivered(&passed)[..], [Outcome::Accepted(_)]), "{:?}", passed.events);
    }
    for message in postfix.maildir("friend@example.net").wait(2).unwrap() {
        assert!(message.trace("Received").unwrap().contains(" with ESMTPSA "), "TLS and AUTH: {message:?}");
    }
}

fn envelope(to: &[&str]) -> Envelope {
    Envelope::new(
        "<you@example.org>".parse().unwrap(),
        to.iter().map(|to| format!("<{to}>").parse().unwrap()),
    )
}

fn run(postfix: &Postfix, mut client: Client, server: &str) -> Passed {
    let authority = Certificate::from_pem(&std::fs::read(postfix.ca_file()).unwrap()).unwrap();
    let tls = TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    drive(&mut client, server.parse().unwrap(), &tls, MESSAGE).unwrap()
}

/// The outcomes of the one message that was sent.
fn delivered(passed: &Passed) -> Vec<Outcome> {
    let mut outcomes = passed.events.iter().filter_map(|event| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => Some(outcomes.clone()),
        _ => None,
    });
    let found = outcomes.next().unwrap_or_else(|| panic!("no message was sent: {:?}", passed.events));
    assert_eq!(outcomes.next(), None);
    found
}

fn landed(postfix: &Postfix, mailbox: &str, count: usize) -> Vec<Vec<u8>> {
    let messages = postfix.maildir(mailbox).wait(count).unwrap();
    messages.iter().map(|message| message.message().to_vec()).collect()
}

//! Tests the dialogues of the RFCs, octet for octet.

use crate::pair::*;
use smtp_core::*;

fn to(from: &str, to: &[&str], body: &str) -> impl Fn() -> Pair {
    let (from, body): (Mailbox, String) = (from.parse().unwrap(), body.into());
    let to: Vec<ForwardPath> = to.iter().map(|to| ForwardPath::new(to.parse().unwrap())).collect();
    move || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello("bar.com".parse().unwrap()).unwrap();
        pair.client.send(Envelope::new(ReversePath::new(from.clone()), to.clone())).unwrap();
        pair.client.quit().unwrap();
        pair.with_body(&body)
    }
}

#[test]
fn rfc_5321_appendix_d_1() {
    let run = play(
        to(
            "Smith@bar.com",
            &["Jones@foo.com", "Green@foo.com", "Brown@foo.com"],
            "Blah blah blah...\r\n...etc. etc. etc.\r\n",
        ),
        &[
            say("220 foo.com Simple Mail Transfer Service Ready\r\n"),
            expect("EHLO bar.com\r\n"),
            say("250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 HELP\r\n"),
            expect("MAIL FROM:<Smith@bar.com>\r\n"),
            say("250 OK\r\n"),
            expect("RCPT TO:<Jones@foo.com>\r\n"),
            say("250 OK\r\n"),
            expect("RCPT TO:<Green@foo.com>\r\n"),
            say("550 No such user here\r\n"),
            expect("RCPT TO:<Brown@foo.com>\r\n"),
            say("250 OK\r\n"),
            expect("DATA\r\n"),
            say("354 Start mail input; end with <CRLF>.<CRLF>\r\n"),
            expect("Blah blah blah...\r\n....etc. etc. etc.\r\n.\r\n"),
            say("250 OK\r\n"),
            expect("QUIT\r\n"),
            say("221 foo.com Service closing transmission channel\r\n"),
        ],
    );
    assert_eq!(
        ends(&run.events)[1],
        End::Delivered(vec![
            accepted("250 OK"),
            refused(Verb::Rcpt, "550 No such user here"),
            accepted("250 OK")
        ])
    );
}

#[test]
fn rfc_5321_appendix_d_2_an_aborted_transaction() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello("bar.com".parse().unwrap()).unwrap();
        let to = ["Jones@foo.com", "Green@foo.com"].map(|to| ForwardPath::new(to.parse().unwrap()));
        let mut envelope = Envelope::new(ReversePath::new("Smith@bar.com".parse().unwrap()), to);
        envelope.all_or_nothing = true;
        pair.client.send(envelope).unwrap();
        pair.client.reset().unwrap();
        pair.client.quit().unwrap();
        pair
    };
    play(
        start,
        &[
            say("220 foo.com Simple Mail Transfer Service Ready\r\n"),
            expect("EHLO bar.com\r\n"),
            say("250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 HELP\r\n"),
            expect("MAIL FROM:<Smith@bar.com>\r\n"),
            say("250 OK\r\n"),
            expect("RCPT TO:<Jones@foo.com>\r\n"),
            say("250 OK\r\n"),
            expect("RCPT TO:<Green@foo.com>\r\n"),
            say("550 No such user here\r\n"),
            expect("RSET\r\n"),
            say("250 OK\r\n"),
            expect("QUIT\r\n"),
            say("221 foo.com Service closing transmission channel\r\n"),
        ],
    );
}

#[test]
fn rfc_2920_section_4_pipelining() {
    let run = play(
        to(
            "mrose@dbc.mtview.ca.us",
            &["ned@innosoft.com", "dan@innosoft.com", "kvc@innosoft.com"],
            "Hello\r\n",
        ),
        &[
            say("220 innosoft.com SMTP service ready\r\n"),
            expect("EHLO bar.com\r\n"),
            say("250-innosoft.com\r\n250 PIPELINING\r\n"),
            expect(
                "MAIL FROM:<mrose@dbc.mtview.ca.us>\r\nRCPT TO:<ned@innosoft.com>\r\nRCPT TO:<dan@innosoft.com>\r\nRCPT TO:<kvc@innosoft.com>\r\nDATA\r\n",
            ),
            say(
                "250 sender <mrose@dbc.mtview.ca.us> OK\r\n250 recipient <ned@innosoft.com> OK\r\n250 recipient <dan@innosoft.com> OK\r\n250 recipient <kvc@innosoft.com> OK\r\n354 enter mail, end with line containing only \".\"\r\n",
            ),
            expect("Hello\r\n.\r\nQUIT\r\n"),
            say("250 message sent\r\n221 goodbye\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![accepted("250 message sent"); 3]));
}

#[test]
fn rfc_2920_section_4_all_recipients_refused() {
    let run = play(
        to("mrose@dbc.mtview.ca.us", &["nsb@thumper.bellcore.com", "galvin@tis.com"], "Hello\r\n"),
        &[
            say("220 innosoft.com SMTP service ready\r\n"),
            say("250-innosoft.com\r\n250 PIPELINING\r\n"),
            say(
                "250 sender <mrose@dbc.mtview.ca.us> OK\r\n550 remote mail to <nsb@thumper.bellcore.com> not allowed\r\n550 remote mail to <galvin@tis.com> not allowed\r\n554 no valid recipients given\r\n",
            ),
            say("221 goodbye\r\n"),
        ],
    );
    assert!(run.writes.concat().ends_with("DATA\r\nQUIT\r\n"));
    let End::Delivered(outcomes) = &ends(&run.events)[1] else { panic!() };
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused { verb: Verb::Rcpt, .. })));
}

#[test]
fn rfc_3030_section_4_1_bdat() {
    // the example of the RFC announces 86 octets, the size of this message
    let body = "To: Susan@random.com\r\nFrom: Sam@random.com\r\nSubject: This is a bodyless test message\r\n";
    assert_eq!(body.len(), 86);
    let run = play(
        to("Sam@random.com", &["Susan@random.com"], body),
        &[
            say("220 cnri.reston.va.us SMTP service ready\r\n"),
            say("250-cnri.reston.va.us says hello\r\n250-CHUNKING\r\n250 SIZE\r\n"),
            say("250 <Sam@random.com> sender ok\r\n"),
            expect("EHLO bar.com\r\nMAIL FROM:<Sam@random.com>\r\nRCPT TO:<Susan@random.com>\r\n"),
            say("250 <Susan@random.com> recipient ok\r\n"),
            expect(format!("BDAT 86 LAST\r\n{body}")),
            say("250 Message OK, 86 octets received\r\n"),
            expect("QUIT\r\n"),
            say("221 goodbye\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![accepted("250 Message OK, 86 octets received")]));
}

#[test]
fn rfc_2033_section_5_lmtp() {
    let start = || {
        let mut config = Config::default();
        config.protocol = Protocol::Lmtp;
        let mut pair = Pair::new(config);
        pair.client.hello("foo.edu".parse().unwrap()).unwrap();
        let to =
            ["pat@foo.edu", "jones@foo.edu", "green@foo.edu"].map(|to| ForwardPath::new(to.parse().unwrap()));
        pair.client.send(Envelope::new(ReversePath::new("chris@bar.com".parse().unwrap()), to)).unwrap();
        pair.client.quit().unwrap();
        pair.with_body("Blah blah blah...\r\n...etc. etc. etc.\r\n")
    };
    let run = play(
        start,
        &[
            say("220 foo.edu LMTP server ready\r\n"),
            expect("LHLO foo.edu\r\n"),
            say("250-foo.edu\r\n250-PIPELINING\r\n250 SIZE\r\n"),
            expect(
                "MAIL FROM:<chris@bar.com>\r\nRCPT TO:<pat@foo.edu>\r\nRCPT TO:<jones@foo.edu>\r\nRCPT TO:<green@foo.edu>\r\nDATA\r\n",
            ),
            say(
                "250 OK\r\n250 OK\r\n550 No such user here\r\n250 OK\r\n354 Start mail input; end with <CRLF>.<CRLF>\r\n",
            ),
            expect("Blah blah blah...\r\n....etc. etc. etc.\r\n.\r\nQUIT\r\n"),
            say(
                "250 OK\r\n452 <green@foo.edu> is temporarily over quota\r\n221 foo.edu closing connection\r\n",
            ),
        ],
    );
    assert_eq!(
        ends(&run.events)[1],
        End::Delivered(vec![
            accepted("250 OK"),
            refused(Verb::Rcpt, "550 No such user here"),
            refused(Verb::Message, "452 <green@foo.edu> is temporarily over quota"),
        ])
    );
}

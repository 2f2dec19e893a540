//! Tests of the correct server: replies, sequencing, capture, cuts.

mod mail_data;
mod scripted;
mod unavailable;

use core::time::Duration;

use proptest::prelude::*;

use super::{Output, Secured, Session};
use crate::{
    Close, Fault, Mechanism, On, Rule, Scenario, Server, Step, TlsMode,
    auth::encode,
    scenario::{Protocol, ProxyHeader},
};

/// A session with everything that it says written down.
struct Talk {
    server: Server,
    session: Session,
    packets: Vec<Vec<u8>>,
    last: Output,
}

impl Talk {
    fn new(scenario: Scenario) -> Self {
        let server = Server::new(scenario);
        let session = server.session();
        let mut talk = Self { server, session, packets: Vec::new(), last: Output::NeedInput };
        talk.run();
        talk
    }

    /// Polls until the session waits for something.
    fn run(&mut self) {
        loop {
            self.last = self.session.poll();
            match &self.last {
                Output::Send(octets) => self.packets.push(octets.clone()),
                _ => return,
            }
        }
    }

    /// Says something and gives what came back.
    fn send(&mut self, octets: &str) -> String {
        let before = self.packets.len();
        self.session.input(octets.as_bytes());
        self.run();
        String::from_utf8_lossy(&self.packets[before..].concat()).into_owned()
    }

    fn faults(&self) -> Vec<Fault> {
        self.server.report().findings.iter().map(|finding| finding.fault).collect()
    }
}

/// A scenario with users and AUTH in clear.
fn with_user() -> Scenario {
    let mut scenario = Scenario::new();
    scenario.auth.users.insert("alice".to_owned(), "secret".to_owned());
    scenario.auth.plaintext_ok = true;
    scenario
}

#[test]
fn a_message_from_the_greeting_to_the_end() {
    let mut talk = Talk::new(Scenario::new());
    assert_eq!(talk.packets.concat(), b"220 mock.example.test ESMTP smtp-mock\r\n");
    assert_eq!(
        talk.send("EHLO client.test\r\n"),
        "250-mock.example.test greets you\r\n250-PIPELINING\r\n250-SIZE 67108864\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
         250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 VRFY\r\n"
    );
    assert_eq!(talk.send("MAIL FROM:<a@b.test> SIZE=9\r\n"), "250 2.1.0 sender ok\r\n");
    assert_eq!(talk.send("RCPT TO:<c@d.test> NOTIFY=NEVER\r\n"), "250 2.1.5 recipient ok\r\n");
    assert_eq!(talk.send("DATA\r\n"), "354 end with a dot on a line by itself\r\n");
    assert_eq!(talk.send("..a\r\nb\r\n.\r\n"), "250 2.0.0 queued as 1.1\r\n");
    assert_eq!(talk.send("QUIT\r\n"), "221 2.0.0 bye\r\n");
    assert_eq!(talk.last, Output::Close(Close::Fin));
    let messages = talk.server.messages();
    assert_eq!(messages[0].octets, b".a\r\nb\r\n");
    assert_eq!((messages[0].from(), messages[0].to()), ("a@b.test", vec!["c@d.test"]));
    assert_eq!(messages[0].envelope.forward_paths[0].parameter("notify"), Some("NEVER"));
    talk.server.transcript().assert(
        "S: 220 *
         C: EHLO client.test
         S: 250-*
         ...
         C: MAIL FROM:<a@b.test> SIZE=9
         S: 250 2.1.0 *
         C: RCPT*
         S: 250*
         C: DATA
         S: 354*
         C: <11 octets of mail data>
         S: 250 2.0.0 queued*
         C: QUIT
         S: 221*",
    );
}

#[test]
fn a_pipelined_group_is_answered_in_one_packet() {
    let mut talk = Talk::new(Scenario::new());
    talk.send("EHLO client.test\r\n");
    let before = talk.packets.len();
    talk.send("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<broken\r\nDATA\r\n");
    assert_eq!(talk.packets.len(), before + 1);
    assert_eq!(
        String::from_utf8_lossy(&talk.packets[before]),
        "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n501 5.5.4 try RCPT TO:<mailbox>\r\n\
         354 end with a dot on a line by itself\r\n"
    );
    let before = talk.packets.len();
    talk.send(".\r\nMAIL FROM:<>\r\nQUIT\r\n");
    assert_eq!(talk.packets.len(), before + 1);
    assert!(talk.packets[before].ends_with(b"250 2.1.0 sender ok\r\n221 2.0.0 bye\r\n"));
    assert!(!talk.faults().contains(&Fault::PipeliningNotOffered));
}

#[test]
fn commands_out_of_order_are_refused() {
    let mut talk = Talk::new(Scenario::new());
    for (said, code) in [
        ("MAIL FROM:<>\r\n", "503"),
        ("RCPT TO:<a@b.test>\r\n", "503"),
        ("DATA\r\n", "503"),
        ("EHLO\r\n", "501"),
        ("LHLO x.test\r\n", "500"),
        ("HELO x.test\r\n", "250 mock.example.test\r\n"),
        ("MAIL FROM:<> SIZE=1\r\n", "250"),
        ("MAIL FROM:<>\r\n", "503"),
        ("DATA\r\n", "554"),
        ("RSET\r\n", "250"),
        ("RCPT TO:<a@b.test>\r\n", "503"),
        ("STARTTLS\r\n", "500"),
        ("AUTH PLAIN\r\n", "500"),
        ("XCLIENT NAME=x\r\n", "500"),
        ("VRFY alice\r\n", "252"),
        ("EXPN list\r\n", "502"),
        ("HELP\r\n", "214"),
        ("RSET now\r\n", "501"),
        ("FOO\r\n", "500"),
        ("\r\n", "500"),
    ] {
        assert!(talk.send(said).starts_with(code), "{said}");
    }
    assert_eq!(talk.server.messages().len(), 0);
    // SIZE was used where HELO offers nothing.
    assert!(talk.faults().contains(&Fault::ParameterNotOffered));
}

#[test]
fn parameters_are_checked() {
    let mut scenario = Scenario::new();
    scenario.server.extensions = vec!["SIZE 10".to_owned(), "8BITMIME".to_owned()];
    let mut talk = Talk::new(scenario);
    talk.send("EHLO client.test\r\n");
    for (said, reply) in [
        ("MAIL FROM:<a@b.test> SIZE=11\r\n", "552 at most 10 octets are taken\r\n"),
        ("MAIL FROM:<a@b.test> SIZE=x\r\n", "501"),
        ("MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n", "501"),
        ("MAIL FROM:<a@b.test> SMTPUTF8\r\n", "555"),
        ("MAIL FROM:<ä@b.test>\r\n", "553"),
        ("MAIL FROM:<a@b.test> RET=FULL\r\n", "555"),
        ("MAIL FROM:<a@b.test> SIZE=10 BODY=8BITMIME\r\n", "250"),
        ("RCPT TO:<ä@b.test>\r\n", "553"),
        ("RCPT TO:<c@d.test> NOTIFY=NEVER\r\n", "555"),
        ("RCPT TO:<c@d.test>\r\n", "250"),
        ("DATA\r\n", "354"),
        ("123456789\r\n.\r\n", "552"),
    ] {
        assert!(talk.send(said).starts_with(reply), "{said}");
    }
    assert!(talk.server.messages().is_empty());
}

#[test]
fn chunks_are_discarded_after_a_refused_envelope_and_joined_after_a_good_one() {
    let mut talk = Talk::new(Scenario::new());
    talk.send("EHLO client.test\r\n");
    assert!(talk.send("BDAT 6 LAST\r\nQUIT\r\n").starts_with("503"));
    talk.send("MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b.test>\r\n");
    assert!(talk.send("DATA\r\n").starts_with("503 5.6.1"));
    assert_eq!(
        talk.send("BDAT 3\r\na\n\0BDAT 2\r\n.\r"),
        "250 2.0.0 3 octets so far\r\n250 2.0.0 5 octets so far\r\n"
    );
    assert!(talk.send("RCPT TO:<late@b.test>\r\n").starts_with("503"));
    assert_eq!(talk.send("BDAT 0 LAST\r\n"), "250 2.0.0 queued as 1.1\r\n");
    assert_eq!(talk.server.messages()[0].octets, b"a\n\0.\r");
    assert!(talk.faults().is_empty() || !talk.faults().contains(&Fault::MessageBareLineFeed));
}

#[test]
fn lmtp_replies_for_each_recipient() {
    let mut scenario = Scenario::new();
    scenario.server.protocol = Protocol::Lmtp;
    scenario.rules.push(Rule::on(On::Body).to("full@*").reply("452 4.2.2 full"));
    let mut talk = Talk::new(scenario);
    assert!(talk.send("EHLO x.test\r\n").starts_with("500"));
    talk.send("LHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<full@b.test>\r\nDATA\r\n");
    assert_eq!(talk.send("x\r\n.\r\n"), "250 2.0.0 queued as 1.1\r\n452 4.2.2 full\r\n");
    assert_eq!(talk.server.messages()[0].to(), ["a@b.test"]);
    talk.send("MAIL FROM:<>\r\nRCPT TO:<c@b.test>\r\nRCPT TO:<full@b.test>\r\n");
    assert_eq!(talk.send("BDAT 1 LAST\r\nx"), "250 2.0.0 queued as 1.2\r\n452 4.2.2 full\r\n");
}

#[test]
fn auth_lets_in_whom_it_knows() {
    let mut talk = Talk::new(with_user());
    assert!(talk.send("EHLO x.test\r\n").contains("AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256\r\n"));
    let plain = encode(b"\0alice\0wrong");
    assert!(talk.send(&format!("AUTH PLAIN {plain}\r\n")).starts_with("535 5.7.8"));
    assert_eq!(talk.send("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\r\n");
    assert!(talk.send("*\r\n").starts_with("501"));
    assert_eq!(talk.send("AUTH PLAIN\r\n"), "334 \r\n");
    assert!(talk.send("!\r\n").starts_with("501"));
    assert!(talk.send("AUTH GSSAPI\r\n").starts_with("504"));
    talk.send("AUTH LOGIN\r\n");
    assert_eq!(talk.send(&format!("{}\r\n", encode(b"alice"))), "334 UGFzc3dvcmQ6\r\n");
    assert!(talk.send(&format!("{}\r\n", encode(b"secret"))).starts_with("235"));
    assert!(talk.send("AUTH PLAIN\r\n").starts_with("503"));
    assert!(talk.faults().contains(&Fault::SecretInClear));
    let shown = talk.server.transcript().to_string();
    assert!(shown.contains("C: AUTH PLAIN ****"), "{shown}");
    assert!(!shown.contains(&encode(b"secret")) && !shown.contains(&encode(b"alice")), "{shown}");
}

#[test]
fn a_password_is_not_taken_in_clear_unless_asked_for() {
    let mut scenario = with_user();
    scenario.auth.plaintext_ok = false;
    scenario.auth.require = true;
    let mut talk = Talk::new(scenario);
    assert!(talk.send("EHLO x.test\r\n").contains("AUTH CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256\r\n"));
    assert!(talk.send("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n").starts_with("538"));
    assert!(talk.send("MAIL FROM:<>\r\n").starts_with("530"));
}

#[test]
fn starttls_forgets_everything_and_throws_clear_octets_away() {
    let mut scenario = with_user();
    scenario.tls.mode = TlsMode::Starttls;
    scenario.tls.require = true;
    scenario.auth.plaintext_ok = false;
    scenario.auth.mechanisms = Some(vec![Mechanism::Plain]);
    let mut talk = Talk::new(scenario);
    assert!(!talk.send("EHLO x.test\r\n").contains("AUTH"));
    assert!(talk.send("MAIL FROM:<>\r\n").starts_with("530"));
    assert_eq!(talk.send("STARTTLS\r\nEHLO injected.test\r\n"), "220 2.0.0 ready to start TLS\r\n");
    assert!(matches!(talk.last, Output::Handshake(_)));
    talk.session.tls_up(Secured::default());
    talk.run();
    assert!(talk.send("MAIL FROM:<>\r\n").starts_with("503"));
    assert!(talk.send("EHLO x.test\r\n").contains("AUTH PLAIN"));
    assert!(talk.send("STARTTLS\r\n").starts_with("503"));
    assert!(talk.faults().contains(&Fault::OctetsAfterStarttls));
    assert!(talk.faults().contains(&Fault::MissingHelloAfterTls));
}

#[test]
fn what_is_injected_rides_behind_the_reply() {
    let mut scenario = Scenario::new();
    scenario.tls.mode = TlsMode::Starttls;
    scenario.tls.inject = Some(crate::Octets(b"250 injected\r\n".to_vec()));
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    let before = talk.packets.len();
    assert_eq!(talk.send("STARTTLS\r\n"), "220 2.0.0 ready to start TLS\r\n250 injected\r\n");
    assert_eq!(talk.packets.len(), before + 1);
}

#[test]
fn xclient_and_proxy_give_attributes() {
    let mut scenario = Scenario::new();
    scenario.server.extensions.push("XCLIENT NAME ADDR".to_owned());
    scenario.server.proxy = ProxyHeader::Any;
    let mut talk = Talk::new(scenario);
    assert_eq!(talk.packets.len(), 0);
    assert!(talk.send("PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n").starts_with("220"));
    talk.send("EHLO x.test\r\n");
    assert!(talk.send("XCLIENT LOGIN=x\r\n").starts_with("501"));
    assert!(talk.send("XCLIENT NAME=spike.test\r\n").starts_with("220"));
    assert!(talk.send("MAIL FROM:<>\r\n").starts_with("503"));
    talk.send("EHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n");
    talk.send(".\r\n");
    let attributes = &talk.server.messages()[0].envelope.attributes;
    assert!(attributes.contains(&("ADDR".to_owned(), "192.0.2.1".to_owned())));
    assert!(attributes.contains(&("NAME".to_owned(), "spike.test".to_owned())));
}

#[test]
fn recipients_and_attributes_without_end_are_refused() {
    let mut scenario = Scenario::new();
    scenario.server.extensions.push("XCLIENT NAME".to_owned());
    let mut talk = Talk::new(scenario);
    for _ in 0..super::ATTRIBUTES_LIMIT {
        assert!(talk.send("XCLIENT NAME=a\r\n").starts_with("220"));
    }
    assert!(talk.send("XCLIENT NAME=a\r\n").starts_with("452"));
    talk.send("EHLO x.test\r\nMAIL FROM:<>\r\n");
    for _ in 0..super::RECIPIENTS_LIMIT {
        assert!(talk.send("RCPT TO:<a@b.test>\r\n").starts_with("250"));
    }
    assert_eq!(talk.send("RCPT TO:<a@b.test>\r\n"), "452 4.5.3 too many recipients\r\n");
    talk.send("DATA\r\n.\r\n");
    assert_eq!(talk.server.messages()[0].to().len(), super::RECIPIENTS_LIMIT);
    // A rule that takes everything does not make the session keep everything.
    let mut talk = Talk::new(Scenario::parse("t", "[[rule]]\non = 'rcpt'\nreply = '250 fine'\n").unwrap());
    talk.send("EHLO x.test\r\nMAIL FROM:<>\r\n");
    for _ in 0..super::RECIPIENTS_LIMIT + 10 {
        assert!(talk.send("RCPT TO:<a@b.test>\r\n").starts_with("250"));
    }
    talk.send("DATA\r\n.\r\n");
    assert_eq!(talk.server.messages()[0].to().len(), super::RECIPIENTS_LIMIT);
}

#[test]
fn lines_without_end_cost_nothing() {
    let mut talk = Talk::new(Scenario::new());
    for _ in 0..64 {
        assert_eq!(talk.send(&"x".repeat(64 * 1024)), "");
        assert!(talk.session.room() > 128 * 1024);
    }
    assert!(talk.send("\r\n").starts_with("500"));
    assert!(talk.send("NOOP\r\n").starts_with("250"));
    assert!(talk.faults().contains(&Fault::LongCommand));
}

#[test]
fn a_client_that_breaks_rules_is_found_out() {
    let mut scenario = Scenario::new();
    scenario.server.hide = vec!["PIPELINING".to_owned()];
    let mut talk = Talk::new(scenario);
    talk.send("EHLO not_a_domain\r\n");
    talk.send("NOOP\n");
    talk.send("NO\rOP\r\n");
    talk.send("MAIL FROM:<> SIZE=1\r\nRCPT TO: <a@b.test>\r\nRCPT TO:<a@b.test>\r\n");
    talk.send("DATA\r\n");
    talk.send(&format!(
        "From: a\nX: {}\r\nSubject: a\r\nSubject: \u{e4}\r\n\r\n\0\r\r\n.\r\n",
        "x".repeat(1000)
    ));
    talk.session.eof();
    talk.run();
    let faults = talk.faults();
    for fault in [
        Fault::InvalidHello,
        Fault::BareLineFeed,
        Fault::BareCarriageReturn,
        Fault::PipeliningNotOffered,
        Fault::SpaceBeforePath,
        Fault::MissingQuit,
        Fault::MessageBareLineFeed,
        Fault::MessageBareCarriageReturn,
        Fault::MessageLongLine,
        Fault::MessageUndeclaredEightBit,
        Fault::MessageNul,
        Fault::MessageMissingField,
        Fault::MessageRepeatedField,
        Fault::SizeMismatch,
    ] {
        assert!(faults.contains(&fault), "{fault:?} in {faults:?}");
    }
}

#[test]
fn rules_fire_in_order_skip_and_are_spent() {
    let mut scenario = Scenario::new();
    scenario
        .rules
        .push(Rule::on(On::Rcpt).to("bob@*").skip(1).times(1).reply("450 4.2.0 greylisted").expect(1));
    scenario.rules.push(Rule::on(On::Mail).message(2).reply("421 4.7.0 enough"));
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\nMAIL FROM:<>\r\n");
    assert!(talk.send("RCPT TO:<bob@b.test>\r\n").starts_with("250"));
    assert_eq!(talk.send("RCPT TO:<BOB@b.test>\r\n"), "450 4.2.0 greylisted\r\n");
    assert!(talk.send("RCPT TO:<bob@b.test>\r\n").starts_with("250"));
    talk.send("RSET\r\n");
    assert_eq!(talk.send("MAIL FROM:<>\r\n"), "421 4.7.0 enough\r\n");
    assert_eq!(talk.last, Output::Close(Close::Fin));
    assert!(talk.server.report().is_satisfied());
}

#[test]
fn a_rule_moves_the_state_as_its_code_says() {
    let mut scenario = Scenario::new();
    scenario.rules.push(Rule::on(On::Rcpt).to("c@*").reply("251 will forward"));
    scenario.rules.push(Rule::on(On::Body).times(1).reply("451 later"));
    scenario.rules.push(Rule::on(On::Body).times(1).step(Step::Capture(true)).close(Close::Rst));
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    let group = "MAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n";
    assert!(talk.send(group).contains("251 will forward\r\n354"));
    assert_eq!(talk.send("x\r\n.\r\n"), "451 later\r\n");
    assert!(talk.server.messages().is_empty());
    talk.send(group);
    assert_eq!(talk.send("x\r\n.\r\n"), "");
    assert_eq!(talk.last, Output::Close(Close::Rst));
    assert_eq!(talk.server.messages()[0].code, None);
    assert_eq!(talk.server.accepted(), 0);
}

#[test]
fn time_is_what_the_driver_says() {
    let mut scenario = Scenario::new();
    scenario.rules.push(Rule::on(On::Connect).delay(Duration::from_secs(20)).default_reply());
    let mut talk = Talk::new(scenario);
    assert_eq!(talk.last, Output::WaitUntil(Duration::from_secs(20)));
    talk.session.input(b"EHLO early.test\r\n");
    talk.session.now(Duration::from_secs(20));
    talk.run();
    assert!(talk.packets.concat().starts_with(b"220 "));
    assert!(talk.faults().contains(&Fault::EarlyTalker));
}

/// Feeds a client's octets in pieces and gives what the server said.
fn conversation(octets: &[u8], cuts: &[usize]) -> (Vec<u8>, usize) {
    let mut scenario = with_user();
    scenario.rules.push(Rule::on(On::Vrfy).reply("252 by rule"));
    let mut talk = Talk::new(scenario);
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (octets.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(octets.len());
    let mut begin = 0;
    for cut in cuts {
        talk.session.input(&octets[begin..cut]);
        begin = cut;
        talk.run();
    }
    talk.session.eof();
    talk.run();
    let messages = talk.server.messages().len();
    (talk.packets.concat(), messages)
}

const DIALOGUE: &[u8] = b"EHLO x.test\r\nAUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\nMAIL FROM:<a@b.test>\r\n\
    RCPT TO:<c@d.test>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nVRFY x\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\n\
    BDAT 4\r\n.\r\n.BDAT 2 LAST\r\n\r\nQUIT\r\n";

#[test]
fn every_cut_of_a_dialogue_gives_the_same_replies() {
    let whole = conversation(DIALOGUE, &[]);
    assert_eq!(whole.1, 2);
    for cut in 0..DIALOGUE.len() {
        assert_eq!(conversation(DIALOGUE, &[cut]), whole, "cut at {cut}");
    }
    let every: Vec<_> = (0..DIALOGUE.len()).collect();
    assert_eq!(conversation(DIALOGUE, &every), whole);
}

proptest! {
    #[test]
    fn random_octets_never_panic_and_never_grow(
        octets in proptest::collection::vec(any::<u8>(), 0..2000),
        cuts in proptest::collection::vec(any::<usize>(), 0..10),
    ) {
        conversation(&octets, &cuts);
    }

    #[test]
    fn random_commands_give_one_reply_each_in_any_cut(
        commands in proptest::collection::vec(prop::sample::select(vec![
            "EHLO x.test", "HELO x.test", "MAIL FROM:<a@b.test>", "MAIL FROM:<>", "RCPT TO:<c@d.test>", "RSET", "NOOP",
            "VRFY x", "EXPN x", "HELP", "STARTTLS", "BDAT 0", "BDAT 0 LAST", "BDAT x", "XCLIENT A=b", "FOO", "",
        ]), 0..30),
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let octets: Vec<u8> = commands.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let (whole, _) = conversation(&octets, &[]);
        let finals = whole
            .split_inclusive(|&octet| octet == b'\n')
            .filter(|line| line.get(3) != Some(&b'-'))
            .count();
        prop_assert_eq!(finals, commands.len() + 1);
        prop_assert_eq!(conversation(&octets, &cuts).0, whole);
    }
}

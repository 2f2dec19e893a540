use proptest::prelude::*;

use super::*;
use crate::{Context, Date};

fn context() -> Context {
    Context::new(Date::from_unix(1_795_196_578, 0).unwrap(), [7; Context::SEED])
}

fn open(text: &str) -> ExistingMessage {
    ExistingMessage::open(Source::from(text)).unwrap()
}

fn octets(message: &Message) -> String {
    let mut octets = Vec::new();
    message.write_to(&mut octets).unwrap();
    assert_eq!(octets.len() as u64, message.encoded_len());
    String::from_utf8(octets).unwrap()
}

#[test]
fn only_line_ends_change_to_crlf() {
    let text = "Received: a\n\tb  \nFrom:  you@example.org \nTO: a@example.net\nX: \n\n .body\n\n.\nlast";
    let expected = text.replace('\n', "\r\n") + "\r\n";
    assert_eq!(octets(&open(text).message().unwrap()), expected);
    assert_eq!(octets(&open(&expected).message().unwrap()), expected);
    let crs = text.replace('\n', "\r");
    assert_eq!(octets(&open(&crs).message().unwrap()), expected);
}

#[test]
fn recipients_come_from_all_fields_without_duplicates() {
    let recipients = |text: &str| {
        open(text).recipients().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        recipients(
            "To: A <a@x.example>,\n \"b, c\" <b@x.example>\nCc: G: c@x.example, a@X.example;\nBcc: d@x.example\nto: e@x.example\n\n"
        ),
        "a@x.example b@x.example e@x.example c@x.example d@x.example"
    );
    assert_eq!(recipients("To: a@x.example\nResent-To: b@x.example\n\n"), "b@x.example");
    assert_eq!(recipients("To: undisclosed-recipients:;\n\n"), "");
    let error = open("From: a@x.example\nTo: nobody\n\n").recipients().unwrap_err();
    assert!(error.to_string().starts_with("To: 'nobody' is not an address: "), "{error}");
}

#[test]
fn missing_fields_are_added_and_bcc_is_removed() {
    let text = "From: Y <you@bücher.example>\nBcc: h@x.example,\n i@x.example\nTo: a@x.example\nresent-bcc: j@x.example\n\nBcc: in the body\n";
    let existing = open(text);
    assert_eq!(existing.recipients().unwrap().len(), 1);
    let message = existing.edit().remove("bcc").complete(&context()).unwrap().build().unwrap();
    let text = octets(&message);
    assert!(text.starts_with("From: Y <you@bücher.example>\r\nTo: a@x.example\r\nDate: Fri, 20 Nov 2026 17:42:58 +0000\r\nMessage-ID: <totajm."));
    assert!(text.contains("@xn--bcher-kva.example>\r\n\r\nBcc: in the body\r\n"));
    assert!(message.needs_smtputf8());
    let complete = open("date: x\nmessage-id: y\nFrom: a@x.example\n\n").edit().complete(&context()).unwrap();
    assert_eq!(octets(&complete.build().unwrap()), "date: x\r\nmessage-id: y\r\nFrom: a@x.example\r\n\r\n");
    assert!(open("To: a@x.example\n\n").edit().complete(&context()).is_err());
}

#[test]
fn fields_are_added_and_replaced_in_place() {
    let edit = open("From: a@x.example\nSubject: one\nX: 1\nSubject: two\n\nbody\n").edit();
    let edit = edit.replace("Subject", "drei ü").unwrap().add("X", "2").unwrap();
    assert_eq!(
        octets(&edit.clone().build().unwrap()),
        "From: a@x.example\r\nSubject: drei =?utf-8?Q?=C3=BC?=\r\nX: 1\r\nX: 2\r\n\r\nbody\r\n"
    );
    assert!(edit.clone().add("X", "a\r\nBcc: b@x.example").is_err());
    assert!(edit.add("To", "nobody").is_err());
}

#[test]
fn invalid_messages_are_refused() {
    for text in ["hello\n\nworld\n", " folded\n\n", "From: a\nhello\n\n", ": x\n\n", "a b: x\n\n"] {
        assert!(ExistingMessage::open(Source::from(text)).is_err(), "{text:?}");
    }
    let endless = "X: 1\n".repeat(300_000);
    assert!(ExistingMessage::open(Source::from(endless)).is_err());
    let wrong = &b"From: \xff@example.org\n\n"[..];
    assert!(ExistingMessage::open(Source::from(wrong)).unwrap().sender().is_err());
}

#[test]
fn messages_without_body_and_with_mbox_lines_are_accepted() {
    assert_eq!(octets(&open("From: a@x.example").message().unwrap()), "From: a@x.example\r\n\r\n");
    assert_eq!(octets(&open("\nbody").message().unwrap()), "\r\nbody\r\n");
    assert_eq!(octets(&open("").message().unwrap()), "\r\n");
    let mbox = "From a@x.example Fri Nov 20 17:42:58 2026\nFrom: a@x.example\n\nbody\n";
    assert!(octets(&open(mbox).message().unwrap()).starts_with("From: a@x.example\r\n"));
}

#[test]
fn a_from_field_with_a_space_before_its_colon_is_not_an_mbox_line() {
    let message = open("From x Fri\nFrom :a@x.example\n\nbody\n").message().unwrap();
    let again = open(&octets(&message));
    assert_eq!(again.sender().unwrap().map(|sender| sender.to_string()).as_deref(), Some("a@x.example"));
}

#[test]
fn octets_outside_ascii_need_8bitmime_or_smtputf8() {
    let message = open("From: a@x.example\n\ngrün\n").message().unwrap();
    assert!(message.needs_8bitmime() && !message.needs_smtputf8());
    let message = open("From: a@x.example\nSubject: grün\n\ngreen\n").message().unwrap();
    assert!(!message.needs_8bitmime() && message.needs_smtputf8());
}

proptest! {
    #[test]
    fn nothing_panics_and_lengths_hold(text in "([A-Za-z: \t]{0,12}(\r\n|\n|\r)){0,8}[ -~\r\n]{0,40}") {
        if let Ok(existing) = ExistingMessage::open(Source::from(text.as_str())) {
            let octets = octets(&existing.message().unwrap());
            prop_assert!(!octets.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}

//! Tests the examples of the RFCs.

use smtp_mime::{AddressList, ExistingMessage, Lint, Mailbox, Message, Source};

fn open(text: &str) -> ExistingMessage {
    ExistingMessage::open(Source::from(text)).unwrap()
}

fn mailboxes(text: &str) -> Vec<String> {
    open(text).recipients().unwrap().iter().map(Mailbox::to_string).collect()
}

/// RFC 5322 appendix A.1.1 to A.1.3, A.3, A.5 and A.6.1: sender and recipients.
#[test]
fn rfc_5322_appendix_a_is_parsed() {
    let a11 = "From: John Doe <jdoe@machine.example>\nSender: Michael Jones <mjones@machine.example>\nTo: Mary Smith <mary@example.net>\nSubject: Saying Hello\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nMessage-ID: <1234@local.machine.example>\n\nThis is a message just to say hello.\nSo, \"Hello\".\n";
    assert_eq!(mailboxes(a11), ["mary@example.net"]);
    assert_eq!(open(a11).sender().unwrap().unwrap().as_str(), "mjones@machine.example");
    assert!(Lint::new().source(&Source::from(a11)).unwrap().is_empty());
    let a12 = "From: \"Joe Q. Public\" <john.q.public@example.com>\nTo: Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>\nCc: <boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>\nDate: Tue, 1 Jul 2003 10:52:37 +0200\nMessage-ID: <5678.21-Nov-1997@example.com>\n\nHi everyone.\n";
    assert_eq!(
        mailboxes(a12),
        ["mary@x.test", "jdoe@example.org", "one@y.test", "boss@nil.test", "sysservices@example.net"]
    );
    let a13 = "From: Pete <pete@silly.example>\nTo: A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;\nCc: Undisclosed recipients:;\nDate: Thu, 13 Feb 1969 23:32:54 -0330\nMessage-ID: <testabcd.1234@silly.example>\n\nTesting.\n";
    assert_eq!(mailboxes(a13), ["c@a.test", "joe@where.test", "jdoe@one.test"]);
    let a3 = "Resent-From: Mary Smith <mary@example.net>\nResent-To: Jane Brown <j-brown@other.example>\nResent-Date: Mon, 24 Nov 1997 14:22:01 -0800\nResent-Message-ID: <78910@example.net>\nFrom: John Doe <jdoe@machine.example>\nTo: Mary Smith <mary@example.net>\nSubject: Saying Hello\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nMessage-ID: <1234@local.machine.example>\n\nThis is a message just to say hello.\nSo, \"Hello\".\n";
    assert_eq!(mailboxes(a3), ["j-brown@other.example"]);
    assert_eq!(open(a3).sender().unwrap().unwrap().as_str(), "mary@example.net");
    let a5 = "From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\nTo:A Group(Some people)\n     :Chris Jones <c@(Chris's host.)public.example>,\n         joe@example.org,\n  John <jdoe@one.test> (my dear friend); (the end of the group)\nCc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\nDate: Thu,\n      13\n        Feb\n          1969\n      23:32\n               -0330 (Newfoundland Time)\nMessage-ID:              <testabcd.1234@silly.test>\n\nTesting.\n";
    assert_eq!(mailboxes(a5), ["c@public.example", "joe@example.org", "jdoe@one.test"]);
    assert_eq!(open(a5).sender().unwrap().unwrap().as_str(), "pete@silly.test");
}

/// RFC 5322 appendix A.6.1: obsolete addresses are parsed, except source routes, which are refused with that reason.
#[test]
fn rfc_5322_obsolete_addresses_are_parsed_except_source_routes() {
    let field = |value: &str| open(&format!("To: {value}\n\n")).recipients();
    assert_eq!(field("jdoe@test   . example").map_or(0, |list| list.len()), 0);
    assert_eq!(field("Mary Smith <mary@example.net>, , jdoe@example.org").unwrap().len(), 2);
    let error = field("Mary Smith <@node.test:mary@example.net>").unwrap_err();
    assert!(error.to_string().contains("source routes are obsolete"), "{error}");
    assert!("Mary Smith <mary@example.net>, , jdoe@example.org".parse::<AddressList>().is_err());
}

/// RFC 2231 §3, §4, §4.1: sections and percent-encoding, tested with the rule that checks file names.
#[test]
fn rfc_2231_names_are_joined() {
    let risky = |parameters: &str| {
        let text = format!("Content-Type: application/x-stuff;\n {parameters}\nMIME-Version: 1.0\n\nx\n");
        let findings = Lint::new().source(&Source::from(text)).unwrap();
        findings.iter().any(|finding| finding.rule() == "risky-attachment")
    };
    assert!(risky(
        "name*0*=us-ascii'en'This%20is%20even%20more%20;\n name*1*=%2A%2A%2Afun%2A%2A%2A%20;\n name*2=\"isn't it.exe\""
    ));
    assert!(risky("name*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A.scr"));
    assert!(!risky("name*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"));
}

/// RFC 8058 §8.1: both fields, as in its example.
#[test]
fn rfc_8058_one_click_has_both_fields() {
    let list = |text: &str| text.parse::<AddressList>().unwrap();
    let context = smtp_mime::Context::new(crate::kinds::now(), [7; smtp_mime::Context::SEED]);
    let message = Message::builder()
        .from(list("news@example.com"))
        .to(list("reader@example.net"))
        .list_unsubscribe(&["https://example.com/unsubscribe/opaquepart"], true)
        .unwrap()
        .build(&context)
        .unwrap();
    let header = String::from_utf8(message.header_section().to_vec()).unwrap();
    assert!(header.contains("\r\nList-Unsubscribe: <https://example.com/unsubscribe/opaquepart>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}

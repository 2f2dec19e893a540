use proptest::prelude::*;

use super::*;
use crate::{AddressList, Context, Entity, NameAddr};

const GOOD: &str = "From: You <you@example.org>\nTo: friend@example.net\nSubject: Hello\nDate: Fri, 20 Nov 2026 17:42:58 +0000\nMessage-ID: <a.b@example.org>\nMIME-Version: 1.0\n";

fn rules_of(text: impl Into<Source>) -> String {
    let findings = Lint::new().source(&text.into()).unwrap();
    findings.iter().map(Finding::rule).collect::<Vec<_>>().join(" ")
}

/// Returns the good message with a field replaced or added.
fn with(field: &str) -> String {
    let name = field.split_once(':').unwrap().0.to_lowercase() + ":";
    let kept = GOOD.lines().filter(|line| !line.to_lowercase().starts_with(&name));
    kept.chain([field, "", "body"]).fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn a_good_message_has_no_findings() {
    assert_eq!(rules_of(format!("{GOOD}\nbody\n")), "");
    assert_eq!(rules_of(format!("{GOOD}\nbody\n").replace('\n', "\r\n")), "");
}

#[test]
fn a_built_message_has_no_findings() {
    let context = Context::new(Date::from_unix(1_795_196_578, 0).unwrap(), [7; Context::SEED]);
    let message = Message::builder()
        .from("Jörg <you@bücher.example>".parse::<NameAddr>().unwrap())
        .to("\"Friend, A\" <friend@example.net>".parse::<AddressList>().unwrap())
        .subject("Grüße 👋")
        .text("Grüße\n")
        .html("<p>Grüße</p>")
        .attach(Entity::attachment("naïve.bin", vec![0; 300]).unwrap())
        .attach(Entity::message(format!("{GOOD}Content-Type: text/html\n\n<p>forwarded")))
        .build(&context)
        .unwrap();
    let lint = Lint::new().at(context.date().clone()).reverse_path(message.sender().unwrap().clone());
    let findings = lint.message(&message).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn each_rule_of_the_header_section_is_found() {
    for (field, rule) in [
        ("Subject:", "empty-subject"),
        ("Subject: =?utf-8?Q?_?=", "empty-subject"),
        ("Subject: WIN A PRIZE", "shouting-subject"),
        ("Subject: =?utf-8?B?0KHQoNCe0KfQndCeINCX0JDQmdCc?=", "shouting-subject"),
        (&format!("Subject: {}", "long ".repeat(50).trim_end()), "long-subject"),
        ("Subject: blank ", "trailing-blank-in-subject"),
        ("Date: yesterday", "bad-date"),
        ("Date: Fri, 20 Nov 2026 17:42:58 GMT", "obsolete-date"),
        ("From: nobody", "bad-address"),
        ("From: a@example.org, b@example.org", "several-authors"),
        ("From: \"\" <a@example.org>", "empty-name"),
        ("From: \"boss@bank.example\" <a@example.org>", "imitating-name"),
        ("From: =?utf-8?Q?boss=40bank.example?= <a@example.org>", "imitating-name"),
        ("From: \"a@example.org\" <a@example.org>", ""),
        ("Bcc: a@example.org", "bcc-present"),
        ("Return-Path: <a@example.org>", "return-path-present"),
        ("Comments: grün", "header-in-utf-8"),
        ("Comments: a\x07b", "control-in-header"),
        (&format!("Comments: {}", "x".repeat(1000)), "long-line"),
        ("Comments: a\n \n b", "blank-fold"),
        (&format!("Comments: =?utf-8?Q?{}?=", "x".repeat(70)), "long-encoded-word"),
        ("Message-ID: a@example.org", "bad-message-id"),
        ("Message-ID: <a@localhost>", "local-message-id"),
        ("To: a@example.org\nTo: b@example.org", "duplicate-field"),
        ("Comments: a\nno field", "no-header-field"),
    ] {
        assert_eq!(rules_of(with(field)), rule, "{field}");
    }
    assert_eq!(
        rules_of(&b"Comments: \xff\n\n"[..]).split(' ').next_back(),
        Some("header-in-unknown-charset")
    );
    assert_eq!(
        rules_of("Content-Type: text/plain\n\n"),
        "missing-from missing-date missing-message-id missing-recipient missing-subject missing-mime-version"
    );
}

#[test]
fn each_rule_of_the_body_is_found() {
    let crlf = |text: String| text.replace('\n', "\r\n");
    let alternative =
        |parts: &str| format!("{GOOD}Content-Type: multipart/alternative; boundary=b\n\n{parts}--b--\n");
    for (text, rule) in [
        (format!("{GOOD}\ngrün\n"), "8-bit-undeclared no-charset"),
        (
            format!(
                "{GOOD}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\ngrün\n"
            ),
            "8-bit-undeclared",
        ),
        (
            format!(
                "{GOOD}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngrün\n"
            ),
            "",
        ),
        (format!("{GOOD}\n{}\n", "x".repeat(999)), "long-line"),
        (format!("{GOOD}\na\0b\n"), "nul"),
        (format!("{GOOD}\na\rb\n"), "bare-line-end"),
        (crlf(format!("{GOOD}\na\n")) + "b\n", "bare-line-end"),
        (format!("{GOOD}Content-Type: text/html\n\n<p>\n"), "html-without-text"),
        (alternative("--b\n\na\n--b\nContent-Type: text/html\n\n<p>\n"), ""),
        (alternative("--b\nContent-Type: text/html\n\n<p>\n--b\n\na\n"), "alternative-order"),
        (format!("{GOOD}Content-Type: multipart/mixed; boundary=b\n\nx\n"), "multipart-without-parts"),
        (
            format!("{GOOD}Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nx\n"),
            "encoded-message",
        ),
        (
            format!("{GOOD}Content-Disposition: attachment; filename=\"bill.pdf.EXE\"\n\nx\n"),
            "risky-attachment",
        ),
        (
            format!("{GOOD}Content-Disposition: attachment; filename*0*=utf-8''b%20; filename*1=.js\n\nx\n"),
            "risky-attachment",
        ),
    ] {
        assert_eq!(rules_of(text.clone()), rule, "{text}");
    }
}

#[test]
fn the_clock_and_the_envelope_are_compared() {
    let source = Source::from(format!("{GOOD}\nbody\n"));
    let at = |unix: i64| {
        let findings = Lint::new().at(Date::from_unix(unix, 0).unwrap()).source(&source).unwrap();
        findings.first().map(Finding::rule)
    };
    assert_eq!(at(1_795_196_578), None);
    assert_eq!(at(1_795_196_578 - 4 * 3600), Some("date-in-future"));
    assert_eq!(at(1_795_196_578 + 6 * 86_400), Some("date-in-past"));
    let from = |path: &str| {
        let lint = Lint::new().reverse_path(Mailbox::try_from(path).unwrap());
        lint.source(&source).unwrap().first().map(Finding::rule)
    };
    assert_eq!(from("a@EXAMPLE.org"), None);
    assert_eq!(from("a@bounces.example.org"), None);
    assert_eq!(from("a@example.com"), Some("not-aligned"));
    assert_eq!(from("a@notexample.org"), Some("not-aligned"));
}

#[test]
fn findings_have_problem_place_reason_and_advice() {
    let findings = Lint::new().source(&Source::from("Subject: \u{1b}[2J\n\n")).unwrap();
    let missing = &findings[1];
    assert_eq!(missing.severity(), Severity::Broken);
    assert_eq!(
        missing.to_string(),
        "Date: it is missing: every message must have a date (RFC 5322 §3.6), and filters rate messages without one as spam; add a Date"
    );
    assert!(findings.iter().all(|finding| !finding.to_string().chars().any(char::is_control)));
}

proptest! {
    #[test]
    fn nothing_panics(octets in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b':'), Just(b'-'), Just(b' ')], 0..300), text in "(Content-Type: multipart/[a-z]{1,3}; boundary=b\n|\n|--b\n|--b--\n|From: [ -~]{0,20}\n|Date: [ -~]{0,20}\n|[ -~]{0,20}\n){0,20}") {
        let _ = rules_of(octets);
        let _ = rules_of(text);
    }
}

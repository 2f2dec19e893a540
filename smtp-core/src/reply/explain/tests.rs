//! Tests that the tables are complete and consistent, and a few of their texts.

use super::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

/// The IANA registry «SMTP Enhanced Status Codes» (2024-12-06) as subject and last detail; details have no gaps.
const REGISTRY: [(u16, u16); 8] = [(0, 0), (1, 10), (2, 4), (3, 6), (4, 7), (5, 6), (6, 10), (7, 30)];

const VERBS: [Verb; 17] = [
    Verb::Ehlo,
    Verb::Helo,
    Verb::Lhlo,
    Verb::StartTls,
    Verb::Auth,
    Verb::Mail,
    Verb::Rcpt,
    Verb::Data,
    Verb::Bdat,
    Verb::Message,
    Verb::Rset,
    Verb::Noop,
    Verb::Vrfy,
    Verb::Expn,
    Verb::Help,
    Verb::Raw,
    Verb::Quit,
];

fn occasions() -> impl Iterator<Item = Occasion> {
    [Occasion::Unknown, Occasion::Greeting].into_iter().chain(VERBS.into_iter().map(Occasion::Command))
}

fn all_codes() -> impl Iterator<Item = Code> {
    (0..=999).filter_map(Code::new)
}

fn code(value: u16) -> Code {
    Code::new(value).unwrap()
}

fn meaning(value: u16, enhanced: (u8, u16, u16), occasion: impl Into<Occasion>) -> &'static str {
    explain(code(value), EnhancedCode::new(enhanced.0, enhanced.1, enhanced.2), occasion.into()).meaning
}

/// The values of the constants of [`Code`], read from its source so that none is missed.
fn constants() -> Vec<u16> {
    let source = include_str!("../code.rs");
    let (_, table) = source.split_once("codes! {\n").unwrap();
    let (table, _) = table.split_once("\n    }").unwrap();
    table.lines().map(|line| line.split(" = ").nth(1).unwrap()[..3].parse().unwrap()).collect()
}

#[test]
fn every_constant_has_its_own_entry() {
    let constants = constants();
    assert!(constants.len() >= 34 && constants.contains(&556), "{constants:?}");
    for value in constants {
        assert!(codes::find(code(value)).is_some(), "{value}");
    }
}

#[test]
fn every_code_of_rfc_821_has_its_own_entry() {
    for value in [
        211, 214, 220, 221, 250, 251, 354, 421, 450, 451, 452, 500, 501, 502, 503, 504, 550, 551, 552, 553,
        554,
    ] {
        assert!(explained_codes().any(|explained| explained.value() == value), "{value}");
    }
}

#[test]
fn every_registered_enhanced_code_has_its_own_entry() {
    for (subject, last) in REGISTRY.into_iter().skip(1) {
        for detail in 0..=last {
            for class in [4, 5] {
                let found = find_detail(EnhancedCode { class, subject, detail }).unwrap();
                assert_eq!(found.number, detail, "{class}.{subject}.{detail}");
            }
        }
        // and the tables hold nothing beyond the registry
        let beyond = EnhancedCode { class: 5, subject, detail: last + 1 };
        assert_eq!(find_detail(beyond).unwrap().number, 0, "{beyond}");
        assert!(find_detail(EnhancedCode { class: 2, subject, detail: 0 }).is_some(), "2.{subject}.0");
    }
    // X.0.0 conveys only its class
    for (class, said) in [(2, "accepted and done"), (4, "refused temporarily"), (5, "refused permanently")] {
        assert_eq!(explain_enhanced(EnhancedCode { class, subject: 0, detail: 0 }).meaning, said);
    }
}

#[test]
fn no_table_has_duplicate_rows() {
    let is_ascending = |rows: &[(u16, Row)]| rows.is_sorted_by(|one, other| one.0 < other.0);
    for rows in [codes::ROWS, digits::ROWS, digits::CLASSES, occasions::GREETINGS] {
        assert!(is_ascending(rows));
    }
    for (verbs, rows) in occasions::COMMANDS {
        assert!(is_ascending(rows), "{verbs:?}");
        for (value, _) in *rows {
            assert!(Code::new(*value).is_some(), "{verbs:?} {value}");
        }
    }
    let successes = (1..=7).filter_map(success::details);
    let refusals = [
        address::DETAILS,
        mailbox::DETAILS,
        system::DETAILS,
        network::DETAILS,
        protocol::DETAILS,
        content::DETAILS,
        security::DETAILS,
    ];
    for details in successes.chain(refusals) {
        assert!(details.is_sorted_by(|one, other| one.number < other.number), "{details:?}");
    }
}

/// Asserts one non-empty line in lower case except names, without full stop, short enough for two terminal rows.
fn assert_is_a_line(text: &str, where_from: &str) {
    assert!(!text.trim().is_empty(), "{where_from}");
    assert_eq!(text, text.trim(), "{where_from}");
    assert!(!text.contains(['\n', '\t']) && !text.contains("  "), "{where_from}: {text}");
    assert!(!text.ends_with(['.', ',', ';', ':', '!']), "{where_from}: {text}");
    assert!(text.len() <= 150, "{where_from}: {} octets: {text}", text.len());
    let first = text.split(|character: char| !character.is_ascii_alphabetic()).next().unwrap();
    let is_name = first.len() > 1 && first.chars().all(|character| character.is_ascii_uppercase());
    assert!(is_name || first.chars().all(|character| character.is_ascii_lowercase()), "{where_from}: {text}");
}

#[test]
fn every_explanation_has_its_texts() {
    for occasion in occasions() {
        for code in all_codes() {
            let Explanation { meaning, advice, fault, next } = explain(code, None, occasion);
            let where_from = format!("{code} {occasion:?}");
            assert_is_a_line(meaning, &where_from);
            assert_is_a_line(advice, &where_from);
            assert_is_a_line(fault.name(), &where_from);
            assert_is_a_line(next.name(), &where_from);
        }
    }
    for class in [2, 4, 5] {
        for subject in 0..=9 {
            for detail in 0..=40 {
                let enhanced = EnhancedCode { class, subject, detail };
                let Explanation { meaning, advice, .. } = explain_enhanced(enhanced);
                assert_is_a_line(meaning, &format!("{enhanced}"));
                assert_is_a_line(advice, &format!("{enhanced}"));
            }
        }
    }
}

#[test]
fn only_a_transient_refusal_advises_to_wait() {
    for (subject, last) in REGISTRY {
        for detail in 0..=last {
            let for_now = explain_enhanced(EnhancedCode { class: 4, subject, detail });
            assert!(for_now.advice.contains("later"), "4.{subject}.{detail}: {}", for_now.advice);
            let for_good = explain_enhanced(EnhancedCode { class: 5, subject, detail });
            assert!(!for_good.advice.contains("later"), "5.{subject}.{detail}: {}", for_good.advice);
        }
    }
    for occasion in occasions() {
        for code in all_codes().filter(|code| code.severity() == Severity::Permanent) {
            assert!(!explain(code, None, occasion).advice.contains("later"), "{code} {occasion:?}");
        }
    }
}

#[test]
fn only_these_replies_end_the_connection() {
    for occasion in occasions() {
        for code in all_codes() {
            let next = explain(code, None, occasion).next;
            let ends = matches!(code.value(), 221 | 421 | 521)
                || occasion == Occasion::Command(Verb::Quit)
                || (occasion == Occasion::Greeting && code.is_negative());
            assert_eq!(next.is_connection_over(), ends, "{code} {occasion:?}");
        }
    }
    assert_eq!(explain(Code::UNAVAILABLE, None, Occasion::Unknown).next, Next::Reconnect);
    assert_eq!(explain(Code::CLOSING, None, Verb::Quit.into()).next, Next::Closed);
    assert_eq!(explain(Code::TRANSACTION_FAILED, None, Occasion::Greeting).next, Next::Leave);
    assert_eq!(explain(Code::TRANSACTION_FAILED, None, Verb::Message.into()).next, Next::Amend);
}

#[test]
fn unknown_codes_are_explained_by_their_digits() {
    for (value, said) in [
        (205, "the command was understood and done"),
        (219, "the reply has the requested information"),
        (222, "the connection is in order"),
        (231, "accepted and done"),
        (259, "the mail system did the requested action"),
        (320, "accepted so far; the server expects more"),
        (405, "the server cannot handle the form of the command right now"),
        (419, "the information is not available right now"),
        (429, "the connection cannot be served right now"),
        (443, "refused temporarily"),
        (457, "the mail system cannot do it right now"),
        (509, "the server does not take the form of the command"),
        (511, "the information is not available"),
        (529, "the server does not serve this connection"),
        (541, "refused permanently"),
        (559, "the mail system refuses it"),
    ] {
        assert_eq!(explain(code(value), None, Occasion::Unknown).meaning, said, "{value}");
    }
}

#[test]
fn a_more_specific_enhanced_code_replaces_the_reply_code() {
    // a vague code gives way to detail and subject; an unknown detail counts as its subject
    assert_eq!(meaning(550, (5, 1, 1), Verb::Rcpt), "the domain has no such mailbox");
    assert_eq!(meaning(550, (5, 7, 57), Verb::Mail), "a rule of security or policy forbids it");
    assert_eq!(meaning(554, (5, 6, 0), Verb::Message), "something in the message's content was refused");
    assert_eq!(meaning(552, (5, 2, 3), Verb::Message), "the message is larger than the mailbox may take");
    assert_eq!(meaning(552, (5, 7, 0), Verb::Message), "a rule of security or policy forbids it");
    // a vaguer enhanced code is ignored
    assert_eq!(meaning(550, (5, 0, 0), Verb::Rcpt), meaning(550, (0, 0, 0), Verb::Rcpt));
    assert_eq!(meaning(550, (5, 9, 1), Verb::Rcpt), meaning(550, (0, 0, 0), Verb::Rcpt));
    assert_eq!(meaning(502, (5, 5, 1), Verb::Vrfy), "the server does not verify addresses");
    assert_eq!(meaning(552, (5, 2, 0), Verb::Message), meaning(552, (0, 0, 0), Verb::Message));
    assert_eq!(meaning(530, (5, 7, 0), Verb::Mail), meaning(530, (0, 0, 0), Verb::Mail));
    assert_eq!(meaning(250, (2, 1, 5), Verb::Rcpt), "the recipient was accepted");
    // some servers send 5.7.3 with 535, where it does not fit
    assert_eq!(meaning(535, (5, 7, 3), Verb::Auth), "the user name or the password was not accepted");
    assert_eq!(
        meaning(535, (5, 7, 13), Verb::Auth),
        "the password is right, but the user's account is disabled"
    );
    // an enhanced code with a contradicting class is ignored
    assert_eq!(meaning(250, (5, 1, 1), Verb::Rcpt), "the recipient was accepted");
    assert_eq!(meaning(550, (4, 1, 1), Verb::Rcpt), meaning(550, (0, 0, 0), Verb::Rcpt));
}

#[test]
fn an_address_refused_at_mail_is_that_of_the_sender() {
    let enhanced = EnhancedCode::new(5, 1, 2);
    assert_eq!(explain(Code::MAILBOX_UNAVAILABLE, enhanced, Verb::Mail.into()).fault, Fault::Sender);
    assert_eq!(explain(Code::MAILBOX_UNAVAILABLE, enhanced, Verb::Rcpt.into()).fault, Fault::Recipient);
    let full = EnhancedCode::new(5, 2, 2);
    assert_eq!(explain(Code::STORAGE_EXCEEDED, full, Verb::Mail.into()).fault, Fault::Recipient);
}

#[test]
fn a_few_explanations_are_unchanged() {
    let lines: Vec<String> = [
        (220, None, Verb::StartTls.into()),
        (235, EnhancedCode::new(2, 7, 0), Verb::Auth.into()),
        (252, None, Verb::Expn.into()),
        (421, EnhancedCode::new(4, 7, 28), Verb::Mail.into()),
        (452, EnhancedCode::new(4, 2, 2), Verb::Rcpt.into()),
        (454, EnhancedCode::new(4, 7, 0), Verb::StartTls.into()),
        (454, EnhancedCode::new(4, 7, 0), Verb::Auth.into()),
        (501, EnhancedCode::new(5, 1, 7), Verb::Mail.into()),
        (503, EnhancedCode::new(5, 5, 1), Verb::Data.into()),
        (550, EnhancedCode::new(5, 7, 26), Verb::Message.into()),
        (552, None, Verb::Rcpt.into()),
        (554, None, Occasion::Greeting),
        (554, EnhancedCode::new(5, 7, 1), Verb::Rcpt.into()),
        (556, EnhancedCode::new(5, 1, 10), Verb::Rcpt.into()),
    ]
    .into_iter()
    .map(|(value, enhanced, occasion)| {
        let Explanation { meaning, fault, advice, next } = explain(code(value), enhanced, occasion);
        format!("{value} | {meaning} | {fault} | {advice} | {next:?}")
    })
    .collect();
    let expected = "\
220 | the server waits for the TLS handshake | nobody | begin the handshake, then greet anew | Proceed
235 | the login was accepted | nobody | go on with the message | Proceed
252 | the server does not list the members, but takes mail for the list | nobody | send the message to the list | Proceed
421 | the message is part of a flood of mail | the receiver's policy | try again later; if it stays so, send more slowly, and to fewer recipients at once | Reconnect
452 | the mailbox is full | the recipient | try again later; if it stays so, ask the recipient to make room | Later
454 | the server cannot offer TLS right now | the server | try again later; do not go on in clear with a password | Later
454 | the server cannot check the login right now | the server | try again later; the password may well be right | Later
501 | the sender's address is not written as an address | the sender | check how the sender's address is written | Amend
503 | DATA came out of order: no recipient was accepted | the recipient | see why each recipient was refused | Amend
550 | more than one check of the sender failed, such as SPF and DKIM (RFC 7372) | the sender | set up SPF and DKIM for the domain of the From field | Amend
552 | too many recipients for one transaction, or the mailbox is full | the recipient | send to the recipients that are left in another transaction (RFC 5321 §4.5.3.1.10) | Amend
554 | there is no mail service here, or none for this client | the receiver's policy | check host and port; look this client's address up in block lists; send through the provider's server | Leave
554 | the sender may not send this here: relaying, a block list or a filter | the receiver's policy | log in first, use the server of the sender's own provider, and look the sending host up in block lists | Amend
556 | the recipient's domain declares that it takes no mail (null MX, RFC 7505) | the recipient | check the part of the address after the @ | Amend";
    assert_eq!(lines.join("\n"), expected);
}

proptest! {
    #[test]
    fn the_class_decides_whether_to_repeat(
        value in 200_u16..560,
        subject in 0_u16..1000,
        detail in 0_u16..1000,
        occasion in prop::sample::select(occasions().collect::<Vec<_>>()),
    ) {
        let Some(code) = Code::new(value) else { return Ok(()) };
        let class = u8::try_from(value / 100).unwrap();
        for enhanced in [None, EnhancedCode::new(class, subject, detail), EnhancedCode::new(class, subject % 9, detail % 40)] {
            let found = explain(code, enhanced, occasion);
            // a client does not repeat QUIT, whatever the reply
            let is_leaving = occasion == Occasion::Command(Verb::Quit) && code != Code::UNAVAILABLE;
            prop_assert_eq!(found.next.is_repeatable_later(), code.severity() == Severity::Transient && !is_leaving);
            if !is_leaving && code != Code::CLOSING {
                prop_assert_eq!(found.next == Next::Proceed, !code.is_negative());
            }
            if !code.is_negative() {
                prop_assert_eq!(found.fault, Fault::Nobody);
            } else if code.value() != 453 {
                // 453 refuses nothing: there was no mail to fetch
                prop_assert_ne!(found.fault, Fault::Nobody);
            }
            // an enhanced code changes the texts, not the consequence
            prop_assert_eq!(found.next, explain(code, None, occasion).next);
        }
    }

    #[test]
    fn a_reply_explains_itself_by_its_codes(value in 200_u16..560, subject in 0_u16..9, detail in 0_u16..40) {
        let Some(code) = Code::new(value) else { return Ok(()) };
        let class = u8::try_from(value / 100).unwrap();
        let enhanced = EnhancedCode::new(class, subject, detail);
        let reply = Reply::new(code, &format!("{class}.{subject}.{detail} text"));
        prop_assert_eq!(reply.explain(Verb::Rcpt.into()), explain(code, enhanced, Verb::Rcpt.into()));
    }
}

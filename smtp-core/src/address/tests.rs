use alloc::{format, string::String, vec::Vec};
use core::hash::{BuildHasher, BuildHasherDefault};
use core::net::IpAddr;
use std::collections::hash_map::DefaultHasher;

use proptest::prelude::*;

use super::*;

fn mailbox(text: &str) -> Mailbox {
    Mailbox::try_from(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn parses_the_mailboxes_of_the_rfcs() {
    for text in [
        "Smith@bar.com",
        "Jones@foo.com",
        "userx@y.foo.org",
        "john.q.public@example.com",
        "1234@local.machine.example",
        "disposable.style.email.with+symbol@example.com",
        "!#$%&'*+-/=?^_`{|}~@example.org",
        "\"Joe Smith\"@example.com",
        "\"a@b\"@example.com",
        "\"..\"@example.com",
        "\"\"@example.com",
        "\"a\\\\b\\\"c\"@example.com",
        "x@[192.0.2.1]",
        "x@[IPv6:2001:db8::1]",
        "x@[X400:c=no;a=x;p=y]",
        "a@localhost",
        "用户@例え.テスト",
        "ζ@xn--fsq.example",
    ] {
        assert_eq!(mailbox(text).as_str(), text);
    }
}

#[test]
fn refuses_invalid_mailboxes() {
    for text in [
        "",
        "@",
        "a",
        "a@",
        "@b",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a b@c",
        "a@b c",
        "a@b@c",
        "a@-b",
        "a@b-",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@b_c",
        "\"a@b",
        "\"a\"b@c",
        "\"a\\\"@b",
        "a@[1.2.3]",
        "a@[1.2.3.256]",
        "a@[01.2.3.4]",
        "a@[IPv6:1::2::3]",
        "a@[2001:db8::1]",
        "a@[]",
        "a@[x:]",
        "a@[1.2.3.4",
        "a@[1.2.3.4]x",
        "a@[x-:y]",
        "Joe <a@b>",
        "<a@b>",
        " a@b",
        "a@b ",
        "a@b\u{3002}c",
        "a@b\u{a0}c",
        "(comment)a@b",
    ] {
        assert!(Mailbox::try_from(text).is_err(), "{text:?}");
    }
}

#[test]
fn threat_1_line_ends_and_controls_are_refused_everywhere() {
    for control in ["\r\n", "\r", "\n", "\0", "\t", "\x7f", "\u{85}", "\u{2028}", "\u{9b}"] {
        for text in [
            format!("a{control}@example.org"),
            format!("\"a{control}b\"@example.org"),
            format!("\"a\\{control}b\"@example.org"),
            format!("a@example.org{control}"),
            format!("a@exa{control}mple.org"),
            format!("a@[x:{control}]"),
            format!("{control}a@example.org"),
        ] {
            assert!(Mailbox::try_from(text.as_str()).is_err(), "{text:?}");
            assert!(ReversePath::try_from(format!("<{text}>")).is_err(), "{text:?}");
            assert!(ForwardPath::try_from(format!("<{text}>")).is_err(), "{text:?}");
        }
        assert!(LocalPart::from_content(&format!("a{control}b")).is_err());
        assert!(EhloDomain::try_from(format!("client.example{control}QUIT")).is_err());
        assert!(crate::Text::try_from(format!("a{control}QUIT")).is_err());
    }
}

#[test]
fn threat_1_characters_that_truncate_to_line_ends_remain_whole() {
    let mailbox = mailbox("a\u{760d}\u{760a}@example.org");
    assert!(!mailbox.is_ascii());
    assert_eq!(mailbox.as_str().as_bytes(), "a\u{760d}\u{760a}@example.org".as_bytes());
    assert!(!mailbox.as_str().bytes().any(|octet| octet == b'\r' || octet == b'\n'));
}

#[test]
fn threat_3_parameters_cannot_be_added_in_an_address() {
    assert_eq!(
        Mailbox::try_from("a@b> SIZE=1"),
        Err(SyntaxError::Unexpected { value: "domain", character: '>', position: 3 })
    );
    for text in
        ["<a@b> SIZE=1", "<a@b> SIZE=1>", "<a> b@c>", "a@b>", "<a@b>>", "<<a@b>>", "<a@b", "<>x", "<> "]
    {
        assert!(ReversePath::try_from(text).is_err(), "{text:?}");
        assert!(ForwardPath::try_from(text).is_err(), "{text:?}");
    }
    let quoted = ForwardPath::try_from("<\"x> ORCPT=rfc822;y\"@example.org>").unwrap();
    assert_eq!(quoted.as_str(), "<\"x> ORCPT=rfc822;y\"@example.org>");
    let built =
        Mailbox::new(&LocalPart::from_content("x> ORCPT=y").unwrap(), Domain::new("example.org").unwrap())
            .unwrap();
    assert_eq!(built.as_str(), "\"x> ORCPT=y\"@example.org");
}

#[test]
fn threat_23_one_argument_is_one_mailbox() {
    for text in ["a@b,c@d", "a@b, c@d", "a@b c@d", "a@b;c@d", "a@b>,<c@d", "g:a@b;"] {
        assert!(Mailbox::try_from(text).is_err(), "{text:?}");
        assert!(ForwardPath::try_from(format!("<{text}>")).is_err(), "{text:?}");
    }
}

#[test]
fn source_routes_are_refused_with_that_reason() {
    for text in ["<@a,@b:x@y>", "@a:x@y", "<@a:x@y>"] {
        assert_eq!(ReversePath::try_from(text), Err(SyntaxError::SourceRoute));
        assert_eq!(ForwardPath::try_from(text), Err(SyntaxError::SourceRoute));
    }
}

#[test]
fn quoting_is_kept_only_where_needed() {
    assert_eq!(mailbox("\"postmaster\"@example.org"), mailbox("postmaster@example.org"));
    assert_eq!(mailbox("\"a\\.\\b\"@example.org").as_str(), "a.b@example.org");
    assert_eq!(mailbox("\"a\\ \\\\\"@example.org").as_str(), "\"a \\\\\"@example.org");
    let spaced = mailbox("\"a \\\"b\"@example.org");
    assert_eq!(spaced.local_part().content(), "a \"b");
}

#[test]
fn domains_ignore_case_and_local_parts_do_not() {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let (one, other) = (mailbox("a@Example.ORG"), mailbox("a@example.org"));
    assert_eq!(one, other);
    assert_eq!(hasher.hash_one(&one), hasher.hash_one(&other));
    assert_eq!(one.cmp(&other), core::cmp::Ordering::Equal);
    assert_eq!(ReversePath::from(one), ReversePath::from(other.clone()));
    assert_ne!(mailbox("A@example.org"), other);
}

#[test]
fn lengths_are_those_of_rfc_5321() {
    let label = "d".repeat(63);
    assert!(LocalPart::new(&"a".repeat(64)).is_ok());
    assert_eq!(
        LocalPart::new(&"a".repeat(65)),
        Err(SyntaxError::TooLong { value: "local-part", octets: 65, limit: 64 })
    );
    assert!(LocalPart::from_content(&" ".repeat(62)).is_ok());
    assert!(LocalPart::from_content(&" ".repeat(63)).is_err());
    assert!(Domain::new(&label).is_ok());
    assert!(Domain::new(&format!("{label}d")).is_err());
    assert!(Domain::new(&format!("{label}.{label}.{label}.{label}")).is_ok());
    assert!(Domain::new(&format!("{label}.{label}.{label}.{label}d")).is_err());
    let domain = format!("{label}.{label}.{label}");
    let local = |octets: usize| format!("{}@{domain}", "a".repeat(octets));
    assert_eq!(ForwardPath::try_from(local(62)).unwrap().as_str().len(), 256);
    assert_eq!(
        Mailbox::try_from(local(63)),
        Err(SyntaxError::TooLong { value: "mailbox", octets: 255, limit: 254 })
    );
    assert!(AddressLiteral::general("x", &"y".repeat(251)).is_ok());
    assert!(AddressLiteral::general("x", &"y".repeat(252)).is_err());
}

#[test]
fn literals_have_one_printed_form() {
    let literal = AddressLiteral::new("[IPV6:0:0:0:0:0:FFFF:192.0.2.1]").unwrap();
    assert_eq!(literal.as_str(), "[IPv6:::ffff:192.0.2.1]");
    assert_eq!(AddressLiteral::from(IpAddr::from([127, 0, 0, 1])).as_str(), "[127.0.0.1]");
    assert_eq!(AddressLiteral::general("x", "a]b").map_err(|error| format!("{error}")).unwrap_err(), {
        "the address literal must not contain 'b' at octet 5"
    });
}

#[test]
fn the_postmaster_needs_no_domain_and_the_null_path_no_mailbox() {
    assert!(ForwardPath::try_from("postmaster").unwrap().is_postmaster());
    assert_eq!(ForwardPath::try_from("<PostMaster>").unwrap().as_str(), "<Postmaster>");
    assert!(ForwardPath::try_from("<>").is_err());
    assert!(ReversePath::try_from("").is_err());
    assert_eq!(ReversePath::try_from("<>").unwrap(), ReversePath::null());
    assert!(ReversePath::try_from("<postmaster>").is_err());
}

#[test]
fn ehlo_takes_ascii_alone() {
    assert_eq!(
        EhloDomain::new(Domain::new("bücher.example").unwrap()),
        Err(SyntaxError::NotAscii { value: "name given in EHLO" })
    );
    assert_eq!(EhloDomain::try_from("[IPv6:::1]").unwrap().as_str(), "[IPv6:::1]");
}

#[cfg(feature = "idna")]
#[test]
fn u_labels_become_a_labels() {
    let to_ascii =
        |text: &str| Domain::new(text).unwrap().to_ascii().map(|domain| String::from(domain.as_str()));
    assert_eq!(to_ascii("bücher.example").unwrap(), "xn--bcher-kva.example");
    assert_eq!(to_ascii("BÜCHER.example").unwrap(), "xn--bcher-kva.example");
    assert_eq!(to_ascii("例え.テスト").unwrap(), "xn--r8jz45g.xn--zckzah");
    assert_eq!(to_ascii("Example.ORG").unwrap(), "Example.ORG");
    assert!(to_ascii("a\u{ff20}b.example").is_err());
    assert!(to_ascii(&"ü".repeat(63)).is_err());
    assert_eq!(mailbox("ö@bücher.example").to_ascii_domain().unwrap().as_str(), "ö@xn--bcher-kva.example");
}

#[test]
fn errors_escape_control_characters() {
    let error = Mailbox::try_from("a\u{1b}[2J@b").unwrap_err();
    assert_eq!(format!("{error}"), "the mailbox must not contain '\\u{1b}' at octet 1");
    assert_eq!(
        format!("{}", SyntaxError::SourceRoute),
        "source routes are obsolete (RFC 5321 appendix C): give only the mailbox after the colon"
    );
}

#[test]
fn long_input_is_read_once() {
    // An algorithm worse than linear would not finish these in time.
    for unit in ["a", ".", "\"", "\\", "a.", "@", "[", "\"\\", "ä", "<@", "a@"] {
        let text = unit.repeat(2_000_000 / unit.len());
        for text in [text.clone(), format!("\"{text}"), format!("<{text}>"), format!("a@{text}")] {
            assert!(Mailbox::try_from(text.as_str()).is_err());
            assert!(ForwardPath::try_from(text.as_str()).is_err());
            assert!(Domain::new(&text).is_err());
        }
    }
}

fn any_local_part() -> impl Strategy<Value = LocalPart> {
    "[ -~äж漢]{0,20}".prop_map(|content| LocalPart::from_content(&content).unwrap())
}

fn any_domain_part() -> impl Strategy<Value = DomainPart> {
    prop_oneof![
        "[A-Za-z0-9ü漢]{1,8}(\\.[a-z0-9]([a-z-]{0,4}[a-z])?){0,4}"
            .prop_map(|text| DomainPart::new(&text).unwrap()),
        any::<IpAddr>().prop_map(|address| AddressLiteral::from(address).into()),
        ("[g-hj-z][a-z0-9]{0,6}", "[!-;=?-Z^-~]{1,20}").prop_map(|(tag, content)| AddressLiteral::general(
            &tag, &content
        )
        .unwrap()
        .into()),
    ]
}

#[test]
fn literals_are_compared_exactly_and_domains_ignore_case() {
    let hash = |mailbox: &Mailbox| BuildHasherDefault::<DefaultHasher>::default().hash_one(mailbox);
    let (lower, upper) = (mailbox("a@example.org"), mailbox("a@EXAMPLE.org"));
    assert_eq!(lower, upper);
    assert_eq!(hash(&lower), hash(&upper));
    assert_ne!(mailbox("a@[tag:b]"), mailbox("a@[tag:B]"));
    assert!(mailbox("a@z") < mailbox("a@[tag:b]"));
    assert_eq!(mailbox("a@[tag:b@c]").domain_str(), "[tag:b@c]");
    assert_eq!(mailbox("\"a@b\"@c").local_part().as_str(), "\"a@b\"");
}

proptest! {
    #[test]
    fn printed_values_parse_to_the_same_value(local_part in any_local_part(), domain in any_domain_part()) {
        let mailbox = Mailbox::new(&local_part, domain.clone()).unwrap();
        let again = Mailbox::try_from(mailbox.as_str()).unwrap();
        prop_assert_eq!(&again, &mailbox);
        prop_assert_eq!(again.as_str(), mailbox.as_str());
        prop_assert_eq!(again.local_part(), local_part);
        prop_assert_eq!(again.domain(), domain);
        let path = ReversePath::from(mailbox.clone());
        prop_assert_eq!(&ReversePath::try_from(path.as_str()).unwrap(), &path);
        let path = ForwardPath::from(mailbox);
        prop_assert_eq!(&ForwardPath::try_from(path.as_str()).unwrap(), &path);
    }

    #[test]
    fn content_survives_quoting(content in "[ -~äж漢]{0,20}") {
        let local_part = LocalPart::from_content(&content).unwrap();
        prop_assert_eq!(local_part.content(), content);
        prop_assert_eq!(LocalPart::new(local_part.as_str()).unwrap(), local_part);
    }

    #[test]
    fn nothing_accepted_ends_its_argument_early(
        text in prop_oneof![any::<String>(), "[ -~\r\n\0\"\\\\<>@a-b.]{0,30}", "\"[ -~\r\n]{0,20}\"@[a-z>. ]{1,9}"]
    ) {
        if let Ok(mailbox) = Mailbox::try_from(text.as_str()) {
            let printed = mailbox.as_str();
            prop_assert!(!printed.chars().any(char::is_control));
            let unquoted = outside_quotes(printed);
            prop_assert!(!unquoted.chars().any(|character| matches!(character, ' ' | '<' | '>' | ',')));
            prop_assert!(printed.len() <= Mailbox::LIMIT);
        }
        if let Ok(path) = ForwardPath::try_from(text.as_str()) {
            let unquoted = outside_quotes(path.as_str());
            prop_assert!(unquoted.starts_with('<') && unquoted.find('>') == Some(unquoted.len() - 1));
        }
    }

    #[test]
    fn domains_are_labels_of_letters_digits_and_hyphens(text in "[a-c0-1.A-]{0,12}|[a-c.-]{55,70}") {
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        prop_assert_eq!(Domain::new(&text).is_ok(), text.split('.').all(label));
        prop_assert_eq!(Mailbox::try_from(format!("a@{text}")).is_ok(), text.split('.').all(label));
    }

    #[test]
    fn order_agrees_with_equality(texts in proptest::collection::vec("[ab]@[aAbB]{1,2}", 2)) {
        let mailboxes: Vec<_> = texts.iter().map(|text| mailbox(text)).collect();
        let equal = mailboxes[0] == mailboxes[1];
        prop_assert_eq!(mailboxes[0].cmp(&mailboxes[1]).is_eq(), equal);
        prop_assert_eq!(mailboxes[0].as_str().eq_ignore_ascii_case(mailboxes[1].as_str())
            && mailboxes[0].local_part() == mailboxes[1].local_part(), equal);
    }
}

/// Removes the quoted string from a text, independently of the parser.
fn outside_quotes(text: &str) -> String {
    let mut outside = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            _ => outside.push(character),
        }
    }
    outside
}

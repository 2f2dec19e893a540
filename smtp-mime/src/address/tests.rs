use proptest::prelude::*;

use super::*;

fn list(text: &str) -> AddressList {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn written(list: &AddressList) -> String {
    let mut out = Vec::new();
    field(&mut out, "To", list, Style::default()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn parses_the_addresses_of_rfc_5322_appendix_a() {
    for (text, mailboxes) in [
        ("John Doe <jdoe@machine.example>", &["jdoe@machine.example"][..]),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            &["mary@x.test", "jdoe@example.org", "one@y.test"],
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            &["boss@nil.test", "sysservices@example.net"],
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            &["c@a.test", "joe@where.test", "jdoe@one.test"],
        ),
        ("Undisclosed recipients:;", &[]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", &["pete@silly.test"]),
    ] {
        assert_eq!(list(text).mailboxes().map(Mailbox::as_str).collect::<Vec<_>>(), mailboxes, "{text}");
    }
    let list = list("\"Giant; \\\"Big\\\" Box\" <sysservices@example.net>");
    assert_eq!(list.named_mailboxes().next().unwrap().display_name(), Some("Giant; \"Big\" Box"));
}

#[test]
fn refuses_invalid_lists() {
    for text in [
        "",
        " ",
        ",",
        "a@b,",
        ",a@b",
        "a@b,,c@d",
        "a@b c@d",
        "a",
        "A <a@b",
        "A <a@b>>",
        "A a@b>",
        "<>",
        "A <>",
        "a@b;",
        "G: a@b",
        "G: H: a@b;;",
        "\"a",
        "(a",
        "a@b (",
        "a@[1.2.3.4",
        "A <a@b> c",
        "<a@b> SIZE=1",
        "a@b> SIZE=1",
        "a@b\r\nBcc: c@d",
        "\"a\r\nb\" <a@b>",
        "\"a\0b\" <a@b>",
        "a\\b@c",
        "<@a:b@c>",
        "A <a@b, c@d>",
        "a@b@c",
        "a b @ c",
        &"(".repeat(100_000),
        &"<".repeat(100_000),
    ] {
        assert!(text.parse::<AddressList>().is_err(), "{:?}", &text[..text.len().min(40)]);
    }
}

#[test]
fn lists_are_parsed_as_people_type_them() {
    let list =
        list("J. R. Müller <j@b.example>, \"x y\"@c.example, Jörg <jörg@d.example>, z@[192.0.2.1] (home)");
    let names: Vec<_> = list.named_mailboxes().map(NameAddr::display_name).collect();
    assert_eq!(names, [Some("J. R. Müller"), None, Some("Jörg"), None]);
    let mailboxes: Vec<_> = list.mailboxes().map(Mailbox::as_str).collect();
    assert_eq!(mailboxes, ["j@b.example", "\"x y\"@c.example", "jörg@d.example", "z@[192.0.2.1]"]);
}

#[test]
fn existing_messages_may_have_folds_and_empty_elements() {
    let list = lenient(" A\r\n <a@b.example>,,\r\n\t\"c\r\n d\" <c@d.example>,\r\n").unwrap();
    let names: Vec<_> = list.named_mailboxes().map(NameAddr::display_name).collect();
    assert_eq!(names, [Some("A"), Some("c d")]);
    assert!(lenient("").unwrap().is_empty());
    assert!(lenient("a@b.example c@d.example").is_err());
}

#[test]
fn names_are_quoted_or_encoded_as_needed() {
    for (text, field) in [
        ("John Doe <j@b.example>", "To: John Doe <j@b.example>\r\n"),
        ("\"J. Doe\" <j@b.example>", "To: \"J. Doe\" <j@b.example>\r\n"),
        ("\"a \\\" b\" <j@b.example>", "To: \"a \\\" b\" <j@b.example>\r\n"),
        ("Jörg Doe <j@b.example>", "To: =?utf-8?Q?J=C3=B6rg?= Doe <j@b.example>\r\n"),
        ("\"=?x?=\" <j@b.example>", "To: =?utf-8?B?PT94Pz0=?= <j@b.example>\r\n"),
        ("j@bücher.example", "To: j@xn--bcher-kva.example\r\n"),
        ("G: a@b.example, c@d.example;", "To: G: a@b.example, c@d.example;\r\n"),
        ("undisclosed-recipients:;", "To: undisclosed-recipients:;\r\n"),
        ("\"\" <j@b.example>", "To: j@b.example\r\n"),
    ] {
        assert_eq!(written(&list(text)), field);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(names in proptest::collection::vec("[ -~]{0,40}", 1..12)) {
        let list: AddressList = names
            .iter()
            .map(|name| NameAddr::new(name.clone(), Mailbox::try_from("someone@example.org").unwrap()).unwrap())
            .collect();
        let field = written(&list);
        prop_assert!(field.lines().all(|line| line.len() <= 78 && !line.trim().is_empty()), "{}", field);
        if !field.contains("=?") {
            prop_assert_eq!(lenient(field.strip_prefix("To:").unwrap()).unwrap(), list);
        }
    }

    #[test]
    fn display_is_read_again(name in "[ -~äж漢]{1,40}") {
        let mailbox = NameAddr::new(name.clone(), Mailbox::try_from("a@b.example").unwrap()).unwrap();
        prop_assert_eq!(mailbox.to_string().parse::<NameAddr>().unwrap(), mailbox);
    }

    #[test]
    fn nothing_panics(text in any::<String>(), typed in "[a-c@<>\"(),:;. \\\\\\[\\]]{0,40}") {
        let _ = lenient(&text).is_ok();
        if let Ok(list) = typed.parse::<AddressList>() {
            prop_assert!(!list.is_empty());
        }
    }
}

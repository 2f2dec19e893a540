//! What holds for every value of an option.

use crate::support::smtp_cli;
use proptest::prelude::*;

/// Options of `compose` with a value that ends up in the message or the envelope.
const OPTIONS: [&str; 14] = [
    "--subject",
    "--body",
    "--header",
    "--cc",
    "--bcc",
    "--reply-to",
    "--sender",
    "--attach",
    "--envelope-from",
    "--rcpt",
    "--envid",
    "--mail-param",
    "--server",
    "--timeout",
];

/// Texts that hold what parsers trip over.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ -~]{0,20}",
        Just("\r\nBcc: evil@example.net\r\n\r\n".to_string()),
        Just("X-Tag: value".to_string()),
        Just("a@example.org, \"b, c\" <d@example.org>; group: e@example.org;".to_string()),
        Just("\0\u{1b}[2J\u{202e}é漢\u{200d}".to_string()),
        Just("smtp://you:secret@mx:99999/".to_string()),
        Just(";\"\\".to_string()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_value_makes_a_sound_message_or_one_line_of_complaint(option in 0..OPTIONS.len(), value in nasty()) {
        let word = format!("{}={value}", OPTIONS[option]);
        let base = ["compose", "--from", "you@example.org", "--to", "friend@example.net", "--header", "X-A: b"];
        let run = smtp_cli(base).with([word.as_str()]);
        let run = if OPTIONS[option] == "--subject" { run } else { run.with(["--subject", "s"]) };
        let ran = if OPTIONS[option] == "--body" { run } else { run.with(["--body", "x"]) }.run();
        if !ran.exit.is_ok() {
            prop_assert!([64, 65, 66].contains(&ran.exit.status()), "{:?}", ran);
            prop_assert_eq!(ran.output.as_str(), "");
            prop_assert!(!ran.complaint().chars().any(char::is_control), "{:?}", ran);
            return Ok(());
        }
        let header = ran.output.split("\r\n\r\n").next().unwrap_or_default();
        prop_assert!(!header.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{:?}", ran);
        prop_assert!(ran.output.lines().all(|line| line.len() <= 998), "{:?}", ran);
        let bare = ran.output.replace("\r\n", "");
        prop_assert!(!bare.contains(['\r', '\n']), "{:?}", ran);
    }
}

//! Parses random messages with two independent parsers.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mail_parser::{Address as Parsed, MessageParser, MimeHeaders as _};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;
use smtp_mime::{AddressList, Context, Date, Entity, Mailbox, Message, NameAddr};

use crate::strict::{Allowed, violations};

/// The content of a message.
#[derive(Clone, Debug)]
struct Sample {
    subject: String,
    names: Vec<String>,
    text: String,
    html: Option<String>,
    attachments: Vec<(String, Vec<u8>)>,
}

impl Sample {
    fn octets(&self, smtputf8: bool) -> Vec<u8> {
        let mut builder = Message::builder()
            .smtputf8(smtputf8)
            .from(mailbox("sender", "Sender"))
            .to(self.names.iter().map(|name| mailbox("someone", name)).collect::<AddressList>())
            .subject(self.subject.clone())
            .text(self.text.as_str());
        if let Some(html) = &self.html {
            builder = builder.html(html.as_str());
        }
        for (name, octets) in &self.attachments {
            builder = builder.attach(Entity::attachment(name, octets.as_slice()).unwrap());
        }
        let context = Context::new(Date::from_unix(1_795_196_578, 0).unwrap(), [7; Context::SEED]);
        let message = builder.build(&context).unwrap();
        let mut octets = Vec::new();
        message.write_to(&mut octets).unwrap();
        assert_eq!(octets.len() as u64, message.encoded_len());
        octets
    }
}

fn mailbox(local_part: &str, name: &str) -> NameAddr {
    NameAddr::new(name.to_owned(), Mailbox::try_from(format!("{local_part}@example.org")).unwrap()).unwrap()
}

/// Text on one line: all scripts, control characters, long words and runs of spaces.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-zA-Z]{1,12}",
        3 => "[ -~]{0,20}",
        3 => "\\PC{0,12}",
        2 => proptest::sample::select(vec![
            "Привет мир", "漢字かな交じり文", "مرحبا بالعالم", "שלום", "नमस्ते", "한국어", "👨‍👩‍👧‍👦🎉", "e\u{301}a\u{308}", "=?utf-8?Q?x?=",
            "=?", "?=", "\"", "\\", ",;:<>@()[].", "a@b.example", "'", "%41", "*0*=",
        ]).prop_map(str::to_owned),
        1 => "[\u{1}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{7f}\t]{1,3}",
        1 => (60..1300_usize).prop_map(|length| "x".repeat(length)),
        1 => (60..400_usize).prop_map(|length| "ü".repeat(length)),
        1 => (2..60_usize).prop_map(|length| " ".repeat(length)),
    ];
    (proptest::collection::vec(piece, 0..8), any::<bool>()).prop_map(|(pieces, spaced)| {
        pieces.join(if spaced { " " } else { "" }).replace(['\r', '\n', '\0'], "")
    })
}

fn text() -> impl Strategy<Value = String> {
    let line_end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let line = prop_oneof![6 => line(), 1 => Just("From here".to_owned()), 1 => Just(".".to_owned()), 1 => Just("-- ".to_owned()), 1 => Just("--=_x".to_owned())];
    proptest::collection::vec((line, line_end), 0..8)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

fn file_name() -> impl Strategy<Value = String> {
    (line(), proptest::sample::select(vec!["", ".txt", ".bin", ".html", ".csv", ".png", ".eml.zip"]))
        .prop_map(|(name, ending)| {
            let name: String = name
                .chars()
                .filter(|character| !character.is_control() && !"/\\".contains(*character))
                .take(200)
                .collect();
            format!("a{}{ending}", name.trim())
        })
}

fn sample() -> impl Strategy<Value = Sample> {
    let octets = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        text().prop_map(String::into_bytes),
        "([ -~]{0,90}\r\n){0,5}".prop_map(String::into_bytes),
        "([ -~]{0,90}\n){0,5}[ -~]{0,9}".prop_map(String::into_bytes),
    ];
    (
        line(),
        proptest::collection::vec(line(), 1..4),
        text(),
        proptest::option::of(text()),
        proptest::collection::vec((file_name(), octets), 0..3),
    )
        .prop_map(|(subject, names, text, html, attachments)| Sample {
            subject,
            names,
            text,
            html,
            attachments,
        })
}

/// Returns the text as it arrives: all lines end in CRLF, including the last one.
fn lines(text: &str) -> String {
    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n");
    if !lines.is_empty() && !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines.replace('\n', "\r\n")
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

proptest! {
    #![proptest_config(Config { cases: 400, ..Config::default() })]

    #[test]
    fn mail_parser_parses_composed_messages(sample in sample(), smtputf8 in any::<bool>()) {
        let octets = sample.octets(smtputf8);
        prop_assert_eq!(violations(&octets, Allowed { utf8_headers: smtputf8 }), Vec::<String>::new());
        let parsed = MessageParser::default().parse(&octets).unwrap();
        prop_assert_eq!(parsed.subject().unwrap_or_default(), sample.subject.trim_matches(' '));
        let Some(Parsed::List(to)) = parsed.to() else { panic!("To is no list") };
        let names: Vec<_> = to.iter().map(|address| address.name().unwrap_or_default().to_owned()).collect();
        let expected: Vec<_> = sample.names.iter().map(|name| trimmed(name).to_owned()).collect();
        prop_assert_eq!(names, expected);
        prop_assert!(to.iter().all(|address| address.address() == Some("someone@example.org")));
        let first_text = parsed.parts.iter().find(|part| part.is_content_type("text", "plain")).unwrap();
        prop_assert_eq!(first_text.text_contents().unwrap_or_default(), lines(&sample.text));
        let attachments: Vec<_> = parsed
            .parts
            .iter()
            .filter(|part| part.attachment_name().is_some())
            .map(|part| part.attachment_name().unwrap().to_owned())
            .collect();
        let expected: Vec<_> = sample.attachments.iter().map(|(name, _)| name.clone()).collect();
        prop_assert_eq!(attachments, expected);
    }
}

/// The `email` package of Python, which must be installed, as on every Debian.
#[test]
fn pythons_email_parses_composed_messages() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut input = Vec::new();
    for _ in 0..400 {
        let sample = sample().new_tree(&mut runner).unwrap().current();
        let expected = json!({
            "message": STANDARD.encode(sample.octets(false)),
            "subject": sample.subject.trim_matches(' '),
            "names": sample.names.iter().map(|name| trimmed(name)).collect::<Vec<_>>(),
            "text": lines(&sample.text),
            "html": sample.html.as_deref().map(lines),
            "attachments": sample
                .attachments
                .iter()
                .map(|(name, octets)| json!({ "name": name, "octets": STANDARD.encode(octets) }))
                .collect::<Vec<_>>(),
        });
        input.extend_from_slice(expected.to_string().as_bytes());
        input.push(b'\n');
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages/read_back.py");
    let mut child = Command::new("python3")
        .args(["-I", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.ends_with("400 read back\n"), "{report}");
}

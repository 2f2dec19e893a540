//! The shell within this process: a terminal that has no line editor, and lines that nobody would type.

use crate::support::PASSWORD;
use proptest::prelude::*;
use smtp_cli::{Exit, Stream, Terminal, run};
use smtp_mock::{Mock, On, Rule};
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

/// What was written.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the shell with these lines; gives the status and what it printed.
fn shell(lines: &str, is_terminal: bool) -> (Exit, String, String) {
    let (output, error) = (Buffer::default(), Buffer::default());
    let mut terminal = Terminal {
        input: Box::new(Cursor::new(lines.as_bytes().to_vec())),
        input_is_terminal: is_terminal,
        password: Box::new(|_| Ok(PASSWORD.to_string())),
        ..Terminal::detached(Stream::new(output.clone()), Stream::new(error.clone()))
    };
    let options =
        ["smtp-cli", "shell", "--helo", "client.example", "--timeout", "5", "--allow-plaintext-auth"];
    let exit = run(options.map(Into::into), &mut terminal);
    (exit, output.text(), error.text())
}

#[test]
fn a_terminal_without_a_line_editor_is_asked_too() {
    let mock = Mock::builder()
        .user("alice@example.org", PASSWORD)
        .plaintext_auth()
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
        .rule(Rule::on(On::Mail).from("spam@*").reply("554 5.7.1 not you"))
        .start();
    let lines = [
        &format!("connect {} --tls none", mock.addr()),
        "alice",
        "alice@example.org",
        "send",
        "spam@example.org",
        "bad@example.net",
        "good@example.net",
        "",
        "no address",
        "you@example.org",
        // Instead of the one that was refused; an empty line takes the one of Cc that was not.
        "other@example.net",
        "",
        "",
        "Subject",
        "",
        "Text.",
        ".",
        "quit",
    ];
    let (exit, output, error) = shell(&lines.join("\n"), true);
    // At a terminal a failure does not end it, and is no failure of the shell.
    assert_eq!(exit, Exit::OK, "{output}\n{error}");
    for text in ["Login [none]: ", "Login, or the whole address", "From: ", "To, with commas: ", "Subject: "]
    {
        assert!(error.contains(text), "{text:?} is not in {error}");
    }
    for text in ["logged in as alice@example.org", "accepted  good@example.net", "is closed"] {
        assert!(output.contains(text), "{text:?} is not in {output}\n{error}");
    }
    assert!(!format!("{output}{error}").contains(PASSWORD));
    assert_eq!(mock.messages()[0].to(), ["other@example.net", "good@example.net"]);
}

/// A line: a command, an answer or neither.
fn line() -> impl Strategy<Value = String> {
    let pool = prop::sample::select(vec![
        "connect mock",
        "connect",
        "mock",
        "send",
        "compose",
        "verify a@example.org",
        "vrfy x",
        "expn x",
        "noop",
        "rset",
        "status",
        "quit",
        "exit",
        "resend",
        "auth alice",
        "auth",
        "!NOOP",
        "!MAIL FROM:<a@example.org>",
        "!RCPT TO:<b@example.org>",
        "!",
        "-",
        "-quit",
        "-snd",
        "# x",
        "",
        ".",
        "a@example.org",
        "help",
        "help send",
        "explain 550",
        "send --from a@example.org --to b@example.org --subject s --body t",
        ".save",
        "\u{1b}[A",
        "connect mock --tls implicit --insecure",
        "verify \"",
        "!QUIT",
    ]);
    prop_oneof![9 => pool.prop_map(String::from), 1 => "\\PC{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_lines_come_to_an_end_with_a_status_of_the_table(
        lines in prop::collection::vec(line(), 0..16),
        is_terminal: bool,
    ) {
        let text = lines.join("\n");
        // A file that the test does not know of is none of its business.
        prop_assume!(!text.contains(".save "));
        let (exit, output, error) = shell(&text, is_terminal);
        let status = exit.status();
        prop_assert!(status == 0 || (64..=80).contains(&status), "{status}");
        prop_assert!(!is_terminal || exit.is_ok(), "{status}: {error}");
        prop_assert_eq!(exit.is_ok() || !error.is_empty() || output.contains("\n    "), true);
        prop_assert!(!error.contains("fault of this program"), "{error}");
    }
}

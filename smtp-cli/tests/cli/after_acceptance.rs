//! What was accepted stays accepted, whatever fails on this side afterwards.

use smtp_cli::{Exit, Stream, Terminal, run};
use smtp_mock::{Mock, On, Rule};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// What was written, for the test to read.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test panics while it writes")).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics while it writes").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_attachment_that_is_gone_in_a_later_round_does_not_hide_who_got_the_message() {
    let directory = tempfile::tempdir().unwrap();
    let attachment = directory.path().join("x.bin");
    std::fs::write(&attachment, vec![b'x'; 100_000]).unwrap();
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("grey@*").times(1).reply("450 4.2.0 greylisted"))
        .start();
    let (output, error) = (Buffer::default(), Buffer::default());
    let mut terminal = Terminal {
        sleep: Box::new({
            let attachment = attachment.clone();
            move |_| std::fs::remove_file(&attachment).expect("it is there")
        }),
        ..Terminal::detached(Stream::new(output.clone()), Stream::new(error.clone()))
    };
    let address = mock.addr().to_string();
    let attachment = attachment.display().to_string();
    let arguments = [
        "smtp-cli",
        "send",
        "--server",
        &address,
        "--helo",
        "client.example",
        "--from",
        "you@example.org",
        "--to",
        "friend@example.net,grey@example.net",
        "--subject",
        "s",
        "--body",
        "b",
        "--attach",
        &attachment,
        "--retry",
        "1",
    ];
    let exit = run(arguments.map(Into::into), &mut terminal);
    let (output, error) = (output.text(), error.text());
    assert_eq!(exit, Exit::PARTLY, "{output}{error}");
    assert_eq!(mock.messages().len(), 1);
    assert!(output.contains("accepted  friend@example.net"), "{output}");
    assert!(output.contains("unsent    grey@example.net"), "{output}");
    assert!(
        error.contains("1 of 2 recipients did not get it: grey@example.net") && error.contains("x.bin"),
        "{error}"
    );
    assert!(!error.contains("was not sent"), "{error}");
}

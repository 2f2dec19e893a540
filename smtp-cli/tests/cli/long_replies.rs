//! Long replies to many recipients: one write a line, words that a person can read, and nobody left out.

use smtp_cli::{Exit, Stream, Terminal, run};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

const RECIPIENTS: usize = 4_000;
/// The lines of each refusal, and the text of each.
const LINES: usize = 500;
const TEXT: &str = "5.1.1 there is no such person here";
/// The octets of a refusal's text, as the JSON has it: with a line feed between the lines.
const WHOLE: usize = LINES * (TEXT.len() + 1) - 1;

/// A server that refuses every recipient at length, over one connection.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let refusal = format!("550-{TEXT}\r\n").repeat(LINES - 1) + &format!("550 {TEXT}\r\n");
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let mut replies = BufWriter::with_capacity(1 << 16, stream);
        replies.write_all(b"220 mx\r\n").unwrap();
        loop {
            // What was asked for is answered before more is waited for.
            if lines.buffer().is_empty() && replies.flush().is_err() {
                return;
            }
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let reply = match &line[..4] {
                "EHLO" => "250-mx\r\n250 PIPELINING\r\n",
                "RCPT" => &refusal,
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            if replies.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    });
    address
}

fn name(number: usize) -> String {
    format!("recipient{number}@example.net")
}

fn arguments(server: SocketAddr, options: &[&str]) -> Vec<String> {
    let usual = "smtp-cli send --helo client.example --from you@example.org --subject s --body b --server";
    let mut arguments: Vec<String> = usual.split(' ').map(String::from).collect();
    arguments.push(server.to_string());
    arguments.extend((0..RECIPIENTS).map(|number| format!("--rcpt={}", name(number))));
    arguments.extend(options.iter().map(|option| (*option).to_string()));
    arguments
}

/// What was written, and in how many writes.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<(usize, Vec<u8>)>>);

impl Write for Counted {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let mut counted = self.0.lock().unwrap();
        counted.0 += 1;
        counted.1.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Counted {
    fn take(&self) -> (usize, String) {
        let (count, octets) = std::mem::take(&mut *self.0.lock().unwrap());
        (count, String::from_utf8(octets).unwrap())
    }
}

/// Runs it in this process; gives the writes and texts of standard output and standard error.
fn ran(options: &[&str]) -> [(usize, String); 2] {
    let (output, error) = (Counted::default(), Counted::default());
    let mut terminal = Terminal::detached(Stream::new(output.clone()), Stream::new(error.clone()));
    let arguments = arguments(server(), options);
    assert_eq!(run(arguments.into_iter().map(Into::into), &mut terminal), Exit::NO_USER);
    [output.take(), error.take()]
}

#[test]
fn four_thousand_long_refusals_are_told_in_few_writes_and_few_words() {
    let [(_, output), (writes, error)] = ran(&[]);
    assert_eq!(writes, 1);
    assert_eq!(error.lines().count(), 1);
    assert!(error.len() < 400_000, "{}", error.len());
    assert!(
        error.starts_with("smtp-cli: no recipient was accepted: recipient0@example.net at RCPT: 550 5.1.1 ")
    );
    assert!(error.contains(&format!("recipient{}@example.net at RCPT: 550 5.1.1", RECIPIENTS - 1)));
    assert_eq!(output.lines().count(), RECIPIENTS);
    let longest = output.lines().map(str::len).max().unwrap();
    assert!((1_024..1_500).contains(&longest), "{longest}");
    assert!(output.lines().all(|line| line.ends_with(" octets left out)")));
    let told =
        error.trim_start_matches("smtp-cli: no recipient was accepted: ").split("; ").collect::<Vec<_>>();
    assert_eq!(told.len(), RECIPIENTS);
    for ((number, told), line) in told.iter().enumerate().zip(output.lines()) {
        let name = name(number);
        assert!(told.starts_with(&format!("{name} at RCPT: 550 5.1.1")), "{told}");
        assert!(line.starts_with(&format!("refused   {name} ")), "{line}");
    }
}

#[test]
fn the_json_and_the_transcript_have_replies_whole_and_memory_for_them_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let transcript = directory.path().join("t.txt").display().to_string();
    let [(_, output), _] = ran(&["--format", "json", "--transcript", &transcript]);
    let document: serde_json::Value = serde_json::from_str(&output).unwrap();
    let recipients = document["messages"][0]["recipients"].as_array().unwrap();
    let lengths: Vec<_> =
        recipients.iter().map(|recipient| recipient["reply"].as_str().unwrap().len()).collect();
    assert_eq!((lengths.len(), lengths[0]), (RECIPIENTS, WHOLE));
    // 4 MiB are kept whole, and the beginning of each.
    assert!(lengths.iter().sum::<usize>() < (4 << 20) + RECIPIENTS * 1_100);
    let lines = BufReader::new(File::open(transcript).unwrap()).lines();
    let refusals = lines.filter(|line| line.as_ref().unwrap().starts_with("<** 550")).count();
    assert_eq!(refusals, RECIPIENTS * LINES);
}

#[test]
fn a_transcript_on_standard_error_is_one_write_a_reply() {
    let [_, (writes, error)] = ran(&["-v"]);
    assert!(error.lines().count() > RECIPIENTS * LINES);
    // A command and a reply for each, and a few more.
    assert!(writes < 2 * RECIPIENTS + 100, "{writes}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs strace, which .ci/setup installs"]
fn the_process_writes_an_error_by_one_system_call() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    let mut command = std::process::Command::new("strace");
    command.args(["-f", "-qq", "-s", "0", "-e", "signal=none", "-e", "trace=write,writev", "-o"]);
    command.arg(&notes).arg(env!("CARGO_BIN_EXE_smtp-cli")).args(&arguments(server(), &[])[1..]);
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME").stdin(std::process::Stdio::null());
    let ran = command.output().unwrap();
    assert_eq!(ran.status.code(), Some(67), "{}", String::from_utf8_lossy(&ran.stderr));
    let notes = std::fs::read_to_string(notes).unwrap();
    let to = |descriptor: &str| notes.lines().filter(|line| line.contains(descriptor)).count();
    // A pipe may take less at once than is given.
    let calls = to(" write(2,");
    assert!((1..=1 + ran.stderr.len() / 4096).contains(&calls), "{calls}");
    let calls = to(" write(1,");
    assert!((1..=1 + ran.stdout.len() / 1024).contains(&calls), "{calls}");
}

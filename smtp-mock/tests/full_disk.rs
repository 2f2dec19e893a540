//! The program's store where the system refuses to write: a limit on the size of its files stands for a full disk.
#![cfg(all(feature = "program", target_os = "linux"))]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// The largest file that the program may write.
const LARGEST: &str = "--fsize=6000";

/// Starts the program under the limit, and gives its address.
fn start(store: &Path, arguments: &[&str]) -> (Child, String) {
    // Beyond the limit the system sends a signal, which would end the program, unless it is ignored.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec prlimit \"$@\"", "sh", LARGEST, env!("CARGO_BIN_EXE_smtp-mock")])
        .args(["--exit-after", "1 session", "--timeout", "20s", "--json-lines", "--store"])
        .arg(store)
        .args(arguments)
        .stderr(Stdio::piped());
    let (child, line) = support::start_command(&mut command);
    (child, support::address(&line).to_owned())
}

/// One session of these messages, each a text; gives what was said and how the program ended.
fn session(store: &Path, arguments: &[&str], hello: &str, texts: &[&str]) -> (String, Output) {
    let (child, address) = start(store, arguments);
    let mut stream = TcpStream::connect(address).expect("it listens");
    let mut octets = format!("{hello} x.test\r\n");
    for text in texts {
        octets += "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<full@d.test>\r\n";
        octets += "DATA\r\n";
        octets += text;
        octets += "\r\n.\r\n";
    }
    stream.write_all((octets + "QUIT\r\n").as_bytes()).expect("it reads");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("it answers");
    (said, child.wait_with_output().expect("it ends"))
}

/// The codes of the replies to the mail data.
fn codes(said: &str) -> Vec<&str> {
    let finals = said.lines().filter(|line| line.contains("queued as") || line.contains("takes no more"));
    finals.map(|line| &line[..3]).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(directory).expect("it exists").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn names(directory: &Path) -> Vec<String> {
    files(directory)
        .iter()
        .map(|path| path.file_name().expect("a name").to_str().expect("it is text").to_owned())
        .collect()
}

/// The failure is told once on standard error, counted at the end, and is the exit status.
fn assert_told(output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let told = "1 message was refused because the store could not be written, the first: cannot store the message in ";
    assert_eq!(error.matches(told).count(), 1, "{error}");
    let lines = String::from_utf8_lossy(&output.stdout);
    let end: serde_json::Value =
        serde_json::from_str(lines.lines().last().expect("an end")).expect("it is JSON");
    assert_eq!((&end["messages"], &end["unstored"]), (&2.into(), &1.into()), "{lines}");
}

#[test]
fn what_does_not_fit_on_the_disk_gets_452_and_leaves_no_half_file() {
    let large = "x".repeat(70) + "\r\n";
    let large = large.repeat(120);
    let texts = ["one", &large, "three"];
    for format in ["eml", "maildir", "mbox"] {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        let (said, output) = session(store, &["--format", format], "EHLO", &texts);
        assert_eq!(codes(&said), ["250", "452", "250"], "{format}: {said}");
        assert_told(&output);
        match format {
            "eml" => {
                let all = ["000001.eml", "000001.envelope", "000002.eml", "000002.envelope"];
                assert_eq!(names(store), all);
                assert_eq!(fs::read(store.join("000002.eml")).unwrap(), b"three\r\n");
            }
            "maildir" => {
                assert_eq!(names(&store.join("tmp")), [""; 0]);
                let mut kept: Vec<_> =
                    files(&store.join("new")).iter().map(|file| fs::read(file).unwrap()).collect();
                kept.sort();
                assert_eq!(kept, [b"one\r\n".to_vec(), b"three\r\n".to_vec()]);
            }
            _ => {
                let mbox = fs::read_to_string(store.join("mbox")).unwrap();
                let bodies: Vec<_> = mbox.split("From a@b.test ").skip(1).collect();
                assert_eq!(bodies.len(), 2, "{mbox}");
                assert!(bodies[0].ends_with("\none\n\n") && bodies[1].ends_with("\nthree\n\n"), "{mbox}");
            }
        }
    }
}

#[test]
fn a_dialogue_stores_what_it_acknowledges_and_acknowledges_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("dialogue.smtp");
    let lines = "S: 220 hi\nC: *\nC: *\nC: *\nC: *\nC: DATA\nS: 354 go on\nC: <body>\nS: 250 as you wish\nC: QUIT\nS: 221 bye\n!close fin\n";
    fs::write(&script, lines).unwrap();
    let script = script.to_str().unwrap();
    let store = directory.path().join("small");
    let (said, output) = session(&store, &[script], "EHLO", &["one"]);
    assert_eq!(
        (said.as_str(), output.status.code()),
        ("220 hi\r\n354 go on\r\n250 as you wish\r\n221 bye\r\n", Some(0))
    );
    assert_eq!(fs::read(store.join("000001.eml")).unwrap(), b"one\r\n");
    let store = directory.path().join("large");
    let large = "x".repeat(7000);
    let (said, output) = session(&store, &[script], "EHLO", &[&large]);
    assert_eq!(said, "220 hi\r\n354 go on\r\n452 the store takes no more\r\n");
    assert_eq!((names(&store).len(), output.status.code()), (0, Some(1)));
}

#[test]
fn no_recipient_of_lmtp_and_no_rule_acknowledges_what_is_not_on_the_disk() {
    let large = "x".repeat(70) + "\r\n";
    let large = large.repeat(120);
    let texts = ["one", &large, "three"];
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.toml");
    fs::write(
        &rules,
        "[[rule]]\non = 'body'\nwhen = { to = 'full@*' }\nthen = [{ delay = '1ms' }, { reply = '452 4.2.2 is full' }]\n",
    )
    .unwrap();
    let store = directory.path().join("lmtp");
    let (said, output) = session(&store, &["--lmtp", rules.to_str().unwrap()], "LHLO", &texts);
    let finals: Vec<_> =
        said.lines().filter(|line| line.contains("queued") || line.starts_with("452")).collect();
    assert_eq!(
        finals,
        [
            "250 2.0.0 queued as 1.1",
            "452 4.2.2 is full",
            "452 4.3.1 the store takes no more",
            "452 4.3.1 the store takes no more",
            "250 2.0.0 queued as 1.2",
            "452 4.2.2 is full",
        ],
        "{said}"
    );
    assert_told(&output);
    assert_eq!(names(&store).len(), 4);

    let store = directory.path().join("rule");
    let (said, output) = session(&store, &["--fault", "body=250:queued as you wish"], "EHLO", &texts);
    assert_eq!(codes(&said), ["250", "452", "250"], "{said}");
    assert_told(&output);
}

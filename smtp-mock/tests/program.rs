//! The program from outside: its start line, its exit statuses, what it refuses and where.
#![cfg(feature = "program")]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use smtp_mock::Scenario;
use support::{program, say, say_octets, start};
use tempfile::TempDir;

const GROUP: &[u8] = b"EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n";

fn scenario(directory: &TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    fs::write(&path, text).expect("a file can be written");
    path.display().to_string()
}

fn mail(name: &str) -> Vec<u8> {
    [GROUP, format!("Subject: {name}\r\n\r\nFrom me\r\n.\r\nQUIT\r\n").as_bytes()].concat()
}

#[test]
fn the_start_line_comes_first_and_messages_are_stored_before_they_are_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    for (format, found) in [("eml", "000001.eml"), ("mbox", "mbox"), ("maildir", "new")] {
        let store = directory.path().join(format);
        let store = store.to_str().unwrap();
        let (child, line) =
            start(&["--store", store, "--format", format, "--exit-after", "1", "--timeout", "20s"]);
        assert_eq!(line["event"], "listening");
        assert_eq!(u64::from(child.id()), line["pid"].as_u64().unwrap());
        assert!(say(&line, &mail("x")).contains("250 2.0.0 queued as 1.1\r\n221"));
        assert!(Path::new(store).join(found).exists(), "{format}");
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    }
    let eml = fs::read(directory.path().join("eml/000001.eml")).unwrap();
    assert_eq!(eml, b"Subject: x\r\n\r\nFrom me\r\n");
}

#[test]
fn a_full_store_refuses_with_452() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().to_str().unwrap();
    let (child, line) =
        start(&["--store", store, "--max-messages", "1", "--exit-after", "2 sessions", "--timeout", "20s"]);
    assert!(say(&line, &mail("one")).contains("queued as"));
    assert!(say(&line, &mail("two")).contains("452 4.3.1 the store takes no more\r\n"));
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    // Under LMTP every recipient is told, and nothing is acknowledged that is not stored.
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().to_str().unwrap();
    let (child, line) = start(&[
        "--lmtp",
        "--store",
        store,
        "--max-bytes",
        "5",
        "--exit-after",
        "1 sessions",
        "--timeout",
        "20s",
    ]);
    let said = say(
        &line,
        b"LHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<c@b.test>\r\nDATA\r\n123456\r\n.\r\nQUIT\r\n",
    );
    assert_eq!(said.matches("452 4.3.1").count(), 2, "{said}");
    assert!(!said.contains("queued"), "{said}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn json_lines_tell_of_messages_and_the_end() {
    let (mut child, line) = start(&["--json-lines", "--exit-after", "1", "--timeout", "20s"]);
    say(&line, &mail("hello"));
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    let lines: Vec<serde_json::Value> =
        rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["event"], &lines[0]["subject"]), (&"message".into(), &"hello".into()), "{rest}");
    assert_eq!((&lines[1]["event"], &lines[1]["messages"]), (&"end".into(), &1.into()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn json_lines_tell_of_every_message_in_order_however_few_are_kept() {
    const EACH: usize = 400;
    let (mut child, line) =
        start(&["--json-lines", "--max-messages", "1", "--exit-after", "8 sessions", "--timeout", "60s"]);
    let transaction = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n";
    let octets = ["EHLO x.test\r\n", &transaction.repeat(EACH), "QUIT\r\n"].concat();
    let mut out = child.stdout.take().unwrap();
    let rest = std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(support::address(&line)).unwrap();
                let mut reader = stream.try_clone().unwrap();
                let said = scope.spawn(move || {
                    let mut said = String::new();
                    reader.read_to_string(&mut said).map(|_| said)
                });
                stream.write_all(octets.as_bytes()).unwrap();
                assert_eq!(said.join().unwrap().unwrap().matches("queued as").count(), EACH);
            });
        }
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        rest
    });
    let mut lines: Vec<serde_json::Value> =
        rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.pop().unwrap();
    assert_eq!((&end["event"], &end["messages"]), (&"end".into(), &(8 * EACH).into()));
    let numbers: Vec<_> = lines.iter().map(|line| line["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=8 * EACH as u64).collect::<Vec<_>>());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn faults_magic_and_the_verbose_transcript() {
    let (child, line) = start(&[
        "-v",
        "--magic",
        "--fault",
        "mail=450:4.2.0 later*1",
        "--exit-after",
        "1 sessions",
        "--timeout",
        "20s",
    ]);
    let said = say(
        &line,
        b"EHLO x.test\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRCPT TO:<550-5.1.1+x@b.test>\r\nRCPT TO:<body-451@b.test>\r\n\
          DATA\r\n.\r\nQUIT\r\n",
    );
    assert!(said.contains("450 4.2.0 later\r\n250 2.1.0 sender ok\r\n550 5.1.1 you said 550"), "{said}");
    assert!(said.contains("451 4.0.0 you said 451 for this message\r\n221"), "{said}");
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("S: 450 4.2.0 later   [rule \"mail=450:4.2.0 later*1\"]"), "{shown}");
    assert!(shown.contains("[rule \"magic address\"]"), "{shown}");
}

#[test]
fn exit_statuses() {
    let directory = tempfile::tempdir().unwrap();
    let unmet = scenario(&directory, "unmet.toml", "[expect]\nmessages = 1\n");
    let (child, line) = start(&[&unmet, "--exit-after", "1 sessions", "--timeout", "20s"]);
    say(&line, b"QUIT\r\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("exactly 1 messages expected, 0 came"));

    assert_eq!(program(&["missing.toml"]).status.code(), Some(2));
    assert_eq!(program(&["--fault", "nonsense"]).status.code(), Some(2));
    assert_eq!(program(&["--require-auth"]).status.code(), Some(2));
    assert_eq!(program(&["--cert", "no-such-kind"]).status.code(), Some(2));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bound = program(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(bound.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&bound.stderr).contains("cannot listen on 127.0.0.1:"));
    assert_eq!(program(&["--timeout", "50ms"]).status.code(), Some(124));
    assert_eq!(program(&["--help"]).status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_run_in_order() {
    let (child, _) = start(&["--tls", "starttls", "--timeout", "20s"]);
    std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn check_names_file_line_column_and_the_words_that_are_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &str| {
        let output = program(&["check", &scenario(&directory, name, text)]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let good = check("good.toml", "[[rule]]\non = \"mail\"\nreply = \"450 later\"\n");
    assert_eq!(good.0, Some(0));
    assert!(good.1.ends_with("good.toml: 1 rules, 0 dialogues\n"), "{}", good.1);
    for (name, text, told) in [
        (
            "word.toml",
            "[[rule]]\non = \"mial\"\nreply = \"450 x\"\n",
            "word.toml:2:6: unknown variant `mial`, expected one of `connect`, `helo`",
        ),
        (
            "step.toml",
            "[[rule]]\non = \"mail\"\nthen = [{ dely = \"1s\" }]\n",
            "step.toml:3:11: unknown variant `dely`, expected one of `default`, `stall`, `reply`",
        ),
        (
            "field.toml",
            "[tls]\nmod = \"none\"\n",
            "field.toml:2:1: unknown field `mod`, expected one of `mode`, `cert`",
        ),
        (
            "time.toml",
            "[[rule]]\non = \"mail\"\nthen = [{ delay = \"soon\" }]\n",
            "time.toml:3:9: «soon» is not a duration, try 250ms, 30s or 5m",
        ),
        (
            "never.toml",
            "[[rule]]\non = \"mail\"\nreply = \"450 a\"\n\n[[rule]]\non = \"mail\"\nreply = \"451 b\"\n",
            "never.toml:5:1: this rule can never fire",
        ),
        (
            "guard.toml",
            "[[rule]]\non = \"ehlo\"\nwhen = { to = \"x\" }\nreply = \"450 a\"\n",
            "guard.toml:1:1: on = \"ehlo\" has no envelope",
        ),
        (
            "times.toml",
            "[[rule]]\non = \"ehlo\"\ntimes = 1\nexpect = 2\nreply = \"450 a\"\n",
            "times.toml:1:1: expect = 2 can never hold",
        ),
        (
            "reply.toml",
            "[[rule]]\non = \"ehlo\"\nreply = \"no\"\n",
            "reply.toml:3:9: «no» does not begin with a reply code",
        ),
        (
            "end.toml",
            "[[dialogue]]\nscript = '''\nS: 220 x\n!close fin\nC: QUIT\n'''\n",
            "end.toml:5:1: this can never be reached, line 2 of the script ends the session",
        ),
        (
            "line.toml",
            "[[dialogue]]\nscript = '''\nS: 220 x\nX: QUIT\n'''\n",
            "line.toml:4:1: «X: QUIT» is no line of a dialogue, try one of S: S> C: # !starttls !stall",
        ),
        (
            "mechanism.toml",
            "[auth]\nmechanisms = [\"PLAN\"]\n",
            "mechanism.toml:2:14: unknown mechanism `PLAN`, expected one of `PLAIN`, `LOGIN`",
        ),
        ("tls.toml", "[tls]\nrequire = true\n", "tls.toml:1:1: inject, handshake and require need TLS"),
        ("syntax.toml", "[tls\n", "syntax.toml:1:"),
        (
            "dialogue.smtp",
            "S: 220 x\n!wait 3s\n",
            "dialogue.smtp:2:1: unknown directive «!wait», expected one of",
        ),
    ] {
        let (status, said) = check(name, text);
        assert_eq!(status, Some(2), "{name}");
        assert!(said.contains(told), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn presets_print_and_play() {
    let list = String::from_utf8(program(&["presets"]).stdout).unwrap();
    for preset in ["exim", "gmail", "office365", "pix", "postfix", "postscreen", "sendmail-greetpause"] {
        assert!(list.contains(&format!("{preset}\n")), "{list}");
        let source = String::from_utf8(program(&["presets", preset]).stdout).unwrap();
        Scenario::parse(preset, &source).unwrap();
    }
    let unknown = program(&["presets", "qmail"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("expected one of exim, gmail"));
    let (child, line) = start(&["--preset", "exim", "--exit-after", "1 sessions", "--timeout", "20s"]);
    assert!(say(&line, b"QUIT\r\n").starts_with("220 mail.exim.test ESMTP Exim"));
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn certs_writes_an_authority_and_seven_pairs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pki");
    assert_eq!(program(&["certs", path.to_str().unwrap()]).status.code(), Some(0));
    let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 15, "{names:?}");
    let pem = fs::read_to_string(path.join("expired.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let own = ["--tls", "implicit", "--timeout", "50ms", "--cert"];
    let (certificate, key) = (path.join("good.pem"), path.join("good.key"));
    let arguments = [&own[..], &[certificate.to_str().unwrap(), "--key", key.to_str().unwrap()]].concat();
    assert_eq!(program(&arguments).status.code(), Some(124));
}

#[test]
fn one_seed_is_one_run_in_every_process() {
    let directory = tempfile::tempdir().unwrap();
    let faults = "[\"reply-4xx\", \"reply-5xx\", \"421-close\", \"drop-mid-reply\", \"garbage\", \"drip\"]";
    let file = scenario(&directory, "chaos.toml", &format!("[chaos]\nchance = 0.3\nfaults = {faults}\n"));
    let run = |seed: &str| {
        let (child, line) =
            start(&[&file, "--seed", seed, "--exit-after", "20 sessions", "--timeout", "30s"]);
        let said: Vec<_> = (0..20).map(|_| say_octets(&line, &mail("x"))).collect();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
        said
    };
    let first = run("5");
    assert_eq!(run("5"), first);
    assert_ne!(run("6"), first);
    assert!(first.concat().windows(5).any(|window| window == b"chaos"));
}

//! The files that a run writes: for their owner alone, through no link, over no input, and each failure told once.

use crate::support::{ca_file, send, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::Mock;
use std::path::Path;
use std::process::{Command, Stdio};

fn server() -> Mock {
    Mock::builder().extensions(["PIPELINING"]).start()
}

/// A configuration that names a log, in that directory.
fn with_log(directory: &Path, log: &Path) -> String {
    let config = directory.join("log.toml");
    std::fs::write(&config, format!("log-file = '{}'\nlog-level = 'debug'\n", log.display())).unwrap();
    config.display().to_string()
}

/// The program itself, which has standard streams of its own.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
    command.env_clear().env("HOME", "/nonexistent").args(arguments).stdin(Stdio::null());
    #[cfg(windows)]
    for name in ["SystemRoot", "TEMP", "TMP"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// What sends a small message to that server.
#[cfg(unix)]
fn sending(server: &str) -> Command {
    let usual =
        "send --helo client.example --from you@example.org --to friend@example.net --subject s --body b";
    let mut command = program(&usual.split(' ').collect::<Vec<_>>());
    command.args(["--server", server]);
    command
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(unix)]
#[test]
fn what_is_written_is_for_its_owner_alone_and_no_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mock = server();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mode = |name: &str| std::fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    std::fs::write(path("old.txt"), "what was there").unwrap();
    std::fs::set_permissions(path("old.txt"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let config = with_log(directory.path(), &path("smtp.log"));
    for transcript in ["old.txt", "new.jsonl"] {
        send(&mock)
            .with(["--config", &config, "--transcript"])
            .with([path(transcript)])
            .with(["--record"])
            .with([path("new.toml")])
            .exits(Exit::OK);
        for name in [transcript, "new.toml", "smtp.log"] {
            assert_eq!(mode(name), 0o600, "{name}");
        }
    }
    let old = std::fs::read_to_string(path("old.txt")).unwrap();
    assert!(old.starts_with("===") && !old.contains("what was there"), "{old}");

    let sent = mock.messages().len();
    std::fs::write(path("precious"), "precious").unwrap();
    symlink(path("precious"), path("link")).unwrap();
    symlink(path("nothing"), path("dangling")).unwrap();
    for link in ["link", "dangling"] {
        let log = with_log(directory.path(), &path(link));
        for options in [
            ["--transcript".into(), path(link)],
            ["--record".into(), path(link)],
            ["--config".into(), log.into()],
        ] {
            send(&mock).with(options).exits(Exit::CANNOT_CREATE).complains([
                "cannot create the ",
                "symbolic link",
                link,
            ]);
        }
    }
    assert_eq!(std::fs::read_to_string(path("precious")).unwrap(), "precious");
    assert!(!path("nothing").exists());
    assert_eq!(mock.messages().len(), sent);
}

/// Files that a run reads, as its options name them.
fn inputs(directory: &Path, mock: &Mock) -> Vec<(&'static str, Vec<String>, String)> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let message = "From: a@example.org\nTo: b@example.net\nSubject: s\n\nx\n";
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    let composed =
        || ["--from", "a@example.org", "--to", "b@example.net", "--subject", "s"].map(String::from).to_vec();
    let with_body = || [composed(), vec!["--body".to_string(), "b".to_string()]].concat();
    let (eml, body, html) = (write("m.eml", message), write("b.txt", "text"), write("h.html", "<p>text"));
    let (attached, inline) = (write("a.bin", "a"), write("i.png", "i"));
    let (dkim, password) = (write("dkim.pem", key), write("password", "secret\n"));
    let (ca, certificate) = (write("ca.pem", &mock.ca_pem()), write("cert.pem", "certificate"));
    let (client_key, config) = (write("key.pem", "key"), write("config.toml", "[defaults]\nport = 26\n"));
    let option = |name: &str, path: &str| vec![name.to_string(), path.to_string()];
    let identity = || [option("--client-cert", &certificate), option("--client-key", &client_key)].concat();
    let login = ["--user", "alice", "--allow-plaintext-auth", "--tls", "none"].map(String::from).to_vec();
    let signed = ["--dkim-selector", "s1"].map(String::from).to_vec();
    vec![
        ("--eml", option("--eml", &eml), eml.clone()),
        ("--body-file", [composed(), option("--body-file", &body)].concat(), body.clone()),
        ("--html-file", [composed(), option("--html-file", &html)].concat(), html.clone()),
        ("--attach", [with_body(), option("--attach", &attached)].concat(), attached.clone()),
        (
            "--inline",
            [with_body(), option("--inline", &format!("{inline};cid=a@b"))].concat(),
            inline.clone(),
        ),
        ("--dkim-key", [with_body(), option("--dkim-key", &dkim), signed].concat(), dkim.clone()),
        (
            "--password-file",
            [with_body(), login, option("--password-file", &password)].concat(),
            password.clone(),
        ),
        ("--ca-file", [with_body(), option("--ca-file", &ca)].concat(), ca.clone()),
        ("--client-cert", [with_body(), identity()].concat(), certificate.clone()),
        ("--client-key", [with_body(), identity()].concat(), client_key.clone()),
        ("configuration", [with_body(), option("--config", &config)].concat(), config.clone()),
    ]
}

#[test]
fn no_output_destroys_an_input() {
    let mock = server();
    let address = mock.addr().to_string();
    let directory = tempfile::tempdir().unwrap();
    let other_name = directory.path().join("other-name");
    for (input, options, path) in inputs(directory.path(), &mock) {
        let before = std::fs::read(&path).unwrap();
        for output in ["--transcript", "--record", "log-file"] {
            for is_linked in [false, true] {
                let written = if is_linked {
                    let _ = std::fs::remove_file(&other_name);
                    std::fs::hard_link(&path, &other_name).unwrap();
                    other_name.clone()
                } else {
                    // The same by another spelling.
                    directory.path().join(".").join(Path::new(&path).file_name().unwrap())
                };
                // Not within this process, where a password file that would be written is taken for a leak.
                let mut run = program(&["send", "--server", &address, "--helo", "client.example"]);
                run.args(&options);
                match output {
                    // One configuration cannot be another.
                    "log-file" if input == "configuration" => {
                        std::fs::write(&path, format!("log-file = '{}'\n", written.display())).unwrap();
                    }
                    "log-file" => drop(run.args(["--config", &with_log(directory.path(), &written)])),
                    output => drop(run.arg(output).arg(&written)),
                }
                let unchanged = std::fs::read(&path).unwrap();
                let ran = run.output().unwrap();
                let error = text(&ran.stderr);
                assert_eq!(ran.status.code(), Some(73), "{input} {output}: {error}");
                told_once(&error, &["which it would destroy"]);
                assert!(error.contains(input), "{input} {output}: {error}");
                assert_eq!(std::fs::read(&path).unwrap(), unchanged, "{input} {output}");
                std::fs::write(&path, &before).unwrap();
            }
        }
    }
    assert!(mock.messages().is_empty());
}

#[test]
fn no_output_destroys_another_output_or_standard_input() {
    let mock = server();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    send(&mock)
        .with(["--transcript", &path("x"), "--record", &path("./x")])
        .exits(Exit::CANNOT_CREATE)
        .complains(["the recording", "the file of --transcript"]);
    let log = with_log(directory.path(), &directory.path().join("smtp.log"));
    send(&mock)
        .with(["--config", &log, "--transcript", &path("smtp.log")])
        .exits(Exit::CANNOT_CREATE)
        .complains(["the transcript", "the file of the log"]);

    let message = "From: a@example.org\nTo: b@example.net\nSubject: s\n\nx\n";
    std::fs::write(path("m.eml"), message).unwrap();
    let mut command =
        program(&["send", "--helo", "client.example", "--eml", "-", "--transcript", &path("m.eml")]);
    command.args(["--server", &mock.addr().to_string()]);
    let ran = command.stdin(std::fs::File::open(path("m.eml")).unwrap()).output().unwrap();
    assert_eq!(ran.status.code(), Some(73), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("standard input"), "{}", text(&ran.stderr));
    assert_eq!(std::fs::read_to_string(path("m.eml")).unwrap(), message);
    assert!(mock.messages().is_empty());
}

#[cfg(unix)]
#[test]
fn an_open_file_that_is_an_input_is_not_written_either() {
    let mock = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.eml");
    let message = "From: a@example.org\nTo: b@example.net\nSubject: s\n\nx\n";
    std::fs::write(&path, message).unwrap();
    for (eml, what) in [("-", "standard input"), (path.to_str().unwrap(), "the file of --eml")] {
        let mut command =
            program(&["send", "--helo", "client.example", "--eml", eml, "--transcript", "/dev/stdin"]);
        command.args(["--server", &mock.addr().to_string()]);
        let ran = command.stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
        assert_eq!(ran.status.code(), Some(73), "{}", text(&ran.stderr));
        assert!(text(&ran.stderr).contains(what), "{}", text(&ran.stderr));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), message);
    }
    assert!(mock.messages().is_empty());
}

#[test]
fn the_other_commands_do_not_destroy_their_inputs_either() {
    let mock = server();
    let address = mock.addr().to_string();
    let (file, ca) = ca_file(&mock);
    let before = std::fs::read(file.path()).unwrap();
    for words in [&["verify", "a@example.org"][..], &["probe"], &["shell"]] {
        let usual = ["--helo", "client.example", "--tls", "none", "--ca-file", &ca, "--transcript", &ca];
        let run = smtp_cli([]).with_all(words).with(["--server", &address]).with(usual);
        run.exits(Exit::CANNOT_CREATE).complains(["the file of --ca-file"]);
    }
    let directory = tempfile::tempdir().unwrap();
    let attached = directory.path().join("a.txt");
    std::fs::write(&attached, "attached").unwrap();
    let attached = attached.display().to_string();
    let send =
        format!("send --from a@example.org --to b@example.net --subject s --body b --attach {attached}");
    for (words, victim) in [(send.as_str(), &attached), ("noop", &ca)] {
        let lines = format!("connect {address}\n{words}\n.save {victim}\n");
        smtp_cli(["shell", "--helo", "client.example", "--tls", "none", "--ca-file", &ca])
            .input(lines)
            .exits(Exit::CANNOT_CREATE)
            .complains(["the recording", "which it would destroy"]);
    }
    assert_eq!(std::fs::read(file.path()).unwrap(), before);
    assert_eq!(std::fs::read_to_string(&attached).unwrap(), "attached");
}

#[cfg(unix)]
#[test]
fn streams_and_devices_are_written_as_they_are() {
    let mock = server();
    let address = mock.addr().to_string();
    let directory = tempfile::tempdir().unwrap();
    let ran = |transcript: &str| -> std::process::Output {
        let ran = sending(&address).args(["--transcript", transcript]).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{transcript}: {}", text(&ran.stderr));
        ran
    };
    assert!(text(&ran("/dev/stdout").stdout).contains("->  EHLO client.example\n"));
    assert!(text(&ran("/dev/stderr").stderr).contains("->  EHLO client.example\n"));
    assert!(text(&ran("/dev/fd/2").stderr).contains("->  EHLO client.example\n"));
    assert_eq!(ran("/dev/null").stderr, b"");

    // What stands in the file of standard output already stays.
    let file = directory.path().join("both.txt");
    std::fs::write(&file, "before\n").unwrap();
    let output = std::fs::File::options().append(true).open(&file).unwrap();
    let status = sending(&address).args(["--transcript", "/dev/stdout"]).stdout(output).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let both = std::fs::read_to_string(&file).unwrap();
    assert!(both.starts_with("before\n===") && both.contains("accepted  friend@example.net"), "{both}");

    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::read_to_string(fifo).unwrap()
    });
    ran(fifo.to_str().unwrap());
    assert!(reader.join().unwrap().contains("->  EHLO client.example\n"));
}

#[cfg(target_os = "linux")]
fn full() -> std::fs::File {
    std::fs::File::options().write(true).open("/dev/full").unwrap()
}

/// Checks that each of these is in one line of standard error, and that there is no other line.
#[track_caller]
fn told_once(error: &str, what: &[&str]) {
    assert_eq!(error.lines().count(), what.len(), "{error}");
    for what in what {
        let lines = error.lines().filter(|line| line.contains(what));
        assert_eq!(lines.count(), 1, "{what} in {error}");
    }
    assert!(error.lines().all(|line| line.starts_with("smtp-cli: ")), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn each_failure_to_write_is_told_once() {
    let mock = server();
    let address = mock.addr().to_string();
    let directory = tempfile::tempdir().unwrap();
    let log = with_log(directory.path(), Path::new("/dev/full"));
    let files = ["--config", &log, "--transcript", "/dev/full", "--record", "/dev/full"];
    let told = ["the log /dev/full", "the recording /dev/full", "the transcript", "standard output"];

    // A message that was accepted stays so.
    let ran = sending(&address).args(files).stdout(full()).output().unwrap();
    let error = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{error}");
    told_once(&error, &told);
    assert!(
        error.lines().all(|line| line.ends_with("; the message was sent") && line.contains("warning")),
        "{error}"
    );
    assert_eq!(mock.messages().len(), 1);

    // Where nothing was sent, that is what failed.
    for words in [&["send", "--until", "rcpt"][..], &["send", "--until", "hello"], &["verify"], &["probe"]] {
        let mut command = match words {
            [_, until @ ..] if words[0] == "send" => {
                let mut command = sending(&address);
                command.args(until);
                command
            }
            ["verify"] => {
                program(&["verify", "a@example.org", "--server", &address, "--helo", "client.example"])
            }
            _ => program(&["probe", "--server", &address, "--helo", "client.example"]),
        };
        let ran = command.args(files).stdout(full()).output().unwrap();
        let error = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(74), "{words:?}: {error}");
        told_once(&error, &told);
        assert_eq!(error.lines().filter(|line| !line.contains("warning")).count(), 1, "{error}");
    }

    // And what failed for another reason keeps its status.
    let refusing = Mock::unreachable().unwrap().to_string();
    let ran = sending(&refusing).args(files).stdout(full()).output().unwrap();
    let error = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(75), "{error}");
    assert_eq!(error.matches("the log /dev/full").count(), 1, "{error}");
}

/// Commands that print.
#[cfg(unix)]
fn printing<'a>(message: &'a str, config: &'a str) -> Vec<Vec<&'a str>> {
    vec![
        vec!["compose", "--eml", message],
        vec!["lint", "--eml", message],
        vec!["send", "--dry-run", "--eml", message, "--server", "mx.example"],
        vec!["explain", "550", "5.1.1"],
        vec!["config", "show", "--config", config],
        vec!["config", "path"],
        vec!["man"],
        vec!["completions", "bash"],
        vec!["send", "--help"],
        vec!["--version"],
    ]
}

#[cfg(unix)]
#[test]
fn standard_output_that_is_full_is_an_error_and_one_that_nobody_reads_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (message, config) = (path("m.eml"), path("c.toml"));
    // No line end stands at its end, and more than any pipe holds.
    let header = "From: a@example.org\nTo: b@example.net\nSubject: s\nDate: Mon, 30 Nov 2026 12:00:00 +0000\nMessage-ID: <a@example.org>\n\n";
    std::fs::write(&message, format!("{header}{}x", "text\n".repeat(40_000))).unwrap();
    std::fs::write(&config, "[defaults]\nport = 26\n").unwrap();
    for words in printing(&message, &config) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = program(&words).stdout(writer).output().unwrap();
        assert_eq!((ran.status.code(), text(&ran.stderr)), (Some(0), String::new()), "{words:?}");
        #[cfg(target_os = "linux")]
        {
            let ran = program(&words).stdout(full()).output().unwrap();
            let error = text(&ran.stderr);
            assert_eq!(ran.status.code(), Some(74), "{words:?}: {error}");
            told_once(&error, &["cannot write to standard output: "]);
        }
    }
    let mock = server();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = sending(&mock.addr().to_string()).arg("--stats").stdout(writer).output().unwrap();
    assert_eq!((ran.status.code(), text(&ran.stderr)), (Some(0), String::new()));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let refusing = Mock::unreachable().unwrap().to_string();
    let ran = sending(&refusing).stdout(writer).output().unwrap();
    assert_eq!(ran.status.code(), Some(75), "{}", text(&ran.stderr));
    // Nor does it matter that nobody reads the errors.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(
        sending(&refusing).arg("-v").stdout(Stdio::null()).stderr(writer).status().unwrap().code(),
        Some(75)
    );
}

//! The sendmail personality: authors and addresses that a program leaves to it.

use crate::support::{Run, called, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::Mock;

/// A program that writes no From, on a machine of the domain host.example.
fn sendmail<const N: usize>(mock: &Mock, arguments: [&str; N]) -> Run {
    smtp_cli(["sendmail"])
        .with(arguments)
        .environment("SMTP_CLI_SERVER", &mock.addr().to_string())
        .environment("SMTP_CLI_HELO", "host.example")
        .input("Subject: no author\n\nx\n")
}

#[test]
fn the_author_is_made_of_name_and_sender_when_the_message_has_none() {
    let mock = Mock::start();
    for (run, from, author) in [
        (
            sendmail(&mock, ["-F", "Backup, \"nightly\"", "-f", "backup@example.org", "a@example.net"]),
            "backup@example.org",
            "\"Backup, \\\"nightly\\\"\" <backup@example.org>",
        ),
        (
            sendmail(&mock, ["-fbackup@example.org", "a@example.net"]),
            "backup@example.org",
            "backup@example.org",
        ),
        (
            sendmail(&mock, ["-FBackup", "a@example.net"])
                .environment("SMTP_CLI_FROM", "You <you@example.org>"),
            "you@example.org",
            "Backup <you@example.org>",
        ),
        (
            sendmail(&mock, ["-FBackup", "-f", "backup@example.org", "a@example.net"])
                .input("From: You <you@example.org>\n\nx\n"),
            "backup@example.org",
            "You <you@example.org>",
        ),
    ] {
        run.exits(Exit::OK);
        let messages = mock.messages();
        let message = messages.last().unwrap();
        assert_eq!((message.from(), message.header("From").as_deref()), (from, Some(author)));
    }
    sendmail(&mock, ["-FBackup", "a@example.net"]).exits(Exit::DATA).complains(["From"]);
}

#[test]
fn names_of_this_machine_get_its_domain() {
    let mock = Mock::start();
    sendmail(&mock, ["-f", "cron", "-F", "Cron Daemon", "root", "a@example.net"]).exits(Exit::OK);
    let message = &mock.messages()[0];
    assert_eq!(
        (message.from(), message.to()),
        ("cron@host.example", vec!["root@host.example", "a@example.net"])
    );
    assert_eq!(message.header("From").as_deref(), Some("Cron Daemon <cron@host.example>"));
    sendmail(&mock, ["-f", "cron", "root"]).environment("SMTP_CLI_HELO", "other.example").exits(Exit::OK);
    assert_eq!(mock.messages()[1].to(), ["root@other.example"]);
    sendmail(&mock, ["-f", "", "-f", "cron", "root"]).exits(Exit::OK);
    assert_eq!(mock.messages()[2].from(), "cron@host.example");
    sendmail(&mock, ["-f", "a b", "root"]).exits(Exit::USAGE);
}

#[test]
fn letters_may_stand_together_as_in_sendmail() {
    let mock = Mock::start();
    for words in
        [&["-ti"][..], &["-it"], &["-oi", "-itf", "bounces@example.org"], &["-tvrbounces@example.org"]]
    {
        sendmail(&mock, [""; 0])
            .with_all(words)
            .environment("SMTP_CLI_FROM", "you@example.org")
            .input("To: a@example.net\nSubject: s\n\nx\n.\ny\n")
            .exits(Exit::OK);
        let messages = mock.messages();
        let message = messages.last().unwrap();
        assert_eq!(message.to(), ["a@example.net"], "{words:?}");
        assert!(message.octets.ends_with(b"\r\nx\r\n.\r\ny\r\n"), "{words:?}");
        let names_sender = words.iter().any(|word| word.contains("bounces"));
        assert_eq!(message.from(), if names_sender { "bounces@example.org" } else { "you@example.org" });
    }
}

/// What a program that passes a stranger's words on must not let that one do.
#[test]
fn words_of_a_stranger_run_no_command_name_no_file_and_choose_no_server() {
    let mock = Mock::start();
    let other = Mock::start();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("config.toml"), format!("[defaults]\nserver = '{}'\n", other.addr())).unwrap();
    std::fs::write(path("secret"), "secret\n").unwrap();
    for words in [
        vec![format!("--password-command=touch {}", path("ran"))],
        vec![format!("--token-command=touch {}", path("ran"))],
        vec!["--password-command".into(), format!("touch {}", path("ran"))],
        vec![format!("--passwordeval=touch {}", path("ran"))],
        vec![format!("--transcript={}", path("written"))],
        vec![format!("--record={}", path("written"))],
        vec![format!("-X{}", path("written"))],
        vec!["-X".into(), path("written")],
        vec![format!("-D{}", path("written"))],
        vec![format!("-oQ{}", path("written"))],
        vec!["-o".into(), format!("Q{}", path("written"))],
        vec![format!("-OQueueDirectory={}", path("written"))],
        vec!["-O".into(), format!("LogFile={}", path("written"))],
        vec![format!("-iX{}", path("written"))],
        vec![format!("-C{}", path("config.toml"))],
        vec!["-C".into(), path("config.toml")],
        vec![format!("--config={}", path("config.toml"))],
        vec!["--config".into(), path("config.toml")],
        vec![format!("--file={}", path("config.toml"))],
        vec![format!("--server={}", other.addr())],
        vec![format!("--host={}", other.addr())],
        vec![format!("--attach={}", path("secret"))],
        vec![format!("--eml={}", path("secret"))],
        vec![format!("--body-file={}", path("secret"))],
        vec![format!("--password-file={}", path("secret"))],
        vec![format!("--ca-file={}", path("secret"))],
        vec!["--insecure".into()],
        vec!["--tls=none".into()],
        vec!["--allow-plaintext-auth".into()],
        vec!["--no-require-all".into()],
        vec!["--proxy=socks5://127.0.0.1".into()],
        vec!["--bcc=v@example.net".into()],
        vec!["--dry-run".into()],
        vec!["--read-recipients=x".into()],
        vec!["-Z".into()],
    ] {
        for names in [&["smtp-cli", "sendmail"][..], &["/usr/sbin/sendmail"], &["smtp-cli", "-q", "sendmail"]]
        {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let ran = called(names)
                .with_all(&words)
                .with(["-f", "backup@example.org", "a@example.net"])
                .environment("SMTP_CLI_SERVER", &mock.addr().to_string())
                .input("Subject: s\n\nx\n")
                .exits(Exit::USAGE);
            let shown: Vec<_> = words[0].split(['=', '/']).take(1).collect();
            assert!(
                ran.complaint().contains("is not available") || ran.complaint().contains("--config"),
                "{shown:?}: {}",
                ran.error
            );
            assert_eq!((ran.output.as_str(), ran.error.lines().count()), ("", 1), "{}", ran.error);
        }
    }
    assert!(!std::path::Path::new(&path("ran")).exists() && !std::path::Path::new(&path("written")).exists());
    assert_eq!((mock.connections(), other.connections()), (0, 0));
    // A value is a value, whatever it looks like, and so is what stands after `--`.
    for words in [
        &["-V", "--transcript=x", "-f", "backup@example.org", "a@example.net"][..],
        &["-F", "--record=x", "-f", "backup@example.org", "--", "a@example.net"],
    ] {
        called(&["sendmail"])
            .with_all(words)
            .environment("SMTP_CLI_SERVER", &mock.addr().to_string())
            .input("Subject: s\n\nx\n")
            .exits(Exit::OK);
    }
    sendmail(&mock, ["-f", "backup@example.org", "--", "-odd@example.net"]).exits(Exit::OK);
    assert_eq!(mock.messages()[2].to(), ["-odd@example.net"]);
    sendmail(&mock, ["-a", "--transcript=x", "a@example.net"]).exits(Exit::CONFIGURATION);
    sendmail(&mock, ["-f", "a@example.org", "--", "--record=x"]).exits(Exit::OK);
    assert_eq!(mock.messages()[3].to(), ["--record=x@host.example"]);
}

#[test]
fn the_parameters_of_sendmail_reach_the_server_and_what_means_nothing_here_is_passed_over() {
    let mock = Mock::builder().extensions(["PIPELINING", "DSN"]).start();
    let input = "From: you@example.org\nSubject: s\n\nx\n";
    let words = ["-v", "-N", "SUCCESS,delay", "-V", "id", "-R", "full", "a@example.net"];
    let ran = sendmail(&mock, words).input(input).exits(Exit::OK);
    for line in [" RET=FULL ENVID=id\n", "RCPT TO:<a@example.net> NOTIFY=SUCCESS,DELAY"] {
        assert!(ran.error.contains(line), "{line}: {}", ran.error);
    }
    let words =
        ["-B8BITMIME", "-om", "-o", "db", "-L", "tag", "-bm", "-F", "You Name", "--", "-odd@example.net"];
    sendmail(&mock, words).input(input).exits(Exit::OK);
    assert_eq!(mock.messages()[1].to(), ["-odd@example.net"]);
}

#[test]
fn what_sendmail_has_and_this_has_not_says_so() {
    let mock = Mock::start();
    for word in ["-bp", "-bs", "-bi", "-q", "-q30m", "--serverinfo"] {
        let ran = sendmail(&mock, [word]).exits(Exit::UNAVAILABLE);
        assert!(ran.complaint().contains("is not supported"), "{}", ran.error);
    }
    for word in ["-bd", "-bt", "-bv", "-Z"] {
        sendmail(&mock, [word, "a@example.net"]).exits(Exit::USAGE).complains([word]);
    }
    sendmail(&mock, ["-f"]).exits(Exit::USAGE);
    let help = sendmail(&mock, ["--help"]).exits(Exit::OK).output;
    for word in ["-t, --read-recipients", "-f ADDR", "-bm", "--version", "--config"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let version = sendmail(&mock, ["--version"]).exits(Exit::OK).output;
    assert_eq!(version, smtp_cli(["--version"]).exits(Exit::OK).output);
    assert_eq!(mock.connections(), 0);
}

#[test]
fn options_before_sendmail_are_honoured() {
    let (usual, own, work) = (Mock::start(), Mock::start(), Mock::start());
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let usual_file = file("usual.toml", &format!("[defaults]\nserver = '{}'\n", usual.addr()));
    let own_file = file(
        "own.toml",
        &format!(
            "[defaults]\nserver = '{}'\n[account.work]\nserver = '{}'\nmatch-from = ['*@work.example']\n",
            own.addr(),
            work.addr()
        ),
    );
    let run = |before: &[&str], words: &[&str]| {
        called(&["smtp-cli"])
            .with_all(before)
            .with(["sendmail", "-f", "you@example.org"])
            .with_all(words)
            .environment("SMTP_CLI_CONFIG", &usual_file)
            .input("Subject: s\n\nx\n")
            .exits(Exit::OK)
    };
    let counts = || [&usual, &own, &work].map(|mock| mock.messages().len());
    run(&[], &["a@example.net"]);
    assert_eq!(counts(), [1, 0, 0]);
    let ran = run(&["--config", &own_file], &["a@example.net"]);
    assert_eq!((counts(), ran.output.as_str(), ran.error.as_str()), ([1, 1, 0], "", ""));
    run(&[&format!("--config={own_file}")], &["-a", "work", "a@example.net"]);
    assert_eq!(counts(), [1, 1, 1]);
    // The account is chosen by the sender, too.
    run(&["--config", &own_file], &["-f", "you@work.example", "a@example.net"]);
    assert_eq!(counts(), [1, 1, 2]);
    for account in [&["-a", "work"][..], &["-awork"], &["--account", "work"], &["--account=work"]] {
        let before = [&["--config", own_file.as_str()], account].concat();
        let so_far = work.messages().len();
        run(&before, &["a@example.net"]);
        assert_eq!(work.messages().len(), so_far + 1, "{account:?}");
    }
    for (before, words) in [(&["-v"][..], &[][..]), (&["--verbose"], &[]), (&[], &["-v"])] {
        let ran = run(before, &[words, &["a@example.net"]].concat());
        assert!(ran.error.contains("MAIL FROM:<you@example.org>"), "{before:?}: {}", ran.error);
    }
    assert!(run(&["--no-quiet"], &["a@example.net"]).output.contains("accepted"));
    assert_eq!(run(&["-q"], &["a@example.net"]).output, "");
    called(&["smtp-cli", "-q", "sendmail", "-v", "a@example.net"]).exits(Exit::USAGE).complains(["exclude"]);
    called(&["smtp-cli", "--config", "no/such.toml", "sendmail", "a@example.net"])
        .exits(Exit::CONFIGURATION)
        .complains(["no/such.toml"]);
}

#[test]
fn what_is_to_be_shown_is_not_kept_back() {
    let mock = Mock::start();
    let ran = sendmail(&mock, ["-v", "-f", "cron", "root"]).exits(Exit::OK);
    assert!(ran.error.contains("MAIL FROM:<cron@host.example>"), "{}", ran.error);
}

/// As Debian's cron and cronie call it.
const CRON: &str = "From: root (Cron Daemon)\nTo: root\nCc: \"Alice L.\" <alice>, bob@example.net\n\
                    Subject: Cron <root@host> backup\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\
                    Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\nfertig: 3 Dateien, größer als 1 GB\n";

#[test]
fn the_mail_of_cron_is_sent() {
    let mock = Mock::start();
    for words in [
        &["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"][..],
        &["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
    ] {
        let run = words.iter().fold(sendmail(&mock, [""; 0]), |run, word| run.with([word]));
        let ran = run.input(CRON).exits(Exit::OK);
        assert_eq!((ran.output.as_str(), ran.error.as_str()), ("", ""));
        let messages = mock.messages();
        let message = messages.last().unwrap();
        assert_eq!(message.from(), "root@host.example");
        if words.contains(&"-t") {
            assert_eq!(message.to(), ["root@host.example", "alice@host.example", "bob@example.net"]);
        } else {
            assert_eq!(message.to(), ["root@host.example"]);
        }
        let octets = String::from_utf8_lossy(&message.octets);
        assert!(
            octets.starts_with("From: root@host.example (Cron Daemon)\r\nTo: root@host.example\r\n"),
            "{octets}"
        );
        assert!(octets.contains("Cc: \"Alice L.\" <alice@host.example>, bob@example.net\r\n"), "{octets}");
        assert!(octets.contains("Subject: Cron <root@host> backup\r\n"), "{octets}");
        assert!(octets.contains("Message-ID: <") && octets.contains("@host.example>"), "{octets}");
        assert!(octets.ends_with("größer als 1 GB\r\n"), "{octets}");
    }
}

#[test]
fn names_of_a_machine_are_addresses_for_sendmail_alone() {
    let mock = Mock::start();
    smtp_cli(["send", "--server", &mock.addr().to_string(), "--helo", "host.example", "--eml", "-"])
        .input(CRON)
        .exits(Exit::DATA)
        .complains(["From", "root"]);
    assert_eq!(mock.connections(), 0);
}

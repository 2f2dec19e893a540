//! The shell read from a pipe: nothing is asked, and the first failure ends it with its exit status.

use crate::support::{PASSWORD, Ran, place, run, shell};
use smtp_mock::{Close, Mechanism, Mock, On, Rule, Step};

const IN_CLEAR: [&str; 5] = ["--tls", "none", "--allow-plaintext-auth", "--helo", "client.example"];

/// The lines of a message to these recipients.
fn message<'a>(to: &'a str, subject: &'a str) -> [&'a str; 9] {
    ["send", "a@example.org", to, "", "", subject, "", "Text.", "."]
}

/// Connects to that server and does this.
#[track_caller]
fn session(mock: &Mock, lines: &[&str]) -> Ran {
    let connect = format!("connect {}", place(mock));
    shell(&IN_CLEAR, &[&[connect.as_str()], lines].concat())
}

#[test]
fn a_script_that_logs_in_and_sends_prints_each_reply() {
    let mock = Mock::builder()
        .extensions(["ENHANCEDSTATUSCODES"])
        .user("alice", PASSWORD)
        .mechanisms([Mechanism::Login])
        .plaintext_auth()
        .start();
    let port = mock.addr().port().to_string();
    let login = ["-v", "--tls", "none", "--allow-plaintext-auth"];
    let connect = ["connect", "127.0.0.1", &port, "client.example", "alice", PASSWORD];
    let lines = [&connect[..], &message("b@example.net", "Hello"), &["quit", "exit"]].concat();
    let ran = shell(&login, &lines).exits(0);
    ran.says(&["is connected", "logged in as alice", "would be taken", "accepted  b@example.net", "221 "]);
    ran.complains(&["<-  220 ", "->  AUTH LOGIN", "<-  235 ", "<-  354 ", "<-  221 "]);
    assert!(!ran.output.contains("Server:") && !ran.error.contains("Password"), "nothing is asked: {ran:?}");
    assert_eq!(mock.messages()[0].text().as_deref(), Some("Text.\r\n"));
}

#[test]
fn the_first_failure_ends_it_with_its_status_and_the_lines_behind_it_are_not_commands() {
    let mock = Mock::builder()
        .extensions(["ENHANCEDSTATUSCODES", "PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
        .rule(Rule::on(On::Rcpt).to("later@*").reply("450 4.2.0 try later"))
        .rule(Rule::on(On::Mail).from("spam@*").reply("554 5.7.1 not you"))
        .rule(Rule::on(On::Body).header("Subject: heavy").reply("552 5.3.4 too big"))
        .rule(Rule::on(On::Expn).reply("502 5.5.1 not here"))
        .start();
    let closed = Mock::unreachable().unwrap().to_string();
    for (lines, status, words) in [
        (vec!["send"], 64, "nothing can be sent without a connection"),
        (vec!["noop"], 64, "there is no connection"),
        (vec!["quit"], 64, "there is no connection to break"),
        (vec!["snd"], 64, "did you mean send?"),
        (vec!["connect", "not a host"], 64, "the server: "),
        (vec!["connect mx:smtp"], 64, "--server"),
        (vec!["explain 999"], 64, "no code"),
        (vec![".save x.toml"], 64, "nothing to save"),
        (vec!["connect no-such-host.invalid"], 68, "no-such-host.invalid"),
    ] {
        let ran = shell(&[], &[&lines[..], &["explain 250"]].concat()).exits(status);
        ran.complains(&[words]);
        assert!(!ran.output.contains("250"), "{ran:?}");
    }
    shell(&[], &["connect"]).exits(64).complains(&["the input ended at the question \"Server:\""]);
    shell(&IN_CLEAR, &[&format!("connect {closed}")]).exits(75).complains(&["refuses connections"]);
    for (lines, status, words) in [
        (vec!["connect mock"], 64, "there is a connection to 127.0.0.1 already"),
        (vec!["expn staff"], 69, ""),
        (vec!["verify bad@example.net"], 67, ""),
        (vec!["verify bad@example.net later@example.net"], 75, ""),
        (vec!["verify bad@example.net, good@example.net"], 79, ""),
        (vec!["verify --from spam@example.net good@example.net"], 65, ""),
        (message("bad@example.net", "Hello").to_vec(), 67, "would not be taken: bad@example.net"),
        (
            message("bad@example.net, good@example.net", "Hello").to_vec(),
            79,
            "1 of 2 recipients did not get it",
        ),
        (message("good@example.net", "heavy").to_vec(), 65, "552 5.3.4 too big"),
        (
            vec!["send --from a@b.example --to bad@example.net --subject S --body T"],
            67,
            "no recipient was accepted",
        ),
        (vec!["verify ,"], 64, "there is no address"),
        (vec!["send --body-file - --to b@example.net"], 64, "standard input"),
        (vec!["send", "spam@example.net", "good@example.net", "", ""], 65, "the sender <spam@example.net>"),
        (vec!["send", "no address"], 64, "no address"),
        (vec!["send", "a@example.org", "b@example.org", "", "", "S", "no/such/file"], 66, "no/such/file"),
        (vec!["send", "a@example.org", "b@example.org", "", "", "S", "", "Text."], 64, "before the lone dot"),
        (vec!["!AUTH PLAIN AGEAYg=="], 64, "use auth"),
        (vec!["auth", "alice"], 69, "does not offer AUTH"),
    ] {
        let ran = session(&mock, &[&lines[..], &["explain 250"]].concat());
        // What stands behind a failure may be an answer to a question that it cut off.
        let ran = ran.exits(status);
        ran.complains(&[words]);
        assert!(!ran.output.contains("250: "), "{ran:?}");
    }
    shell(&["--mx"], &["connect"]).exits(64).complains(&["--mx has no meaning with shell"]);
    let refused = ["send --from a@b.example --to bad@example.net --subject S --body T"];
    session(&mock, &refused).exits(67).says(&["refused   bad@example.net", "\n    550: "]);
    let refused = ["expn staff", "rset"];
    session(&mock, &refused).exits(69).says(&["502 5.5.1 not here", "\n    "]);
}

/// Where a server may refuse, how it does, and the exit status that follows.
#[test]
fn each_refusal_is_shown_with_its_words_and_has_its_status() {
    let login = "--user alice --password-env SECRET";
    let message = "send --from a@example.org --to b@example.net --subject S --body T";
    for (on, reply, options, line, status) in [
        (On::Connect, "554 5.3.2 no service", "", "noop", 69),
        (On::Connect, "421 4.3.2 not now", "", "noop", 75),
        (On::Ehlo, "421 4.3.2 not now", "", "noop", 75),
        (On::Ehlo, "450 4.7.1 no hello", "", "noop", 75),
        (On::Helo, "550 5.7.1 no hello", "--protocol smtp", "noop", 69),
        (On::Starttls, "454 4.7.0 no TLS", "--tls starttls", "noop", 75),
        (On::Auth, "535 5.7.8 no login", login, "noop", 77),
        (On::Auth, "454 4.7.0 no login", login, "noop", 75),
        (On::Mail, "530 5.7.0 log in", "", message, 77),
        (On::Mail, "553 5.1.8 no sender", "", message, 65),
        (On::Rcpt, "550 5.1.1 nobody", "", message, 67),
        (On::Rcpt, "451 4.3.0 later", "", message, 75),
        (On::Data, "554 5.5.1 no data", "", message, 65),
        (On::Body, "552 5.3.4 too large", "", message, 65),
        (On::Body, "452 4.3.1 no room", "", message, 75),
        (On::Rset, "500 5.5.2 what?", "", "rset", 69),
        (On::Noop, "502 5.5.1 no NOOP", "", "noop", 69),
        (On::Vrfy, "550 5.1.1 nobody", "", "vrfy x", 69),
        (On::Expn, "450 4.2.0 later", "", "expn x", 75),
        (On::Help, "502 5.5.1 no HELP", "", "!HELP", 69),
        // The connection ends all the same.
        (On::Quit, "500 5.5.2 what?", "", "quit", 0),
    ] {
        let mock = Mock::builder()
            .extensions(["ENHANCEDSTATUSCODES", "PIPELINING"])
            .starttls(smtp_mock::Certificate::Good)
            .user("alice", PASSWORD)
            .plaintext_auth()
            .rule(Rule::on(on).reply(reply))
            .start();
        let connect = format!("connect {} --allow-plaintext-auth {options}", place(&mock));
        let tls = if options.contains("--tls") { &[][..] } else { &["--tls", "none"] };
        let ran = shell(&[tls, &["--helo", "client.example", "--insecure"]].concat(), &[&connect, line]);
        assert_eq!(ran.status, status, "{reply}\n{}\n{}", ran.output, ran.error);
        assert!(format!("{}{}", ran.output, ran.error).contains(reply), "{reply}: {ran:?}");
        // Explained below the reply, or in the words of what failed.
        let is_explained = ran.output.contains("\n    ") || ran.error.contains("; ") || status == 0;
        assert!(is_explained, "{reply}: {ran:?}");
    }
}

#[test]
fn what_may_fail_is_passed_over() {
    let mock = Mock::builder().rule(Rule::on(On::Noop).reply("500 5.5.2 what?")).start();
    let ran = session(&mock, &["# a comment", "", "-noop", "- snd", "rset"]).exits(0);
    ran.says(&["500 5.5.2 what?", "250 "]).complains(&["did you mean send?"]);
    // The end of the input leaves as exit does.
    mock.wait_closed(1);
    assert_eq!(mock.transcript().commands().last().map(String::as_str), Some("QUIT"));
}

#[test]
fn an_empty_subject_warns_and_options_stand_for_answers() {
    let mock = Mock::start();
    let ran = session(&mock, &message("b@example.net", "")).exits(0);
    ran.complains(&["warning: the subject is empty, the message may be taken for spam"]);
    let line = "send --from a@example.org --to 'B <b@example.net>' --subject 'Two words' --body Text --reply-to c@example.org";
    session(&mock, &[line, "status"]).exits(0).says(&["accepted  b@example.net", "is connected"]);
    let message = mock.messages().pop().unwrap();
    assert_eq!(message.subject().as_deref(), Some("Two words"));
    assert_eq!(message.headers("Reply-To").len(), 1);
}

#[test]
fn the_login_of_a_script_is_tried_again_by_auth() {
    let mock = Mock::builder().user("alice@example.org", PASSWORD).plaintext_auth().require_auth().start();
    let connect = format!("connect {} --user alice --password-env SECRET", place(&mock));
    shell(&IN_CLEAR, &[&connect, "noop"]).exits(77).complains(&["refused the login of alice: 535"]);
    // The connection stays where the login may fail.
    let lines = [&format!("-{connect}"), "-auth bob", "auth alice@example.org", "noop"];
    let ran = shell(&IN_CLEAR, &lines).exits(0);
    ran.complains(&["refused the login of alice: 535", "refused the login of bob: 535"]);
    ran.says(&["not logged in", "logged in as alice@example.org", "250 "]);
    // Without a source the password is the line behind the name.
    let connect = format!("connect {}", place(&mock));
    let lines = [&connect, "-auth alice", PASSWORD, "auth", "alice@example.org", PASSWORD, "noop"];
    shell(&IN_CLEAR, &lines).exits(0).says(&["logged in as alice@example.org", "250 "]);
}

#[test]
fn a_server_that_leaves_behind_its_refusal_is_told() {
    let mock = Mock::builder()
        .user("alice", PASSWORD)
        .plaintext_auth()
        .rule(Rule::on(On::Auth).reply("535 5.7.8 no").close(Close::Fin))
        .start();
    let connect = format!("-connect {} --user alice --password-env SECRET", place(&mock));
    // The end of the stream may come later than the reply.
    let lines: Vec<&str> = std::iter::once(connect.as_str()).chain(["status"; 500]).collect();
    let ran = shell(&IN_CLEAR, &lines).exits(0);
    ran.complains(&[
        "refused the login of alice: 535 5.7.8 no",
        "ended the connection after its reply to AUTH",
    ]);
    ran.says(&["is connected", "no connection"]);
}

#[test]
fn a_session_over_tls_is_opened_by_the_options_of_connect() {
    let mock = Mock::builder()
        .starttls(smtp_mock::Certificate::Good)
        .user("alice@example.org", PASSWORD)
        .require_auth()
        .start();
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, mock.ca_pem()).unwrap();
    let connect = format!(
        "connect localhost {} --tls starttls --ca-file '{}' --user alice@example.org --password-env SECRET",
        mock.addr().port(),
        ca_file.display()
    );
    let send = "send --to b@example.net --subject S --body Text";
    // The author is the user who logged in.
    let ran = shell(&["--tls", "none", "--helo", "client.example"], &[&connect, send, "status"]).exits(0);
    ran.says(&[
        "under TLS",
        "logged in as alice@example.org",
        "accepted",
        "under TLS, logged in as alice@example.org",
        "SIZE",
    ]);
}

#[test]
fn a_connection_that_breaks_or_is_silent_ends_it() {
    for (rule, words) in [
        (Rule::on(On::Noop).close(Close::Fin), "ended the connection after its reply to EHLO"),
        (Rule::on(On::Noop).reply("421 4.3.2 bye"), "is not available: 421 4.3.2 bye"),
        (Rule::on(On::Noop).step(Step::Stall), "the limit of the phase other is 0.2 s"),
        (Rule::on(On::Noop).reply("354 go on"), "broke the protocol"),
    ] {
        let mock = Mock::builder().rule(rule).start();
        let connect = format!("connect {}", place(&mock));
        let options = [&IN_CLEAR[..], &["--timeout", "other=200ms"]].concat();
        let ran = shell(&options, &[&connect, "noop", "status"]);
        assert!([75, 76].contains(&ran.status), "{ran:?}");
        ran.complains(&[words]);
        assert_eq!(ran.error.lines().count(), 1, "{ran:?}");
        let ran = shell(&options, &[&connect, "-noop", "status", "-noop", "exit"]).exits(0);
        ran.says(&["no connection"]).complains(&[words, "there is no connection"]);
    }
}

#[test]
fn only_errors_are_printed_where_that_is_wanted() {
    let mock = Mock::start();
    let connect = format!("connect {}", place(&mock));
    let lines =
        [&[connect.as_str(), "noop", "verify a@example.org"], &message("b@example.net", "S")[..]].concat();
    let ran = shell(&[&IN_CLEAR[..], &["-q"]].concat(), &lines).exits(0);
    assert_eq!((ran.output.as_str(), ran.error.as_str()), ("", ""));
}

#[test]
fn transcript_log_and_recording_have_no_password() {
    let mock =
        Mock::builder().user("alice", PASSWORD).plaintext_auth().mechanisms([Mechanism::Plain]).start();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let configuration = format!("log-file = {:?}\nlog-level = \"debug\"\n", path("log"));
    std::fs::write(directory.path().join("config"), configuration).unwrap();
    let (config, transcript, lines) = (path("config"), path("transcript.txt"), path("lines.jsonl"));
    let save = format!(".save '{}'", path("saved.toml"));
    for (transcript, record) in [(&transcript, path("r1.toml")), (&lines, path("r2.toml"))] {
        let options =
            [&IN_CLEAR[..], &["--config", &config, "--transcript", transcript, "--record", &record]].concat();
        let connect = format!("connect {} --user alice --password-env SECRET", place(&mock));
        let session = [&[connect.as_str()], &message("b@example.net", "S")[..], &[&save, "quit"]].concat();
        shell(&options, &session).exits(0).says(&["saved.toml has 1 session"]);
    }
    let secret = "AGFsaWNl"; // what a login of alice by PLAIN begins with
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.is_empty() && !text.contains(secret) && !text.contains(PASSWORD), "{}", path.display());
    }
    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    assert!(log.contains("from=<a@example.org>") && log.contains("exit=0 b@example.net accepted"), "{log}");
}

#[test]
fn who_saves_a_login_that_cannot_be_replayed_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mock = Mock::builder().user("alice", PASSWORD).mechanisms([Mechanism::ScramSha256]).start();
    let save = format!(".save '{}'", directory.path().join("saved.toml").display());
    let connect =
        ["connect", "127.0.0.1", &mock.addr().port().to_string(), "client.example", "alice", PASSWORD];
    let ran = shell(&["--tls", "none"], &[&connect[..], &[&save, "quit"]].concat()).exits(0);
    ran.complains(&["the login by SCRAM-SHA-256", "cannot be replayed"]);
}

#[test]
fn a_file_that_is_not_there_is_told_before_the_questions() {
    let mock = Mock::start();
    let ran = session(&mock, &["send --attach no-such-file.pdf", "a@example.org", "b@example.net"]).exits(66);
    ran.complains(&["no-such-file.pdf"]);
    assert_eq!(mock.transcript().commands(), ["EHLO client.example", "QUIT"]);
}

#[test]
fn sessions_with_implicit_tls_and_without_cannot_be_saved_together() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("both.toml");
    let save = format!(".save '{}'", file.display());
    let connect = "connect mock --helo client.example";
    let lines =
        [connect, "quit", "connect mock --tls implicit --helo client.example --insecure", "quit", &save];
    run(&["shell"], &lines).exits(74).complains(&["implicit TLS and without"]);
    assert!(!file.exists());
}

#[test]
fn a_connection_that_is_not_verified_warns_and_takes_no_password_and_no_requiretls() {
    let mock = Mock::builder()
        .extensions(["REQUIRETLS"])
        .starttls(smtp_mock::Certificate::SelfSigned)
        .user("alice", PASSWORD)
        .mechanisms([Mechanism::Plain])
        .start();
    let base = ["--tls", "starttls", "--helo", "client.example", "--insecure"];
    let connect = format!("connect {}", place(&mock));
    let login = format!("{connect} --user alice --password-env SECRET");
    let ran = shell(&base, &[&login]).exits(77);
    ran.complains(&["warning: --insecure: the certificate of 127.0.0.1:", "without a verified certificate"]);
    let send = "send --from a@example.org --to b@example.net --subject s --body x --mail-param REQUIRETLS";
    let ran = shell(&base, &[&connect, send]).exits(64);
    ran.complains(&["warning: --insecure", "REQUIRETLS needs TLS with a verified certificate"]);
    assert!(mock.messages().is_empty());
    mock.wait_closed(2);
    let said = mock.transcript().commands();
    assert!(!said.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{said:?}");
}

#[test]
fn a_switch_of_the_shell_is_undone_by_connect_and_a_name_asks_for_tls() {
    let mock = Mock::builder().starttls(smtp_mock::Certificate::SelfSigned).start();
    let base = ["--tls", "starttls", "--helo", "client.example", "--insecure"];
    let connect = format!("connect {}", place(&mock));
    shell(&base, &[&connect]).exits(0);
    shell(&base, &[&format!("{connect} --no-insecure")]).exits(77).complains(&["not trusted"]);
    let pin = format!("{connect} --tls-pin sha256:{}", "00".repeat(32));
    shell(&base, &[&pin]).exits(77).complains(&["its key is"]);
    let plain = Mock::start();
    let named = format!("connect {} --tls-name mx.example.org", place(&plain));
    let ran = shell(&["--helo", "client.example"], &[&named]).exits(69);
    ran.complains(&["does not offer STARTTLS, which --tls-name asks for"]);
}

#[test]
fn a_server_that_is_named_is_connected_to_at_once() {
    let mock = Mock::start();
    let (address, (host, port)) =
        (place(&mock), (mock.addr().ip().to_string(), mock.addr().port().to_string()));
    for named in [&["--server", &address][..], &[&address], &[&host, &port], &[&host, "--port", &port]] {
        let before = mock.connections();
        let ran = shell(&[&IN_CLEAR[..], named].concat(), &["noop", "quit", "connect", "status"]).exits(0);
        ran.says(&[
            &format!("{address} is connected and greeted"),
            "250 2.0.0 ok",
            "is closed",
            &format!("{address} is connected"),
        ]);
        assert_eq!(mock.connections() - before, 2, "{named:?}");
    }
    shell(&[&IN_CLEAR[..], &["mock"]].concat(), &["noop"]).exits(0).says(&["250 ", "received no message"]);
    // It is a command that fails: the lines are not carried out.
    let closed = Mock::unreachable().unwrap().to_string();
    let ran = shell(&[&IN_CLEAR[..], &[&closed]].concat(), &["explain 550"]).exits(75);
    assert_eq!(ran.output, "");
    shell(&["smtp://you:hunter2@mx"], &[]).exits(64).complains(&["--password-env"]);
    shell(&["mx", "--server", "mx"], &[]).exits(64).complains(&["SERVER", "--server"]);
    shell(&["mx", "smtp"], &[]).exits(64).complains(&["--port"]);
}

//! A session of the shell that is saved, and played by the mock to the same commands.

use smtp_mock::{Certificate, Close, Mechanism, Mock, On, Rule};
use smtp_tests::lab::PASSWORD;
use smtp_tests::program::{Finished, smtp_cli};
use std::path::Path;

/// What is typed: each kind of command, a refusal of each kind, several messages and two connections.
fn commands(connect: &str, save: &Path) -> String {
    let lines = [
        connect,
        "noop",
        "-vrfy nobody",
        "-expn staff",
        "!HELP",
        "-!FROBNICATE now",
        "status",
        "-verify good@example.net, bad@example.net",
        "send",
        "you@example.org",
        "good@example.net",
        "",
        "",
        "First",
        "",
        "Text.",
        "..",
        ".",
        "-send --from you@example.org --to bad@example.net --subject Second --body Text",
        "send --from you@example.org --to good@example.net --bcc other@example.net --subject Third --body Text",
        "!MAIL FROM:<you@example.org>",
        "rset",
        "quit",
        connect,
        "noop",
        "quit",
    ];
    format!("{}\n.save '{}'\n", lines.join("\n"), save.display())
}

/// Does it all with a server, and gives the transcript without the server's port.
fn session(mock: &Mock, saved: &Path, transcript: &Path, options: &str) -> (Finished, String) {
    let connect = format!("connect {} {options}", mock.addr());
    let finished = smtp_cli(["shell", "--helo", "client.example", "--insecure", "--transcript"])
        .arg(transcript)
        .env("SECRET", PASSWORD)
        .input(commands(&connect, saved))
        .finish_in_process()
        .unwrap();
    let transcript = std::fs::read_to_string(transcript).unwrap();
    (finished, transcript.replace(&mock.addr().to_string(), "ADDRESS"))
}

#[test]
fn a_saved_session_replayed_gives_the_same_transcript() {
    let server = || {
        Mock::builder()
            .hostname("mx.example.net")
            .user("alice", PASSWORD)
            .mechanisms([Mechanism::Login])
            .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
            .rule(Rule::on(On::Vrfy).reply("550-5.1.1 several\n550 5.1.1 lines"))
    };
    let login = "--user alice --password-env SECRET --allow-plaintext-auth";
    for (builder, options) in [
        (server().plaintext_auth(), format!("--tls none {login}")),
        (server().starttls(Certificate::Good), format!("--tls starttls {login}")),
        (server().implicit_tls(Certificate::Good), format!("--tls implicit {login}")),
        (server().extensions(["SIZE 1000000"]), "--tls none".to_string()),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mock = builder.start();
        let (first, transcript) = session(&mock, &path("saved.toml"), &path("first"), &options);
        assert_eq!(first.status, Some(0), "{options}: {}", first.error());
        assert_eq!(mock.messages().len(), 2, "{options}");
        let warned = first.error().replace(&mock.addr().to_string(), "ADDRESS");
        drop(mock.stop());

        let replayed = Mock::scenario(path("saved.toml")).unwrap().start();
        let (second, again) = session(&replayed, &path("again.toml"), &path("second"), &options);
        assert_eq!(transcript, again, "{options}");
        let warned_again = second.error().replace(&replayed.addr().to_string(), "ADDRESS");
        assert_eq!((second.status, warned_again), (first.status, warned), "{options}");
        let saved =
            |name: &str| std::fs::read_to_string(path(name)).unwrap().replace("\"again\"", "\"saved\"");
        assert_eq!(saved("again.toml"), saved("saved.toml"), "{options}");
        assert!(!saved("saved.toml").contains(PASSWORD) && !transcript.contains(PASSWORD));
        let report = replayed.stop();
        assert!(report.is_satisfied(), "{options}: the client kept to the script\n{report}");
    }
}

#[test]
fn a_saved_session_that_the_server_broke_is_replayed_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let commands = |mock: &Mock, saved: &Path| {
        let connect = format!("connect {} --tls none", mock.addr());
        format!("{connect}\nnoop\n-noop\n{connect}\n-vrfy x\nstatus\n.save '{}'\n", saved.display())
    };
    let mock = Mock::builder()
        .rule(Rule::on(On::Noop).skip(1).close(Close::Fin))
        .rule(Rule::on(On::Vrfy).reply("421 4.3.2 shutting down"))
        .start();
    let play = |mock: &Mock, saved: &str, transcript: &str| {
        let finished = smtp_cli(["shell", "--helo", "client.example", "--timeout", "20", "--transcript"])
            .arg(path(transcript))
            .input(commands(mock, &path(saved)))
            .finish_in_process()
            .unwrap();
        assert_eq!(finished.status, Some(0), "{}", finished.error());
        let text = std::fs::read_to_string(path(transcript)).unwrap();
        text.replace(&mock.addr().to_string(), "ADDRESS")
    };
    let first = play(&mock, "saved.toml", "first");
    assert!(first.contains("***") && first.contains("421 4.3.2 shutting down"), "{first}");
    let saved = std::fs::read_to_string(path("saved.toml")).unwrap();
    assert!(saved.contains("C: NOOP\n!close fin\n"), "{saved}");
    let replayed = Mock::scenario(path("saved.toml")).unwrap().start();
    assert_eq!(play(&replayed, "again.toml", "second"), first);
    assert!(replayed.stop().is_satisfied());
}

//! Help, the main error messages and a transcript, as they are.

use crate::support::{send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Mock, On, Rule};

pub(crate) fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "snapshots" }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn help() {
    snapshot("help", &smtp_cli(["--help"]).exits(Exit::OK).output);
    for command in
        ["send", "compose", "shell", "probe", "verify", "explain", "lint", "config", "completions", "man"]
    {
        snapshot(&format!("help-{command}"), &smtp_cli([command, "--help"]).exits(Exit::OK).output);
    }
    for command in ["shell", "verify"] {
        snapshot(&format!("help-{command}"), &smtp_cli([command, "--help"]).exits(Exit::OK).output);
    }
    for action in ["show", "import"] {
        snapshot(
            &format!("help-config-{action}"),
            &smtp_cli(["config", action, "--help"]).exits(Exit::OK).output,
        );
    }
}

#[test]
fn errors() {
    let mut lines = Vec::new();
    let closed = Mock::unreachable().unwrap();
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
        .rule(Rule::on(On::Mail).from("spammer@*").reply("554 5.7.1 not you"))
        .start();
    for run in [
        smtp_cli(["send"]),
        smtp_cli(["send", "--sever", "mock"]),
        smtp_cli(["send", "--server", "mx:smtp"]),
        smtp_cli(["send", "--server", "smtp://you:secret@mx"]),
        smtp_cli(["send", "--timeout", "rpct=5"]),
        smtp_cli(["explain", "999"]),
        send_to("no-such-host.invalid"),
        send_to(&closed.to_string()),
        send(&mock).with(["--to", "nobody"]),
        send(&mock).with(["--to", "bad@example.net"]),
        send(&mock).with(["--rcpt", "bad@example.net"]),
        send(&mock).with(["--envelope-from", "spammer@example.org"]),
        send(&mock).with(["--tls", "starttls"]),
        send(&mock).with(["--tls", "implicit"]),
        send(&mock).with(["--user", "alice"]),
        send(&mock).with(["--attach", "no/such/file.pdf"]),
    ] {
        let ran = run.run();
        lines.push(format!("{} {}", ran.exit.status(), ran.complaint()));
    }
    let text = lines.join("\n");
    let text = text.replace(&mock.addr().to_string(), "ADDRESS").replace(&closed.port().to_string(), "PORT");
    snapshot("errors", &text);
}

#[test]
fn transcript() {
    let mock = Mock::builder()
        .hostname("mx.example.net")
        .extensions(["PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 1000000"])
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
        .start();
    let ran = send(&mock).with(["--to", "bad@example.net", "-v"]).exits(Exit::PARTLY);
    snapshot("transcript", &ran.error.replace(&mock.addr().to_string(), "ADDRESS"));
}

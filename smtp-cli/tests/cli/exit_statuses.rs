//! Each exit status, by a real run of the program against a scripted server.

use smtp_mock::{Builder, Certificate, Close, Mock, On, Rule};
use std::process::Command;

/// What a run needs to end with a status.
struct Case {
    status: i32,
    server: fn() -> Builder,
    /// Further options; `SERVER` stands for the server's address, `DIR` for an empty directory.
    options: &'static [&'static str],
}

fn plain() -> Builder {
    Mock::builder().extensions(["PIPELINING"])
}

const CASES: [Case; 23] = [
    Case { status: 0, server: plain, options: &[] },
    Case { status: 64, server: plain, options: &["--sever", "x"] },
    Case { status: 64, server: plain, options: &["--to", "nobody"] },
    Case { status: 65, server: || plain().rule(Rule::on(On::Mail).reply("550 no")), options: &[] },
    Case { status: 65, server: || plain().rule(Rule::on(On::Body).reply("554 spam")), options: &[] },
    Case { status: 66, server: plain, options: &["--attach", "no/such/file"] },
    Case { status: 67, server: || plain().rule(Rule::on(On::Rcpt).reply("550 no")), options: &[] },
    Case { status: 68, server: plain, options: &["--server", "no-such-host.invalid"] },
    Case { status: 69, server: plain, options: &["--tls", "starttls"] },
    Case { status: 69, server: || plain().rule(Rule::on(On::Connect).reply("554 no")), options: &[] },
    Case { status: 73, server: plain, options: &["--transcript", "no/such/directory/t.txt"] },
    Case { status: 75, server: || plain().rule(Rule::on(On::Rcpt).reply("450 no")), options: &[] },
    Case { status: 75, server: || plain().rule(Rule::on(On::Mail).close(Close::Fin)), options: &[] },
    Case { status: 75, server: || plain().rule(Rule::on(On::Connect).reply("421 no")), options: &[] },
    Case { status: 76, server: || plain().rule(Rule::on(On::Mail).reply("354 what")), options: &[] },
    Case { status: 76, server: plain, options: &["--tls", "implicit"] },
    Case {
        status: 77,
        server: || plain().starttls(Certificate::SelfSigned),
        options: &["--tls", "starttls"],
    },
    Case {
        status: 77,
        server: || plain().user("alice", "other").plaintext_auth(),
        options: &["--user", "alice", "--password-command", "echo wrong", "--allow-plaintext-auth"],
    },
    Case {
        status: 77,
        server: || plain().user("alice", "other").plaintext_auth(),
        options: &["--user", "alice", "--password-command", "echo wrong", "--auth", "plain"],
    },
    Case { status: 78, server: plain, options: &["--account", "nowhere"] },
    Case {
        status: 79,
        server: || plain().rule(Rule::on(On::Rcpt).to("x@*").reply("550 no")),
        options: &["--to", "x@x.org"],
    },
    Case { status: 80, server: || plain().rule(Rule::on(On::Body).close(Close::Fin)), options: &[] },
    Case { status: 80, server: || plain().rule(Rule::on(On::Body).reply("354 what")), options: &[] },
];

#[test]
fn every_status_of_the_table() {
    let empty = tempfile::tempdir().unwrap();
    for Case { status, server, options } in CASES {
        let mock = server().start();
        let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
        command.arg("send").args(["--from", "you@example.org", "--to", "friend@example.net"]);
        command.args(["--subject", "Hello", "--body", "It works."]);
        if !options.contains(&"--server") {
            command.args(["--server", &mock.addr().to_string()]);
        }
        let ran = command
            .args(options)
            .env_clear()
            .envs(["PATH", "SystemRoot"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("XDG_CONFIG_HOME", empty.path())
            .env("XDG_CONFIG_DIRS", empty.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(status), "{options:?}: {error}");
        let lines = error.lines().filter(|line| line.starts_with("smtp-cli: ")).count();
        assert_eq!(lines, usize::from(status != 0), "{options:?}: {error}");
        assert_eq!(error.lines().count(), lines, "{options:?}: {error}");
    }
}

/// 74: standard output that takes nothing.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_smtp-cli"))
        .args(["compose", "-f", "a@example.org", "-t", "b@example.org", "--subject", "s", "--body", "x"])
        .stdin(std::process::Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(74), "{}", String::from_utf8_lossy(&ran.stderr));
}

//! Each exit status, by a real run of the program against a scripted server.

use crate::secrets::leak;
use crate::support::smtp_cli;
use Surroundings::{Full, NoRandomness, NoThreads, Usual};
use smtp_cli::Exit;
use smtp_mock::{Builder, Certificate, Close, Mock, On, Rule};
use std::process::{Command, Stdio};

/// What a run needs to end with a status.
struct Case {
    status: i32,
    server: fn() -> Builder,
    /// Further options; `SERVER` stands for the server's address, `DIR` for an empty directory.
    options: &'static [&'static str],
    surroundings: Surroundings,
}

/// What is wrong with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surroundings {
    /// Nothing.
    Usual,
    /// Standard output takes nothing.
    Full,
    /// No thread can be started.
    NoThreads,
    /// The system gives no random octets.
    NoRandomness,
}

/// A password that the server does not know.
const WRONG_PASSWORD: &str = "wrong-1001-nights";

fn plain() -> Builder {
    Mock::builder().extensions(["PIPELINING"])
}

const CASES: [Case; 27] = [
    Case { status: 0, server: plain, options: &[], surroundings: Usual },
    Case { status: 64, server: plain, options: &["--sever", "x"], surroundings: Usual },
    Case { status: 64, server: plain, options: &["--to", "nobody"], surroundings: Usual },
    Case {
        status: 65,
        server: || plain().rule(Rule::on(On::Mail).reply("550 no")),
        options: &[],
        surroundings: Usual,
    },
    Case {
        status: 65,
        server: || plain().rule(Rule::on(On::Body).reply("554 spam")),
        options: &[],
        surroundings: Usual,
    },
    Case { status: 66, server: plain, options: &["--attach", "no/such/file"], surroundings: Usual },
    Case {
        status: 67,
        server: || plain().rule(Rule::on(On::Rcpt).reply("550 no")),
        options: &[],
        surroundings: Usual,
    },
    Case { status: 68, server: plain, options: &["--server", "no-such-host.invalid"], surroundings: Usual },
    Case { status: 69, server: plain, options: &["--tls", "starttls"], surroundings: Usual },
    Case {
        status: 69,
        server: || plain().rule(Rule::on(On::Connect).reply("554 no")),
        options: &[],
        surroundings: Usual,
    },
    Case {
        status: 73,
        server: plain,
        options: &["--transcript", "no/such/directory/t.txt"],
        surroundings: Usual,
    },
    Case {
        status: 75,
        server: || plain().rule(Rule::on(On::Rcpt).reply("450 no")),
        options: &[],
        surroundings: Usual,
    },
    Case {
        status: 75,
        server: || plain().rule(Rule::on(On::Mail).close(Close::Fin)),
        options: &[],
        surroundings: Usual,
    },
    Case {
        status: 75,
        server: || plain().rule(Rule::on(On::Connect).reply("421 no")),
        options: &[],
        surroundings: Usual,
    },
    Case {
        status: 76,
        server: || plain().rule(Rule::on(On::Mail).reply("354 what")),
        options: &[],
        surroundings: Usual,
    },
    Case { status: 76, server: plain, options: &["--tls", "implicit"], surroundings: Usual },
    Case {
        status: 77,
        server: || plain().starttls(Certificate::SelfSigned),
        options: &["--tls", "starttls"],
        surroundings: Usual,
    },
    Case {
        status: 77,
        server: || plain().user("alice", "other").plaintext_auth(),
        options: &[
            "--user",
            "alice",
            "--password-command",
            "echo wrong-1001-nights",
            "--allow-plaintext-auth",
        ],
        surroundings: Usual,
    },
    Case {
        status: 77,
        server: || plain().user("alice", "other").plaintext_auth(),
        options: &["--user", "alice", "--password-command", "echo wrong-1001-nights", "--auth", "plain"],
        surroundings: Usual,
    },
    Case { status: 70, server: plain, options: &[], surroundings: NoRandomness },
    // A name is looked up by a thread; an address needs none.
    Case { status: 71, server: plain, options: &["--server", "localhost:1"], surroundings: NoThreads },
    Case {
        status: 71,
        server: plain,
        options: &["--repeat", "3", "--connections", "2"],
        surroundings: NoThreads,
    },
    Case { status: 74, server: plain, options: &[], surroundings: Full },
    Case { status: 78, server: plain, options: &["--account", "nowhere"], surroundings: Usual },
    Case {
        status: 79,
        server: || plain().rule(Rule::on(On::Rcpt).to("x@*").reply("550 no")),
        options: &["--to", "x@x.org"],
        surroundings: Usual,
    },
    Case {
        status: 80,
        server: || plain().rule(Rule::on(On::Body).close(Close::Fin)),
        options: &[],
        surroundings: Usual,
    },
    Case {
        status: 80,
        server: || plain().rule(Rule::on(On::Body).reply("354 what")),
        options: &[],
        surroundings: Usual,
    },
];

/// The statuses of the manual.
const ALL: [i32; 17] = [0, 64, 65, 66, 67, 68, 69, 70, 71, 73, 74, 75, 76, 77, 78, 79, 80];

impl Case {
    /// Runs the program and checks its status, and that one line says why.
    fn check(&self) {
        let Self { status, server, options, surroundings } = self;
        let directory = tempfile::tempdir().unwrap();
        let message = directory.path().join("message.eml");
        std::fs::write(&message, "From: you@example.org\nTo: friend@example.net\n\nIt works.\n").unwrap();
        let mock = server().start();
        let program = env!("CARGO_BIN_EXE_smtp-cli");
        let mut command = match surroundings {
            // Any other error of this call than «not there» is one that Rust's hash tables do not expect.
            NoRandomness => {
                let mut command = Command::new("strace");
                command.args(["-f", "-o", "/dev/null", "--inject=getrandom:error=EIO", program]);
                command
            }
            _ => Command::new(program),
        };
        command.env_clear();
        command.envs(
            ["PATH", "SystemRoot"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        match surroundings {
            Full => {
                command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
            }
            // As much as no machine has.
            NoThreads => {
                command.env("RUST_MIN_STACK", (1_u64 << 62).to_string());
            }
            Usual | NoRandomness => {}
        }
        if *surroundings != Full {
            command.stdout(Stdio::piped());
        }
        command.arg(if *surroundings == Full { "compose" } else { "send" });
        if *surroundings == NoRandomness {
            command.arg("--eml").arg(&message);
        } else {
            command.args(["--from", "you@example.org", "--to", "friend@example.net"]);
            command.args(["--subject", "Hello", "--body", "It works."]);
        }
        if *surroundings != Full && !options.contains(&"--server") {
            command.args(["--server", &mock.addr().to_string()]);
        }
        command
            .args(*options)
            .env("XDG_CONFIG_HOME", directory.path())
            .env("XDG_CONFIG_DIRS", directory.path());
        let ran =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(*status), "{options:?}: {error}");
        let lines = error.lines().filter(|line| line.starts_with("smtp-cli: ")).count();
        assert_eq!(lines, usize::from(*status != 0), "{options:?}: {error}");
        assert_eq!(error.lines().count(), lines, "{options:?}: {error}");
        assert_eq!(leak(&ran.stderr, "alice", WRONG_PASSWORD), None, "{options:?}: {error}");
    }
}

#[test]
fn every_status_of_the_table() {
    let here = |case: &&Case| match case.surroundings {
        Usual => true,
        Full | NoThreads => cfg!(target_os = "linux"),
        NoRandomness => false,
    };
    CASES.iter().filter(here).for_each(Case::check);
    let produced: Vec<i32> =
        ALL.into_iter().filter(|status| CASES.iter().any(|case| case.status == *status)).collect();
    assert_eq!(produced, ALL);
}

/// 70 is for what should not happen, so that it takes a machine without randomness to see it.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs strace, which .ci/setup installs"]
fn the_status_of_a_fault_of_the_program() {
    let faults: Vec<_> = CASES.iter().filter(|case| case.status == 70).collect();
    assert!(!faults.is_empty());
    faults.into_iter().for_each(Case::check);
}

#[test]
fn the_help_and_the_manual_list_every_status() {
    for arguments in [["send", "--help"], ["man", "send"], ["man", "compose"]] {
        let ran = smtp_cli(arguments).exits(Exit::OK);
        let is_listed = |status: &i32| ran.output.contains(&format!("\n  {status:>2}  "));
        let wanted = if arguments[1] == "compose" { 0 } else { ALL.len() };
        assert_eq!(ALL.iter().filter(|status| is_listed(status)).count(), wanted, "{}", ran.output);
    }
    let page = smtp_cli(["man"]).exits(Exit::OK).output;
    assert!(ALL.iter().all(|status| page.contains(&format!("\n  {status:>2}  "))), "{page}");
}

//! Runs the lab of real servers for a person: `cargo run -p smtp-tests --bin lab`, as root, on a machine where
//! `.ci/setup` has been. It prints where the servers listen and who may log in, and stops at Ctrl-C.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc;

use smtp_tests::lab::abilities::{Kind, Protocol, Server};
use smtp_tests::lab::{FULL, Lab, MAILBOXES, users};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    // before the servers start: an interrupt meanwhile has to wait until they can be stopped
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // nobody listens any more when the lab is stopping already
        let _ = interrupt.send(());
    })
    .map_err(io::Error::other)?;

    let lab = Lab::start()?;
    // whoever read the output may be gone by now, which is no reason to stop
    let _ = describe(&lab, &mut io::stdout().lock());

    // its sender lives as long as the handler, which is for ever
    interrupted.recv().map_err(io::Error::other)?;
    drop(lab);
    Ok(())
}

fn describe(lab: &Lab, output: &mut impl Write) -> io::Result<()> {
    for server in lab.servers() {
        describe_server(server, output)?;
    }
    writeln!(output, "\nusers, with their passwords:")?;
    for user in users() {
        writeln!(output, "  {}  {}", user.name, user.password)?;
    }
    writeln!(output, "\nmailboxes: {} and, full at Dovecot LMTP, {FULL}", MAILBOXES.join(", "))?;
    writeln!(output, "token: {}\n\nCtrl-C stops the servers and removes their files.", lab.token())?;
    output.flush()
}

/// Where a server listens, whom its clients have to trust and where its mail lands.
fn describe_server(server: &dyn Server, output: &mut impl Write) -> io::Result<()> {
    let abilities = server.abilities();
    let protocol = if abilities.protocol == Protocol::Lmtp { " --protocol lmtp" } else { "" };
    writeln!(output, "\n{}", abilities.name)?;
    for listener in server.listeners() {
        let tls = listener.kind.tls().mode();
        let certificate = matches!(listener.kind, Kind::Certificate(_));
        let certificate = if certificate { " --client-cert FILE --client-key FILE" } else { "" };
        let login = if listener.is_open { "" } else { "  (after a login)" };
        writeln!(output, "  --server {} --tls {tls}{protocol}{certificate}{login}", listener.address)?;
    }
    writeln!(output, "  --ca-file {}", server.authority().file().display())?;
    let mailbox = server.maildir(MAILBOXES[1]);
    writeln!(output, "  mail lands like {}", mailbox.directory().display())
}

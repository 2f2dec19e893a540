//! Runs a server until something ends it.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use super::{
    DONE, INTERRUPTED, NOT_BOUND, TIMED_OUT, Trouble, UNSATISFIED,
    args::{CertificateChoice, ExitAfter, Format, Options, Tls},
    no_output, preset,
};
use crate::{
    CaptureLimits, Certificate, Chain, ChaosSettings, Message, Mock, Protocol, Scenario, Server, StartError,
    Store, StoreFormat, TlsMode, sync::Change,
};

/// Runs a server.
pub(super) fn run(
    file: Option<&Path>,
    options: &Options,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Trouble> {
    let scenario = scenario(file, options)?;
    let (seed, mode) = (scenario.seed, scenario.tls.mode);
    let mock = start(scenario, options)?;
    let server = mock.server().clone();
    // Behind the mock, so that it is dropped before: no session may wait for us when the mock waits for sessions.
    let backlog = options.json_lines.then(|| OpenBacklog::of(&server));
    let authority = write_authority(&mock, options, mode)?;
    let start_line = json!({
        "event": "listening",
        "smtp": mock.addr().to_string(),
        "smtps": mock.smtps_addr().map(|address| address.to_string()),
        "unix": options.unix.as_ref().map(|path| path.display().to_string()),
        "ca": authority.as_ref().map(|(path, _)| path.clone()),
        "pid": std::process::id(),
        "seed": seed,
    });
    // Whoever reads the start line may interrupt us at once.
    let interrupted = Arc::new(AtomicBool::new(false));
    watch_interrupts(&interrupted, mock.server())?;
    // Whoever started us waits for this line: it must be out before anything else happens.
    writeln!(out, "{start_line}").and_then(|()| out.flush()).map_err(no_output)?;
    let ended_in_time = follow(&mock, options, &interrupted, out, err)?;
    drop(backlog);
    let report = mock.stop();
    if options.json_lines {
        // Every session has ended: what the end counts has its line before.
        print_messages(&server, out)?;
        let line = json!({
            "event": "end",
            "connections": report.connections,
            "messages": report.messages,
            "unstored": report.unstored,
            "satisfied": report.is_satisfied(),
            "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        writeln!(out, "{line}").map_err(no_output)?;
    }
    if !report.is_satisfied() {
        let _ = write!(err, "smtp-mock: the run is not what the scenario expects\n{report}");
        return Ok(UNSATISFIED);
    }
    if !ended_in_time {
        let _ = write!(err, "smtp-mock: the time is over\n{report}");
        return Ok(TIMED_OUT);
    }
    if options.verbose {
        for finding in &report.findings {
            let _ = writeln!(err, "  client: {finding}");
        }
    }
    Ok(DONE)
}

/// The scenario of a file or preset, with what the options add.
fn scenario(file: Option<&Path>, options: &Options) -> Result<Scenario, Trouble> {
    let mut scenario = match (file, &options.preset) {
        (Some(_), Some(_)) => return Err(Trouble::refused("a scenario or --preset, not both")),
        (Some(file), None) => Scenario::read(file).map_err(Trouble::refused)?,
        (None, Some(name)) => {
            preset(name)?.scenario().map_err(|error| Trouble::refused(error.to_string()))?
        }
        (None, None) => Scenario::new(),
    };
    if let Some(hostname) = &options.hostname {
        scenario.server.hostname.clone_from(hostname);
    }
    if options.lmtp {
        scenario.server.protocol = Protocol::Lmtp;
    }
    scenario.magic |= options.magic;
    scenario.sink |= options.sink;
    scenario.quick_ack |= options.quick_ack;
    scenario.show_secrets |= options.show_secrets;
    if let Some(seed) = options.seed {
        scenario.seed = seed;
    }
    if let Some(chance) = options.chaos {
        if !(chance > 0.0 && chance <= 1.0) {
            return Err(Trouble::refused(format!("--chaos {chance} is outside of 0 to 1")));
        }
        scenario.chaos = Some(ChaosSettings::with_chance(chance));
        if scenario.seed == 0 {
            // Chance without a seed must be repeatable too: the start line tells which one it was.
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            scenario.seed = u64::from(now.subsec_nanos()).max(1);
        }
    }
    scenario.rules.splice(0..0, options.fault.iter().cloned());
    scenario.server.hide.extend(options.hide.iter().cloned());
    scenario.auth.users.extend(options.user.iter().cloned());
    scenario.auth.tokens.extend(options.token.iter().cloned());
    scenario.auth.require |= options.require_auth;
    scenario.auth.plaintext_ok |= options.plaintext_auth;
    if options.require_auth && scenario.auth.offered().is_empty() {
        return Err(Trouble::refused("--require-auth needs someone to let in, try --user alice:secret"));
    }
    if let Some(tls) = options.tls {
        scenario.tls.mode = match tls {
            Tls::None => TlsMode::None,
            Tls::Starttls => TlsMode::Starttls,
            Tls::Implicit => TlsMode::Implicit,
        };
    }
    if let Some(idle) = options.idle {
        scenario.limits.idle = idle;
    }
    scenario.tls.require |= options.require_tls;
    if scenario.tls.require && scenario.tls.mode == TlsMode::None {
        return Err(Trouble::refused("--require-tls needs TLS, try --tls starttls"));
    }
    if let Some(CertificateChoice::Kind(certificate)) = options.cert {
        scenario.tls.cert = certificate;
    }
    let names_certificate = options.cert.is_some() || scenario.tls.cert != Certificate::default();
    if names_certificate && !scenario.begins_tls() && options.smtps.is_none() {
        // A client would pass that was to be tried with a bad certificate.
        return Err(Trouble::refused("no client sees the certificate without TLS, try --tls starttls"));
    }
    for expected in &options.expect {
        scenario.expect.merge(expected);
    }
    Ok(scenario)
}

fn start(scenario: Scenario, options: &Options) -> Result<Mock, Trouble> {
    let mut limits = CaptureLimits::default();
    limits.messages = options.max_messages.unwrap_or(limits.messages).min(limits.messages);
    limits.message_octets = options.max_bytes.unwrap_or(limits.message_octets);
    let mut builder =
        Mock::builder().scenario(scenario).limits(limits).listen(options.listen).sessions(options.sessions);
    if let Some(address) = options.smtps {
        builder = builder.smtps(address);
    }
    if let Some(path) = &options.unix {
        builder = builder.unix(path);
    }
    match (&options.cert, &options.key) {
        (Some(CertificateChoice::File(certificate)), Some(key)) => {
            let read = |path: &Path| {
                fs::read_to_string(path)
                    .map_err(|error| Trouble::refused(format!("cannot read {}: {error}", path.display())))
            };
            builder = builder.chain(Chain { certificates_pem: read(certificate)?, key_pem: read(key)? });
        }
        (Some(CertificateChoice::File(path)), None) => {
            return Err(Trouble::refused(format!(
                "{} is no kind of certificate, and as a file it needs --key",
                path.display()
            )));
        }
        (Some(CertificateChoice::Kind(_)), Some(_)) => {
            return Err(Trouble::refused("--key needs --cert FILE"));
        }
        _ => {}
    }
    if let Some(directory) = &options.store {
        let format = match options.format {
            Format::Eml => StoreFormat::Eml,
            Format::Maildir => StoreFormat::Maildir,
            Format::Mbox => StoreFormat::Mbox,
        };
        let store = Store::open(directory, format)
            .map_err(|error| Trouble::refused(format!("cannot make {}: {error}", directory.display())))?;
        let most = |limit: Option<usize>| limit.map_or(u64::MAX, |limit| limit as u64);
        builder = builder.store(store.limit(most(options.max_messages), most(options.max_bytes)));
    }
    builder.try_start().map_err(|error| match &error {
        StartError::Bind { error: cause, .. } => {
            Trouble { status: NOT_BOUND, message: format!("{error}: {cause}") }
        }
        StartError::Certificates(_) => Trouble::refused(error.to_string()),
    })
}

/// Writes the authority's certificate where the client can find it; the directory lives as long as the run.
fn write_authority(
    mock: &Mock,
    options: &Options,
    mode: TlsMode,
) -> Result<Option<(String, Option<TempDir>)>, Trouble> {
    if mode == TlsMode::None && options.smtps.is_none() && options.ca_file.is_none() {
        return Ok(None);
    }
    let (path, directory) = if let Some(path) = &options.ca_file {
        (path.clone(), None)
    } else {
        let directory = TempDir::with_prefix("smtp-mock-")
            .map_err(|error| Trouble::refused(format!("cannot make a temporary directory: {error}")))?;
        (directory.path().join("ca.pem"), Some(directory))
    };
    fs::write(&path, mock.ca_pem()).map_err(|error| Trouble::cannot_write(&path, &error))?;
    Ok(Some((path.display().to_string(), directory)))
}

/// Lets an interrupt end the run in order, and the next one end it at once. A second program in this process may have its
/// own handler: then it stays.
///
/// # Errors
/// When the handler was set and the thread that it wakes was not started: no signal would end the program.
fn watch_interrupts(interrupted: &Arc<AtomicBool>, server: &Server) -> Result<(), Trouble> {
    let (flag, server) = (Arc::clone(interrupted), server.clone());
    let watched = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::AcqRel) {
            std::process::exit(INTERRUPTED.into());
        }
        server.wake();
    });
    match watched {
        Err(ctrlc::Error::System(error)) => {
            Err(Trouble::refused(format!("cannot start the thread that waits for signals: {error}")))
        }
        _ => Ok(()),
    }
}

/// While it lives, sessions wait for us to tell of their messages when too many are left to tell of.
struct OpenBacklog(Server);

impl OpenBacklog {
    fn of(server: &Server) -> Self {
        server.open_backlog();
        Self(server.clone())
    }
}

impl Drop for OpenBacklog {
    fn drop(&mut self) {
        self.0.close_backlog();
    }
}

/// Prints what happens until the run ends; `false` when its time was over.
fn follow(
    mock: &Mock,
    options: &Options,
    interrupted: &AtomicBool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<bool, Trouble> {
    let begin = Instant::now();
    let mut position = 0;
    let mut trouble = None;
    // Nobody is woken for what nobody wants to see: a load test measures the client.
    let interest = if options.verbose {
        Change::Entry
    } else if options.json_lines || options.exit_after.is_some() {
        Change::Milestone
    } else {
        Change::Call
    };
    loop {
        let left = match options.timeout {
            Some(timeout) => timeout.saturating_sub(begin.elapsed()),
            None => Duration::from_hours(24),
        };
        let ended = mock.server().wait_for_change(interest, left, |server| {
            if let Err(error) = print_news(server, options, &mut position, out, err) {
                trouble = Some(error);
                return Some(());
            }
            let enough = match options.exit_after {
                Some(ExitAfter::Messages(count)) => server.accepted() >= count,
                Some(ExitAfter::Sessions(count)) => server.ended_connections() >= count,
                None => false,
            };
            (enough || interrupted.load(Ordering::Acquire)).then_some(())
        });
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        if interrupted.load(Ordering::Acquire) {
            // Whoever interrupts wants no client to be waited for.
            print_news(mock.server(), options, &mut position, out, err)?;
            return Ok(true);
        }
        if ended.is_some() {
            // The last client is still owed its reply to QUIT; what comes until then is printed too.
            mock.server().wait_until(Duration::from_secs(2), |server| {
                if interrupted.load(Ordering::Acquire) {
                    return Some(());
                }
                if let Err(error) = print_news(server, options, &mut position, out, err) {
                    trouble = Some(error);
                    return Some(());
                }
                (server.open_connections() == 0).then_some(())
            });
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
            print_news(mock.server(), options, &mut position, out, err)?;
            return Ok(true);
        }
        if options.timeout.is_some() {
            return Ok(false);
        }
    }
}

fn print_news(
    server: &Server,
    options: &Options,
    position: &mut u64,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Trouble> {
    if options.verbose {
        let (entries, next) = server.entries_since(*position);
        *position = next;
        for entry in entries {
            // Nobody may read standard error; the server goes on all the same.
            let _ = writeln!(err, "{:>4} {entry}", entry.connection);
        }
    }
    if options.json_lines {
        print_messages(server, out)?;
    }
    Ok(())
}

/// Prints the messages that were not told of yet.
fn print_messages(server: &Server, out: &mut dyn Write) -> Result<(), Trouble> {
    for message in server.take_backlog() {
        writeln!(out, "{}", message_line(&message)).map_err(no_output)?;
    }
    out.flush().map_err(no_output)
}

fn message_line(message: &Message) -> serde_json::Value {
    json!({
        "event": "message",
        "number": message.number,
        "connection": message.connection,
        "from": message.from(),
        "to": message.to(),
        "user": message.envelope.user,
        "secure": message.envelope.secure,
        "octets": message.octets.len(),
        "subject": message.subject(),
        "code": message.code,
    })
}

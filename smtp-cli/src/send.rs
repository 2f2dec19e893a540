//! Provides the command `send`.

use crate::args::{EnvelopeArgs, Format, GlobalArgs, SendArgs, Until};
use crate::bundled;
use crate::compose;
use crate::delivery::{self, Plan};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::layers::Program;
use crate::mail::Mail;
use crate::measure::Measure;
use crate::output::Outputs;
use crate::report::{Keep, Ledger, Report};
use crate::session::Session;
use crate::settings::{Encryption, Settings};
use crate::terminal::Terminal;
use smtp_core::Secret;
use std::fmt::Write as _;

/// Composes messages, or takes ready ones, and sends them.
pub(crate) fn send(
    args: &SendArgs,
    global: &GlobalArgs,
    program: Program,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let mut settings = Settings::new(&args.connection, program.password)?;
    settings.in_flight = usize::from(args.run.in_flight);
    let log = program.log;
    if let Some(log) = &log {
        log.check()?;
    }
    let goes_without_message = matches!(args.run.until, Some(Until::Connect | Until::Hello | Until::Auth));
    if args.run.dry_run {
        let prepared = if goes_without_message { None } else { Some(compose::prepare(args, terminal)?) };
        return dry_run(args, &settings, prepared, terminal);
    }
    if goes_without_message {
        return go_until(args, global, settings, log, terminal);
    }
    let prepared = compose::prepare(args, terminal)?;
    if global.verbose {
        warn_of_another_sender(&settings, &prepared, terminal);
    }
    let password = password(&settings, terminal)?;
    let mock = if settings.is_mock { Some(bundled::start(&mut settings, password.as_ref())?) } else { None };
    let is_checked = args.run.until == Some(Until::Rcpt);
    let count = prepared.count(args.run.repeat);
    let mut outputs = Outputs::new(&args.run.files, global, log, terminal)?;
    outputs.begin(count, prepared.octets(args.run.repeat), terminal.error_is_terminal);
    let format = args.run.format.unwrap_or_default();
    let ledger = Ledger::new(match format {
        Format::Json => Keep::Json,
        Format::Text if global.quiet => Keep::Nothing,
        Format::Text => Keep::Text,
    });
    let left = {
        let random = &terminal.random;
        let plan = Plan {
            settings: &settings,
            password: password.as_ref(),
            observers: &|number| outputs.observers(number, &settings),
            inspection: &|session| needs_offered(&args.envelope, session),
            finished: &|mail: &Mail, left: Option<&Error>| {
                let report = Report::new(mail, left).of_check(is_checked);
                outputs.finished(&report);
                ledger.enter(&report);
            },
            connections: usize::from(args.run.connections).min(count),
            retries: args.run.retry,
            is_check: is_checked,
            wait: &terminal.sleep,
            jitter: &|| fraction(random),
        };
        delivery::deliver(&plan, prepared.mails(args, terminal.outside()))
    };
    let mut failures = outputs.end();
    let account = ledger.close();
    let (mut exit, mut error) = account.verdict();
    if exit.is_ok() {
        error = left;
        exit = error.as_ref().map_or(exit, Error::exit);
    }
    let text = match format {
        Format::Json => account.document(is_checked, exit, error.as_ref())?,
        Format::Text if global.quiet => String::new(),
        Format::Text => {
            let mut text = account.text();
            if args.run.stats {
                text.push_str(&account.measure.text());
                text.push('\n');
            }
            if let Some(mock) = mock {
                text.push_str(&bundled::received(mock));
            }
            text
        }
    };
    failures.extend(terminal.print(&text).err());
    conclude(error.map_or(Ok(exit), Err), failures, account.delivered, terminal)
}

/// What the run ends with: once a message was accepted, or anything failed, what could not be written is no more than
/// a warning, for a status that says so would be taken for «not sent».
fn conclude(
    result: Result<Exit>,
    mut failures: Vec<Error>,
    delivered: usize,
    terminal: &mut Terminal,
) -> Result<Exit> {
    if result.is_ok() && delivered == 0 && !failures.is_empty() {
        return Err(failures.swap_remove(0));
    }
    for failure in failures {
        terminal.warn(&match delivered {
            0 => failure.to_string(),
            1 => format!("{failure}; the message was sent"),
            count => format!("{failure}; {count} messages were sent"),
        });
    }
    result
}

/// Many servers take mail only from the one who logged in.
fn warn_of_another_sender(settings: &Settings, prepared: &compose::Prepared, terminal: &mut Terminal) {
    let user = settings.login.as_ref().map(|login| login.user.as_str()).filter(|user| user.contains('@'));
    if let (Some(user), Some(sender)) = (user, prepared.sender())
        && !user.eq_ignore_ascii_case(&sender)
    {
        terminal
            .warn(&format!("the sender {sender} is not the login name {user}, which the server may refuse"));
    }
}

/// The password, if there is a login.
fn password(settings: &Settings, terminal: &mut Terminal) -> Result<Option<Secret>> {
    Ok(settings.login.as_ref().map(|login| login.read_secret(terminal)).transpose()?.flatten())
}

/// Goes as far as the connection, the hello or the login, and says QUIT.
fn go_until(
    args: &SendArgs,
    global: &GlobalArgs,
    mut settings: Settings,
    log: Option<crate::log_file::Log>,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let until = args.run.until;
    if until != Some(Until::Auth) {
        settings.login = None;
    }
    let password = password(&settings, terminal)?;
    let _mock = if settings.is_mock { Some(bundled::start(&mut settings, password.as_ref())?) } else { None };
    let outputs = Outputs::new(&args.run.files, global, log, terminal)?;
    let observers = outputs.observers(0, &settings);
    let session = if until == Some(Until::Connect) {
        Session::greet(&settings, observers)
    } else {
        Session::open(&settings, password.as_ref(), observers)
    };
    let reached = session.map(|mut session| {
        let reached = (session.state(), session.take_measure());
        session.leave();
        reached
    });
    let mut failures = outputs.end();
    let printed = print_reached(args, global, &settings, reached.as_ref(), terminal);
    failures.extend(printed.err());
    conclude(reached.map(|_| Exit::OK), failures, 0, terminal)
}

/// Prints how far a session without a message came.
fn print_reached(
    args: &SendArgs,
    global: &GlobalArgs,
    settings: &Settings,
    reached: std::result::Result<&(String, Measure), &Error>,
    terminal: &mut Terminal,
) -> Result<()> {
    let destination = &settings.destination;
    match (args.run.format.unwrap_or_default(), reached) {
        (Format::Json, Err(error)) => {
            let document = serde_json::json!({
                "schema": "smtp-cli/session/1",
                "exit": error.exit().status(),
                "error": error.to_string(),
                "server": destination.to_string(),
            });
            terminal.print(&format!("{document:#}\n"))
        }
        (Format::Json, Ok((state, measure))) => {
            let document = serde_json::json!({
                "schema": "smtp-cli/session/1",
                "exit": Exit::OK.status(),
                "server": destination.to_string(),
                "state": state,
                "cost": measure.measured(),
            });
            terminal.print(&format!("{document:#}\n"))
        }
        (Format::Text, Ok((state, measure))) if !global.quiet => {
            let mut text = format!("{destination} {state}\n");
            if args.run.stats {
                text.push_str(&measure.text());
                text.push('\n');
            }
            terminal.print(&text)
        }
        (Format::Text, _) => Ok(()),
    }
}

/// Shows the commands and the message, as far as `--until` goes.
fn dry_run(
    args: &SendArgs,
    settings: &Settings,
    prepared: Option<compose::Prepared>,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let until = args.run.until;
    let mails: Vec<Mail> = match prepared {
        Some(prepared) => prepared.mails(args, terminal.outside()).collect::<Result<_>>()?,
        None => Vec::new(),
    };
    let server =
        if settings.is_mock { "the bundled server".to_string() } else { settings.destination.to_string() };
    // The words of --tls.
    let encryption = match settings.encryption {
        Encryption::None => "none",
        Encryption::Opportunistic => "opportunistic",
        Encryption::Required => "starttls",
        Encryption::Implicit => "implicit",
    };
    terminal.print(&format!("=== {server}, TLS {encryption}\n"))?;
    if let Some(login) =
        settings.login.as_ref().filter(|_| !matches!(until, Some(Until::Connect | Until::Hello)))
    {
        terminal.print(&format!("=== login as {}\n", crate::error::Escaped(&login.user)))?;
    }
    for mail in mails {
        let parameters = |parameters: &[smtp_core::Parameter]| {
            parameters.iter().map(|parameter| format!(" {parameter}")).collect::<Vec<_>>().concat()
        };
        let envelope = &mail.envelope;
        let mut text = format!(
            "->  MAIL FROM:{} SIZE={}{}\n",
            envelope.from,
            mail.message.encoded_len(),
            parameters(&envelope.parameters)
        );
        for recipient in &envelope.recipients {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "->  RCPT TO:{}{}", recipient.to, parameters(&recipient.parameters));
        }
        if until == Some(Until::Rcpt) {
            terminal.print(&format!("{text}->  RSET\n"))?;
            continue;
        }
        terminal.print(&text)?;
        compose::print_message(&mail.message, terminal)?;
    }
    Ok(Exit::OK)
}

/// A number between 0 and 1.
fn fraction(random: &crate::terminal::Random) -> f64 {
    let mut octets = [0; 4];
    match random(&mut octets) {
        Ok(()) => f64::from(u32::from_le_bytes(octets)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// Delivery reports are asked for by parameters that a server must know (RFC 3461 §4).
fn needs_offered(args: &EnvelopeArgs, session: &Session<'_>) -> Result<()> {
    let wants_reports = !args.notify.is_empty() || args.ret.is_some() || args.envid.is_some();
    if wants_reports && !session.extensions().has("DSN") {
        return Err(Error::new(
            Exit::UNAVAILABLE,
            "the server does not offer DSN, which --notify, --ret and --envid need; nothing was sent",
        ));
    }
    Ok(())
}

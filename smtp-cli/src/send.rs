//! Provides the command `send`.

mod part_way;

use crate::args::{ConnectionArgs, EnvelopeArgs, Format, GlobalArgs, SendArgs, Until};
use crate::bundled;
use crate::compose;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::layers::Program;
use crate::measure;
use crate::mx::{self, Mx};
use crate::outgoing::Mail;
use crate::output::Outputs;
use crate::report::{Form, Ledger, Report};
use crate::session;
use crate::settings::{Destination, Encryption, Run, Settings, refuse_login};
use crate::terminal::Terminal;
use crate::words::Words;
use smtp_core::Secret;
use smtp_core::blocking::{self, Plan};
use smtp_core::mailer::{self, Reach};
use std::fmt::Write as _;

/// Composes messages, or takes ready ones, and sends them.
pub(crate) fn send(
    args: &SendArgs,
    global: &GlobalArgs,
    program: Program,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let mut is_told = args.run.dry_run || args.run.result.format != Format::Json;
    let result = attempt(args, global, program, &mut is_told, terminal);
    match &result {
        // A program that reads the document finds one, whatever failed.
        Err(error) if !is_told && error.exit() != Exit::USAGE => {
            let account = Ledger::new(Form::Json, false, terminal.output.clone()).close();
            account.end(error.exit(), Some(error), "")?;
        }
        _ => {}
    }
    result
}

/// The same; `is_told` is set once the result is printed, or not to be.
fn attempt(
    args: &SendArgs,
    global: &GlobalArgs,
    program: Program,
    is_told: &mut bool,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let reach = args.run.until.map_or(Some(Reach::Message), reach);
    let settings = resolve(args, program.password, reach, terminal)?;
    check_require_tls(&args.envelope, &settings)?;
    let (log, in_use) = (program.log, program.in_use);
    if let Some(log) = &log {
        log.check(&in_use)?;
    }
    if args.run.dry_run {
        let prepared = reach.map(|_| compose::prepare(args, terminal)).transpose()?;
        return dry_run(args, &settings, prepared, terminal);
    }
    if let Some(warning) = settings.warning() {
        terminal.warnings.warn(&warning);
    }
    let Some(reach) = reach else {
        *is_told = true;
        return part_way::go(args, global, settings, (log, in_use), terminal);
    };
    let prepared = compose::prepare(args, terminal)?;
    if global.verbose {
        warn_of_another_sender(&settings, &prepared, terminal);
    }
    let password = password(&settings, terminal)?;
    let (settings, mock) = bundled::start(settings, password.as_ref())?;
    // The look-ups read it from there.
    let connection = ConnectionArgs { dns: args.mx.dns, ..args.connection.clone() };
    let mx = args.mx.mx.then(|| Mx::new(&connection)).transpose()?;
    let count = prepared.count(args.run.repeat);
    let mut outputs = Outputs::new(&args.run.files, global, log, in_use, terminal)?;
    // From here on; a FIFO without a reader would hold the run otherwise, signal or not.
    let interrupt = settings.interrupt.clone();
    let _armed = interrupt.arm();
    outputs.begin(count, prepared.octets(args.run.repeat), terminal.error_is_terminal);
    *is_told = true;
    let ledger =
        Ledger::new(form(args, global), reach.is_check(), outputs.beside_bar(terminal.output.clone()));
    let words = Words::new(&settings);
    let left = {
        let random = &terminal.random;
        let mails = prepared.mails(args, terminal.outside());
        let mut supply = Supply { mails, failure: None };
        let finished = |mail: Mail, left: Option<&mailer::Error>| {
            let report = Report::new(&mail, left, &words).of_reach(reach);
            outputs.finished(&report);
            ledger.enter(&report);
        };
        let inspection = |session: &blocking::Session| needs_offered(&args.envelope, session);
        let jitter = || fraction(random);
        let failed = if let Some(mx) = &mx {
            let plan = mx::Plan {
                settings: &settings,
                observers: &|settings| outputs.observers(0, settings),
                inspection: &inspection,
                finished: &|mail| finished(mail, None),
                retries: args.run.retry,
                reach,
                wait: &terminal.sleep,
                jitter: &jitter,
            };
            mx.deliver(&plan, random, &mut supply);
            None
        } else {
            let opener = settings.opener(password.as_ref());
            let plan = Plan {
                open: &|number| {
                    let observers = outputs.observers(number, &settings);
                    let opener = opener.as_ref().map_err(Clone::clone)?;
                    session::open_inspected(opener, observers, &words, &inspection)
                },
                keep: None,
                finished: &finished,
                connections: usize::from(args.run.connections).min(count),
                in_flight: settings.in_flight,
                retries: args.run.retry,
                reach,
                may_reconnect: true,
                wait: &terminal.sleep,
                jitter: &jitter,
                cancel: settings.interrupt.cancel(),
            };
            blocking::deliver(&plan, &mut supply).map(|error| words.of(&error))
        };
        supply.failure.or(failed)
    };
    let mut failures = outputs.end();
    let account = ledger.close();
    let (mut exit, mut error) = account.verdict();
    if exit.is_ok() {
        error = left;
        exit = error.as_ref().map_or(exit, Error::exit);
    }
    let mut more = String::new();
    if args.run.stats {
        more.push_str(&measure::text(&account.measure));
        more.push('\n');
    }
    if let Some(mock) = mock {
        more.push_str(&bundled::received(mock));
    }
    let delivered = account.delivered;
    failures.extend(account.end(exit, error.as_ref(), &more).err());
    conclude(error.map_or(Ok(exit), Err), failures, delivered, terminal)
}

/// What the arguments mean for the connections of the run.
fn resolve(
    args: &SendArgs,
    password: Option<Secret>,
    reach: Option<Reach>,
    terminal: &Terminal,
) -> Result<Settings> {
    let settings = if args.mx.mx {
        refuse_login(&args.login)?;
        mx::settings(args)?
    } else {
        Settings::new(&args.connection, &args.login, password)?
    };
    let settings = settings.for_run(Run {
        interrupt: terminal.interrupt.clone(),
        in_flight: usize::from(args.run.in_flight),
        // Where only the outcomes are told, no reply need be; after DATA its reply is the outcome.
        accounts: matches!(reach, None | Some(Reach::Data))
            || args.run.stats
            || args.run.result.format == Format::Json,
        // Its commands do not wait for the server to await the message.
        without: (reach == Some(Reach::Data)).then_some("CHUNKING"),
        logs_in: args.run.until.is_none_or(part_way::logs_in),
    });
    Ok(settings)
}

/// What is printed of each message.
const fn form(args: &SendArgs, global: &GlobalArgs) -> Form {
    match args.run.result.format {
        Format::Json => Form::Json,
        Format::Text if global.quiet => Form::Nothing,
        Format::Text => Form::Text,
    }
}

/// The messages of a run, until one of them cannot be made.
struct Supply<'a> {
    mails: Box<dyn Iterator<Item = Result<Mail>> + Send + 'a>,
    /// Why there are no more.
    failure: Option<Error>,
}

impl Iterator for Supply<'_> {
    type Item = Mail;

    fn next(&mut self) -> Option<Mail> {
        if self.failure.is_some() {
            return None;
        }
        match self.mails.next()? {
            Ok(mail) => Some(mail),
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }
}

/// How far messages go with `--until`; `None` where it ends before them.
const fn reach(until: Until) -> Option<Reach> {
    match until {
        Until::Connect | Until::Greeting | Until::Hello | Until::Tls | Until::Auth => None,
        Until::Mail => Some(Reach::Sender),
        Until::Rcpt => Some(Reach::Recipients),
        Until::Data => Some(Reach::Data),
    }
}

/// What the run ends with: once a message was accepted, or anything failed, what could not be written is no more than
/// a warning, for a status that says so would be taken for «not sent».
pub(crate) fn conclude(
    result: Result<Exit>,
    mut failures: Vec<Error>,
    delivered: usize,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let result = if result.is_ok() && delivered == 0 && !failures.is_empty() {
        Err(failures.remove(0))
    } else {
        result
    };
    for failure in failures {
        // Told also where only errors are wanted: it is one but for the status.
        terminal.error.warn(&match delivered {
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
            .warnings
            .warn(&format!("the sender {sender} is not the login name {user}, which the server may refuse"));
    }
}

/// The password, if there is a login.
pub(crate) fn password(settings: &Settings, terminal: &mut Terminal) -> Result<Option<Secret>> {
    Ok(settings
        .login
        .as_ref()
        .map(|login| login.read_secret(settings.timeouts.auth, terminal))
        .transpose()?
        .flatten())
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
    let server = match &settings.destination {
        _ if settings.is_mock => "the bundled server".to_string(),
        Destination::Host { port, .. } if args.mx.mx => {
            format!("the mail exchangers of each domain, port {port}")
        }
        destination => destination.to_string(),
    };
    // The words of --tls.
    let encryption = match settings.encryption {
        Encryption::None => "none",
        Encryption::Opportunistic => "opportunistic",
        Encryption::StartTls => "starttls",
        Encryption::Implicit => "implicit",
    };
    terminal.print(&format!("=== {server}, TLS {encryption}\n"))?;
    if let Some(login) = &settings.login {
        terminal.print(&format!("=== login as {}\n", crate::error::Escaped(&login.user)))?;
    }
    for mail in mails {
        let parameters = |parameters: &[smtp_core::Parameter]| {
            parameters.iter().map(|parameter| format!(" {parameter}")).collect::<Vec<_>>().concat()
        };
        let envelope = mail.envelope();
        let mut text = format!(
            "->  MAIL FROM:{} SIZE={}{}\n",
            envelope.from,
            mail.submission().message.encoded_len(),
            parameters(&envelope.parameters)
        );
        if until == Some(Until::Mail) {
            terminal.print(&format!("{text}->  RSET\n"))?;
            continue;
        }
        for recipient in &envelope.recipients {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "->  RCPT TO:{}{}", recipient.to, parameters(&recipient.parameters));
        }
        if until == Some(Until::Rcpt) {
            terminal.print(&format!("{text}->  RSET\n"))?;
            continue;
        }
        if until == Some(Until::Data) {
            terminal.print(&format!("{text}->  DATA\n"))?;
            continue;
        }
        terminal.print(&text)?;
        compose::print_message(&mail.submission().message, terminal)?;
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

/// A message that servers must pass on over verified TLS leaves over such a session alone (RFC 8689 §4.2.1).
pub(crate) fn check_require_tls(args: &EnvelopeArgs, settings: &Settings) -> Result<()> {
    let wants_tls = args.mail_param.iter().any(|parameter| parameter.keyword() == "REQUIRETLS");
    if !wants_tls || settings.verifies() {
        return Ok(());
    }
    let hint = match settings.encryption {
        Encryption::None => "--tls none sends in clear; leave it away",
        Encryption::Opportunistic => "opportunistic TLS verifies no certificate; use --tls starttls",
        Encryption::StartTls | Encryption::Implicit => {
            "--insecure verifies no certificate; use --tls-pin or --ca-file instead"
        }
    };
    Err(Error::usage(format!("REQUIRETLS needs TLS with a verified certificate (RFC 8689), and {hint}")))
}

/// Delivery reports are asked for by parameters that a server must know (RFC 3461 §4).
fn needs_offered(args: &EnvelopeArgs, session: &blocking::Session) -> Result<()> {
    let wants_reports = !args.notify.is_empty() || args.ret.is_some() || args.envid.is_some();
    if wants_reports && !session.extensions().has("DSN") {
        return Err(Error::new(
            Exit::UNAVAILABLE,
            "the server does not offer DSN, which --notify, --ret and --envid need; nothing was sent",
        ));
    }
    Ok(())
}

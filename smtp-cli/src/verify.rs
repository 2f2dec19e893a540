//! Provides the command `verify`: whether recipients would be taken, by MAIL and RCPT, without a message.

use crate::args::{Format, GlobalArgs, VerifyArgs};
use crate::bundled;
use crate::compose;
use crate::error::{Error, Escaped, Result};
use crate::exit::{Exit, is_consequence};
use crate::layers::Program;
use crate::output::Outputs;
use crate::report::{Decision, Room, plain, words};
use crate::send::{conclude, password};
use crate::session::Session;
use crate::settings::{Run, Settings};
use crate::shown;
use crate::terminal::Terminal;
use serde::Serialize;
use smtp_core::mailer::{Delivery, RawMessage, Reach, Until};
use smtp_core::{Envelope, Explanation, ForwardPath, Outcome, Reply, ReversePath, Verb};
use std::collections::HashSet;
use std::fmt::Write as _;

/// Asks for each address whether it would be taken, over one connection.
pub(crate) fn verify(
    args: &VerifyArgs,
    global: &GlobalArgs,
    program: Program,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let run = Run { interrupt: terminal.interrupt.clone(), ..Run::default() };
    let settings = Settings::new(&args.connection, &args.login, program.password)?.for_run(run);
    if let Some(warning) = settings.warning() {
        terminal.warnings.warn(&warning);
    }
    let recipients = recipients(&args.addresses)?;
    let user = settings.login.as_ref().map(|login| login.user.as_str());
    let from = match &args.sender.envelope_from {
        Some(path) => path.clone(),
        None => reverse_path(args.from.as_deref(), user)?,
    };
    let envelope = Envelope::new(from, recipients);
    if let Some(log) = &program.log {
        log.check(&program.in_use)?;
    }
    let password = password(&settings, terminal)?;
    let (settings, _mock) = bundled::start(settings, password.as_ref())?;
    let outputs = Outputs::new(&args.files, global, program.log, program.in_use, terminal)?;
    let interrupt = settings.interrupt.clone();
    let _armed = interrupt.arm();
    let observers = outputs.observers(0, &settings);
    let answers =
        Session::open(&settings, password.as_ref(), Until::Ready, observers).and_then(|mut session| {
            let answers = Answers::ask(&mut session, envelope.clone());
            session.leave();
            answers
        });
    let (exit, error) = match &answers {
        Ok(answers) => (answers.exit(), answers.error()),
        Err(error) => (error.exit(), Some(error.clone())),
    };
    match &answers {
        Ok(answers) => outputs.log(exit.is_ok(), &answers.log_line()),
        Err(error) => outputs.log(false, &format!("verify from={}: {error}", envelope.from)),
    }
    let mut failures = outputs.end();
    let text = match args.result.format {
        Format::Json => {
            let server = settings.destination.to_string();
            document(&server, &envelope.from, answers.as_ref().ok(), exit, error.as_ref())
        }
        Format::Text if global.quiet => String::new(),
        Format::Text => answers.as_ref().map(Answers::text).unwrap_or_default(),
    };
    failures.extend(terminal.print(&text).err());
    conclude(error.map_or(Ok(exit), Err), failures, 0, terminal)
}

/// What a server says of recipients, ready to be told.
#[derive(Debug)]
pub(crate) struct Answers {
    from: ReversePath,
    recipients: Vec<(ForwardPath, Outcome)>,
    /// Why the session ended before all were asked for, if it did.
    ending: Option<Error>,
}

impl Answers {
    /// Asks whether the recipients of an envelope would be accepted, in several transactions if the server accepts no more
    /// of them in one.
    ///
    /// # Errors
    /// Where the envelope cannot be sent at all.
    pub(crate) fn ask(session: &mut Session<'_>, envelope: Envelope) -> Result<Self> {
        let from = envelope.from.clone();
        let paths: Vec<_> = envelope.recipients.iter().map(|recipient| recipient.to.clone()).collect();
        let question = Delivery::with_envelope(RawMessage::new(envelope.clone(), ""), 0, envelope);
        let question = session.inner().transact(question, Reach::Recipients);
        if let Some(error) = question.error() {
            return Err(session.words().of(error));
        }
        let ending = question.ending().map(|error| session.words().of(error));
        // Each was in a transaction at least once.
        let recipients = paths.into_iter().zip(question.outcomes().iter().flatten().cloned()).collect();
        Ok(Self { from, recipients, ending })
    }

    /// The exit status: 0 when all would be taken, 79 when some would not; that of the break where not all were asked
    /// for.
    pub(crate) fn exit(&self) -> Exit {
        match &self.ending {
            Some(ending) => ending.exit(),
            None => Exit::of_outcomes(self.recipients.iter().map(|(_, outcome)| outcome)),
        }
    }

    /// What the server said to MAIL, where it refused that.
    pub(crate) fn sender_refusal(&self) -> Option<&Reply> {
        self.recipients.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Refused { verb: Verb::Mail, reply } => Some(reply),
            _ => None,
        })
    }

    /// Those that would be taken.
    pub(crate) fn taken(&self) -> impl Iterator<Item = &ForwardPath> {
        let taken = |(_, outcome): &&(ForwardPath, Outcome)| matches!(outcome, Outcome::Accepted(_));
        self.recipients.iter().filter(taken).map(|(path, _)| path)
    }

    /// Why the session ended before all were asked for, if it did.
    pub(crate) const fn ending(&self) -> Option<&Error> {
        self.ending.as_ref()
    }

    /// A line for each recipient, and one more to explain each refusal.
    pub(crate) fn text(&self) -> String {
        let width = self.recipients.iter().map(|(path, _)| plain(path).chars().count()).max();
        let width = width.unwrap_or_default();
        let mut text = String::new();
        for (path, outcome) in &self.recipients {
            let (word, why) = words_of(outcome);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{word:<14}  {:<width$}  {}",
                Escaped(&plain(path)).to_string(),
                Escaped(&why)
            );
            if let Some((_, explanation)) = refusal(outcome) {
                let _ = writeln!(text, "{:<14}  {:<width$}  {}", "", "", explained(&explanation));
            }
        }
        text
    }

    /// What went wrong, if anything did.
    pub(crate) fn error(&self) -> Option<Error> {
        let exit = self.exit();
        if exit.is_ok() {
            return None;
        }
        if let Some(error) = &self.ending {
            return Some(error.clone());
        }
        if let Some(reply) = self.sender_refusal() {
            let advice = reply.explain(Verb::Mail.into()).advice;
            let text = format!("the sender {} was refused: {reply}; {advice}", self.from);
            return Some(Error::new(exit, text));
        }
        let refused = self
            .recipients
            .iter()
            .filter(|(_, outcome)| !matches!(outcome, Outcome::Accepted(_)) && !is_consequence(outcome));
        let mut room = Room::default();
        let refused: Vec<_> = refused
            .map(|(path, outcome)| format!("{} {}", plain(path), room.fit(words(outcome).1)))
            .collect();
        let text = format!(
            "{} of {} recipients would not be taken: {}",
            refused.len(),
            self.recipients.len(),
            refused.join("; ")
        );
        Some(Error::new(exit, text))
    }

    /// A line for the log.
    fn log_line(&self) -> String {
        let told: Vec<_> = self
            .recipients
            .iter()
            .map(|(path, outcome)| {
                let (word, why) = words_of(outcome);
                format!("{} {word}: {why}", plain(path))
            })
            .collect();
        format!("verify from={} exit={} {}", self.from, self.exit().status(), told.join("; "))
    }
}

/// What an explanation says, on one line.
pub(crate) fn explained(explanation: &Explanation) -> String {
    match explanation.advice {
        "" => explanation.meaning.to_string(),
        advice => format!("{}; {advice}", explanation.meaning),
    }
}

/// Who is asked about; each address once.
pub(crate) fn recipients(addresses: &[String]) -> Result<Vec<ForwardPath>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for text in addresses {
        let paths = match text.parse::<ForwardPath>() {
            // The one recipient without a domain (RFC 5321 §4.5.1).
            Ok(path) if path.is_postmaster() => vec![path],
            _ => {
                let list = compose::addresses("ADDR", text)?;
                let paths: Result<Vec<_>> = list
                    .mailboxes()
                    .map(|mailbox| compose::on_the_wire(mailbox).map(ForwardPath::new))
                    .collect();
                paths?
            }
        };
        found.extend(paths.into_iter().filter(|path| seen.insert(path.clone())));
    }
    if found.is_empty() {
        return Err(Error::usage("there is no address"));
    }
    Ok(found)
}

/// The reverse-path: of the author who is named, else of the user who logs in, else nobody's.
pub(crate) fn reverse_path(from: Option<&str>, user: Option<&str>) -> Result<ReversePath> {
    let sender = match (from, user.filter(|user| user.contains('@'))) {
        (Some(from), _) => Some(compose::addresses("--from", from)?),
        // A login name need not be an address, whatever it looks like.
        (None, Some(user)) => compose::addresses("--user", user).ok(),
        (None, None) => None,
    };
    let sender = sender.as_ref().and_then(|list| list.mailboxes().next());
    sender.map_or_else(
        || Ok(ReversePath::null()),
        |mailbox| compose::on_the_wire(mailbox).map(ReversePath::new),
    )
}

/// The words of an outcome where no message is meant.
fn words_of(outcome: &Outcome) -> (&'static str, String) {
    match words(outcome) {
        ("accepted", why) => ("would be taken", why),
        words => words,
    }
}

/// The reply by which a recipient was refused, and what it means.
pub(crate) fn refusal(outcome: &Outcome) -> Option<(&Reply, Explanation)> {
    match outcome {
        Outcome::Refused { verb, reply } => Some((reply, reply.explain((*verb).into()))),
        Outcome::Accepted(_) | Outcome::Unconfirmed(_) | Outcome::Unsent(_) => None,
    }
}

/// The schema of the document; it changes when a program that reads it would have to.
const SCHEMA: &str = "smtp-cli/verify/1";

/// The result for programs.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    server: &'a str,
    from: &'a str,
    recipients: Vec<Told>,
}

/// What became of one recipient.
#[derive(Serialize)]
struct Told {
    address: String,
    /// `acceptable`, `refused` or `unsent`.
    outcome: &'static str,
    #[serde(flatten)]
    decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Told {
    fn new(path: &ForwardPath, outcome: &Outcome) -> Self {
        let (at, reply) = match outcome {
            Outcome::Accepted(reply) => (None, Some(reply)),
            Outcome::Refused { verb, reply } => (Some(*verb), Some(reply)),
            Outcome::Unconfirmed(_) | Outcome::Unsent(_) => (None, None),
        };
        let explanation = refusal(outcome).map(|(_, explanation)| explanation);
        let (word, why) = words(outcome);
        Self {
            address: plain(path),
            outcome: if word == "accepted" { "acceptable" } else { word },
            decision: Decision::new(at, reply),
            meaning: explanation.map(|explanation| explanation.meaning),
            advice: explanation.map(|explanation| explanation.advice),
            reason: reply.is_none().then_some(why),
        }
    }
}

fn document(
    server: &str,
    from: &ReversePath,
    answers: Option<&Answers>,
    exit: Exit,
    error: Option<&Error>,
) -> String {
    let recipients = answers.map(|answers| answers.recipients.as_slice()).unwrap_or_default();
    let document = Document {
        schema: SCHEMA,
        exit: exit.status(),
        error: error.map(ToString::to_string),
        server,
        from: from.as_str(),
        recipients: recipients.iter().map(|(path, outcome)| Told::new(path, outcome)).collect(),
    };
    shown::json_lines(&document) + "\n"
}

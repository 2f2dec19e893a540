//! Provides the command `lint`: what a receiver may mistake for spam or cannot read.

use crate::args::SendArgs;
use crate::compose;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Terminal;
use smtp_mime::{Lint, Severity};

/// Looks at the messages, and prints what there is to say.
pub(crate) fn lint(args: &SendArgs, terminal: &mut Terminal) -> Result<Exit> {
    let (seconds, offset) = (terminal.clock)();
    let date = smtp_mime::Date::from_unix(seconds, offset)
        .map_err(|error| Error::new(Exit::OS, format!("the clock of this machine is wrong: {error}")))?;
    let mut lint = Lint::new().at(date);
    if let Some(mailbox) = args.envelope.envelope_from.as_ref().and_then(|path| path.mailbox()) {
        lint = lint.reverse_path(mailbox.clone());
    }
    let mut findings = Vec::new();
    if args.message.eml.is_empty() {
        let prepared = compose::prepare(args, terminal)?;
        for mail in prepared.mails(args, terminal.outside()) {
            findings.extend(lint.message(&mail?.message).map_err(|error| compose::of_mime(&error))?);
        }
    }
    for path in &args.message.eml {
        let source = compose::source(path, terminal)?;
        let found = lint.source(&source).map_err(|error| match compose::of_mime(&error) {
            error if error.exit() == Exit::USAGE => Error::new(Exit::DATA, error.to_string()),
            error => error,
        })?;
        findings.extend(found);
    }
    let mut is_broken = false;
    for finding in &findings {
        is_broken |= finding.severity() == Severity::Broken;
        let word = if finding.severity() == Severity::Broken { "broken" } else { "doubtful" };
        terminal.print(&format!("{word:<8}  {:<24}  {finding}\n", finding.rule()))?;
    }
    if findings.is_empty() {
        terminal.print("nothing to say: the message breaks no rule and looks like what it is\n")?;
    }
    Ok(if is_broken { Exit::DATA } else { Exit::OK })
}

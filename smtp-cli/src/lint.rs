//! Provides the command `lint`: what a receiver may mistake for spam or cannot read.

use crate::args::{Format, LintArgs, SendArgs};
use crate::compose;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::shown;
use crate::terminal::Terminal;
use serde_json::json;
use smtp_mime::{Finding, Lint, Severity};

/// Looks at the messages, and prints what there is to say.
pub(crate) fn lint(args: LintArgs, terminal: &mut Terminal) -> Result<Exit> {
    let (seconds, offset) = (terminal.clock)();
    let date = smtp_mime::Date::from_unix(seconds, offset)
        .map_err(|error| Error::new(Exit::OS, format!("the clock of this machine is wrong: {error}")))?;
    let mut lint = Lint::new().at(date);
    if let Some(mailbox) = args.sender.envelope_from.as_ref().and_then(|path| path.mailbox()) {
        lint = lint.reverse_path(mailbox.clone());
    }
    let mut findings = Vec::new();
    let files = [args.files.as_slice(), &args.message.eml].concat();
    if files.is_empty() {
        let args = SendArgs { message: args.message, ..SendArgs::default() };
        let prepared = compose::prepare(&args, terminal)?;
        for mail in prepared.mails(&args, terminal.outside()) {
            findings
                .extend(lint.message(&mail?.submission().message).map_err(|error| Error::of_mime(&error))?);
        }
    }
    for path in &files {
        let source = compose::source(path, terminal)?;
        let found = lint.source(&source).map_err(|error| match Error::of_mime(&error) {
            error if error.exit() == Exit::USAGE => Error::new(Exit::DATA, error.to_string()),
            error => error,
        })?;
        findings.extend(found);
    }
    let is_broken = findings.iter().any(|finding| finding.severity() == Severity::Broken);
    let exit = if is_broken { Exit::DATA } else { Exit::OK };
    match args.result.format {
        Format::Text => text(&findings, terminal)?,
        Format::Json => json(&findings, exit, terminal)?,
    }
    Ok(exit)
}

/// How much a finding matters, in a word.
fn severity(finding: &Finding) -> &'static str {
    if finding.severity() == Severity::Broken { "broken" } else { "doubtful" }
}

fn text(findings: &[Finding], terminal: &mut Terminal) -> Result<()> {
    for finding in findings {
        terminal.print(&format!("{:<8}  {:<24}  {finding}\n", severity(finding), finding.rule()))?;
    }
    if findings.is_empty() {
        terminal.print("nothing to say: the message breaks no rule and looks like what it is\n")?;
    }
    Ok(())
}

fn json(findings: &[Finding], exit: Exit, terminal: &mut Terminal) -> Result<()> {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "severity": severity(finding),
                "rule": finding.rule(),
                "place": finding.place(),
                "what": finding.problem(),
                "why": finding.reason(),
                "advice": finding.advice(),
            })
        })
        .collect();
    let document = json!({ "schema": "smtp-cli/lint/1", "exit": exit.status(), "findings": findings });
    terminal.print(&format!("{}\n", shown::json_lines(&document)))
}

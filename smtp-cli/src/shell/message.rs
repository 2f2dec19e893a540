//! Provides `send`, `resend` and `compose`: the questions of a message, and its way to the server.

use super::dialogue::{Asked, Stop};
use super::line::Kind;
use super::{Connection, Shell};
use crate::args::{Attachment, MessageArgs, SendArgs};
use crate::compose::{self, Missing};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::files::InUse;
use crate::outgoing::Mail;
use crate::report::Report;
use crate::send::check_require_tls;
use crate::verify::{Answers, explained, recipients, refusal, reverse_path};
use smtp_core::mailer::Reach;
use smtp_core::{Envelope, ForwardPath, Outcome};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

impl Shell<'_> {
    /// Asks for a message and sends it.
    pub(super) fn send(
        &mut self,
        connection: &mut Connection<'_>,
        mut args: Box<SendArgs>,
        files: &InUse,
        is_bare: bool,
    ) -> Asked<()> {
        let usual = self.usual_sender(Some(connection));
        self.gather(&mut args, files, is_bare, usual, Some(connection))?;
        self.transmit(connection, args)
    }

    /// Sends the message again that could not be sent.
    pub(super) fn resend(&mut self, connection: &mut Connection<'_>) -> Asked<()> {
        let args = self
            .unsent
            .take()
            .ok_or_else(|| Error::usage("there is no message that could not be sent; send asks for one"))?;
        self.transmit(connection, args)
    }

    /// Asks for a message and prints it.
    pub(super) fn compose(
        &mut self,
        mut args: Box<SendArgs>,
        files: &InUse,
        is_bare: bool,
        usual: Option<String>,
    ) -> Asked<()> {
        let usual = usual.or_else(|| self.usual_sender(None));
        self.gather(&mut args, files, is_bare, usual, None)?;
        let prepared = compose::prepare_with(&args, Missing::Settled, self.terminal)?;
        Ok(compose::print_all(prepared, &args, self.terminal)?)
    }

    /// Sends a message that is complete; it is kept where nobody got it.
    fn transmit(&mut self, connection: &mut Connection<'_>, args: Box<SendArgs>) -> Asked<()> {
        let sent = self.try_to_transmit(connection, &args);
        // Of several messages, others may have been taken.
        let is_one = args.message.eml.len() <= 1;
        if let Err(Stop::Failed(error)) = &sent
            && error.exit() == Exit::TEMPORARY
            && is_one
        {
            self.unsent = Some(args);
            self.complain(error);
            self.say("the message is kept: resend sends it again")?;
            return Err(Stop::Told(error.exit()));
        }
        sent
    }

    fn try_to_transmit(&mut self, connection: &mut Connection<'_>, args: &SendArgs) -> Asked<()> {
        check_require_tls(&args.envelope, connection.settings)?;
        let prepared = compose::prepare_with(args, Missing::Settled, self.terminal)?;
        let mails: Result<Vec<Mail>> = prepared.mails(args, self.terminal.outside()).collect();
        let mut failure = None;
        for mail in mails? {
            // While the text was typed the server may have grown tired of waiting.
            if let Some(cause) = connection.session.look() {
                let error = connection.session.closed(&cause);
                return Err(Stop::Failed(Error::new(
                    error.exit(),
                    format!("{error}; the message was not sent"),
                )));
            }
            connection.end_open_transaction()?;
            let mail = connection.session.inner().transact(mail, Reach::Message);
            let report = Report::new(&mail, None, connection.session.words());
            self.print(&report.text())?;
            self.print(&explanations(mail.outcomes()))?;
            self.outputs.finished(&report);
            self.delivered += usize::from(report.is_delivered());
            if let Some(error) = report.error() {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), |error| Err(Stop::Failed(error)))
    }

    /// Asks for what a message lacks; with a connection, the server is asked about the recipients before the text is.
    fn gather(
        &mut self,
        args: &mut SendArgs,
        files: &InUse,
        is_bare: bool,
        usual_sender: Option<String>,
        connection: Option<&mut Connection<'_>>,
    ) -> Asked<()> {
        self.outputs.join(files);
        let message = &mut args.message;
        let files = message.eml.iter().chain(&message.body_file).chain(&message.html_file);
        if files.into_iter().any(|path| path == Path::new("-")) {
            return Err(Stop::Failed(Error::usage(
                "- is no file here: the shell itself reads standard input",
            )));
        }
        // Who named a file that is not there is told before all the questions.
        for attachment in message.attach.iter().chain(&message.inline) {
            compose::attached(attachment)?;
        }
        if message.eml.is_empty() {
            let lacks_text = message.body.is_none()
                && message.body_file.is_none()
                && message.html_file.is_none()
                && message.attach.is_empty();
            let connection = connection.filter(|_| lacks_text);
            self.ask_for_addresses(args, is_bare, usual_sender, connection)?;
            let message = &mut args.message;
            self.ask_for_subject(message)?;
            if is_bare {
                self.ask_for_attachments(message)?;
            }
            if lacks_text {
                message.body = Some(self.ask_for_text()?);
            }
        }
        Ok(())
    }

    /// Asks for sender and recipients, again while the server refuses them.
    fn ask_for_addresses(
        &mut self,
        args: &mut SendArgs,
        is_bare: bool,
        usual_sender: Option<String>,
        mut connection: Option<&mut Connection<'_>>,
    ) -> Asked<()> {
        let mut usual_sender = usual_sender;
        let mut usual = Lists::default();
        let mut is_asked_for_all = is_bare;
        loop {
            let message = &mut args.message;
            if message.from.is_none() && !is_asked_for_all {
                message.from.clone_from(&usual_sender);
            }
            if message.from.is_none() {
                message.from = Some(self.ask_for("From", usual_sender.as_deref(), Kind::Answer, |text| {
                    compose::addresses("From", text).map(|_| text.to_string())
                })?);
            }
            let has_recipients = !(message.to.is_empty()
                && message.cc.is_empty()
                && message.bcc.is_empty()
                && args.envelope.rcpt.is_empty());
            if !has_recipients {
                self.ask_for_recipients(message, &usual, is_asked_for_all)?;
            }
            let Some(connection) = connection.as_deref_mut() else { return Ok(()) };
            let answers = connection.check(&envelope_of(args)?)?;
            self.print(&answers.text())?;
            let Some(error) = answers.error() else { return Ok(()) };
            if answers.ending().is_some() {
                return Err(Stop::Failed(error));
            }
            if !self.is_asking {
                // The others get the message, as with `send` on the command line.
                return if answers.taken().next().is_some() { Ok(()) } else { Err(Stop::Failed(error)) };
            }
            let message = &mut args.message;
            if answers.sender_refusal().is_some() {
                self.complain(&error);
                usual_sender = None;
                message.from = None;
                args.envelope.sender.envelope_from = None;
            } else {
                self.say("the addresses again, an empty line takes those in brackets")?;
                usual = Lists::taken(message, &answers);
                message.to.clear();
                message.cc.clear();
                message.bcc.clear();
                args.envelope.rcpt.clear();
                is_asked_for_all = true;
            }
        }
    }

    fn ask_for_recipients(
        &mut self,
        message: &mut MessageArgs,
        usual: &Lists,
        asks_for_all: bool,
    ) -> Asked<()> {
        let list = |text: &str| match text {
            "" => Ok(Vec::new()),
            text => compose::addresses("the addresses", text).map(|_| vec![text.to_string()]),
        };
        loop {
            message.to = self.ask_for("To, with commas", usual.to.as_deref(), Kind::Answer, list)?;
            if asks_for_all {
                message.cc = self.ask_for("Cc", usual.cc.as_deref(), Kind::Answer, list)?;
                message.bcc = self.ask_for("Bcc", usual.bcc.as_deref(), Kind::Answer, list)?;
            }
            if !(message.to.is_empty() && message.cc.is_empty() && message.bcc.is_empty()) {
                return Ok(());
            }
            let error = Error::usage("there is no recipient");
            if !self.is_asking {
                return Err(Stop::Failed(error));
            }
            self.complain(&error);
        }
    }

    /// Asks for the subject, a second time where it is empty.
    fn ask_for_subject(&mut self, message: &mut MessageArgs) -> Asked<()> {
        if message.header.iter().any(|header| compose::is_field(header, "Subject")) {
            return Ok(());
        }
        let mut subject = match message.subject.take() {
            Some(subject) => subject,
            None => self.ask("Subject: ", Kind::Answer)?,
        };
        if subject.trim().is_empty() {
            self.terminal.warnings.warn("the subject is empty, the message may be taken for spam");
            if self.is_asking {
                subject = self.ask("Subject (empty sends it without): ", Kind::Answer)?;
            }
        }
        message.subject = Some(subject.trim().to_string());
        Ok(())
    }

    /// Asks for files until none is named.
    fn ask_for_attachments(&mut self, message: &mut MessageArgs) -> Asked<()> {
        let home = self.terminal.variable("HOME");
        loop {
            let attachment =
                self.ask_for("Attach the file (empty for none)", None, Kind::Path, |text| match text {
                    "" => Ok(None),
                    path => {
                        let attachment = Attachment::of_path(typed_path(path, home.as_deref()));
                        compose::attached(&attachment).map(|_| Some(attachment))
                    }
                })?;
            match attachment {
                Some(attachment) => {
                    self.outputs.reads([("an attachment", attachment.path.as_path())]);
                    message.attach.push(attachment);
                }
                None => return Ok(()),
            }
        }
    }

    /// Asks for lines up to one with a lone dot.
    fn ask_for_text(&mut self) -> Asked<String> {
        if self.is_asking {
            self.say("Text, up to a line with a lone dot:")?;
        }
        let mut text = String::new();
        loop {
            let line = self.ask("", Kind::Answer)?;
            if line == "." {
                return Ok(text);
            }
            text.push_str(&line);
            text.push('\n');
        }
    }
}

/// A path as it was typed, or as it was completed: then with a backslash before each blank, or in quotes; `~/` before it
/// stands for the home, as in other shells.
fn typed_path(text: &str, home: Option<&str>) -> PathBuf {
    let path = PathBuf::from(text);
    if path.exists() {
        return path;
    }
    let path = match shell_words::split(text).as_deref() {
        Ok([word]) => PathBuf::from(word),
        _ => path,
    };
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => Path::new(home).join(rest),
        _ => path,
    }
}

/// A line for each reply by which a recipient or the message was refused.
fn explanations(outcomes: &[Option<Outcome>]) -> String {
    let refusals = outcomes.iter().flatten().filter_map(refusal);
    let mut lines: Vec<String> = refusals
        .map(|(reply, explanation)| format!("    {}: {}\n", reply.code(), explained(&explanation)))
        .collect();
    lines.dedup();
    lines.concat()
}

/// The envelope of options that name everyone.
fn envelope_of(args: &SendArgs) -> Result<Envelope> {
    let from = match &args.envelope.sender.envelope_from {
        Some(path) => path.clone(),
        None => reverse_path(args.message.from.as_deref(), None)?,
    };
    let lists = args.message.to.iter().chain(&args.message.cc).chain(&args.message.bcc).cloned();
    let paths = if args.envelope.rcpt.is_empty() {
        recipients(&lists.collect::<Vec<_>>())?
    } else {
        args.envelope.rcpt.clone()
    };
    let mut envelope = Envelope::new(from, paths);
    compose::complete(&args.envelope, &mut envelope)?;
    Ok(envelope)
}

/// Recipients as they were typed, without those that the server refused.
#[derive(Debug, Default)]
struct Lists {
    to: Option<String>,
    cc: Option<String>,
    bcc: Option<String>,
}

impl Lists {
    fn taken(message: &MessageArgs, answers: &Answers) -> Self {
        let taken: HashSet<&ForwardPath> = answers.taken().collect();
        let list = |texts: &[String]| {
            let lists = texts.iter().filter_map(|text| compose::addresses("", text).ok());
            let kept: Vec<String> = lists
                .flat_map(|list| list.named_mailboxes().cloned().collect::<Vec<_>>())
                .filter(|named| {
                    let path = compose::on_the_wire(named.mailbox()).map(ForwardPath::new);
                    path.is_ok_and(|path| taken.contains(&path))
                })
                .map(|named| named.to_string())
                .collect();
            (!kept.is_empty()).then(|| kept.join(", "))
        };
        Self { to: list(&message.to), cc: list(&message.cc), bcc: list(&message.bcc) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_other_shells_read_it() {
        for (typed, path) in [
            ("report.pdf", "report.pdf"),
            (r"my\ report.pdf", "my report.pdf"),
            ("'my report.pdf'", "my report.pdf"),
            ("~/report.pdf", "/home/you/report.pdf"),
            (r"~/my\ report.pdf", "/home/you/my report.pdf"),
            ("~other/report.pdf", "~other/report.pdf"),
            ("it's", "it's"),
        ] {
            assert_eq!(typed_path(typed, Some("/home/you")), Path::new(path), "{typed}");
        }
        assert_eq!(typed_path("~/report.pdf", None), Path::new("~/report.pdf"));
    }
}

//! Provides the commands that ask the server something: VRFY, EXPN, NOOP, RSET, raw commands, recipients.

use super::dialogue::{Asked, Stop};
use super::{Connection, Shell};
use crate::error::{Error, Escaped, Result};
use crate::exit::Exit;
use crate::verify::{Answers, explained, recipients, reverse_path};
use smtp_core::{Client, Envelope, Goal, Misuse, Occasion, Reply, Text};
use std::fmt::Write as _;

/// What takes an argument and is owed one reply.
type Inquiry = fn(&mut Client, Text) -> std::result::Result<Goal, Misuse>;

impl Shell<'_> {
    /// Says a command without argument.
    pub(super) fn simple(
        &mut self,
        connection: &mut Connection<'_>,
        set: impl FnOnce(&mut Client) -> std::result::Result<Goal, Misuse>,
    ) -> Asked<()> {
        let reply = connection.session.ask(set)?;
        self.tell(&reply)
    }

    /// Says a command with an argument.
    pub(super) fn inquire(
        &mut self,
        connection: &mut Connection<'_>,
        argument: &str,
        set: Inquiry,
    ) -> Asked<()> {
        let argument = Text::new(argument).map_err(|error| Error::usage(error.to_string()))?;
        if !argument.is_ascii() && !connection.session.extensions().has("SMTPUTF8") {
            return Err(Stop::Failed(Error::new(
                Exit::UNAVAILABLE,
                "the server does not offer SMTPUTF8, which letters outside ASCII need",
            )));
        }
        self.simple(connection, |client| set(client, argument))
    }

    /// Says a command as it was typed.
    pub(super) fn raw(&mut self, connection: &mut Connection<'_>, command: &str) -> Asked<()> {
        let text = Text::new(command).map_err(|error| Error::usage(error.to_string()))?;
        let reply = connection.session.ask(|client| client.raw(text))?;
        let verb = command.split_whitespace().next().unwrap_or_default();
        if verb.eq_ignore_ascii_case("MAIL") && reply.is_completed() {
            connection.has_open_transaction = true;
        } else if verb.eq_ignore_ascii_case("RSET") && reply.is_completed() {
            connection.has_open_transaction = false;
        }
        self.tell(&reply)
    }

    /// Asks whether these recipients would be taken.
    pub(super) fn verify(
        &mut self,
        connection: &mut Connection<'_>,
        from: Option<&str>,
        addresses: &[String],
    ) -> Asked<()> {
        // A comma at the end of a word parts it from the next.
        let addresses: Vec<String> = addresses
            .iter()
            .map(|word| word.trim_matches(',').to_string())
            .filter(|word| !word.is_empty())
            .collect();
        let usual = self.usual_sender(Some(connection));
        let from = reverse_path(from.or(usual.as_deref()), None)?;
        let answers = connection.check(&Envelope::new(from, recipients(&addresses)?))?;
        self.print(&answers.text())?;
        match answers.error() {
            None => Ok(()),
            // Each refusal was told by its line.
            Some(error) if answers.ending().is_none() => Err(Stop::Told(error.exit())),
            Some(error) => Err(Stop::Failed(error)),
        }
    }

    /// Says how the connection is, and what the server offers.
    pub(super) fn status(&mut self, connection: &Connection<'_>) -> Result<()> {
        let session = &connection.session;
        let mut text = format!("{} {}", connection.settings.destination, session.state());
        if let Some(user) = &connection.user {
            text.push_str(" as ");
            text.push_str(user);
        }
        let mut text = Escaped(&text).to_string();
        for extension in session.extensions().iter() {
            let line = format!("{} {}", extension.keyword, extension.parameters);
            let explanation = extension.explanation().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {:<22} {explanation}", Escaped(line.trim_end()).to_string());
        }
        self.print(&format!("{text}\n"))
    }

    /// Shows a reply, explains it where it is a refusal, and makes that the command's failure.
    pub(super) fn tell(&mut self, reply: &Reply) -> Asked<()> {
        self.show(reply)?;
        if reply.is_completed() {
            return Ok(());
        }
        let explanation = reply.explain(Occasion::Unknown);
        self.print(&format!("    {}\n", explained(&explanation)))?;
        Err(Stop::Told(Exit::of_refusal(None, reply)))
    }

    /// Shows a reply as it came.
    pub(super) fn show(&mut self, reply: &Reply) -> Result<()> {
        let lines: Vec<_> = reply.coded_lines().map(|line| Escaped(&line).to_string()).collect();
        self.print(&(lines.join("\n") + "\n"))
    }

    /// Prints a result, unless only errors are wanted.
    pub(super) fn print(&mut self, text: &str) -> Result<()> {
        if self.is_quiet { Ok(()) } else { self.terminal.print(text) }
    }
}

impl Connection<'_> {
    /// What the server says of an envelope's recipients.
    pub(super) fn check(&mut self, envelope: &Envelope) -> Result<Answers> {
        self.end_open_transaction()?;
        Answers::ask(&mut self.session, envelope.clone())
    }

    /// Ends a transaction that was begun by hand, or what follows would be within it.
    pub(super) fn end_open_transaction(&mut self) -> Result<()> {
        if std::mem::take(&mut self.has_open_transaction) {
            self.session.ask(Client::reset)?;
        }
        Ok(())
    }
}

//! Takes messages that exist: completes their header section, and their envelope from it.

use super::signing;
use super::{addresses, context, envelope_of, one_for_standard_input, source};
use crate::args::{LocalNames, SendArgs};
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::outgoing::{Mail, Outgoing};
use crate::terminal::{Outside, Terminal};
use smtp_core::{Envelope, Mailbox};
use smtp_mime::{Edit, ExistingMessage, Message, Source, with_blank_line};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens the messages of `--eml`.
pub(super) fn open_all(args: &SendArgs, terminal: &mut Terminal) -> Result<Vec<Opened>> {
    one_for_standard_input(&args.message)?;
    // Names of this machine are what programs write that call sendmail.
    let is_sendmail = !matches!(args.envelope.local_names, LocalNames::Refused);
    let open = |path: &PathBuf| {
        let is_piped = path.as_path() == Path::new("-");
        let source = if is_piped && is_sendmail { bare_text(terminal)? } else { source(path, terminal)? };
        let name = if is_piped { "of standard input".to_string() } else { path.display().to_string() };
        open(args, &name, source, terminal.outside())
    };
    args.message.eml.iter().map(open).collect()
}

/// The message of standard input, which may be a text alone.
fn bare_text(terminal: &mut Terminal) -> Result<Source> {
    const NAME: &str = "standard input";
    let mut message = with_blank_line(&mut terminal.input)
        .map_err(|error| Error::new(Exit::IO, format!("cannot read {NAME}: {}", Reworded(&error))))?;
    Source::reader(NAME, &mut message).map_err(|error| Error::of_mime(&error))
}

/// A message that was read, ready to leave.
#[derive(Debug)]
pub(crate) struct Opened {
    message: Arc<Message>,
    /// From what it can be encoded anew, for a server without 8BITMIME.
    edit: Option<Arc<Edit>>,
    sender: Option<Mailbox>,
    envelope: Arc<Envelope>,
}

/// A message that is sent again and again is held in memory when it has no more octets than this.
const AT_HAND: u64 = 1 << 20;

impl Opened {
    /// Who sends it.
    pub(super) fn sender(&self) -> Option<String> {
        self.sender.as_ref().map(ToString::to_string)
    }

    /// Its octets.
    pub(super) fn octets(&self) -> u64 {
        self.message.encoded_len()
    }

    /// The message of that number; `octets` are its own, where they are at hand.
    pub(super) fn mail(&self, number: usize, octets: Option<Arc<[u8]>>) -> Mail {
        let outgoing = Outgoing::new(number, Arc::clone(&self.envelope), Arc::clone(&self.message));
        Outgoing { octets, edit: self.edit.clone(), ..outgoing }.into_mail()
    }

    /// All octets of a message that is not large; none of one that cannot be read, which who sends it finds out.
    pub(super) fn at_hand(&self) -> Option<Arc<[u8]>> {
        if self.octets() > AT_HAND {
            return None;
        }
        let mut octets = Vec::new();
        self.message.write_to(&mut octets).ok()?;
        Some(octets.into())
    }
}

fn open(args: &SendArgs, name: &str, source: Source, outside: Outside<'_>) -> Result<Opened> {
    let is_sendmail = !matches!(args.envelope.local_names, LocalNames::Refused);
    let of_message = |error: &smtp_mime::Error, advice: &str| match Error::of_mime(error) {
        error if error.exit() == Exit::USAGE => {
            Error::new(Exit::DATA, format!("the message {name}: {error}{advice}"))
        }
        error => error,
    };
    let mut existing = ExistingMessage::open(source).map_err(|error| of_message(&error, ""))?;
    let mut advice = "";
    match &args.envelope.local_names {
        LocalNames::Qualified(domain) => existing = existing.qualified(domain),
        LocalNames::Nowhere if existing.local_names().next().is_some() => {
            advice = "; names of this machine need a domain: set helo in the configuration, or write one into \
                      /etc/mailname";
        }
        LocalNames::Nowhere | LocalNames::Refused => {}
    }
    let invalid = |error: &smtp_mime::Error| match error {
        smtp_mime::Error::Missing { field: "From" } if !is_sendmail => of_message(error, "; use --from ADDR"),
        error => of_message(error, advice),
    };
    let (sender, recipients) = ends(args, &existing).map_err(|error| match error {
        Ends::Header(error) => invalid(&error),
        Ends::Option(error) => error,
    })?;
    if recipients.is_empty() && args.envelope.rcpt.is_empty() {
        let remedy = if is_sendmail { "name one after the options" } else { "use --to ADDR" };
        return Err(Error::usage(format!("the message {name} names no recipient, {remedy}")));
    }
    let edit = if args.fix.no_fix {
        None
    } else {
        let mut edit = existing.edit();
        if existing.values("From").next().is_none()
            && let Some(from) = &args.message.from
        {
            // A program that writes no From leaves it to whoever sends, as it does with sendmail(8).
            edit = edit.add("From", from).map_err(|error| invalid(&error))?;
        }
        let edit = edit.complete(&context(outside)?).map_err(|error| invalid(&error))?;
        Some(Arc::new(edit.remove("Bcc")))
    };
    let message = match &edit {
        Some(edit) => (**edit).clone().build(),
        None => existing.message(),
    };
    let message = message.map_err(|error| invalid(&error))?;
    let edit = edit.filter(|_| message.needs_8bitmime());
    if message.needs_8bitmime() && args.message.dkim_key.is_some() {
        return Err(Error::new(
            Exit::DATA,
            format!(
                "the message {name} has a body that is not ASCII, which --dkim-key cannot sign because servers may encode \
                 it anew; write it with quoted-printable or base64, or send it without --dkim-key"
            ),
        ));
    }
    let message = signing::signed(message, &args.message, context(outside)?.date(), |error| invalid(error))?;
    let envelope = envelope_of(&args.envelope, &message, sender.as_ref(), &recipients)?;
    Ok(Opened { message: Arc::new(message), edit, sender, envelope: Arc::new(envelope) })
}

/// What is wrong with sender or recipients: the message's fields, or the options.
enum Ends {
    Header(smtp_mime::Error),
    Option(Error),
}

/// Sender and recipients: those of the options, else those of the header section.
fn ends(
    args: &SendArgs,
    existing: &ExistingMessage,
) -> std::result::Result<(Option<Mailbox>, Vec<Mailbox>), Ends> {
    let (message, envelope) = (&args.message, &args.envelope);
    let sender = match &message.from {
        Some(from) => addresses("--from", from).map_err(Ends::Option)?.mailboxes().next().cloned(),
        None if envelope.sender.envelope_from.is_some() => None,
        None => existing.sender().map_err(Ends::Header)?,
    };
    let mut recipients = Vec::new();
    for (option, values) in [("--to", &message.to), ("--cc", &message.cc), ("--bcc", &message.bcc)] {
        for value in values {
            recipients.extend(addresses(option, value).map_err(Ends::Option)?.mailboxes().cloned());
        }
    }
    let named = !recipients.is_empty() || !envelope.rcpt.is_empty();
    if !named || envelope.recipients_from_headers {
        recipients.extend(existing.recipients().map_err(Ends::Header)?);
    }
    Ok((sender, recipients))
}

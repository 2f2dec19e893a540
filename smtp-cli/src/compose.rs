//! Composes a message from its options, and asks for what is missing where somebody sits.

use crate::args::{Attachment, EnvelopeArgs, MessageArgs};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Terminal;
use smtp_core::{Envelope, ForwardPath, Mailbox, Parameter, Recipient, ReversePath};
use smtp_mime::{AddressList, ContentType, Context, Date, Entity, Message, MessageBuilder, Source};
use std::path::Path;

/// Composes the message.
pub(crate) fn message(
    envelope: &EnvelopeArgs,
    message: &MessageArgs,
    terminal: &mut Terminal,
) -> Result<Message> {
    let draft = draft(envelope, message, terminal)?;
    build(draft, terminal)
}

/// All of the message but its date, its Message-ID and its boundaries.
pub(crate) fn draft(
    envelope: &EnvelopeArgs,
    message: &MessageArgs,
    terminal: &mut Terminal,
) -> Result<MessageBuilder> {
    let asked = terminal.input_is_terminal;
    let mut builder = Message::builder();
    let from = match &envelope.from {
        Some(from) => from.clone(),
        None if asked => terminal.ask("From: ")?,
        None => return Err(Error::usage("the author is missing, use --from ADDR")),
    };
    builder = builder.from(addresses("--from", &from)?);
    for (option, values) in [("--to", &envelope.to), ("--cc", &envelope.cc), ("--bcc", &envelope.bcc)] {
        for value in values {
            let list = addresses(option, value)?;
            builder = match option {
                "--to" => builder.to(list),
                "--cc" => builder.cc(list),
                _ => builder.bcc(list),
            };
        }
    }
    if envelope.to.is_empty() && envelope.cc.is_empty() && envelope.bcc.is_empty() {
        builder = match (envelope.rcpt.is_empty(), asked) {
            (false, _) => builder.without_recipients(),
            (true, true) => builder.to(addresses("--to", &terminal.ask("To: ")?)?),
            (true, false) => {
                return Err(Error::usage("there is no recipient, use --to, --cc, --bcc or --rcpt ADDR"));
            }
        };
    }
    for value in &message.reply_to {
        builder = builder.reply_to(addresses("--reply-to", value)?);
    }
    builder = builder.subject(subject(message, terminal)?);
    for attachment in &message.attach {
        builder = builder.attach(attached(attachment)?);
    }
    match text(message, terminal)? {
        Some(text) => Ok(builder.text(text)),
        None => Ok(builder),
    }
}

/// Builds the message: now, and with randomness of its own.
pub(crate) fn build(draft: MessageBuilder, terminal: &Terminal) -> Result<Message> {
    let (seconds, offset) = (terminal.clock)();
    let date = Date::from_unix(seconds, offset)
        .map_err(|error| Error::new(Exit::OS, format!("the clock of this machine is wrong: {error}")))?;
    let mut seed = [0; Context::SEED];
    (terminal.random)(&mut seed)
        .map_err(|error| Error::new(Exit::OS, format!("the system gives no random octets: {error}")))?;
    draft.build(&Context::new(date, seed)).map_err(|error| of_mime(&error))
}

/// The subject; that it is empty is worth a warning, and on a terminal a question.
fn subject(message: &MessageArgs, terminal: &mut Terminal) -> Result<String> {
    let given = message.subject.clone().unwrap_or_default();
    if !given.trim().is_empty() {
        return Ok(given);
    }
    terminal.warn("the subject is empty, the message may be taken for spam; use --subject TEXT");
    if terminal.input_is_terminal { terminal.ask_for_any("Subject: ") } else { Ok(given) }
}

/// The text; `None` where attachments stand for it.
fn text(message: &MessageArgs, terminal: &mut Terminal) -> Result<Option<Source>> {
    if let Some(text) = &message.body {
        return Ok(Some(Source::from(text.as_str())));
    }
    if let Some(path) = &message.body_file {
        return source(path, terminal).map(Some);
    }
    if !message.attach.is_empty() {
        return Ok(None);
    }
    if terminal.input_is_terminal {
        let text = terminal.ask_for_lines("Text, up to a line with a lone dot:\n")?;
        return Ok(Some(Source::from(text)));
    }
    Err(Error::usage(
        "the text is missing, use --body TEXT, --body-file FILE, or --body-file - for standard input",
    ))
}

/// The octets of a file, or of standard input.
pub(crate) fn source(path: &Path, terminal: &mut Terminal) -> Result<Source> {
    let source = if path == Path::new("-") {
        Source::reader("standard input", &mut terminal.input)
    } else {
        Source::file(path)
    };
    source.map_err(|error| of_mime(&error))
}

fn attached(attachment: &Attachment) -> Result<Entity> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::usage(format!("the attachment {}: {error}", attachment.path.display()))
    };
    let mut entity = Entity::file(&attachment.path).map_err(|error| of_mime(&error))?;
    if let Some(name) = &attachment.name {
        let media_type = ContentType::guess(name);
        entity = entity.with_file_name(name).map_err(|error| wrong(&error))?;
        entity = entity.with_content_type(media_type).map_err(|error| wrong(&error))?;
    }
    if let Some(media_type) = &attachment.media_type {
        let (main, subtype) = media_type.split_once('/').ok_or_else(|| {
            wrong(&format!("{media_type:?} is no media type, try application/octet-stream"))
        })?;
        let media_type = ContentType::new(main.trim(), subtype.trim()).map_err(|error| wrong(&error))?;
        entity = entity.with_content_type(media_type).map_err(|error| wrong(&error))?;
    }
    if attachment.content_id.is_some() {
        return Err(wrong(&"cid is for what the HTML shows"));
    }
    Ok(entity)
}

/// The addresses of an option.
fn addresses(option: &str, text: &str) -> Result<AddressList> {
    let list = text.parse::<AddressList>().map_err(|error| Error::usage(format!("{option}: {error}")))?;
    if list.is_empty() {
        return Err(Error::usage(format!("{option}: there is no address in {text:?}")));
    }
    Ok(list)
}

/// A fault of the message's options, or a file that cannot be read.
pub(crate) fn of_mime(error: &smtp_mime::Error) -> Error {
    match error {
        smtp_mime::Error::Read { name, error } => Error::unreadable("the file", Path::new(name), error),
        smtp_mime::Error::Changed { .. } => Error::new(Exit::NO_INPUT, error.to_string()),
        error => Error::usage(error.to_string()),
    }
}

/// The envelope of a message: its sender and recipients, unless the options name others.
pub(crate) fn envelope(args: &EnvelopeArgs, message: &Message) -> Result<Envelope> {
    let from = match (&args.envelope_from, message.sender()) {
        (Some(path), _) => path.clone(),
        (None, Some(sender)) => ReversePath::new(on_the_wire(sender)?),
        (None, None) => ReversePath::null(),
    };
    let recipients = if args.rcpt.is_empty() {
        message
            .recipients()
            .iter()
            .map(|mailbox| on_the_wire(mailbox).map(ForwardPath::new))
            .collect::<Result<_>>()?
    } else {
        let mut paths: Vec<ForwardPath> = Vec::new();
        for path in &args.rcpt {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
        paths
    };
    let mut envelope = Envelope::new(from, recipients);
    envelope.size = Some(message.encoded_len());
    envelope.utf8_headers = message.needs_smtputf8();
    if message.needs_8bitmime() {
        envelope.body = smtp_core::BodyType::EightBitMime;
    }
    complete(args, &mut envelope)?;
    Ok(envelope)
}

/// Adds what the options say of the envelope besides the addresses.
fn complete(args: &EnvelopeArgs, envelope: &mut Envelope) -> Result<()> {
    let parameter = |option: &str, made: std::result::Result<Parameter, smtp_core::SyntaxError>| {
        made.map_err(|error| Error::usage(format!("{option}: {error}")))
    };
    if let Some(part) = args.ret {
        envelope.parameters.push(parameter("--ret", Parameter::new("RET", Some(part.keyword())))?);
    }
    if let Some(name) = &args.envid {
        envelope.parameters.push(parameter("--envid", Parameter::with_xtext("ENVID", name))?);
    }
    envelope.parameters.extend(args.mail_param.iter().cloned());
    let mut parameters = Vec::new();
    if !args.notify.is_empty() {
        let keywords: Vec<_> = args.notify.iter().map(|notify| notify.keyword()).collect();
        if keywords.len() > 1 && keywords.contains(&"NEVER") {
            return Err(Error::usage("--notify never excludes success, failure and delay (RFC 3461)"));
        }
        parameters.push(parameter("--notify", Parameter::new("NOTIFY", Some(&keywords.join(","))))?);
    }
    parameters.extend(args.rcpt_param.iter().cloned());
    for Recipient { parameters: of_recipient, .. } in &mut envelope.recipients {
        of_recipient.clone_from(&parameters);
    }
    envelope.all_or_nothing = args.require_all;
    Ok(())
}

/// The mailbox as every server takes it: with A-labels, unless its local-part needs SMTPUTF8 anyway.
fn on_the_wire(mailbox: &Mailbox) -> Result<Mailbox> {
    if mailbox.is_ascii() || !mailbox.local_part().is_ascii() {
        return Ok(mailbox.clone());
    }
    mailbox
        .to_ascii_domain()
        .map_err(|error| Error::usage(format!("the domain of {mailbox} cannot be looked up: {error}")))
}

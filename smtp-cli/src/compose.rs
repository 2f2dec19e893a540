//! Composes a message from its options, and asks for what is missing where somebody sits.

mod existing;
mod signing;

use crate::args::{Attachment, ComposeArgs, EnvelopeArgs, MessageArgs, Notify, SendArgs, keyword};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::outgoing::{Mail, Outgoing};
use crate::terminal::{Outside, Terminal};
use existing::Opened;
use smtp_core::{Envelope, ForwardPath, Mailbox, Parameter, Recipient, ReversePath};
use smtp_mime::{
    AddressList, ContentType, Context, Date, Disposition, Entity, Message, MessageBuilder, MessageId,
    NameAddr, Source,
};
use std::collections::HashSet;
use std::path::Path;

/// Composes the messages and prints them.
pub(crate) fn print(args: ComposeArgs, terminal: &mut Terminal) -> Result<Exit> {
    let args = SendArgs { message: args.message, fix: args.fix, ..SendArgs::default() };
    let prepared = prepare(&args, terminal)?;
    print_all(prepared, &args, terminal)?;
    Ok(Exit::OK)
}

/// Prints messages that are ready, once all of them are made.
pub(crate) fn print_all(prepared: Prepared, args: &SendArgs, terminal: &mut Terminal) -> Result<()> {
    let mails: Result<Vec<Mail>> = prepared.mails(args, terminal.outside()).collect();
    mails?.iter().try_for_each(|mail| print_message(&mail.submission().message, terminal))
}

/// Prints a message: octet for octet, but to a terminal.
pub(crate) fn print_message(message: &Message, terminal: &mut Terminal) -> Result<()> {
    let mut failed = Ok(());
    let printed = terminal.print_message(|mut writer| match message.write_to(&mut writer) {
        Ok(_) => Ok(()),
        Err(smtp_mime::Error::Write(error)) => Err(error),
        Err(error) => {
            failed = Err(Error::of_mime(&error));
            Ok(())
        }
    });
    failed.and(printed)
}

/// Messages that are ready to be made, as many of them as are wanted.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// A message that is composed; the first one is made already, so that what is wrong is said at once.
    Draft(Box<MessageBuilder>, Box<Message>),
    /// Messages that exist.
    Existing(Vec<Opened>),
}

/// What is done about what a message lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Whoever sits at the terminal is asked for it.
    Asked,
    /// It is refused: nobody sits there.
    Refused,
    /// It is taken as it is: whoever typed it was asked for everything before.
    Settled,
}

/// Takes from options, files and whoever sits at the terminal what the messages need.
pub(crate) fn prepare(args: &SendArgs, terminal: &mut Terminal) -> Result<Prepared> {
    let missing = if terminal.input_is_terminal { Missing::Asked } else { Missing::Refused };
    prepare_with(args, missing, terminal)
}

/// The same, where it is settled what is done about what the messages lack.
pub(crate) fn prepare_with(args: &SendArgs, missing: Missing, terminal: &mut Terminal) -> Result<Prepared> {
    if !args.message.eml.is_empty() {
        return existing::open_all(args, terminal).map(Prepared::Existing);
    }
    if args.envelope.recipients_from_headers {
        return Err(Error::usage("--recipients-from-headers is for messages that exist, use --eml as well"));
    }
    let draft = draft(&args.envelope, &args.message, missing, terminal)?;
    let first = build(draft.clone(), &args.message, terminal.outside())?;
    envelope(&args.envelope, &first)?;
    Ok(Prepared::Draft(Box::new(draft), Box::new(first)))
}

impl Prepared {
    /// How many messages a run sends.
    pub(crate) fn count(&self, repeat: u32) -> usize {
        let messages = match self {
            Self::Draft(..) => 1,
            Self::Existing(opened) => opened.len(),
        };
        messages * repeat as usize
    }

    /// Who sends the first message.
    pub(crate) fn sender(&self) -> Option<String> {
        match self {
            Self::Draft(_, first) => first.sender().map(ToString::to_string),
            Self::Existing(opened) => opened.first().and_then(Opened::sender),
        }
    }

    /// The octets of all messages of a run, about.
    pub(crate) fn octets(&self, repeat: u32) -> u64 {
        let octets = match self {
            Self::Draft(_, first) => first.encoded_len(),
            Self::Existing(opened) => opened.iter().map(Opened::octets).sum(),
        };
        octets * u64::from(repeat)
    }

    /// The messages of a run, each made when it is asked for.
    pub(crate) fn mails<'a>(
        self,
        args: &'a SendArgs,
        outside: Outside<'a>,
    ) -> Box<dyn Iterator<Item = Result<Mail>> + Send + 'a> {
        let numbers = 1..=self.count(args.run.repeat);
        match self {
            Self::Draft(draft, first) => {
                let mut first = Some(first);
                Box::new(numbers.map(move |number| {
                    let message = match first.take() {
                        Some(first) => *first,
                        None => build((*draft).clone(), &args.message, outside)?,
                    };
                    Ok(Outgoing::new(number, envelope(&args.envelope, &message)?, message).into_mail())
                }))
            }
            Self::Existing(opened) => {
                let repeat = args.run.repeat as usize;
                let mut at_hand = None;
                Box::new(numbers.map(move |number| {
                    let opened = &opened[(number - 1) / repeat];
                    // The first time it is read as it leaves; the second time it is kept for the others.
                    match (number - 1) % repeat {
                        0 => at_hand = None,
                        1 => at_hand = opened.at_hand(),
                        _ => {}
                    }
                    Ok(opened.mail(number, at_hand.clone()))
                }))
            }
        }
    }
}

/// All of the message but its date, its Message-ID and its boundaries.
pub(crate) fn draft(
    envelope: &EnvelopeArgs,
    message: &MessageArgs,
    missing: Missing,
    terminal: &mut Terminal,
) -> Result<MessageBuilder> {
    one_for_standard_input(message)?;
    let asked = missing == Missing::Asked;
    let mut builder = Message::builder();
    let from = match &message.from {
        Some(from) => from.clone(),
        None if asked => terminal.ask("From: ")?,
        None => return Err(Error::usage("the author is missing, use --from ADDR")),
    };
    builder = builder.from(addresses("--from", &from)?);
    for (option, values) in [("--to", &message.to), ("--cc", &message.cc), ("--bcc", &message.bcc)] {
        for value in values {
            let list = addresses(option, value)?;
            builder = match option {
                "--to" => builder.to(list),
                "--cc" => builder.cc(list),
                _ => builder.bcc(list),
            };
        }
    }
    if message.to.is_empty() && message.cc.is_empty() && message.bcc.is_empty() {
        builder = match (envelope.rcpt.is_empty(), asked) {
            (false, _) => builder.without_recipients(),
            (true, true) => builder.to(addresses("--to", &terminal.ask("To: ")?)?),
            (true, false) => {
                return Err(Error::usage("there is no recipient, use --to, --cc or --bcc ADDR"));
            }
        };
    }
    for value in &message.reply_to {
        builder = builder.reply_to(addresses("--reply-to", value)?);
    }
    if let Some(sender) = &message.sender {
        let sender: NameAddr = sender.parse().map_err(|error| Error::usage(format!("--sender: {error}")))?;
        builder = builder.sender(sender);
    }
    if message.subject.is_some() || !message.header.iter().any(|header| is_field(header, "Subject")) {
        builder = builder.subject(subject(message, missing, terminal)?);
    }
    for header in &message.header {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Error::usage(format!("--header: {header:?} has no colon, write 'Name: value'")))?;
        builder = builder
            .header(name.trim_end(), value.trim())
            .map_err(|error| Error::usage(format!("--header: {error}")))?;
    }
    builder = builder.smtputf8(message.smtputf8);
    for attachment in &message.attach {
        if attachment.content_id.is_some() {
            let text = format!(
                "--attach {}: cid is for what the HTML shows, use --inline",
                attachment.path.display()
            );
            return Err(Error::usage(text));
        }
        builder = builder.attach(attached(attachment)?);
    }
    for attachment in &message.inline {
        builder = builder.inline(inline(attachment)?);
    }
    if let Some(path) = &message.html_file {
        builder = builder.html(source(path, terminal)?);
        if message.text_from_html {
            builder = builder.text_from_html();
        }
    }
    match text(message, missing, terminal)? {
        Some(text) => Ok(builder.text(text)),
        None => Ok(builder),
    }
}

/// Builds the message: now, and with randomness of its own.
fn build(draft: MessageBuilder, args: &MessageArgs, outside: Outside<'_>) -> Result<Message> {
    let context = context(outside)?;
    let message = draft.build(&context).map_err(|error| of_text(&error, args))?;
    signing::signed(message, args, context.date(), Error::of_mime)
}

/// What a message takes from outside.
fn context(outside: Outside<'_>) -> Result<Context> {
    let (seconds, offset) = (outside.clock)();
    let date = Date::from_unix(seconds, offset)
        .map_err(|error| Error::new(Exit::OS, format!("the clock of this machine is wrong: {error}")))?;
    let mut seed = [0; Context::SEED];
    (outside.random)(&mut seed)
        .map_err(|error| Error::new(Exit::OS, format!("the system gives no random octets: {error}")))?;
    Ok(Context::new(date, seed))
}

/// The subject; that it is empty is worth a warning, and on a terminal a question.
fn subject(message: &MessageArgs, missing: Missing, terminal: &mut Terminal) -> Result<String> {
    let given = message.subject.clone().unwrap_or_default();
    if !given.trim().is_empty() || missing == Missing::Settled {
        return Ok(given);
    }
    terminal.warnings.warn("the subject is empty, the message may be taken for spam; use --subject TEXT");
    if missing == Missing::Asked { terminal.ask_for_any("Subject: ") } else { Ok(given) }
}

/// The text; `None` where attachments stand for it.
fn text(message: &MessageArgs, missing: Missing, terminal: &mut Terminal) -> Result<Option<Source>> {
    if let Some(text) = &message.body {
        return Ok(Some(Source::from(text.as_str())));
    }
    if let Some(path) = &message.body_file {
        return source(path, terminal).map(Some);
    }
    if !message.attach.is_empty() || message.html_file.is_some() {
        return Ok(None);
    }
    if missing == Missing::Asked {
        let text = terminal.ask_for_lines("Text, up to a line with a lone dot:\n")?;
        return Ok(Some(Source::from(text)));
    }
    Err(Error::usage(
        "the text is missing, use --body TEXT, --body-file FILE, or --body-file - for standard input",
    ))
}

/// Standard input is there once: whoever reads it second finds it empty.
fn one_for_standard_input(message: &MessageArgs) -> Result<()> {
    let all = (message.body_file.iter().map(|path| ("--body-file", path)))
        .chain(message.html_file.iter().map(|path| ("--html-file", path)))
        .chain(message.eml.iter().map(|path| ("--eml", path)));
    let mut readers = all.filter(|(_, path)| path.as_path() == Path::new("-")).map(|(option, _)| option);
    if let (Some(one), Some(other)) = (readers.next(), readers.next()) {
        return Err(Error::usage(format!(
            "{one} - and {other} - cannot both have standard input, which is read once; put one into a file"
        )));
    }
    Ok(())
}

/// The octets of a file, or of standard input.
pub(crate) fn source(path: &Path, terminal: &mut Terminal) -> Result<Source> {
    let source = if path == Path::new("-") {
        Source::reader("standard input", &mut terminal.input)
    } else {
        Source::file(path)
    };
    source.map_err(|error| Error::of_mime(&error))
}

pub(crate) fn attached(attachment: &Attachment) -> Result<Entity> {
    // Before it is opened, because opening a FIFO waits for somebody who writes, and a device may have no end.
    let metadata = std::fs::metadata(&attachment.path)
        .map_err(|error| Error::unreadable("the file", &attachment.path, &error))?;
    if !metadata.is_file() {
        return Err(Error::new(
            Exit::NO_INPUT,
            format!("{} is no regular file, attach a copy of what it gives", attachment.path.display()),
        ));
    }
    let wrong = |error: &dyn std::fmt::Display| {
        Error::usage(format!("the attachment {}: {error}", attachment.path.display()))
    };
    let mut entity = Entity::file(&attachment.path).map_err(|error| Error::of_mime(&error))?;
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
    Ok(entity)
}

/// A part that the HTML shows.
fn inline(attachment: &Attachment) -> Result<Entity> {
    let name = attachment.path.display();
    let Some(id) = &attachment.content_id else {
        return Err(Error::usage(format!("--inline {name}: ;cid=ID is missing, by which the HTML shows it")));
    };
    let id = MessageId::new(id).map_err(|error| {
        Error::usage(format!(
            "--inline {name}: {error}; write cid=left@right here, and src=\"cid:left@right\" in the HTML"
        ))
    })?;
    Ok(attached(attachment)?.with_disposition(Disposition::Inline).with_content_id(id))
}

/// Whether a header of `--header` is of that name.
pub(crate) fn is_field(header: &str, name: &str) -> bool {
    header.split_once(':').is_some_and(|(field, _)| field.trim().eq_ignore_ascii_case(name))
}

/// The addresses of an option.
pub(crate) fn addresses(option: &str, text: &str) -> Result<AddressList> {
    let list = text.parse::<AddressList>().map_err(|error| Error::usage(format!("{option}: {error}")))?;
    if list.is_empty() {
        return Err(Error::usage(format!("{option}: there is no address in {text:?}")));
    }
    Ok(list)
}

/// A fault of the message's options; a file that gives the message its text is named.
fn of_text(error: &smtp_mime::Error, args: &MessageArgs) -> Error {
    let smtp_mime::Error::Part { part, rule } = error else { return Error::of_mime(error) };
    let (option, path) = match part.as_str() {
        "text/plain" => ("--body-file", &args.body_file),
        "text/html" => ("--html-file", &args.html_file),
        _ => return Error::of_mime(error),
    };
    path.as_ref().map_or_else(
        || Error::of_mime(error),
        |path| Error::new(Exit::DATA, format!("{option} {}: {rule}", path.display())),
    )
}

/// The envelope of a message: its sender and recipients, unless the options name others.
fn envelope(args: &EnvelopeArgs, message: &Message) -> Result<Envelope> {
    envelope_of(args, message, message.sender(), message.recipients())
}

/// The envelope of a message from that sender to these recipients, unless the options name others.
fn envelope_of(
    args: &EnvelopeArgs,
    message: &Message,
    sender: Option<&Mailbox>,
    recipients: &[Mailbox],
) -> Result<Envelope> {
    let from = match (&args.sender.envelope_from, sender) {
        (Some(path), _) => path.clone(),
        (None, Some(sender)) => ReversePath::new(on_the_wire(sender)?),
        (None, None) => ReversePath::null(),
    };
    let mut paths: Vec<ForwardPath> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |path: ForwardPath| {
        if seen.insert(path.clone()) {
            paths.push(path);
        }
    };
    args.rcpt.iter().cloned().for_each(&mut add);
    if args.rcpt.is_empty() {
        for mailbox in recipients {
            add(ForwardPath::new(on_the_wire(mailbox)?));
        }
    }
    let mut envelope = Envelope::new(from, paths);
    envelope.size = Some(message.encoded_len());
    envelope.utf8_headers = message.needs_smtputf8();
    if message.needs_8bitmime() {
        envelope.body = smtp_core::BodyType::EightBitMime;
    }
    complete(args, &mut envelope)?;
    Ok(envelope)
}

/// Adds what the options say of the envelope besides the addresses.
pub(crate) fn complete(args: &EnvelopeArgs, envelope: &mut Envelope) -> Result<()> {
    let parameter = |option: &str, made: std::result::Result<Parameter, smtp_core::SyntaxError>| {
        made.map_err(|error| Error::usage(format!("{option}: {error}")))
    };
    if let Some(part) = args.ret {
        envelope.parameters.push(parameter("--ret", Parameter::new("RET", Some(&keyword(&part))))?);
    }
    if let Some(name) = &args.envid {
        envelope.parameters.push(parameter("--envid", Parameter::with_xtext("ENVID", name))?);
    }
    envelope.parameters.extend(args.mail_param.iter().cloned());
    let mut parameters = Vec::new();
    if !args.notify.is_empty() {
        let keywords: Vec<_> = args.notify.iter().map(keyword).collect();
        if keywords.len() > 1 && args.notify.contains(&Notify::Never) {
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
pub(crate) fn on_the_wire(mailbox: &Mailbox) -> Result<Mailbox> {
    if mailbox.is_ascii() || !mailbox.local_part().is_ascii() {
        return Ok(mailbox.clone());
    }
    mailbox
        .to_ascii_domain()
        .map_err(|error| Error::usage(format!("the domain of {mailbox} cannot be looked up: {error}")))
}

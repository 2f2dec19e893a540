//! Provides the sendmail personality: what programs that call `sendmail` expect, with msmtp's options.

use crate::args::{self, Command, EnvelopeArgs, LocalNames, Parsed, SendArgs};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::layers;
use crate::send;
use crate::terminal::Terminal;
use smtp_core::{Domain, ReversePath};
use smtp_mime::NameAddr;
use std::ffi::OsString;
use std::path::Path;

/// The words behind the program's name, where that or the command is sendmail.
pub(crate) fn words(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let (program, rest) = arguments.split_first()?;
    let is_sendmail = Path::new(program).file_stem().is_some_and(|name| name == "sendmail");
    match rest.split_first() {
        _ if is_sendmail => Some(rest.to_vec()),
        Some((command, rest)) if command == "sendmail" => Some(rest.to_vec()),
        _ => None,
    }
}

/// Sends the message of standard input to the recipients that are named.
pub(crate) fn sendmail(words: Vec<OsString>, terminal: &mut Terminal) -> Result<Exit> {
    let Some(Translated { arguments, sender, full_name }) = translated(words)? else { return Ok(Exit::OK) };
    let (args, matches) = match args::parse(arguments.clone())? {
        Parsed::Args(args, matches) => (args, matches),
        Parsed::Text(text) => {
            terminal.print(&text)?;
            return Ok(Exit::OK);
        }
    };
    let names_sender = sender.is_some()
        || arguments.iter().any(|word| word.to_string_lossy().starts_with("--envelope-from="));
    let settled = layers::settle(arguments, args, &matches, terminal)?;
    match settled.args.command {
        Command::Send(mut send) => {
            let local = local_domain(&send);
            let domain = local.as_ref().map(Domain::as_str);
            let envelope = &mut send.envelope;
            if let Some(sender) = sender {
                let path = format!("<{}>", qualified(&sender, domain)?);
                let path =
                    path.parse().map_err(|error| Error::usage(format!("sendmail: -f {sender}: {error}")))?;
                envelope.envelope_from = Some(path);
            }
            for recipient in &mut envelope.to {
                *recipient = qualified(recipient, domain)?;
            }
            envelope.local_names = local.clone().map_or(LocalNames::Nowhere, LocalNames::Qualified);
            envelope.from = author(envelope, names_sender, full_name.as_deref())?;
            send::send(&send, &settled.args.global, settled.program, terminal)
        }
        _ => Err(Error::new(Exit::SOFTWARE, "a fault of this program: sendmail became another command")),
    }
}

/// Options of one letter that have a value which nothing depends on.
const IGNORED_WITH_VALUE: &str = "ABLhmOopqRrX";
/// Options of one letter without a value, which nothing depends on.
const IGNORED: &str = "GinmU";

/// What sendmail's arguments amount to.
#[derive(Debug)]
struct Translated {
    /// The arguments of `send`.
    arguments: Vec<OsString>,
    /// The sender of `-f`, where it is a name of this machine, which needs a domain yet.
    sender: Option<String>,
    /// The author's name of `-F`, for a message without From.
    full_name: Option<String>,
}

/// Translates the arguments; `None` where nothing is to be done.
fn translated(words: Vec<OsString>) -> Result<Option<Translated>> {
    let mut arguments: Vec<OsString> =
        ["smtp-cli", "send", "--quiet", "--eml=-"].map(OsString::from).to_vec();
    let mut recipients = Vec::new();
    let mut from_headers = false;
    let mut words = words.into_iter();
    let mut only_recipients = false;
    let mut tls = (None, None);
    let (mut sender, mut full_name) = (None, None);
    while let Some(word) = words.next() {
        let text = word
            .to_str()
            .ok_or_else(|| Error::usage(format!("sendmail: {} is not UTF-8", word.to_string_lossy())))?
            .to_string();
        if only_recipients || !text.starts_with('-') || text == "-" {
            recipients.push(text);
            continue;
        }
        if text == "--" {
            only_recipients = true;
            continue;
        }
        if let Some(long) = text.strip_prefix("--") {
            if long == "read-recipients" {
                from_headers = true;
            } else {
                long_option(long, &mut tls, &mut arguments);
            }
            continue;
        }
        // The value behind the letter, or the next word.
        let value = |at: usize, words: &mut dyn Iterator<Item = OsString>| -> Result<String> {
            if text.len() > at {
                return Ok(text[at..].to_string());
            }
            let next = words.next().and_then(|word| word.into_string().ok());
            next.ok_or_else(|| Error::usage(format!("sendmail: the option {text} needs a value")))
        };
        match text.as_bytes().get(1).copied().map(char::from) {
            Some('t') => from_headers = true,
            Some('f' | 'r') => {
                let address = value(2, &mut words)?;
                // The last one counts, as in sendmail(8).
                arguments.retain(|word| !word.to_string_lossy().starts_with("--envelope-from="));
                sender = is_local(&address).then(|| address.clone());
                if sender.is_none() {
                    let path = if address.is_empty() { "<>" } else { &address };
                    arguments.push(format!("--envelope-from={path}").into());
                }
            }
            Some('F') => full_name = Some(value(2, &mut words)?),
            Some('a') => arguments.push(format!("--account={}", value(2, &mut words)?).into()),
            Some('C') => arguments.push(format!("--config={}", value(2, &mut words)?).into()),
            Some('N') => {
                let when = value(2, &mut words)?;
                arguments.push(format!("--notify={}", when.to_lowercase()).into());
            }
            Some('V') => arguments.push(format!("--envid={}", value(2, &mut words)?).into()),
            Some('R') if text.len() > 2 || IGNORED_WITH_VALUE.contains('R') => {
                let part = value(2, &mut words)?;
                arguments.push(format!("--ret={}", part.to_lowercase()).into());
            }
            Some('v') => arguments.push("--verbose".into()),
            Some('b') => match text.as_str() {
                "-bm" => {}
                "-bp" | "-bi" => return Ok(None),
                other => {
                    return Err(Error::usage(format!(
                        "sendmail: the mode {other} is not available, only -bm: there is no queue and no server"
                    )));
                }
            },
            Some('q') => return Ok(None),
            // -oi and its like say it in one word; -O and the others may have theirs behind them.
            Some('o' | 'd' | 'e') => {}
            Some(letter) if IGNORED.contains(letter) => {}
            Some(letter) if IGNORED_WITH_VALUE.contains(letter) => {
                value(2, &mut words)?;
            }
            _ => return Err(Error::usage(format!("sendmail: the option {text} is not known"))),
        }
    }
    if recipients.is_empty() && !from_headers {
        return Err(Error::usage("sendmail: there is no recipient, name one or use -t"));
    }
    match tls {
        (Some(true), Some(false)) => arguments.push("--tls=implicit".into()),
        (Some(true), _) => arguments.push("--tls=starttls".into()),
        (Some(false), _) => arguments.push("--tls=none".into()),
        (None, _) => {}
    }
    // Without -t the headers count for nothing; with it, both do.
    for recipient in recipients {
        arguments.push(format!("--to={recipient}").into());
    }
    if from_headers {
        arguments.push("--recipients-from-headers".into());
    }
    // What is to be shown is not kept back.
    if arguments.iter().any(|word| word == "--verbose") {
        arguments.retain(|word| word != "--quiet");
    }
    Ok(Some(Translated { arguments, sender, full_name }))
}

/// Whether it is the name of somebody on this machine, like `root`.
fn is_local(address: &str) -> bool {
    !address.is_empty() && !address.contains(['@', '<', '>', ',', ':', ';', '"', '(', ' '])
}

/// The domain of local names: the one of EHLO that is configured, that of `/etc/mailname`, where Debian's mail programs
/// look, or the machine's full name.
fn local_domain(send: &SendArgs) -> Option<Domain> {
    let configured = send.connection.helo.as_ref().map(|domain| domain.as_str().to_string());
    let mail_name = || std::fs::read_to_string(MAIL_NAME).ok().map(|text| text.trim().to_string());
    let host_name = || gethostname::gethostname().to_string_lossy().into_owned();
    let domain = |name: String| Domain::new(&name).ok();
    configured.and_then(domain).or_else(|| mail_name().and_then(domain)).or_else(|| {
        let name = host_name();
        if name.contains('.') { domain(name) } else { None }
    })
}

/// The domain of mail from this machine, by Debian's policy (§11.6).
const MAIL_NAME: &str = "/etc/mailname";

/// The address with its domain.
fn qualified(address: &str, domain: Option<&str>) -> Result<String> {
    match domain {
        _ if !is_local(address) => Ok(address.to_string()),
        Some(domain) => Ok(format!("{address}@{domain}")),
        None => Err(Error::usage(format!(
            "sendmail: {address} is a name of this machine, which has no domain; use {address}@DOMAIN or --domain=DOMAIN, or set helo in \
             the configuration"
        ))),
    }
}

/// The author of a message without From: the address of `-f`, or the configured one, under the name of `-F`.
fn author(envelope: &EnvelopeArgs, names_sender: bool, full_name: Option<&str>) -> Result<Option<String>> {
    let sender = envelope.envelope_from.as_ref().filter(|_| names_sender).and_then(ReversePath::mailbox);
    let configured = || envelope.from.as_ref()?.parse::<NameAddr>().ok();
    let author = match (sender, full_name) {
        (None, None) => return Ok(envelope.from.clone()),
        (Some(sender), _) => sender.clone(),
        (None, Some(_)) => match configured() {
            Some(configured) => configured.mailbox().clone(),
            None => return Ok(envelope.from.clone()),
        },
    };
    let author = NameAddr::new(full_name.unwrap_or_default().to_owned(), author)
        .map_err(|error| Error::usage(format!("sendmail: -F: {error}")))?;
    Ok(Some(shown(&author)))
}

/// An author as an option takes it: the name is quoted, so that none of its characters counts.
fn shown(author: &NameAddr) -> String {
    match author.display_name() {
        Some(name) => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{name}\" <{}>", author.mailbox())
        }
        None => author.mailbox().to_string(),
    }
}

/// Options of msmtp with another name here.
const RENAMED: [(&str, &str); 11] = [
    ("domain", "helo"),
    ("dsn-notify", "notify"),
    ("dsn-return", "ret"),
    ("file", "config"),
    ("from", "envelope-from"),
    ("host", "server"),
    ("passwordeval", "password-command"),
    ("tls-cert-file", "client-cert"),
    ("tls-host-override", "tls-name"),
    ("tls-key-file", "client-key"),
    ("tls-trust-file", "ca-file"),
];
/// Options of msmtp that say what is so anyway: headers are completed, Bcc is removed.
const USELESS: [&str; 8] = [
    "add-missing-date-header",
    "add-missing-from-header",
    "keepbcc",
    "read-envelope-from",
    "remove-bcc-headers",
    "set-date-header",
    "set-from-header",
    "undisclosed-recipients",
];

/// Takes a long option: one of msmtp by its meaning, one of `send` as it is. `tls` gathers what two options say of TLS.
fn long_option(long: &str, tls: &mut (Option<bool>, Option<bool>), arguments: &mut Vec<OsString>) {
    let (name, value) = long.split_once('=').unwrap_or((long, ""));
    let is_on = !matches!(value, "off" | "no");
    match name {
        "tls" if matches!(value, "" | "on" | "off") => tls.0 = Some(is_on),
        "tls-starttls" => tls.1 = Some(is_on),
        "tls-certcheck" if !is_on => arguments.push("--insecure".into()),
        "auth" if value.is_empty() || value == "on" => arguments.push("--auth=auto".into()),
        "auth" if !is_on => arguments.push("--auth=none".into()),
        "timeout" if !is_on => {}
        "debug" => arguments.push("--verbose".into()),
        "pretend" => arguments.push("--dry-run".into()),
        "dsn-return" if value == "headers" => arguments.push("--ret=hdrs".into()),
        "dsn-notify" | "dsn-return" | "tls-certcheck" if !is_on || value.is_empty() || value == "on" => {}
        name if USELESS.contains(&name) => {}
        name => match RENAMED.iter().find(|(msmtp, _)| *msmtp == name) {
            Some((_, ours)) => arguments.push(format!("--{ours}={value}").into()),
            None => arguments.push(format!("--{long}").into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(words: &[&str]) -> Result<Vec<String>> {
        translated(words.iter().map(OsString::from).collect())
            .map(|translated| translated.unwrap().arguments)
            .map(|words| words.into_iter().skip(4).map(|word| word.into_string().unwrap()).collect())
    }

    #[test]
    fn the_program_or_the_command_is_sendmail() {
        let words_of = |words: &[&str]| super::words(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(words_of(&["/usr/sbin/sendmail", "-t"]), Some(vec!["-t".into()]));
        assert_eq!(words_of(&["smtp-cli", "sendmail", "-t"]), Some(vec!["-t".into()]));
        assert_eq!(words_of(&["smtp-cli", "send", "sendmail"]), None);
    }

    #[test]
    fn the_options_of_sendmail_become_those_of_send() {
        for (words, expected) in [
            (&["-t"][..], &["--recipients-from-headers"][..]),
            (&["-oi", "-bm", "a@b", "c@d"], &["--to=a@b", "--to=c@d"]),
            (&["-fyou@x", "-F", "You Name", "--", "-odd@x"], &["--envelope-from=you@x", "--to=-odd@x"]),
            (&["-f", "", "-i", "a@b"], &["--envelope-from=<>", "--to=a@b"]),
            (
                &["-N", "SUCCESS,delay", "-V", "id", "-R", "full", "a@b"],
                &["--notify=success,delay", "--envid=id", "--ret=full", "--to=a@b"],
            ),
            (
                &["-B8BITMIME", "-om", "-O", "x=y", "-L", "tag", "-a", "work", "a@b"],
                &["--account=work", "--to=a@b"],
            ),
            (
                &[
                    "--host=mx",
                    "--port=465",
                    "--tls=on",
                    "--tls-starttls=off",
                    "--auth=on",
                    "--user=you",
                    "a@b",
                ],
                &["--server=mx", "--port=465", "--auth=auto", "--user=you", "--tls=implicit", "--to=a@b"],
            ),
            (
                &[
                    "--set-from-header=auto",
                    "--dsn-return=headers",
                    "--tls-certcheck=off",
                    "--from=you@x",
                    "a@b",
                ],
                &["--ret=hdrs", "--insecure", "--envelope-from=you@x", "--to=a@b"],
            ),
            (&["--account=work", "--read-recipients"], &["--account=work", "--recipients-from-headers"]),
        ] {
            assert_eq!(translate(words).unwrap(), expected, "{words:?}");
        }
    }

    #[test]
    fn what_is_not_available_is_refused() {
        for words in [&["-bs"][..], &["-bd"], &["-Z", "a@b"], &["-f"], &[]] {
            assert_eq!(translate(words).unwrap_err().exit(), Exit::USAGE, "{words:?}");
        }
        assert!(translated(vec!["-bp".into()]).unwrap().is_none());
    }
}

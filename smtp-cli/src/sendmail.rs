//! Provides the sendmail personality: what programs that call `sendmail` expect, with msmtp's options.

use crate::args::{self, Command, LocalNames, Parsed, SendArgs};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::layers;
use crate::send;
use crate::terminal::Terminal;
use smtp_core::{Domain, ReversePath};
use smtp_mime::NameAddr;
use std::ffi::OsString;
use std::path::Path;

/// How the program was called as sendmail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// The options before the command, which are ours.
    before: Vec<OsString>,
    /// The words after it, which are sendmail's.
    words: Vec<OsString>,
}

impl Called {
    /// How it was called, where the program's name or the command is sendmail.
    pub(crate) fn of(arguments: &[OsString]) -> Option<Self> {
        let (program, rest) = arguments.split_first()?;
        if Path::new(program).file_stem().is_some_and(|name| name == "sendmail") {
            return Some(Self { before: Vec::new(), words: rest.to_vec() });
        }
        let (mut before, mut account) = (Vec::new(), Vec::new());
        let mut rest = rest.iter();
        let command = loop {
            let word = rest.next()?;
            let text = word.to_string_lossy();
            if text == "--config" {
                before.extend([word.clone(), rest.next()?.clone()]);
            } else if text == "-a" || text == "--account" {
                account = vec!["-a".into(), rest.next()?.clone()];
            } else if let Some(name) = text.strip_prefix("--account=").or_else(|| text.strip_prefix("-a")) {
                account = vec!["-a".into(), name.into()];
            } else if text.starts_with('-') {
                before.push(word.clone());
            } else {
                break word;
            }
        };
        let words = account.into_iter().chain(rest.cloned()).collect();
        (command == "sendmail").then_some(Self { before, words })
    }
}

/// Sends the message of standard input to the recipients that are named.
///
/// Who names them may be a stranger, by a program that passes words on, so no option here runs a command, names a file or
/// says where the mail goes: that is the configuration's to say, and that of options before the command.
pub(crate) fn sendmail(called: Called, terminal: &mut Terminal) -> Result<Exit> {
    let request = match Asked::of(called.words)? {
        Asked::Help => {
            terminal.print(HELP)?;
            return Ok(Exit::OK);
        }
        Asked::Version => {
            terminal.print(concat!("smtp-cli ", env!("CARGO_PKG_VERSION"), "\n"))?;
            return Ok(Exit::OK);
        }
        Asked::Send(request) => request,
    };
    let line = |words: &[&str]| -> Vec<OsString> {
        let words = words.iter().map(OsString::from);
        std::iter::once("smtp-cli".into()).chain(called.before.iter().cloned()).chain(words).collect()
    };
    let global = match args::parse(line(&["sendmail"]))? {
        Parsed::Args(args, _) => args.global,
        Parsed::Text(text) => {
            terminal.print(&text)?;
            return Ok(Exit::OK);
        }
    };
    let mut arguments = line(&["send", "--eml=-"]);
    if request.is_verbose {
        arguments.push("--verbose".into());
    } else if !(global.verbose || global.quiet || called.before.iter().any(|word| word == "--no-quiet")) {
        // Programs that call sendmail take what it prints for an error.
        arguments.push("--quiet".into());
    }
    arguments.extend(request.arguments);
    // By a whole address an account may be chosen; a name of this machine has its domain from the account.
    let (local_sender, sender) = match &request.sender {
        Some(sender) if is_local(sender) => (Some(sender), None),
        sender => (None, sender.as_deref()),
    };
    if let Some(sender) = sender {
        let path = if sender.is_empty() { "<>" } else { sender };
        arguments.push(format!("--envelope-from={path}").into());
    }
    let (args, matches) = match args::parse(arguments.clone())? {
        Parsed::Args(args, matches) => (args, matches),
        Parsed::Text(_) => {
            return Err(Error::new(Exit::SOFTWARE, "a fault of this program: sendmail asks for help"));
        }
    };
    let settled = layers::settle(arguments, args, &matches, terminal)?;
    let Command::Send(mut send) = settled.args.command else {
        return Err(Error::new(Exit::SOFTWARE, "a fault of this program: sendmail became another command"));
    };
    let local = local_domain(&send);
    let domain = local.as_ref().map(Domain::as_str);
    if let Some(sender) = local_sender {
        let path = format!("<{}>", qualified(sender, domain)?);
        let path = path.parse().map_err(|error| Error::usage(format!("sendmail: -f {sender}: {error}")))?;
        send.envelope.sender.envelope_from = Some(path);
    }
    for recipient in &mut send.message.to {
        *recipient = qualified(recipient, domain)?;
    }
    send.envelope.local_names = local.clone().map_or(LocalNames::Nowhere, LocalNames::Qualified);
    send.message.from = author(&send, request.sender.is_some(), request.full_name.as_deref())?;
    send::send(&send, &settled.args.global, settled.program, terminal)
}

/// The help of sendmail's options.
pub(crate) const HELP: &str = "\
Usage: sendmail [OPTION]... [--] [RECIPIENT]...

Sends the message of standard input.

  -t, --read-recipients  Send to the recipients in To, Cc and Bcc too
  -f ADDR, -r ADDR       Set the sender; '' for none
  -F NAME                Set the author's name of a message without From
  -a NAME                Use this account of the configuration file
  -N WHEN                Request reports about delivery: never, or success,failure,delay
  -R PART                Request this part of the message in reports: full or hdrs
  -V ID                  Add this identifier of the envelope to reports
  -v                     Show the session on standard error
  -bm, -i                Send, and do not end the message at a lone dot: always done
      --help             Print this help
      --version          Print the version

-A, -B, -d, -e, -G, -h, -L, -m, -n, -o, -p and -U are taken, and change nothing. Everything else is said by the
configuration, which smtp-cli config path finds, or by options before the command: smtp-cli --config FILE sendmail -t
";

/// What sendmail's words ask for.
#[derive(Debug)]
enum Asked {
    Help,
    Version,
    Send(Request),
}

/// What is to be sent, and how.
#[derive(Debug, Default)]
struct Request {
    /// Arguments of `send`, each an option with its value in one word, so that no value can become an option.
    arguments: Vec<OsString>,
    is_verbose: bool,
    /// The sender of `-f`, which may be a name of this machine that needs a domain yet, or nobody.
    sender: Option<String>,
    /// The author's name of `-F`, for a message without From.
    full_name: Option<String>,
}

/// Options of one letter without a value, which change nothing.
const IGNORED: &str = "GimnU";
/// Those that have a value, in the same word or the next one.
const IGNORED_WITH_VALUE: &str = "ABehLp";

impl Asked {
    /// Reads the words.
    fn of(words: Vec<OsString>) -> Result<Self> {
        let mut request = Request::default();
        let mut recipients = Vec::new();
        let mut from_headers = false;
        let mut only_recipients = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let text = word
                .to_str()
                .ok_or_else(|| Error::usage(format!("sendmail: {} is not UTF-8", word.to_string_lossy())))?;
            if only_recipients || !text.starts_with('-') || text == "-" {
                recipients.push(text.to_string());
                continue;
            }
            match text.strip_prefix("--") {
                Some("") => only_recipients = true,
                Some("read-recipients") => from_headers = true,
                Some("help") => return Ok(Self::Help),
                Some("version") => return Ok(Self::Version),
                Some("serverinfo") => {
                    return Err(unsupported("--serverinfo", "smtp-cli probe shows what a server is"));
                }
                // Its value may be a secret.
                Some(long) => {
                    return Err(unavailable(&format!("--{}", long.split('=').next().unwrap_or(long))));
                }
                None => from_headers |= request.take(&text[1..], &mut words)?,
            }
        }
        if recipients.is_empty() && !from_headers {
            return Err(Error::usage("sendmail: there is no recipient, name one or use -t"));
        }
        // Without -t the headers count for nothing; with it, both do.
        request.arguments.extend(recipients.iter().map(|recipient| format!("--to={recipient}").into()));
        if from_headers {
            request.arguments.push("--recipients-from-headers".into());
        }
        Ok(Self::Send(request))
    }
}

impl Request {
    /// Takes the letters of a word, the last of which may have a value; gives whether -t is one of them.
    fn take(&mut self, letters: &str, words: &mut dyn Iterator<Item = OsString>) -> Result<bool> {
        let mut from_headers = false;
        for (place, letter) in letters.char_indices() {
            let rest = &letters[place + letter.len_utf8()..];
            let mut value = || match rest {
                "" => words
                    .next()
                    .and_then(|word| word.into_string().ok())
                    .ok_or_else(|| Error::usage(format!("sendmail: the option -{letter} needs a value"))),
                rest => Ok(rest.to_string()),
            };
            match letter {
                't' => from_headers = true,
                'v' => self.is_verbose = true,
                letter if IGNORED.contains(letter) => {}
                // What follows is no letter of its own.
                letter => {
                    match letter {
                        // The last one counts, as in sendmail(8).
                        'f' | 'r' => self.sender = Some(value()?),
                        'F' => self.full_name = Some(value()?),
                        'a' => self.arguments.push(format!("--account={}", value()?).into()),
                        'N' => self.arguments.push(format!("--notify={}", value()?.to_lowercase()).into()),
                        'V' => self.arguments.push(format!("--envid={}", value()?).into()),
                        'R' => self.arguments.push(format!("--ret={}", value()?.to_lowercase()).into()),
                        'b' => mode(rest)?,
                        'q' => return Err(unsupported("-q", NO_QUEUE)),
                        'o' if value()?.starts_with('Q') => return Err(unavailable("-oQ")),
                        // The value of `o` was taken above; that of `d` stands in the same word or is none.
                        'o' | 'd' => {}
                        letter if IGNORED_WITH_VALUE.contains(letter) => drop(value()?),
                        letter => return Err(unavailable(&format!("-{letter}"))),
                    }
                    break;
                }
            }
        }
        Ok(from_headers)
    }
}

/// What is done, by the letter after `-b`.
fn mode(letter: &str) -> Result<()> {
    match letter {
        "m" => Ok(()),
        "p" => Err(unsupported("-bp", NO_QUEUE)),
        "s" => Err(unsupported("-bs", "it reads one message from standard input, and no SMTP")),
        "i" => Err(unsupported("-bi", "there is no file of aliases")),
        other => Err(unavailable(&format!("-b{other}"))),
    }
}

/// Why there is nothing to show and nothing to run.
const NO_QUEUE: &str = "there is no queue, each message is sent at once";

/// What sendmail(8) has and this program does not.
fn unsupported(option: &str, why: &str) -> Error {
    Error::new(Exit::UNAVAILABLE, format!("sendmail: {option} is not supported: {why}"))
}

/// What is nothing for whoever calls sendmail to say.
fn unavailable(option: &str) -> Error {
    Error::usage(format!(
        "sendmail: the option {option} is not available; sendmail --help lists those that are, and the configuration says the \
         rest"
    ))
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
            "sendmail: {address} is a name of this machine, which has no domain; use {address}@DOMAIN, set helo in the \
             configuration, or write the domain into {MAIL_NAME}"
        ))),
    }
}

/// The author of a message without From: the address of `-f`, or the configured one, under the name of `-F`.
fn author(send: &SendArgs, names_sender: bool, full_name: Option<&str>) -> Result<Option<String>> {
    let sender =
        send.envelope.sender.envelope_from.as_ref().filter(|_| names_sender).and_then(ReversePath::mailbox);
    let configured = || send.message.from.as_ref()?.parse::<NameAddr>().ok();
    let author = match (sender, full_name) {
        (None, None) => return Ok(send.message.from.clone()),
        (Some(sender), _) => sender.clone(),
        (None, Some(_)) => match configured() {
            Some(configured) => configured.mailbox().clone(),
            None => return Ok(send.message.from.clone()),
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

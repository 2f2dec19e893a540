//! Defines the commands of the shell, their help and what completes them.

use crate::args::{self, ConnectArgs, EnvelopeArgs, FixArgs, MessageArgs, Rows, SendArgs, Undo};
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::files::InUse;
use crate::layers::{Setting, inputs, typed};
use clap::error::ErrorKind;
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use std::fmt::Write as _;
use std::path::PathBuf;

/// A line that was read.
#[derive(Debug)]
pub(super) struct Command {
    /// What it asks for, or why it asks for nothing.
    pub(super) what: Result<What>,
    /// Whether nothing stands behind the command's name.
    pub(super) is_bare: bool,
    /// Whether what is read from a pipe goes on when the command fails.
    pub(super) may_fail: bool,
}

/// What a line asks for.
#[derive(Debug)]
pub(super) enum What {
    /// Connect, with these settings.
    Connect(Vec<Setting>),
    /// Send a message of these options, which name these files.
    Send(Box<SendArgs>, InUse),
    /// Compose one.
    Compose(Box<SendArgs>, InUse),
    /// Any other command.
    Do(Line),
    /// This command of SMTP, as it is.
    Raw(String),
    /// This text of help.
    Text(String),
}

/// The commands.
#[derive(Debug, Parser)]
#[command(multicall = true, disable_help_subcommand = true, term_width = 100)]
struct Grammar {
    #[command(subcommand)]
    line: Line,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(super) enum Line {
    /// Connect to a server, and log in
    #[command(
        after_help = "Asks for server, port, own domain, login and password where neither the options nor an account say \
                      them; an empty answer takes what stands in brackets. From a pipe, a server that is named is taken as \
                      it is, and only a missing password is an error.\nTLS is used where the port, the server or --tls say so; \
                      a server that has none, on port 25 say, wants --tls none, and a login there --allow-plaintext-auth."
    )]
    Connect(Box<ConnectLine>),
    /// Log in, or try again to: with the short name, or with the whole address
    Auth {
        /// The user name
        user: Option<String>,
    },
    /// Send a message: asks for sender, recipients, subject, attachments and text
    #[command(
        after_help = "With options only what is still missing is asked. Before the text is asked for, the server is \
                            asked whether it would take the recipients; where it would not, they are asked for again. \
                            Several messages may be sent over one connection."
    )]
    Send(Box<SendLine>),
    /// Send the message again that could not be sent
    Resend,
    /// Compose a message as send does, and print it
    Compose(Box<ComposeLine>),
    /// Ask whether recipients would be taken, by MAIL and RCPT
    Verify {
        /// Whom MAIL names, when it is not who sends
        #[arg(short, long, value_name = "ADDR")]
        from: Option<String>,
        /// Addresses, with commas or blanks
        #[arg(required = true, value_name = "ADDR")]
        addresses: Vec<String>,
    },
    /// Ask who a user is, by VRFY
    Vrfy {
        /// A name or an address
        #[arg(required = true, value_name = "WHOM")]
        whom: Vec<String>,
    },
    /// Ask who is on a list, by EXPN
    Expn {
        /// The list
        #[arg(required = true, value_name = "LIST")]
        list: Vec<String>,
    },
    /// Give up what the server holds unfinished, by RSET
    Rset,
    /// Say nothing, to see whether the server answers, by NOOP
    Noop,
    /// Say how the connection is, and what the server offers
    Status,
    /// Say what a reply code, an enhanced status code or both mean
    Explain {
        /// A code like 550 or 5.7.26
        #[arg(required = true, num_args = 1..=2, value_name = "CODE")]
        codes: Vec<String>,
    },
    /// Write the sessions so far to a file, as a scenario that smtp-mock plays
    #[command(name = ".save")]
    Save {
        /// The file
        file: PathBuf,
    },
    /// Break the connection, by QUIT
    Quit,
    /// Break the connection if there is one, and leave the shell
    Exit,
    /// List the commands, or say more of one
    Help {
        /// The command
        command: Option<String>,
    },
}

/// What `connect` takes.
#[derive(Debug, clap::Args)]
pub(super) struct ConnectLine {
    // Read as settings, because those of the configuration may complete them.
    #[command(flatten)]
    _connect: ConnectArgs,
    #[command(flatten)]
    _undo: Undo,
}

/// What `send` takes.
#[derive(Debug, clap::Args)]
pub(super) struct SendLine {
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    envelope: EnvelopeArgs,
    #[command(flatten)]
    fix: FixArgs,
    #[command(flatten)]
    _undo: Undo,
}

/// What `compose` takes.
#[derive(Debug, clap::Args)]
pub(super) struct ComposeLine {
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    fix: FixArgs,
    #[command(flatten)]
    _undo: Undo,
}

/// What completes a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completion {
    /// One of these words, from that place on.
    Words(usize, Vec<String>),
    /// A file.
    File,
}

/// How a few things are done, for the help.
const EXAMPLES: &str = "\
!COMMAND says any other command of SMTP as it is, like !HELP.
Ctrl-C gives up a question, Ctrl-D at the prompt leaves as exit does, Tab completes. While a server is
waited for, Ctrl-C ends the program.
From a pipe nothing is asked, lines answer in the order of the questions, and the first command that
fails ends the shell with its exit status; -COMMAND may fail. A line that begins with # is passed over.

A message, step by step: connect, send, quit. A try without any server: connect mock
A server on port 25, in clear: connect mx.example.org 25 --tls none
With a login: connect mx.example.org 587 --user you@example.org
With a file: send, and its path where that is asked for; or send --attach report.pdf
All that is said to the server and its replies: leave, and begin as smtp-cli shell -v
";

/// Commands of SMTP that the shell says by commands of its own.
const SMTP: [(&str, &str); 9] = [
    ("helo", "connect"),
    ("ehlo", "connect"),
    ("lhlo", "connect --lmtp"),
    ("starttls", "connect --tls starttls"),
    ("mail", "send or verify"),
    ("rcpt", "send or verify"),
    ("data", "send"),
    ("bdat", "send"),
    ("auth", "auth"),
];

/// Reads a line that is not blank.
pub(super) fn parse(line: &str) -> Command {
    let line = line.trim();
    let (may_fail, line) = match line.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, line),
    };
    if let Some(raw) = line.strip_prefix('!') {
        let what = raw_command(raw.trim());
        return Command { what, is_bare: false, may_fail };
    }
    let is_bare = !line.contains(char::is_whitespace);
    Command { what: words(line).and_then(command), is_bare, may_fail }
}

/// The words of a line, the first of which is a command's name.
fn words(line: &str) -> Result<Vec<String>> {
    // There a backslash parts the names of a path.
    let line = if cfg!(windows) { line.replace('\\', r"\\") } else { line.to_string() };
    let mut words = shell_words::split(&line)
        .map_err(|_| Error::usage("a quote is not closed, write \\' or \\\" for one that stands alone"))?;
    if let Some(first) = words.first_mut() {
        *first = first.to_lowercase();
        if first == "?" {
            *first = "help".to_string();
        }
    }
    Ok(words)
}

fn command(words: Vec<String>) -> Result<What> {
    let Some(name) = words.first().cloned() else { return Err(unknown("")) };
    if !names().contains(&name) {
        return Err(unknown(&name));
    }
    let matches = match Grammar::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(What::Text(without_program(&error.render().to_string())));
        }
        Err(error) => return Err(Error::usage(format!("{name}: {}", args::one_line(&error)))),
    };
    let grammar = Grammar::from_arg_matches(&matches)
        .map_err(|error| Error::usage(format!("{name}: {}", args::one_line(&error))))?;
    let rows = Rows(built().find_subcommand(&name).cloned().unwrap_or_default());
    let settings = matches.subcommand().map(|(_, matches)| typed(&rows, matches)).unwrap_or_default();
    let mut files = InUse::default();
    files.extend(inputs(&rows, &settings));
    match grammar.line {
        Line::Connect(_) => Ok(What::Connect(settings)),
        Line::Send(line) => {
            let SendLine { message, envelope, fix, .. } = *line;
            Ok(What::Send(Box::new(SendArgs { message, envelope, fix, ..SendArgs::default() }), files))
        }
        Line::Compose(line) => {
            let ComposeLine { message, fix, .. } = *line;
            Ok(What::Compose(Box::new(SendArgs { message, fix, ..SendArgs::default() }), files))
        }
        Line::Help { command } => help(command.as_deref()).map(What::Text),
        line => Ok(What::Do(line)),
    }
}

/// The words for what is no command.
fn unknown(name: &str) -> Error {
    if let Some((verb, instead)) = SMTP.iter().find(|(verb, _)| *verb == name) {
        let verb = verb.to_uppercase();
        return Error::usage(format!("{verb} is said by {instead}; help lists the commands"));
    }
    let names = names();
    let near = nearest(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Error::usage(format!("there is no command {name:?}{near}; help lists them"))
}

/// A command of SMTP as it is typed; those that the shell must know of are not taken.
fn raw_command(text: &str) -> Result<What> {
    let verb = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    match verb.as_str() {
        "" => Err(Error::usage("a command of SMTP is missing behind the !, like !HELP")),
        "quit" => Ok(What::Do(Line::Quit)),
        "xclient" => Err(Error::usage("XCLIENT changes what the shell must know of, use connect --xclient")),
        // Of these, two are commands that may stand alone, and the protocol's state does not change.
        "mail" | "rcpt" => Ok(What::Raw(text.to_string())),
        verb => match SMTP.iter().find(|(known, _)| *known == verb) {
            Some((_, instead)) => Err(Error::usage(format!(
                "{} changes what the shell must know of, use {instead}",
                verb.to_uppercase()
            ))),
            None => Ok(What::Raw(text.to_string())),
        },
    }
}

/// The help: of all commands, or of one.
fn help(name: Option<&str>) -> Result<String> {
    let grammar = built();
    let Some(name) = name else {
        let mut text = String::from("Commands (help COMMAND says more, with the options):\n\n");
        for command in grammar.get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {:<10}{about}", command.get_name());
        }
        text.push('\n');
        text.push_str(EXAMPLES);
        return Ok(text);
    };
    let name = name.to_lowercase();
    match grammar.find_subcommand(&name) {
        Some(command) => Ok(without_program(&command.clone().render_help().to_string())),
        None => Err(unknown(&name)),
    }
}

/// A help without the blank that clap leaves for the program's name, which no line has.
fn without_program(help: &str) -> String {
    help.replacen("Usage:  ", "Usage: ", 1)
}

/// The grammar with all that its parts take from each other.
fn built() -> clap::Command {
    let mut grammar = Grammar::command();
    grammar.build();
    grammar
}

fn names() -> Vec<String> {
    built().get_subcommands().map(|command| command.get_name().to_string()).collect()
}

/// The options of a command.
fn options(name: &str) -> Vec<Arg> {
    let grammar = built();
    let command = grammar.find_subcommand(name);
    command.map(|command| command.get_arguments().cloned().collect()).unwrap_or_default()
}

/// What may stand where the line ends.
pub(super) fn complete(line: &str) -> Completion {
    let start = line.rfind(char::is_whitespace).map_or(0, |place| place + 1);
    let word = &line[start..];
    let beginning = |candidates: Vec<String>| {
        let fitting = candidates.into_iter().filter(|candidate| candidate.starts_with(word)).collect();
        Completion::Words(start, fitting)
    };
    let before: Vec<&str> = line[..start].split_whitespace().collect();
    let Some(name) = before.first().map(|name| name.trim_start_matches('-').to_lowercase()) else {
        return beginning(names());
    };
    match name.as_str() {
        "help" | "?" => return beginning(names()),
        ".save" => return Completion::File,
        _ => {}
    }
    let options = options(&name);
    let long = |text: &str| {
        options.iter().find(|arg| arg.get_long().is_some_and(|long| text == format!("--{long}")))
    };
    if let Some(option) =
        before.last().and_then(|last| long(last)).filter(|arg| arg.get_action().takes_values())
    {
        let values = option.get_possible_values();
        return if !values.is_empty() {
            beginning(values.iter().map(|value| value.get_name().to_string()).collect())
        } else if matches!(option.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath) {
            Completion::File
        } else {
            Completion::Words(start, Vec::new())
        };
    }
    if word.starts_with('-') {
        let longs = options.iter().filter_map(Arg::get_long);
        return beginning(longs.map(|long| format!("--{long}")).collect());
    }
    Completion::Words(start, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(line: &str) -> What {
        parse(line).what.unwrap()
    }

    fn error(line: &str) -> String {
        parse(line).what.unwrap_err().to_string()
    }

    #[test]
    fn the_grammar_is_sound() {
        Grammar::command().debug_assert();
    }

    #[test]
    fn a_typo_names_the_nearest_command() {
        for (line, near) in
            [("snd", "send"), ("conect mx", "connect"), ("-hlep", "help"), ("verfy a@b", "verify")]
        {
            assert!(error(line).contains(&format!("did you mean {near}?")), "{line}: {}", error(line));
        }
        assert!(error("zzz").contains("help lists them"));
        assert!(error("MAIL FROM:<a@b>").contains("said by send or verify"));
        assert!(error("send --subjct x").contains("--subject"));
    }

    #[test]
    fn names_may_be_written_large_and_what_stands_behind_stays() {
        assert!(matches!(what("NOOP"), What::Do(Line::Noop)));
        assert!(matches!(what("!help MAIL"), What::Raw(text) if text == "help MAIL"));
        assert!(matches!(what("!QUIT"), What::Do(Line::Quit)));
        let What::Do(Line::Vrfy { whom }) = what("vrfy \"John Doe\" x") else { panic!("it is vrfy") };
        assert_eq!(whom, ["John Doe", "x"]);
        assert!(error("send \"x").contains("quote"));
    }

    #[test]
    fn a_command_may_be_allowed_to_fail() {
        let command = parse("- noop");
        assert!(command.may_fail && command.is_bare && command.what.is_ok());
        assert!(!parse("send --subject x").is_bare);
    }

    #[test]
    fn connect_takes_server_port_and_options() {
        let What::Connect(settings) = what("connect mx.example.org 25 --tls none -u you") else {
            panic!("it is connect")
        };
        let settings: Vec<_> = settings
            .iter()
            .map(|setting| format!("{}={}", setting.option, setting.values[0].to_string_lossy()))
            .collect();
        assert_eq!(settings, ["server=mx.example.org", "port=25", "tls=none", "user=you"]);
    }

    #[test]
    fn what_the_shell_must_know_of_is_not_said_raw() {
        for verb in ["DATA", "ehlo x", "StartTLS", "AUTH PLAIN AGEAYg==", "xclient NAME=x", ""] {
            let text = error(&format!("!{verb}"));
            assert!(!text.contains("AGEA"), "{text}");
        }
        assert!(matches!(what("!MAIL FROM:<>"), What::Raw(_)));
    }

    #[test]
    fn every_command_has_help() {
        let What::Text(all) = what("help") else { panic!("it is a text") };
        for name in names() {
            assert!(all.contains(&format!("\n  {name}")), "{name}");
            let What::Text(text) = what(&format!("help {name}")) else { panic!("it is a text") };
            assert!(text.contains(&format!("Usage: {name}")), "{text}");
        }
        assert!(error("help snd").contains("send"));
        assert!(matches!(what("send --help"), What::Text(text) if text.contains("--subject")));
    }

    #[test]
    fn words_are_completed() {
        let words = |line: &str| match complete(line) {
            Completion::Words(start, words) => (start, words.join(" ")),
            Completion::File => (0, "FILE".to_string()),
        };
        assert_eq!(words("no"), (0, "noop".to_string()));
        assert_eq!(words("help exp"), (5, "expn explain".to_string()));
        assert_eq!(words("send --subj"), (5, "--subject".to_string()));
        assert_eq!(words("connect --tls st"), (14, "starttls".to_string()));
        assert_eq!(words("send --attach re"), (0, "FILE".to_string()));
        assert_eq!(words("send --body-file re"), (0, "FILE".to_string()));
        assert_eq!(words(".save x"), (0, "FILE".to_string()));
        assert_eq!(words("send --subject re"), (15, String::new()));
    }
}

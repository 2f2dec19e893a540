//! Defines [`Dialogue`], a session written out line by line, which the client must follow.

use core::time::Duration;

use super::{Close, Drip, Glob, Octets, duration::parse_duration};

/// One line of a dialogue.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DialogueLine {
    /// `S: text` or `S> octets`: sent as it is.
    Send(Octets),
    /// `C: glob`: the client's next line must match.
    Line(Glob),
    /// `C: <body>`: lines up to and with the lone dot.
    Body,
    /// `C: <eof>`: the client must close.
    EndOfFile,
    /// `!delay D`.
    Delay(Duration),
    /// `!split 3,4`: cuts the next `S` line.
    Split(Vec<usize>),
    /// `!drip D`: the next `S` line octet by octet.
    Drip(Drip),
    /// `!close fin|rst|half`.
    Close(Close),
    /// `!stall`: nothing more.
    Stall,
    /// `!starttls`: the TLS handshake.
    Starttls,
    /// `!endless text`.
    Endless(String),
}

/// A session written out, checked line by line.
///
/// `S: text` sends a line, `S> octets` sends octets with escapes and adds nothing, `C: glob` is what the client must
/// send, `C: <body>` lines up to the dot, `C: <eof>` the end of its stream; `!` begins a directive, `#` a comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialogue {
    /// The connection that plays it, counted from 1; `None` is every connection.
    pub connection: Option<u64>,
    lines: Vec<(usize, DialogueLine)>,
}

/// What is wrong in a script, and in which of its lines (from 1).
pub(crate) struct DialogueError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Dialogue {
    /// Reads a script.
    pub(crate) fn parse(connection: Option<u64>, script: &str) -> Result<Self, DialogueError> {
        let mut lines: Vec<(usize, DialogueLine)> = Vec::new();
        for (index, text) in script.lines().enumerate() {
            let number = index + 1;
            let refuse = |message: String| DialogueError { line: number, message };
            let text = text.trim_end_matches('\r').trim_start();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if let Some((end, _)) = lines.iter().find(|(_, line)| is_end(line)) {
                return Err(refuse(format!(
                    "this can never be reached, line {end} of the script ends the session"
                )));
            }
            let line = parse_line(text).map_err(refuse)?;
            if let Some((_, DialogueLine::EndOfFile)) = lines.last()
                && matches!(line, DialogueLine::Line(_) | DialogueLine::Body | DialogueLine::EndOfFile)
            {
                return Err(refuse("the client has closed already, it cannot send this".to_owned()));
            }
            if let Some((_, DialogueLine::Split(_) | DialogueLine::Drip(_))) = lines.last()
                && !matches!(line, DialogueLine::Send(_))
            {
                return Err(refuse("!split and !drip stand before an S line".to_owned()));
            }
            lines.push((number, line));
        }
        if lines.is_empty() {
            return Err(DialogueError { line: 1, message: "the script is empty".to_owned() });
        }
        if let Some((number, DialogueLine::Split(_) | DialogueLine::Drip(_))) = lines.last() {
            return Err(DialogueError {
                line: *number,
                message: "!split and !drip stand before an S line".to_owned(),
            });
        }
        Ok(Self { connection, lines })
    }

    /// Reads a script for one connection (counted from 1) or for all that have none of their own.
    ///
    /// # Errors
    /// What is wrong, with the script's line.
    pub fn read(connection: Option<u64>, script: &str) -> Result<Self, super::ScenarioError> {
        Self::parse(connection, script).map_err(|error| super::ScenarioError::in_script("dialogue", error))
    }

    /// The lines with their numbers in the script.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &DialogueLine)> {
        self.lines.iter().map(|(number, line)| (*number, line))
    }

    pub(crate) fn line(&self, index: usize) -> Option<(usize, &DialogueLine)> {
        self.lines.get(index).map(|(number, line)| (*number, line))
    }
}

/// Whether nothing can come after the line.
fn is_end(line: &DialogueLine) -> bool {
    matches!(
        line,
        DialogueLine::Close(Close::Fin | Close::Rst) | DialogueLine::Stall | DialogueLine::Endless(_)
    )
}

fn parse_line(text: &str) -> Result<DialogueLine, String> {
    if let Some(directive) = text.strip_prefix('!') {
        return parse_directive(directive);
    }
    let Some((mark, rest)) = text.split_at_checked(2) else {
        return Err(format!("«{text}» is no line of a dialogue, try one of {FORMS}"));
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match mark {
        "S:" => {
            let mut octets = rest.as_bytes().to_vec();
            octets.extend_from_slice(b"\r\n");
            Ok(DialogueLine::Send(Octets(octets)))
        }
        "S>" => Octets::parse(rest).map(DialogueLine::Send),
        "C:" => Ok(match rest.trim_end() {
            "<body>" => DialogueLine::Body,
            "<eof>" => DialogueLine::EndOfFile,
            _ => DialogueLine::Line(Glob::new(rest)),
        }),
        _ => Err(format!("«{text}» is no line of a dialogue, try one of {FORMS}")),
    }
}

const FORMS: &str = "S: S> C: !delay !split !drip !close !stall !starttls !endless #";

fn parse_directive(directive: &str) -> Result<DialogueLine, String> {
    let (word, argument) = directive.split_once(' ').unwrap_or((directive, ""));
    let argument = argument.trim();
    let nothing = |line: DialogueLine| {
        if argument.is_empty() { Ok(line) } else { Err(format!("!{word} takes no argument")) }
    };
    match word {
        "delay" => parse_duration(argument).map(DialogueLine::Delay),
        "split" => {
            let offsets: Result<Vec<usize>, _> =
                argument.split(',').map(|part| part.trim().parse()).collect();
            let offsets = offsets.map_err(|_| format!("«{argument}» are no offsets, try !split 3,4"))?;
            super::Step::Split(offsets.clone()).check()?;
            Ok(DialogueLine::Split(offsets))
        }
        "drip" => parse_duration(argument).map(|every| DialogueLine::Drip(Drip { bytes: 1, every })),
        "close" => match argument {
            "fin" | "" => Ok(DialogueLine::Close(Close::Fin)),
            "rst" => Ok(DialogueLine::Close(Close::Rst)),
            "half" | "half-close" => Ok(DialogueLine::Close(Close::HalfClose)),
            _ => Err(format!("«{argument}» is no way to close, try fin, rst or half")),
        },
        "stall" => nothing(DialogueLine::Stall),
        "starttls" => nothing(DialogueLine::Starttls),
        "endless" if argument.is_empty() => Err("!endless needs the line to send".to_owned()),
        "endless" => Ok(DialogueLine::Endless(argument.to_owned())),
        _ => Err(format!("unknown directive «!{word}», expected one of {FORMS}")),
    }
}

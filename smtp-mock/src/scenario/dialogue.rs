//! Defines [`Dialogue`], a session written out line by line, which the client must follow.

use super::{Action, Glob, Octets, Reply, Step, step::ACTIONS};

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
    /// `!STEP ARGUMENT`: a step of rules, such as `!delay 5s`; `!split`, `!split-lines` and `!drip` hold for the next `S` line.
    Step(Step),
    /// `!starttls`: the TLS handshake.
    Starttls,
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
            if lines.last().is_some_and(|(_, line)| is_cut(line)) && !matches!(line, DialogueLine::Send(_)) {
                return Err(refuse(BEFORE_SEND.to_owned()));
            }
            lines.push((number, line));
        }
        if lines.is_empty() {
            return Err(DialogueError { line: 1, message: "the script is empty".to_owned() });
        }
        if let Some((number, _)) = lines.last().filter(|(_, line)| is_cut(line)) {
            return Err(DialogueError { line: *number, message: BEFORE_SEND.to_owned() });
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
    matches!(line, DialogueLine::Step(step) if step.is_end())
}

/// Whether the line says how the next one is cut.
fn is_cut(line: &DialogueLine) -> bool {
    matches!(line, DialogueLine::Step(step) if step.is_cut())
}

const BEFORE_SEND: &str = "!split, !split-lines and !drip stand before an S line";

fn parse_line(text: &str) -> Result<DialogueLine, String> {
    if let Some(directive) = text.strip_prefix('!') {
        return parse_directive(directive);
    }
    let Some((mark, rest)) = text.split_at_checked(2) else {
        return Err(format!("«{text}» is no line of a dialogue, try one of {}", forms()));
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match mark {
        "S:" => {
            Reply::parse(rest).map_err(|_| {
                format!(
                    "«{rest}» is no line of a reply, which begins with a code from 200 to 599; other octets stand after S>"
                )
            })?;
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
        _ => Err(format!("«{text}» is no line of a dialogue, try one of {}", forms())),
    }
}

/// Every form of a line, for errors.
fn forms() -> String {
    let directives =
        ACTIONS.iter().filter(|action| stands_alone(action)).map(|action| format!("!{}", action.word));
    let all: Vec<_> =
        ["S:", "S>", "C:", "#", "!starttls"].map(str::to_owned).into_iter().chain(directives).collect();
    all.join(" ")
}

/// Whether an action means something where every reply is written out.
fn stands_alone(action: &Action) -> bool {
    !matches!(action.word, "default" | "421-continue" | "capture")
}

fn parse_directive(directive: &str) -> Result<DialogueLine, String> {
    let (word, argument) = directive.split_once(' ').unwrap_or((directive, ""));
    let argument = argument.trim();
    if word == "starttls" && argument.is_empty() {
        return Ok(DialogueLine::Starttls);
    }
    let action = Action::find(word).filter(|action| stands_alone(action));
    let action = action.ok_or_else(|| format!("unknown directive «!{word}», expected one of {}", forms()))?;
    let argument = if word == "close" && argument.is_empty() { "fin" } else { argument };
    action.step(Some(argument)).map(DialogueLine::Step)
}

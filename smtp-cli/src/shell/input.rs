//! Provides [`Input`]: the lines that are typed, through a line editor at a terminal, else as they come.

use super::assistant::Assistant;
use super::line::Kind;
use crate::error::{Error, Escaped, Result, Reworded};
use crate::exit::Exit;
use crate::terminal::Terminal;
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// What is read where a line is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, without its end.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// The end of the input; at a terminal, Ctrl-D.
    Ended,
}

/// Where lines come from.
pub(super) struct Input {
    editor: Option<Box<Editor<Assistant, DefaultHistory>>>,
    /// Lines that were pasted together with the one before.
    ahead: VecDeque<String>,
}

/// A line of more octets is refused: no command has as many, and a message comes from a file then.
const LONGEST: u64 = 1 << 20;

impl Input {
    /// The line editor where the terminal lets it be, else the lines of standard input.
    pub(super) fn new(terminal: &Terminal) -> Self {
        let config = Config::builder().auto_add_history(false).completion_type(CompletionType::List).build();
        let editor = if terminal.has_line_editor { Editor::with_config(config).ok() } else { None };
        Self {
            editor: editor.map(|mut editor| {
                editor.set_helper(Some(Assistant::default()));
                Box::new(editor)
            }),
            ahead: VecDeque::new(),
        }
    }

    /// Forgets what was pasted for what came to no end.
    pub(super) fn forget(&mut self) {
        self.ahead.clear();
    }

    /// Reads a line; the prompt is shown at a terminal only.
    pub(super) fn read(&mut self, terminal: &mut Terminal, prompt: &str, kind: Kind) -> Result<Typed> {
        if let Some(line) = self.ahead.pop_front() {
            let shown = if kind == Kind::Password { "" } else { line.as_str() };
            terminal.print(&format!("{prompt}{}\n", Escaped(shown)))?;
            return Ok(Typed::Line(line));
        }
        match &mut self.editor {
            Some(editor) => {
                let typed = edited(editor, prompt, kind)?;
                let Typed::Line(pasted) = typed else { return Ok(typed) };
                let mut lines = pasted.split(['\r', '\n']).map(String::from);
                let line = lines.next().unwrap_or_default();
                self.ahead.extend(lines);
                Ok(Typed::Line(line))
            }
            None if kind == Kind::Password && terminal.input_is_terminal => {
                typed(terminal.ask_for_password(prompt))
            }
            None => plain(terminal, prompt),
        }
    }
}

fn edited(editor: &mut Editor<Assistant, DefaultHistory>, prompt: &str, kind: Kind) -> Result<Typed> {
    let is_hidden = kind == Kind::Password;
    if let Some(assistant) = editor.helper_mut() {
        assistant.kind = kind;
    }
    // The assistant hides what is typed, and is asked to only where colours are.
    editor.set_color_mode(if is_hidden { ColorMode::Forced } else { ColorMode::Enabled });
    // How far the cursor moves would tell how long a password is; where it cannot be hidden, it is shown.
    let hidden_cursor = if is_hidden { editor.set_cursor_visibility(false).ok().flatten() } else { None };
    let line = editor.readline(prompt);
    drop(hidden_cursor);
    match line {
        Ok(line) => {
            if kind == Kind::Command && is_worth_remembering(&line) {
                // A history that is full or broken is no reason not to carry the command out.
                let _ = editor.add_history_entry(line.as_str());
            }
            Ok(Typed::Line(line))
        }
        Err(ReadlineError::Interrupted) => Ok(Typed::Interrupted),
        Err(ReadlineError::Eof) => Ok(Typed::Ended),
        Err(ReadlineError::Io(error)) => Err(unreadable(&error)),
        Err(error) => Err(Error::new(Exit::IO, format!("cannot read the terminal: {error}"))),
    }
}

/// Whether a line is to be remembered: not one that may hold a password.
fn is_worth_remembering(line: &str) -> bool {
    let line = line.trim_start_matches(['-', '!', ' ']).to_ascii_lowercase();
    let has_user_in_url = line.contains("://") && line.contains('@');
    !line.trim().is_empty() && !line.starts_with("auth ") && !has_user_in_url
}

fn typed(line: io::Result<String>) -> Result<Typed> {
    match line {
        Ok(line) => Ok(Typed::Line(line)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Typed::Ended),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Typed::Interrupted),
        Err(error) => Err(unreadable(&error)),
    }
}

fn plain(terminal: &mut Terminal, prompt: &str) -> Result<Typed> {
    if terminal.input_is_terminal {
        // Where the question cannot be shown, the answer may still come.
        let _ = terminal.put(prompt);
    }
    let mut line = Vec::new();
    let read = (&mut terminal.input).take(LONGEST).read_until(b'\n', &mut line);
    if read.map_err(|error| unreadable(&error))? == 0 {
        return Ok(Typed::Ended);
    }
    if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
        return Err(Error::usage(format!("a line is longer than {LONGEST} octets, take it from a file")));
    }
    let line = String::from_utf8(line)
        .map_err(|_| Error::usage("a line is not UTF-8, which is what the shell reads"))?;
    Ok(Typed::Line(line.trim_end_matches(['\r', '\n']).to_string()))
}

fn unreadable(error: &io::Error) -> Error {
    Error::new(Exit::IO, format!("cannot read standard input: {}", Reworded(error)))
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("has_editor", &self.editor.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Stream;

    fn lines(octets: &[u8]) -> Vec<Result<Typed>> {
        let mut terminal = Terminal {
            input: Box::new(io::Cursor::new(octets.to_vec())),
            ..Terminal::detached(Stream::new(io::sink()), Stream::new(io::sink()))
        };
        let mut input = Input::new(&terminal);
        let mut lines = Vec::new();
        loop {
            let line = input.read(&mut terminal, "> ", Kind::Command);
            let is_last = matches!(line, Ok(Typed::Ended) | Err(_));
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }

    #[test]
    fn lines_come_without_their_ends_up_to_the_end() {
        let line = |text: &str| Ok(Typed::Line(text.to_string()));
        assert_eq!(lines(b"a\r\n\nb"), [line("a"), line(""), line("b"), Ok(Typed::Ended)]);
    }

    #[test]
    fn what_is_no_line_is_refused() {
        assert_eq!(lines(b"\xff\n").pop().unwrap().unwrap_err().exit(), Exit::USAGE);
        let long = vec![b'x'; usize::try_from(LONGEST).unwrap() + 1];
        assert!(lines(&long).pop().unwrap().unwrap_err().to_string().contains("longer"));
    }

    #[test]
    fn what_may_hold_a_password_is_not_remembered() {
        for (line, is_remembered) in [
            ("connect mx", true),
            ("  ", false),
            ("!AUTH PLAIN AGEAYg==", false),
            ("-! auth plain x", false),
            ("auth", true),
            ("connect smtp://alice:secret@mx", false),
        ] {
            assert_eq!(is_worth_remembering(line), is_remembered, "{line}");
        }
    }
}

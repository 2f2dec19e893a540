//! Provides [`Assistant`], which completes what is typed in the line editor, and hides passwords.

use super::grammar::{self, Completion};
use super::line::Kind;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use std::borrow::Cow;

/// Helps the line editor.
#[derive(Default)]
pub(super) struct Assistant {
    /// What the line is that is being typed.
    pub(super) kind: Kind,
    files: FilenameCompleter,
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        match self.kind {
            Kind::Command => match grammar::complete(&line[..position]) {
                Completion::Words(start, words) => {
                    let pair = |word: String| Pair { replacement: format!("{word} "), display: word };
                    Ok((start, words.into_iter().map(pair).collect()))
                }
                Completion::File => self.files.complete_path(line, position),
            },
            Kind::Path => self.files.complete_path(line, position),
            Kind::Answer | Kind::Password => Ok((position, Vec::new())),
        }
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _position: usize) -> Cow<'l, str> {
        // Of the same width as what is hidden, so that the editor knows where it is.
        if self.kind == Kind::Password {
            Cow::Owned(line.chars().map(|_| ' ').collect())
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_char(&self, _line: &str, _position: usize, kind: CmdKind) -> bool {
        self.kind == Kind::Password && kind != CmdKind::MoveCursor
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {}

impl Helper for Assistant {}

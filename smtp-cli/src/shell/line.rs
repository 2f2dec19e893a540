//! Defines [`Kind`], what a line of the shell's input is.

/// What a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A command, which is remembered.
    #[default]
    Command,
    /// The answer to a question.
    Answer,
    /// The path of a file.
    Path,
    /// A password, which is not shown.
    Password,
}

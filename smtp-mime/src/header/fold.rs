//! Writes one header field, and folds it (RFC 5322 §2.1.1, §2.2.3).
//!
//! Rule 1: a line is folded only before white space of the value.
//! Rule 2: no line is empty or white space only, including the first one, so there is no fold right after the name.
//! Rule 3: the caller ensures that each word fits in 998 octets.

/// The recommended maximum length of a line (RFC 5322 §2.1.1).
pub(crate) const LINE: usize = 78;
/// The maximum length of a line with an encoded-word (RFC 2047 §2).
pub(crate) const ENCODED_LINE: usize = 76;
/// The maximum length of a line (RFC 5322 §2.1.1).
pub(crate) const MAX_LINE: usize = 998;

/// Writes one header field, word by word.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    /// Whether the line has a word already, so that a fold before the next word leaves no blank line.
    breakable: bool,
    limit: usize,
    /// The number of octets kept free at the end of a line, for punctuation attached to its last word.
    reserve: usize,
}

impl<'a> Folder<'a> {
    /// Starts the field with its name and a colon.
    pub(crate) fn new(out: &'a mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1, breakable: false, limit: LINE, reserve: 0 }
    }

    /// Reserves this many octets at the end of each line for text attached to a word.
    pub(crate) fn reserving(self, reserve: usize) -> Self {
        Self { reserve, ..self }
    }

    /// Writes white space and a word, on a new line if they do not fit.
    pub(crate) fn word(&mut self, white_space: &str, word: &str) {
        self.write(white_space, word);
    }

    /// Writes white space and a word of several pieces, on a new line if they do not fit.
    pub(crate) fn pieces<const COUNT: usize>(&mut self, white_space: &str, pieces: [&str; COUNT]) {
        self.make_room(white_space.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>());
        self.glue(white_space);
        for piece in pieces {
            self.glue(piece);
        }
    }

    /// Writes white space and an encoded-word; from here on, the line has the limit of RFC 2047.
    pub(crate) fn encoded_word(&mut self, white_space: &str, word: &str) {
        self.limit = ENCODED_LINE;
        self.write(white_space, word);
        self.limit = ENCODED_LINE;
    }

    /// Attaches text to the last word, without a fold in between.
    pub(crate) fn glue(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
        self.breakable = true;
    }

    fn write(&mut self, white_space: &str, word: &str) {
        self.make_room(white_space.len() + word.len());
        self.glue(white_space);
        self.glue(word);
    }

    fn make_room(&mut self, octets: usize) {
        if self.breakable && self.column + octets + self.reserve > self.limit {
            self.break_line();
        }
    }

    /// The number of octets left on this line for an encoded-word and the white space before it.
    pub(crate) fn room(&self) -> usize {
        ENCODED_LINE.saturating_sub(self.column + self.reserve)
    }

    /// The number of octets on the line.
    #[cfg(feature = "dkim")]
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Returns whether a word may start a new line.
    pub(crate) fn breakable(&self) -> bool {
        self.breakable
    }

    /// Starts a new line; the caller must write white space next.
    pub(crate) fn break_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.breakable = false;
        self.limit = LINE;
    }

    /// Ends the field.
    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

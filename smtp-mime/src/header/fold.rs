//! Provides the writer of one header field, which folds it (RFC 5322 §2.1.1, §2.2.3).
//!
//! Rule 1: a line is broken only before white space that the value has.
//! Rule 2: no line is empty or white space alone, the first included, so nothing is broken right behind the name.
//! Rule 3: whoever hands in a word has made sure that it fits 998 octets.

/// How many octets a line should have at most (RFC 5322 §2.1.1).
pub(crate) const LINE: usize = 78;
/// How many octets a line that holds an encoded-word may have (RFC 2047 §2).
pub(crate) const ENCODED_LINE: usize = 76;
/// How many octets a line may have at most (RFC 5322 §2.1.1).
pub(crate) const LONGEST_LINE: usize = 998;

/// Writes one header field, word by word.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    /// Whether the line holds a word already, so that breaking before the next one leaves no blank line.
    breakable: bool,
    limit: usize,
    /// How many octets are kept free at the end of a line, for marks that may be glued to its last word.
    reserve: usize,
}

impl<'a> Folder<'a> {
    /// Begins the field: its name and a colon.
    pub(crate) fn new(out: &'a mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1, breakable: false, limit: LINE, reserve: 0 }
    }

    /// The same, with room at the end of each line for so many octets that are glued to a word.
    pub(crate) fn reserving(self, reserve: usize) -> Self {
        Self { reserve, ..self }
    }

    /// Writes white space and a word behind it, on a new line if this one has no room for them.
    pub(crate) fn word(&mut self, white_space: &str, word: &str) {
        self.write(white_space, word);
    }

    /// Writes white space and a word that consists of pieces behind it, on a new line if this one has no room for them.
    pub(crate) fn pieces<const COUNT: usize>(&mut self, white_space: &str, pieces: [&str; COUNT]) {
        self.make_room(white_space.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>());
        self.glue(white_space);
        for piece in pieces {
            self.glue(piece);
        }
    }

    /// Writes white space and an encoded-word behind it; from here on the line may be no longer than RFC 2047 says.
    pub(crate) fn encoded_word(&mut self, white_space: &str, word: &str) {
        self.limit = ENCODED_LINE;
        self.write(white_space, word);
        self.limit = ENCODED_LINE;
    }

    /// Writes something right behind the last word, without a place to break in between.
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

    /// How many octets an encoded-word and the white space before it may have on this line.
    pub(crate) fn room(&self) -> usize {
        ENCODED_LINE.saturating_sub(self.column + self.reserve)
    }

    /// How many octets the line has.
    #[cfg(feature = "dkim")]
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Whether a word may go to a new line.
    pub(crate) fn breakable(&self) -> bool {
        self.breakable
    }

    /// Begins a new line; white space must be written next.
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

//! Provides what has to be known of a body before its encoding is chosen.

use super::Base64;
use crate::header::fold::LONGEST_LINE;

/// How many octets are looked at together.
const BLOCK: usize = 16;
/// How much of a line is remembered: the beginning of a delimiter.
const HEAD: usize = 24;

/// Looks at octets, wherever they are cut, and counts what each encoding would make of them.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// How many octets there are.
    pub(crate) octets: u64,
    /// Whether an octet is outside ASCII.
    pub(crate) eight_bit: bool,
    /// Whether there is a control character other than tab, CR and LF.
    pub(crate) control: bool,
    /// Whether there is a NUL.
    pub(crate) nul: bool,
    /// Whether a CR or LF stands alone.
    pub(crate) bare: bool,
    /// The longest line, without its end.
    pub(crate) longest_line: u64,
    /// Whether a line ends with a blank that some relays would drop; a signature's `-- ` does not count.
    pub(crate) trailing_blank: bool,
    /// Whether there is a line `-- `, which divides a text from a signature.
    pub(crate) signature_line: bool,
    /// Whether a line begins with `From `, which mail stores change.
    pub(crate) from_line: bool,
    /// Whether a line begins as a boundary of this crate does.
    pub(crate) boundary_like: bool,
    /// Whether a line begins as the boundaries of this very message do.
    pub(crate) collides: bool,
    /// Whether it is UTF-8 so far.
    pub(crate) utf8: Utf8,
    /// How many characters of UTF-8 there are, and how many of them are ASCII.
    characters: u64,
    ascii: u64,
    line: u64,
    /// The first octets of the line.
    head: [u8; HEAD],
    /// How the delimiters of the message begin.
    delimiter: Vec<u8>,
    last: u8,
    /// Whether the line begins as one that matters: only then its first octets are looked at one by one.
    watched: bool,
}

impl Scan {
    /// Begins; `boundary` is how the boundaries of the message begin.
    pub(crate) fn new(boundary: &str) -> Self {
        Self {
            octets: 0,
            eight_bit: false,
            control: false,
            nul: false,
            bare: false,
            longest_line: 0,
            trailing_blank: false,
            signature_line: false,
            from_line: false,
            boundary_like: false,
            collides: false,
            utf8: Utf8::default(),
            characters: 0,
            ascii: 0,
            line: 0,
            head: [0; HEAD],
            delimiter: format!("--{boundary}").into_bytes(),
            last: b'\n',
            watched: false,
        }
    }

    /// Looks at the next octets.
    pub(crate) fn look(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.utf8.look(octets);
        let mut rest = octets;
        while let Some(octet) = rest.first() {
            if self.line == 0 && self.last == b'\n' {
                let line = self.plain_line(rest);
                if line > 0 {
                    rest = &rest[line..];
                    continue;
                }
            }
            let run = if self.line > 0 && !self.watched && self.last != b'\r' { printable(rest) } else { 0 };
            if run > 0 {
                self.line += run as u64;
                self.characters += run as u64;
                self.ascii += run as u64;
                self.last = rest[run - 1];
                rest = &rest[run..];
                continue;
            }
            self.octet(*octet);
            // What continues a character of UTF-8 begins none.
            self.characters += u64::from(octet & 0xc0 != 0x80);
            self.ascii += u64::from(octet.is_ascii());
            rest = &rest[1..];
        }
    }

    /// Looks at a whole line at the beginning, if it is one of printable ASCII of which only the length matters, and says
    /// how many octets it has with its end.
    fn plain_line(&mut self, octets: &[u8]) -> usize {
        if Self::is_watched(octets[0]) {
            return 0;
        }
        let run = printable(octets);
        if run == 0 || !octets[run..].starts_with(b"\r\n") {
            return 0;
        }
        self.trailing_blank |= octets[run - 1] == b' ';
        self.longest_line = self.longest_line.max(run as u64);
        self.characters += run as u64 + 2;
        self.ascii += run as u64 + 2;
        run + 2
    }

    /// Whether a line that begins so may be one that matters.
    fn is_watched(octet: u8) -> bool {
        matches!(octet, b'-' | b'F')
    }

    /// Says that these were all.
    pub(crate) fn finish(&mut self) {
        self.end_of_line();
        self.bare |= self.last == b'\r';
        self.trailing_blank |= matches!(self.last, b' ' | b'\t');
    }

    /// Whether lines are short enough to be sent as they are.
    pub(crate) fn fits_lines(&self) -> bool {
        self.longest_line <= LONGEST_LINE as u64 && !self.bare && !self.nul
    }

    /// Whether it can be sent as it is and arrives unchanged.
    pub(crate) fn is_seven_bit(&self) -> bool {
        !self.eight_bit
            && !self.control
            && self.fits_lines()
            && !self.trailing_blank
            && !self.from_line
            && !self.boundary_like
    }

    /// Whether quoted-printable serves it better than base64: where a third of the characters are ASCII the text can
    /// be followed without a decoder, and filters count it less; the rest only if it costs little.
    ///
    /// `quoted` is how many octets the one makes of it, which only this question needs.
    pub(crate) fn is_mostly_ascii(&self, quoted: u64) -> bool {
        (self.ascii * 3 >= self.characters && self.utf8.is_valid() && !self.control)
            || (!self.eight_bit && !self.control)
            || quoted * 100 <= Base64::encoded_len(self.octets) * 115
    }

    fn octet(&mut self, octet: u8) {
        if self.last == b'\r' && octet != b'\n' {
            self.bare = true;
        }
        match octet {
            b'\n' => {
                self.bare |= self.last != b'\r';
                self.end_of_line();
            }
            b'\r' => {}
            _ => {
                if self.last == b'\r' {
                    self.line += 1;
                }
                if let Some(place) = usize::try_from(self.line).ok().and_then(|at| self.head.get_mut(at)) {
                    *place = octet;
                }
                if self.line == 0 {
                    self.watched = Self::is_watched(octet);
                }
                self.line += 1;
                self.watched &= self.line < HEAD as u64;
                self.eight_bit |= !octet.is_ascii();
                self.nul |= octet == 0;
                self.control |= octet.is_ascii_control() && octet != b'\t';
                self.boundary_like |= self.line == 4 && self.head.starts_with(b"--=_");
                self.collides |=
                    self.line == self.delimiter.len() as u64 && self.head.starts_with(&self.delimiter);
                self.from_line |= self.line == 5 && self.head.starts_with(b"From ");
            }
        }
        self.previous(octet);
    }

    fn previous(&mut self, octet: u8) {
        // What stands before CRLF is what ends the line.
        if octet == b'\r' || octet == b'\n' {
            let signature = self.line == 3 && self.head.starts_with(b"-- ");
            let blank = matches!(self.last, b' ' | b'\t');
            self.trailing_blank |= blank && !signature;
            self.signature_line |= blank && signature;
        }
        self.last = octet;
        if octet == b'\n' {
            self.line = 0;
            self.head = [0; HEAD];
        }
    }

    fn end_of_line(&mut self) {
        self.longest_line = self.longest_line.max(self.line);
    }
}

/// How many octets at the beginning are printable ASCII.
fn printable(octets: &[u8]) -> usize {
    let is_printable = |octet: &u8| matches!(octet, b' '..=b'~');
    // A block without a way out of its middle is looked at in few instructions.
    let blocks = octets
        .chunks_exact(BLOCK)
        .take_while(|block| block.iter().fold(true, |all, octet| all & is_printable(octet)))
        .count();
    let rest = &octets[blocks * BLOCK..];
    blocks * BLOCK + rest.iter().position(|octet| !is_printable(octet)).unwrap_or(rest.len())
}

/// Whether octets are UTF-8, wherever they are cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8 {
    wrong: bool,
    /// The beginning of a character that the last cut divided.
    held: Vec<u8>,
}

impl Utf8 {
    /// Whether all of it is, once nothing more comes.
    pub(crate) fn is_valid(&self) -> bool {
        !self.wrong && self.held.is_empty()
    }

    fn look(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !self.held.is_empty() && !self.wrong && !rest.is_empty() {
            self.held.push(rest[0]);
            rest = &rest[1..];
            match std::str::from_utf8(&self.held) {
                Ok(_) => self.held.clear(),
                Err(error) => self.wrong = error.error_len().is_some(),
            }
        }
        if let Err(error) = std::str::from_utf8(rest) {
            if error.error_len().is_some() {
                self.wrong = true;
            } else {
                self.held.extend_from_slice(&rest[error.valid_up_to()..]);
            }
        }
    }
}

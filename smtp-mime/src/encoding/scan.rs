//! Provides the scan of a body on which the choice of its encoding depends.

use super::Base64;
use crate::header::fold::MAX_LINE;

/// The number of bytes checked together.
const BLOCK: usize = 16;
/// The number of bytes kept from the start of a line, enough for the start of a delimiter.
const HEAD: usize = 24;

/// Scans pieces of any size, and records the properties that matter to the encodings.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// The number of bytes.
    pub(crate) octets: u64,
    /// Whether there are non-ASCII bytes.
    pub(crate) eight_bit: bool,
    /// Whether there are control characters other than tab, CR and LF.
    pub(crate) control: bool,
    /// Whether there is a NUL.
    pub(crate) nul: bool,
    /// Whether there is a lone CR or LF.
    pub(crate) bare: bool,
    /// The length of the longest line, without its end.
    pub(crate) longest_line: u64,
    /// Whether a line ends with a space that some relays would drop, except the signature separator `-- `.
    pub(crate) trailing_blank: bool,
    /// Whether there is a line `-- `, which separates a text from a signature.
    pub(crate) signature_line: bool,
    /// Whether a line begins with `From `, which mail stores change.
    pub(crate) from_line: bool,
    /// Whether a line begins like a boundary of this crate.
    pub(crate) boundary_like: bool,
    /// Whether a line begins like the boundaries of this message.
    pub(crate) collides: bool,
    /// Whether the text is UTF-8 so far.
    pub(crate) utf8: Utf8,
    /// The number of UTF-8 characters, of which some are ASCII.
    characters: u64,
    ascii: u64,
    line: u64,
    /// The first bytes of the line.
    head: [u8; HEAD],
    /// The start of the message's delimiters.
    delimiter: Vec<u8>,
    last: u8,
    /// Whether the line may begin like one that matters, so that its first bytes are checked individually.
    watched: bool,
}

impl Scan {
    /// Makes a scan; `boundary` is the start of the message's boundaries.
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

    /// Scans the next bytes.
    pub(crate) fn update(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.utf8.update(octets);
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
            // A continuation byte of UTF-8 begins no character.
            self.characters += u64::from(octet & 0xc0 != 0x80);
            self.ascii += u64::from(octet.is_ascii());
            rest = &rest[1..];
        }
    }

    /// Scans a whole line at the start if it is printable ASCII of which only the length matters.
    ///
    /// Returns its length including the line end, or 0.
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

    /// Returns whether a line with this first byte may be one that matters.
    fn is_watched(octet: u8) -> bool {
        matches!(octet, b'-' | b'F')
    }

    /// Ends the scan.
    pub(crate) fn finish(&mut self) {
        self.end_of_line();
        self.bare |= self.last == b'\r';
        self.trailing_blank |= matches!(self.last, b' ' | b'\t');
    }

    /// Returns whether all lines are short enough to be sent unchanged.
    pub(crate) fn fits_lines(&self) -> bool {
        self.longest_line <= MAX_LINE as u64 && !self.bare && !self.nul
    }

    /// Returns whether the text can be sent as 7bit and arrives unchanged.
    pub(crate) fn is_seven_bit(&self) -> bool {
        !self.eight_bit
            && !self.control
            && self.fits_lines()
            && !self.trailing_blank
            && !self.from_line
            && !self.boundary_like
    }

    /// Returns whether quoted-printable suits the text better than base64.
    ///
    /// If at least a third of the characters are ASCII, the text is readable without a decoder and filters rate it
    /// better; otherwise quoted-printable must not be much longer. `quoted` is its length in quoted-printable.
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
        // White space before CRLF is at the end of the line.
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

/// Returns the number of printable ASCII bytes at the start.
fn printable(octets: &[u8]) -> usize {
    let is_printable = |octet: &u8| matches!(octet, b' '..=b'~');
    // A block loop without an early exit takes few instructions.
    let blocks = octets
        .chunks_exact(BLOCK)
        .take_while(|block| block.iter().fold(true, |all, octet| all & is_printable(octet)))
        .count();
    let rest = &octets[blocks * BLOCK..];
    blocks * BLOCK + rest.iter().position(|octet| !is_printable(octet)).unwrap_or(rest.len())
}

/// Checks for UTF-8 in pieces of any size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8 {
    wrong: bool,
    /// The start of a character that was divided between pieces.
    held: Vec<u8>,
}

impl Utf8 {
    /// Returns whether the whole text was valid.
    pub(crate) fn is_valid(&self) -> bool {
        !self.wrong && self.held.is_empty()
    }

    fn update(&mut self, octets: &[u8]) {
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

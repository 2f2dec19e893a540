//! Provides quoted-printable (RFC 2045 §6.7).
//!
//! Beyond the RFC's requirements, a line never begins with a dot or with `From `, so that neither a mail store that
//! quotes such lines nor a relay that loses dots can change the text (RFC 2049 §3).

/// The maximum length of a line without the `=` of a soft line break.
const LINE: usize = 75;

/// Encodes pieces of any size.
#[derive(Clone, Debug)]
pub(crate) struct QuotedPrintable {
    /// Whether CRLF is a line end of the text; otherwise it is encoded as data.
    text: bool,
    column: usize,
    /// A space, tab or CR whose encoding depends on the next byte.
    held: Option<u8>,
    /// The number of letters of `From` at the start of the line so far.
    from: usize,
}

impl QuotedPrintable {
    /// Encodes text with CRLF line ends, which remain line ends.
    pub(crate) fn text() -> Self {
        Self { text: true, column: 0, held: None, from: 0 }
    }

    /// Encodes bytes that the reader must get back exactly; line ends are data.
    pub(crate) fn octets() -> Self {
        Self { text: false, ..Self::text() }
    }

    /// Encodes the next bytes and appends the result.
    pub(crate) fn encode(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            self.octet(*octet, out);
        }
    }

    /// Appends the byte held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(held) = self.held.take() {
            self.escaped(held, out);
        }
    }

    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        if let Some(held) = self.held.take() {
            match (held, octet) {
                (b'\r', b'\n') => return self.line_end(out),
                // White space cannot end a line, and a CR may begin a line end.
                (b'\r', _) | (_, b'\r' | b'\n') => self.escaped(held, out),
                _ => self.literal(held, out),
            }
        }
        match octet {
            b' ' | b'\t' => self.held = Some(octet),
            b'\r' if self.text => self.held = Some(octet),
            b'\n' if !self.text => {
                self.escaped(octet, out);
                // Keeps the encoded text readable in lines, though these are not line ends of the encoding.
                self.soft_line_break(out);
            }
            b'!'..=b'<' | b'>'..=b'~' => self.literal(octet, out),
            _ => self.escaped(octet, out),
        }
    }

    fn literal(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.make_room(1, out);
        if (self.column == 0 && octet == b'.') || (self.from == 4 && self.column == 4 && octet == b' ') {
            return self.escaped(octet, out);
        }
        if self.from == self.column && b"From".get(self.from) == Some(&octet) {
            self.from += 1;
        }
        out.push(octet);
        self.column += 1;
    }

    fn escaped(&mut self, octet: u8, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        self.make_room(3, out);
        out.extend_from_slice(&[b'=', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        self.column += 3;
    }

    fn make_room(&mut self, octets: usize, out: &mut Vec<u8>) {
        if self.column + octets > LINE {
            self.soft_line_break(out);
        }
    }

    fn soft_line_break(&mut self, out: &mut Vec<u8>) {
        out.push(b'=');
        self.line_end(out);
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.from = 0;
    }
}

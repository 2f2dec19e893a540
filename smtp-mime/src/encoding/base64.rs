//! Provides base64 in lines of 76 characters (RFC 2045 §6.8).

use encodify::base64::MIME;

/// The number of bytes that make one line.
const LINE: usize = 57;
/// The number of characters in a full line.
const ENCODED_LINE: usize = 76;

/// Encodes pieces of any size. CRLF separates lines and does not follow the last one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base64 {
    begun: bool,
    held: Vec<u8>,
}

impl Base64 {
    /// Returns the length of the encoding of this many bytes.
    pub(crate) fn encoded_len(octets: u64) -> u64 {
        let characters = octets.div_ceil(3) * 4;
        characters + 2 * characters.div_ceil(ENCODED_LINE as u64).saturating_sub(1)
    }

    /// Encodes the next bytes and appends the result.
    pub(crate) fn encode(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        if !self.held.is_empty() {
            let (first, more) = rest.split_at(rest.len().min(LINE - self.held.len()));
            self.held.extend_from_slice(first);
            rest = more;
            if self.held.len() < LINE {
                return;
            }
            let held = std::mem::take(&mut self.held);
            self.lines(&held, out);
        }
        let whole = rest.len() - rest.len() % LINE;
        self.lines(&rest[..whole], out);
        self.held.extend_from_slice(&rest[whole..]);
    }

    /// Appends the last line.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.lines(&held, out);
        }
    }

    fn lines(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if octets.is_empty() {
            return;
        }
        if self.begun {
            out.extend_from_slice(b"\r\n");
        }
        self.begun = true;
        MIME.encode_append(octets, out);
        // Removes the line end of the last line.
        out.truncate(out.len() - 2);
    }
}

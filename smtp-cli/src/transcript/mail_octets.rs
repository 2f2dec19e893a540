//! Provides [`MailOctets`], which counts the octets of mail data as they leave, without the lone dot behind them.

/// Counts the octets of a message's mail data.
#[derive(Debug, Default)]
pub(super) struct MailOctets {
    count: u64,
    /// The last octets, as many as the end of the mail data has (RFC 5321 §4.1.1.4).
    tail: Vec<u8>,
    /// Whether the mail data ends by a lone dot: behind DATA, not behind BDAT.
    is_dotted: bool,
}

/// The end of the mail data; its first line end belongs to the message.
const END: &[u8] = b"\r\n.\r\n";
/// What of it is no mail data.
const LONE_DOT: &[u8] = b".\r\n";

impl MailOctets {
    /// A command left: it says how the mail data behind it ends.
    pub(super) const fn command(&mut self, line: &str) {
        self.is_dotted = line.eq_ignore_ascii_case("DATA");
    }

    /// Mail data left.
    pub(super) fn add(&mut self, octets: &[u8]) {
        self.count += octets.len() as u64;
        self.tail.extend_from_slice(&octets[octets.len().saturating_sub(END.len())..]);
        self.tail.drain(..self.tail.len().saturating_sub(END.len()));
    }

    /// How many there were since the last end.
    pub(super) fn end(&mut self) -> u64 {
        let count = std::mem::take(&mut self.count);
        let tail = std::mem::take(&mut self.tail);
        if self.is_dotted && (tail == END || tail == LONE_DOT) {
            count - LONE_DOT.len() as u64
        } else {
            count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lone_dot_is_no_mail_data_in_any_cut() {
        for (command, data, count) in [
            ("DATA", "a\r\n.\r\n", 3),
            ("DATA", ".\r\n", 0),
            ("DATA", "a\r\n", 3),
            ("BDAT 6 LAST", "a\r\n.\r\n", 6),
        ] {
            for cut in 0..=data.len() {
                let mut octets = MailOctets::default();
                octets.command(command);
                assert_eq!(octets.end(), 0);
                octets.add(&data.as_bytes()[..cut]);
                octets.add(&data.as_bytes()[cut..]);
                assert_eq!(octets.end(), count, "{command} {data:?} cut at {cut}");
                assert_eq!(octets.end(), 0);
            }
        }
    }
}

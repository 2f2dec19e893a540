//! Defines [`Context`], the time and randomness of a message.

use crate::Date;

/// The time and the randomness for building a message.
///
/// The crate does not read a clock or generate random numbers, so the same context gives the same bytes, as tests
/// require. Each message needs a new seed, from which Message-ID and boundaries are made.
#[derive(Clone, Debug)]
pub struct Context {
    date: Date,
    seed: [u8; Self::SEED],
}

impl Context {
    /// The number of random bytes that a message needs.
    pub const SEED: usize = 24;

    /// Makes the context of one message from the current time and bytes of the system's random source.
    #[must_use]
    pub fn new(date: Date, seed: [u8; Self::SEED]) -> Self {
        Self { date, seed }
    }

    /// The time of composition.
    #[must_use]
    pub fn date(&self) -> &Date {
        &self.date
    }

    /// The random part of a Message-ID.
    pub(crate) fn message_token(&self) -> [u8; DIGITS] {
        base36(self.number(0))
    }

    /// Returns the start of the message's boundaries; each attempt gives a different one.
    ///
    /// `=_` cannot occur in quoted-printable or base64 text (RFC 2045 §6.7).
    pub(crate) fn boundary(&self, attempt: u32) -> String {
        let digits = base36(self.number(12).wrapping_add(u128::from(attempt) << 64));
        "=_".chars().chain(digits.map(char::from)).collect()
    }

    fn number(&self, from: usize) -> u128 {
        self.seed[from..from + 12].iter().fold(0, |number, octet| (number << 8) | u128::from(*octet))
    }
}

const DIGIT: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The number of base-36 digits for 96 bits.
const DIGITS: usize = 19;

/// Formats a number in digits and lower-case letters.
fn base36(mut number: u128) -> [u8; DIGITS] {
    number &= (1 << 96) - 1;
    let mut digits = [b'0'; DIGITS];
    // Twelve digits fit in 64 bits, for which division is many times faster than for 128.
    let low = 36_u128.pow(12);
    let (first, last) = digits.split_at_mut(DIGITS - 12);
    for (digits, part) in [(first, number / low), (last, number % low)] {
        let mut part = u64::try_from(part).unwrap_or(u64::MAX);
        for digit in digits.iter_mut().rev() {
            *digit = DIGIT[(part % 36) as usize];
            part /= 36;
        }
    }
    digits
}

/// Appends a number in as few digits and lower-case letters as possible.
pub(crate) fn push_base36(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(DIGIT[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

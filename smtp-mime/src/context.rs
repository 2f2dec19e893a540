//! Defines what a message takes from outside: the time and some randomness.

use crate::Date;

/// The time and the randomness that a message is built with.
///
/// The crate reads no clock and draws no random numbers, so the same context gives the same octets, as tests want it.
/// Each message needs a seed of its own: from it come the Message-ID and the boundaries.
#[derive(Clone, Debug)]
pub struct Context {
    date: Date,
    seed: [u8; Self::SEED],
}

impl Context {
    /// How many random octets a message needs.
    pub const SEED: usize = 24;

    /// The context of one message: now, and octets from the random source of the operating system.
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

    /// How the boundaries of the message begin; each attempt gives another one.
    ///
    /// `=_` can occur in no quoted-printable and in no base64 text (RFC 2045 §6.7).
    pub(crate) fn boundary(&self, attempt: u32) -> String {
        let digits = base36(self.number(12).wrapping_add(u128::from(attempt) << 64));
        "=_".chars().chain(digits.map(char::from)).collect()
    }

    fn number(&self, from: usize) -> u128 {
        self.seed[from..from + 12].iter().fold(0, |number, octet| (number << 8) | u128::from(*octet))
    }
}

const DIGIT: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// As many digits as 96 bits need in base 36.
const DIGITS: usize = 19;

/// A number in digits and lower-case letters.
fn base36(mut number: u128) -> [u8; DIGITS] {
    number &= (1 << 96) - 1;
    let mut digits = [b'0'; DIGITS];
    // Twelve digits are what 64 bits hold, which are divided many times faster than 128.
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

/// Appends a number in as few digits and lower-case letters as it needs.
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

//! Provides [`Code`], a reply code, and [`EnhancedCode`], an enhanced status code.

use core::fmt;

/// A reply code (RFC 5321 §4.2): three digits, the first of which is the class of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// The class of a reply, given by the first digit of its code (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)] // the RFC has four and allows no others
pub enum Severity {
    /// 2yz: success.
    Completed,
    /// 3yz: accepted so far, the server expects more.
    Intermediate,
    /// 4yz: a transient failure; a retry may succeed.
    Transient,
    /// 5yz: a permanent failure; a retry would fail again.
    Permanent,
}

macro_rules! codes {
    ($($name:ident = $value:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: Self = Self($value);)*
    };
}

impl Code {
    codes! {
        SYSTEM_STATUS = 211, "System status or system help reply.";
        HELP = 214, "Help message.";
        READY = 220, "Service ready.";
        CLOSING = 221, "Service closing transmission channel.";
        AUTHENTICATED = 235, "Authentication succeeded (RFC 4954 §6).";
        OK = 250, "Requested mail action okay, completed.";
        WILL_FORWARD = 251, "User not local; will forward.";
        CANNOT_VERIFY = 252, "Cannot VRFY user, but will accept message and attempt delivery.";
        CHALLENGE = 334, "Server challenge of AUTH (RFC 4954 §4).";
        START_MAIL_INPUT = 354, "Start mail input.";
        UNAVAILABLE = 421, "Service not available, closing transmission channel.";
        TRANSITION_NEEDED = 432, "A password transition is needed (RFC 4954 §6).";
        MAILBOX_BUSY = 450, "Requested mail action not taken: mailbox unavailable.";
        LOCAL_ERROR = 451, "Requested action aborted: local error in processing.";
        INSUFFICIENT_STORAGE = 452, "Requested action not taken: insufficient system storage.";
        TEMPORARY_AUTHENTICATION_FAILURE = 454, "Temporary authentication failure, or TLS not available (RFC 4954 §6, RFC 3207 §4).";
        PARAMETERS_NOT_ACCOMMODATED = 455, "Server unable to accommodate parameters.";
        SYNTAX_ERROR = 500, "Syntax error, command unrecognized.";
        ARGUMENT_SYNTAX_ERROR = 501, "Syntax error in parameters or arguments.";
        NOT_IMPLEMENTED = 502, "Command not implemented.";
        BAD_SEQUENCE = 503, "Bad sequence of commands.";
        PARAMETER_NOT_IMPLEMENTED = 504, "Command parameter not implemented.";
        NO_MAIL = 521, "Host does not accept mail (RFC 7504).";
        AUTHENTICATION_REQUIRED = 530, "Authentication required (RFC 4954 §6).";
        MECHANISM_TOO_WEAK = 534, "Authentication mechanism is too weak (RFC 4954 §6).";
        AUTHENTICATION_FAILED = 535, "Authentication credentials invalid (RFC 4954 §6).";
        ENCRYPTION_REQUIRED = 538, "Encryption required for requested authentication mechanism.";
        MAILBOX_UNAVAILABLE = 550, "Requested action not taken: mailbox unavailable.";
        NOT_LOCAL = 551, "User not local; please try the forward-path.";
        STORAGE_EXCEEDED = 552, "Requested mail action aborted: exceeded storage allocation.";
        MAILBOX_NAME_NOT_ALLOWED = 553, "Requested action not taken: mailbox name not allowed.";
        TRANSACTION_FAILED = 554, "Transaction failed, or no SMTP service here.";
        PARAMETERS_NOT_RECOGNIZED = 555, "MAIL or RCPT parameters not recognized or not implemented.";
        DOMAIN_TAKES_NO_MAIL = 556, "Domain does not accept mail (RFC 7504).";
    }

    /// Returns the code of this value, if RFC 5321 §4.2 allows it (200 to 559, middle digit 0 to 5).
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value >= 200 && value < 600 && value / 10 % 10 <= 5 { Some(Self(value)) } else { None }
    }

    /// Returns the code of these digits, if they are digits and RFC 5321 §4.2 allows it.
    pub(crate) fn from_digits(digits: [u8; 3]) -> Option<Self> {
        match digits {
            [first @ b'2'..=b'5', second @ b'0'..=b'5', third @ b'0'..=b'9'] => {
                let digit = |octet: u8| u16::from(octet - b'0');
                Some(Self(100 * digit(first) + 10 * digit(second) + digit(third)))
            }
            _ => None,
        }
    }

    /// The code as a number.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The class of the reply, given by the first digit.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 / 100 {
            2 => Severity::Completed,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }

    /// Returns whether it is 2yz.
    #[must_use]
    pub const fn is_completed(self) -> bool {
        matches!(self.severity(), Severity::Completed)
    }

    /// Returns whether it is 220 or 221, which concern the connection and not the success of a command.
    pub(crate) const fn is_of_the_connection(self) -> bool {
        matches!(self, Self::READY | Self::CLOSING)
    }

    /// Returns whether it is 4yz or 5yz.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(self.severity(), Severity::Transient | Severity::Permanent)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// An enhanced status code (RFC 3463 §2): class, subject and detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)] // RFC 3463 §2 fixes the three numbers
pub struct EnhancedCode {
    /// 2, 4 or 5.
    pub class: u8,
    /// The subject, 0 to 999.
    pub subject: u16,
    /// The detail, 0 to 999.
    pub detail: u16,
}

impl EnhancedCode {
    /// Makes a code of these three numbers, if RFC 3463 §2 allows it.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        if matches!(class, 2 | 4 | 5) && subject <= 999 && detail <= 999 {
            Some(Self { class, subject, detail })
        } else {
            None
        }
    }

    /// Returns the code at the start of `text`, and the rest of the text.
    ///
    /// ```
    /// # use smtp_core::EnhancedCode;
    /// let (code, rest) = EnhancedCode::split_from(b"5.1.1 no such user").unwrap();
    /// assert_eq!((code.to_string().as_str(), rest), ("5.1.1", &b"no such user"[..]));
    /// ```
    #[must_use]
    pub fn split_from(text: &[u8]) -> Option<(Self, &[u8])> {
        let [class @ (b'2' | b'4' | b'5'), b'.', rest @ ..] = text else { return None };
        let (subject, rest) = number(rest)?;
        let (detail, rest) = number(rest.strip_prefix(b".")?)?;
        let code = Self::new(class - b'0', subject, detail)?;
        match rest.split_first() {
            None => Some((code, rest)),
            Some((b' ' | b'\t', after)) => Some((code, after)),
            Some(_) => None,
        }
    }

    pub(crate) const fn is_detail(self, subject: u16, detail: u16) -> bool {
        self.subject == subject && self.detail == detail
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Parses one to three digits at the start of `text`, without a leading zero unless it is zero.
fn number(text: &[u8]) -> Option<(u16, &[u8])> {
    let digits = text.iter().take(4).take_while(|octet| octet.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    match digits {
        [] | [_, _, _, _, ..] | [b'0', _, ..] => None,
        _ => Some((digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn codes_outside_the_grammar_are_invalid() {
        for value in [0, 99, 100, 199, 260, 299, 355 + 5, 600, 999] {
            assert_eq!(Code::new(value), None, "{value}");
        }
        for value in [200, 250, 259, 354, 421, 555, 559] {
            assert!(Code::new(value).is_some(), "{value}");
        }
    }

    #[test]
    fn enhanced_codes_are_split_from_the_text() {
        let split = |text: &'static str| {
            EnhancedCode::split_from(text.as_bytes())
                .map(|(code, rest)| (code.to_string(), core::str::from_utf8(rest).unwrap()))
        };
        assert_eq!(split("2.1.0 ok"), Some(("2.1.0".into(), "ok")));
        assert_eq!(split("4.7.28"), Some(("4.7.28".into(), "")));
        for none in ["3.1.0 x", "2.1 x", "2.1.0x", "2..0 x", "2.1000.0 x", "2.01.0 x", "", "ok"] {
            assert_eq!(split(none), None, "{none}");
        }
    }
}

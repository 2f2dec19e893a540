//! Provides what the lines of the reply to EHLO come to, looked up once: each command asks for some of it.

use serde::{Deserialize as _, Deserializer, de::Error as _};

use super::ServerSettings;

/// Mail data beyond this is refused even when SIZE sets no limit: it bounds memory.
const LARGEST_MESSAGE: u64 = 256 * 1024 * 1024;

/// An extension that a command asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extension {
    Auth,
    BinaryMime,
    Chunking,
    DeliverBy,
    Dsn,
    EightBitMime,
    EnhancedStatusCodes,
    FutureRelease,
    MtPriority,
    NoSoliciting,
    Pipelining,
    RequireTls,
    Rrvs,
    Size,
    SmtpUtf8,
}

/// Each with its keyword, in the order of the declaration.
const EXTENSIONS: [(Extension, &str); 15] = [
    (Extension::Auth, "AUTH"),
    (Extension::BinaryMime, "BINARYMIME"),
    (Extension::Chunking, "CHUNKING"),
    (Extension::DeliverBy, "DELIVERBY"),
    (Extension::Dsn, "DSN"),
    (Extension::EightBitMime, "8BITMIME"),
    (Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
    (Extension::FutureRelease, "FUTURERELEASE"),
    (Extension::MtPriority, "MT-PRIORITY"),
    (Extension::NoSoliciting, "NO-SOLICITING"),
    (Extension::Pipelining, "PIPELINING"),
    (Extension::RequireTls, "REQUIRETLS"),
    (Extension::Rrvs, "RRVS"),
    (Extension::Size, "SIZE"),
    (Extension::SmtpUtf8, "SMTPUTF8"),
];

/// Keywords beside [`EXTENSIONS`] that are registered with IANA, or that servers of renown offer unregistered.
#[rustfmt::skip]
const OTHER_KEYWORDS: &[&str] = &[
    "ATRN", "BURL", "CHECKPOINT", "CONNEG", "CONPERM", "ETRN", "EXPN", "HELP", "LIMITS", "MTRK", "ONEX", "PIPECONNECT",
    "PRDR", "SAML", "SEND", "SOML", "STARTTLS", "SUBMITTER", "TURN", "UTF8SMTP", "VERB", "VRFY",
];

/// Refuses what is no keyword of an extension: registered, in use, or private (beginning with X).
pub(crate) fn check_keyword(line: &str) -> Result<(), String> {
    // AUTH= with its mechanisms is what old servers offer.
    let keyword = line.split([' ', '=']).next().unwrap_or_default();
    let is = |known: &str| known.eq_ignore_ascii_case(keyword);
    let is_private = keyword.len() > 1 && keyword.starts_with(['X', 'x']);
    if is_private || EXTENSIONS.iter().any(|(_, known)| is(known)) || OTHER_KEYWORDS.iter().copied().any(is) {
        return Ok(());
    }
    Err(format!("«{keyword}» is no known extension; the name of a private one begins with X"))
}

/// Reads lines of the reply to EHLO.
pub(crate) fn deserialize_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let lines = Vec::<String>::deserialize(deserializer)?;
    lines.iter().try_for_each(|line| check_keyword(line)).map_err(D::Error::custom)?;
    Ok(lines)
}

/// The extensions of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offers {
    /// A bit for each extension that works, offered or hidden.
    known: u32,
    /// A bit for each that works and is offered.
    shown: u32,
    pub(crate) size_limit: u64,
}

impl Offers {
    /// What these settings offer.
    pub(crate) fn of(settings: &ServerSettings) -> Self {
        let (mut known, mut shown) = (0, 0);
        for (extension, keyword) in EXTENSIONS {
            if settings.extension(keyword).is_some() {
                known |= bit(extension);
                if !settings.hides(keyword) {
                    shown |= bit(extension);
                }
            }
        }
        let size =
            settings.extension("SIZE").and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok());
        let size_limit =
            size.filter(|&limit: &u64| limit > 0).unwrap_or(LARGEST_MESSAGE).min(LARGEST_MESSAGE);
        Self { known, shown, size_limit }
    }

    /// Whether an extension works.
    pub(crate) fn knows(&self, extension: Extension) -> bool {
        self.known & bit(extension) != 0
    }

    /// Whether an extension works and is offered.
    pub(crate) fn shows(&self, extension: Extension) -> bool {
        self.shown & bit(extension) != 0
    }
}

impl ServerSettings {
    /// The line of an extension that works, offered or hidden.
    pub(crate) fn extension(&self, keyword: &str) -> Option<&str> {
        line_of(&self.extensions, keyword)
    }

    pub(crate) fn hides(&self, keyword: &str) -> bool {
        line_of(&self.hide, keyword).is_some()
    }
}

fn bit(extension: Extension) -> u32 {
    1 << extension as u32
}

/// The line that begins with this keyword.
fn line_of<'a>(lines: &'a [String], keyword: &str) -> Option<&'a str> {
    lines.iter().map(String::as_str).find(|line| is_keyword_of(line, keyword))
}

/// Whether the line of an extension begins with this keyword.
fn is_keyword_of(line: &str, keyword: &str) -> bool {
    let (word, rest) = line.as_bytes().split_at_checked(keyword.len()).unwrap_or_default();
    word.eq_ignore_ascii_case(keyword.as_bytes()) && rest.first().is_none_or(|&octet| octet == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(extensions: &[&str], hide: &[&str]) -> Offers {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Offers::of(&ServerSettings { extensions: words(extensions), hide: words(hide), ..Default::default() })
    }

    #[test]
    fn every_extension_has_a_bit_of_its_own() {
        for (extension, keyword) in EXTENSIONS {
            let offers = offers(&[&keyword.to_ascii_lowercase()], &[]);
            assert_eq!((offers.known, offers.shown), (bit(extension), bit(extension)), "{keyword}");
        }
    }

    #[test]
    fn what_is_hidden_works_and_what_is_longer_is_another() {
        let offers = offers(&["SIZE 10", "CHUNKINGS", "DSN"], &["size"]);
        assert_eq!(offers.known, bit(Extension::Size) | bit(Extension::Dsn));
        assert_eq!(offers.shown, bit(Extension::Dsn));
        assert_eq!(offers.size_limit, 10);
    }

    #[test]
    fn a_size_that_sets_no_limit_leaves_the_largest() {
        for line in ["SIZE", "SIZE 0", "SIZE x", "SIZE 99999999999", "DSN"] {
            assert_eq!(offers(&[line], &[]).size_limit, LARGEST_MESSAGE, "{line}");
        }
    }
}

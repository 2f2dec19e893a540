//! Defines [`Glob`], the pattern that guards and dialogues match with.

use core::fmt;

use serde::Deserialize;

/// A pattern in which `*` stands for any octets and `?` for one; letters match in either case.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize)]
#[serde(from = "String")]
pub struct Glob(String);

impl Glob {
    /// Makes a pattern; every text is one.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Whether the whole of `octets` matches.
    ///
    /// ```
    /// use smtp_mock::Glob;
    /// assert!(Glob::new("bob@*").matches(b"BOB@example.net"));
    /// assert!(!Glob::new("bob@*").matches(b"alice@example.net"));
    /// ```
    #[must_use]
    pub fn matches(&self, octets: &[u8]) -> bool {
        let is_match = |&wanted: &u8, octet: &u8| wanted == b'?' || wanted.eq_ignore_ascii_case(octet);
        match_items(self.0.as_bytes(), octets, |&wanted| wanted == b'*', is_match).is_ok()
    }

    /// How many leading octets of `octets` the pattern's literal beginning agrees with: where a difference is marked.
    #[must_use]
    pub fn agrees_up_to(&self, octets: &[u8]) -> usize {
        // Only a failure's text asks for this, and what differs shows early: a bound keeps a hostile line cheap.
        let octets = &octets[..octets.len().min(256)];
        // The longest beginning of the text that some beginning of the pattern matches is where the eye should look.
        (0..=self.0.len())
            .filter(|&cut| self.0.is_char_boundary(cut))
            .filter_map(|cut| {
                let beginning = Self(self.0[..cut].trim_end_matches('*').to_owned());
                (0..=octets.len()).rev().find(|&length| beginning.matches(&octets[..length]))
            })
            .max()
            .unwrap_or(0)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Matches the whole of `items` with a pattern in which a wildcard stands for any number of them.
///
/// # Errors
/// The farthest that they agree: how much of the pattern, and how many items.
pub(crate) fn match_items<P, T>(
    pattern: &[P],
    items: &[T],
    is_wildcard: impl Fn(&P) -> bool,
    is_match: impl Fn(&P, &T) -> bool,
) -> Result<(), (usize, usize)> {
    // One wildcard is remembered at a time, so the work is bounded by pattern × items and needs no recursion.
    let (mut at, mut position, mut wildcard) = (0, 0, None);
    let mut farthest = (0, 0);
    loop {
        if at >= farthest.0 && position >= farthest.1 {
            farthest = (at, position);
        }
        match (pattern.get(at), items.get(position)) {
            (Some(wanted), _) if is_wildcard(wanted) => {
                at += 1;
                wildcard = Some((at, position));
            }
            (None, None) => return Ok(()),
            (Some(wanted), Some(item)) if is_match(wanted, item) => {
                at += 1;
                position += 1;
            }
            _ => match wildcard.filter(|&(_, from)| from < items.len()) {
                Some((after, from)) => {
                    wildcard = Some((after, from + 1));
                    (at, position) = (after, from + 1);
                }
                None => return Err(farthest),
            },
        }
    }
}

impl From<String> for Glob {
    fn from(pattern: String) -> Self {
        Self(pattern)
    }
}

impl From<&str> for Glob {
    fn from(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a*b*c", "a-b-b-c", true),
            ("?b", "ab", true),
            ("?b", "b", false),
            ("mail from:<a@b>*", "MAIL FROM:<a@b> SIZE=3", true),
            ("*@example.net", "bob@example.net", true),
            ("**a**", "a", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text.as_bytes()), matches, "{pattern} against {text}");
        }
    }

    #[test]
    fn many_stars_stay_cheap() {
        let pattern = Glob::new("a*".repeat(50) + "b");
        assert!(!pattern.matches("a".repeat(10_000).as_bytes()));
    }

    #[test]
    fn the_difference_is_where_the_texts_part() {
        assert_eq!(Glob::new("RCPT TO:<bob@b.test>*").agrees_up_to(b"RCPT TO:<eve@b.test>"), 9);
        assert_eq!(Glob::new("QUIT").agrees_up_to(b"QUIT now"), 4);
    }
}

//! Provides what a terminal gets of texts from elsewhere: what it would obey is escaped, whatever the form.
//!
//! Which characters these are is [`smtp_core::is_shown`]'s word. [`Escaped`](smtp_core::Escaped) is for a part of a
//! line, [`lines`] for whole lines, [`json`] for documents, and [`smtp_mime::EscapedWriter`] for messages.

use serde::Serialize;
use smtp_core::is_shown;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Lines for people: their ends and tabs stay, everything else is as [`Escaped`](smtp_core::Escaped) shows it.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'], |character, escaped| escaped.extend(character.escape_default()))
}

/// JSON in one line, without its end.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    json(&serde_json::to_string(value).expect(PLAIN))
}

/// JSON in several lines, without the end of the last.
pub(crate) fn json_lines(value: &impl Serialize) -> String {
    json(&serde_json::to_string_pretty(value).expect(PLAIN))
}

/// What is written as JSON here are structures of numbers, texts and lists of those, which every JSON has.
const PLAIN: &str = "its values are numbers and texts, its keys are texts";

/// The same document, in which the texts (elsewhere JSON is ASCII) have no character that a terminal obeys.
fn json(document: &str) -> String {
    escaped(document, &['\n'], |character, escaped| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
    .into_owned()
}

/// The text with `escape` in place of each character that is not to be shown, but for those that `stay`.
fn escaped<'a>(text: &'a str, stay: &[char], escape: impl Fn(char, &mut String)) -> Cow<'a, str> {
    let is_kept = |character: char| is_shown(character) || stay.contains(&character);
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_kept(character) {
            escaped.push(character);
        } else {
            escape(character, &mut escaped);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_stay_lines() {
        assert!(matches!(lines("a\tb\nü\n"), Cow::Borrowed(_)));
        assert_eq!(lines("a\u{9b}\r\n\u{2028}"), "a\\u{9b}\\r\n\\u{2028}");
    }

    proptest! {
        #[test]
        fn json_says_the_same_after_it_was_read(text in "[\\PC\u{7f}-\u{9f}\u{61c}\u{2028}-\u{202e}\u{0}-\u{1f}\"]{0,40}") {
            let value = serde_json::json!({ &text: [&text, 1, true] });
            for document in [json_line(&value), json_lines(&value)] {
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&document).unwrap(), &value);
                prop_assert!(document.chars().all(|character| is_shown(character) || character == '\n'));
            }
        }
    }
}

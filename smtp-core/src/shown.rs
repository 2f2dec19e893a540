//! Defines [`is_shown`], which tells printable characters from those that control a terminal, and [`Escaped`].

use core::fmt;

/// Returns whether a character from an untrusted source can be shown unchanged.
///
/// Such a character is no control character (C0, DEL and C1), does not change the direction of the following text,
/// which can disguise a name, and ends no line or paragraph. All messages of this workspace escape the other
/// characters.
///
/// ```
/// assert!(smtp_core::is_shown('ü') && smtp_core::is_shown(' '));
/// assert!(!smtp_core::is_shown('\x1b') && !smtp_core::is_shown('\u{202e}'));
/// ```
#[must_use]
pub const fn is_shown(character: char) -> bool {
    !matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}'
    )
}

/// A text from an untrusted source, printed with every character escaped that is not [shown](is_shown).
///
/// ```
/// assert_eq!(smtp_core::Escaped("a\u{1b}[2J\r\n").to_string(), "a\\u{1b}[2J\\r\\n");
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // it is its text
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(place) = rest.find(|character| !is_shown(character)) {
            let (shown, escaped) = rest.split_at(place);
            f.write_str(shown)?;
            let mut characters = escaped.chars();
            if let Some(character) = characters.next() {
                write!(f, "{}", character.escape_default())?;
            }
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_not_shown() {
        assert!(('\0'..=char::MAX).all(|character| !character.is_control() || !is_shown(character)));
        let marks = "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                     \u{2066}\u{2067}\u{2068}\u{2069}";
        assert!(marks.chars().all(|mark| !is_shown(mark)));
        // joiners and joining letters are shown, so that names remain readable
        assert!("ü 漢字 \u{200c}\u{200d}🙂".chars().all(is_shown));
    }
}

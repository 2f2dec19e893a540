//! Writes phrases: the display names of mailboxes and groups (RFC 5322 §3.2.5).

use super::{
    encoded_word,
    fold::{Folder, LINE, MAX_LINE},
};

/// Writes a phrase after `white_space`: atoms unchanged, specials in a quoted-string, the rest encoded.
pub(crate) fn write(folder: &mut Folder<'_>, white_space: &str, phrase: &str, smtputf8: bool) {
    // Most names need no quoting or encoding.
    if is_simple(phrase) {
        return write_words(folder, white_space, phrase);
    }
    let printable = |character: char| {
        matches!(character, ' '..='~') || (smtputf8 && !character.is_ascii() && !character.is_control())
    };
    let fits = |word: &str| word.len() < MAX_LINE / 2;
    let plain =
        phrase.chars().all(printable) && !encoded_word::looks_encoded(phrase) && phrase.split(' ').all(fits);
    let bare = phrase.split(' ').all(|word| is_atom(word, smtputf8));
    if plain && bare {
        write_words(folder, white_space, phrase);
    } else if plain && !phrase.contains(BLANKS) {
        write_words(folder, white_space, &quoted(phrase));
    } else {
        write_encoded(folder, white_space, phrase, smtputf8);
    }
}

/// This many spaces could fill a line on their own.
const BLANKS: &str = "                              ";

/// Returns whether a phrase is letters, digits and single spaces, and fits in a line.
fn is_simple(phrase: &str) -> bool {
    let octets = phrase.as_bytes();
    let mut blank = true;
    let simple = octets.iter().all(|octet| {
        let doubled = blank && *octet == b' ';
        blank = *octet == b' ';
        !doubled && (blank || octet.is_ascii_alphanumeric())
    });
    simple && !blank && octets.len() < LINE
}

/// Writes words, each of which may start a new line.
fn write_words(folder: &mut Folder<'_>, white_space: &str, text: &str) {
    let mut rest = text;
    let mut white_space = white_space;
    while !rest.is_empty() {
        let end = memchr::memchr(b' ', rest.as_bytes()).unwrap_or(rest.len());
        folder.word(white_space, &rest[..end]);
        let blanks = rest[end..].len() - rest[end..].trim_start_matches(' ').len();
        white_space = &rest[end..end + blanks];
        rest = &rest[end + blanks..];
    }
}

/// Writes atoms unchanged and all other words as encoded-words.
fn write_encoded(folder: &mut Folder<'_>, white_space: &str, phrase: &str, smtputf8: bool) {
    if phrase.contains("  ") {
        // Several spaces in a row survive only within an encoded-word.
        return encoded_word::write(folder, white_space, phrase);
    }
    let raw = |word: &str| is_atom(word, smtputf8) && !encoded_word::looks_encoded(word) && word.len() < 70;
    let words: Vec<&str> = phrase.split(' ').collect();
    let mut white_space = white_space;
    let mut index = 0;
    while index < words.len() {
        if raw(words[index]) {
            folder.word(white_space, words[index]);
            index += 1;
        } else {
            let end = (index..words.len()).find(|at| raw(words[*at])).unwrap_or(words.len());
            encoded_word::write(folder, white_space, &words[index..end].join(" "));
            index = end;
        }
        white_space = " ";
    }
}

/// Makes a quoted-string of a printable text (RFC 5322 §3.2.4).
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Returns whether a character is allowed in an atom (RFC 5322 §3.2.3, RFC 6532 §3.2).
pub(crate) fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '!' | '#'
                | '$'
                | '%'
                | '&'
                | '\''
                | '*'
                | '+'
                | '-'
                | '/'
                | '='
                | '?'
                | '^'
                | '_'
                | '`'
                | '{'
                | '|'
                | '}'
                | '~'
        )
        || (!character.is_ascii() && !character.is_control())
}

fn is_atom(word: &str, smtputf8: bool) -> bool {
    !word.is_empty() && word.chars().all(is_atext) && (smtputf8 || word.is_ascii())
}

//! Writes unstructured field values: Subject, Comments and fields without a syntax of their own (RFC 5322 §2.2.1).

use super::{
    encoded_word,
    fold::{Folder, LINE, MAX_LINE},
};
use crate::ValueError;

/// A longer run of spaces is encoded even on a short line.
const MAX_BLANK: usize = 30;

/// One space more than that.
const BLANKS: &str = "                               ";

/// Checks that a value has no CR, LF or NUL.
pub(crate) fn check(value: &'static str, text: &str) -> Result<(), ValueError> {
    match memchr::memchr3(b'\r', b'\n', b'\0', text.as_bytes()) {
        Some(position) => {
            Err(ValueError::Unexpected { value, character: char::from(text.as_bytes()[position]), position })
        }
        None => Ok(()),
    }
}

/// Writes a field with a checked value, without outer white space.
///
/// Only words that need it become encoded-words, together with the spaces between two of them, which a reader would
/// drop otherwise (RFC 2047 §6.2).
pub(crate) fn write(out: &mut Vec<u8>, name: &str, text: &str, smtputf8: bool) {
    let mut folder = Folder::new(out, name);
    let longest = MAX_LINE - name.len() - ": ".len();
    let needs_encoding = |word: &str| !word.is_empty() && (!is_plain(word, smtputf8) || word.len() > longest);
    let text = text.trim_matches(' ');
    // Most values are words that fit in one line.
    if name.len() + ": ".len() + text.len() <= LINE
        && is_printable(text)
        && !encoded_word::looks_encoded(text)
        && !(text.len() > MAX_BLANK && text.contains(BLANKS))
    {
        folder.word(" ", text);
        return folder.end();
    }
    // Next to encoded-words and at folds, some readers collapse several spaces into one.
    let folds = name.len() + ": ".len() + text.len() > LINE;
    let is_encoded = text.contains(BLANKS) || text.split(' ').any(needs_encoding);
    let longest_blank = if folds || is_encoded { 1 } else { MAX_BLANK };
    let runs = runs(text, longest_blank, needs_encoding);
    for (index, run) in runs.iter().enumerate() {
        // The space after the colon is not part of the value.
        let white_space = if index == 0 { " " } else { run.white_space };
        if run.encoded {
            encoded_word::write(&mut folder, white_space, run.text);
        } else {
            folder.word(white_space, run.text);
        }
    }
    if runs.is_empty() {
        folder.glue(" ");
    }
    folder.end();
}

/// Words written in the same way: one unchanged word, or some that are encoded together.
struct Run<'a> {
    white_space: &'a str,
    text: &'a str,
    encoded: bool,
}

fn runs(text: &str, longest_blank: usize, needs_encoding: impl Fn(&str) -> bool) -> Vec<Run<'_>> {
    let mut runs: Vec<(usize, usize, usize, bool)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at + blanks(&text[at..]);
        let end = text[start..].find(' ').map_or(text.len(), |length| start + length);
        let encoded = needs_encoding(&text[start..end]);
        match runs.last_mut() {
            Some(last) if (encoded && last.3) || start - at > longest_blank => {
                last.2 = end;
                last.3 = true;
            }
            _ => runs.push((at, start, end, encoded)),
        }
        at = end;
    }
    // A run that is encoded because of its trailing spaces may now be next to another encoded one.
    let mut joined: Vec<(usize, usize, usize, bool)> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.3 && run.3 => last.2 = run.2,
            _ => joined.push(run),
        }
    }
    joined
        .into_iter()
        .map(|(at, start, end, encoded)| Run {
            white_space: &text[at..start],
            text: &text[start..end],
            encoded,
        })
        .collect()
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

fn is_printable(text: &str) -> bool {
    text.bytes().fold(true, |all, octet| all & matches!(octet, b' '..=b'~'))
}

fn is_plain(word: &str, smtputf8: bool) -> bool {
    !encoded_word::looks_encoded(word)
        && word.chars().all(|character| {
            matches!(character, '!'..='~') || (smtputf8 && !character.is_ascii() && !character.is_control())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, "Subject", text, false);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_words_that_need_it_are_encoded() {
        assert_eq!(field("Hello  world"), "Subject: Hello  world\r\n");
        assert_eq!(field("Der große Bär ist da"), "Subject: Der =?utf-8?Q?gro=C3=9Fe_B=C3=A4r?= ist da\r\n");
        assert_eq!(
            field("see =?utf-8?Q?x?= there"),
            "Subject: see =?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?= there\r\n"
        );
        assert_eq!(field("a\tb"), "Subject: =?utf-8?Q?a=09b?=\r\n");
        assert_eq!(field(""), "Subject: \r\n");
    }

    #[test]
    fn lines_fold_before_spaces_and_no_line_is_blank() {
        let text = format!("{} {}", "word ".repeat(40).trim_end(), "x".repeat(900));
        let field = field(&text);
        let lines: Vec<_> = field.split_inclusive("\r\n").collect();
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() <= 80 && !line.trim().is_empty()));
        let unfolded = field.replace("\r\n", "");
        assert_eq!(unfolded, format!("Subject: {text}"));
    }

    #[test]
    fn words_too_long_for_a_line_are_encoded() {
        for text in ["x".repeat(2_000), format!("a{}b", " ".repeat(2_000))] {
            let field = field(&text);
            assert!(field.lines().all(|line| line.len() <= 76), "{field}");
        }
    }

    #[test]
    fn several_spaces_next_to_an_encoded_run_are_encoded_too() {
        let text = format!("A{}A    A", " ".repeat(31));
        assert_eq!(field(&text), format!("Subject: =?utf-8?Q?A{}A____A?=\r\n", "_".repeat(31)));
    }

    #[test]
    fn line_ends_and_nul_are_refused() {
        for text in ["a\rb", "a\nb", "a\0b"] {
            assert!(check("subject", text).is_err());
        }
    }
}

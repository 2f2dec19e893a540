//! Defines [`DateTime`], a point in time in the form of RFC 3339.

use crate::address::{SyntaxError, text_forms};
use alloc::boxed::Box;

/// A date and time in UTC, to the second: `2026-11-20T08:30:00Z` (RFC 3339 §5.6). Values are ordered by time.
///
/// The crate has no clock and no calendar: this is a checked text.
///
/// ```
/// use smtp_core::DateTime;
///
/// let earlier: DateTime = "2028-02-29T23:59:59Z".parse()?;
/// assert!(earlier < "2028-03-01T00:00:00z".parse()?);
/// assert!("2026-02-29T23:59:59Z".parse::<DateTime>().is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime {
    printed: Box<str>,
}

impl DateTime {
    /// Parses `YYYY-MM-DDThh:mm:ssZ`.
    ///
    /// # Errors
    /// When the text has another form, or the day or time does not exist.
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// The text, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let malformed = |rule| SyntaxError::Malformed { value: "date and time", rule };
        let text = text.to_ascii_uppercase();
        let octets = text.as_bytes();
        let is_written_well = octets.len() == FORM.len()
            && octets.iter().zip(FORM).all(|(octet, form)| match form {
                b'0' => octet.is_ascii_digit(),
                _ => octet == form,
            });
        if !is_written_well {
            return Err(malformed("it must have the form YYYY-MM-DDThh:mm:ssZ, in UTC"));
        }
        let number = |from: usize, to: usize| {
            octets[from..to].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
        };
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        let is_a_day = (1..=days(year, month)).contains(&day);
        // 60 is a leap second
        let is_a_time = number(11, 13) < 24 && number(14, 16) < 60 && number(17, 19) <= 60;
        if !(is_a_day && is_a_time) {
            return Err(malformed("there is no such day or time"));
        }
        Ok(Self { printed: text.into() })
    }
}

text_forms!(DateTime);

/// The form: `0` stands for a digit, other characters for themselves.
const FORM: &[u8; 20] = b"0000-00-00T00:00:00Z";

/// Returns the number of days in a month; 0 if there is no such month.
const fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn impossible_days_and_times_are_refused() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T08:30:00",
            "2026-11-20T08:30:00+01:00",
            "2026-11-20T08:30:00.5Z",
            "2026-00-20T08:30:00Z",
            "2026-13-20T08:30:00Z",
            "2026-11-31T08:30:00Z",
            "2026-11-00T08:30:00Z",
            "2100-02-29T08:30:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T08:60:00Z",
            "2026-11-20T08:30:61Z",
            "２026-11-20T08:30:00",
            "2026-11-20 08:30:00Z",
        ] {
            assert!(DateTime::new(text).is_err(), "{text}");
        }
        for text in ["2000-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z"] {
            assert_eq!(DateTime::new(text).unwrap().as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_accepted_or_refused(text in "[0-9TZ:.+-]{0,22}|.{0,22}") {
            if let Ok(date) = DateTime::new(&text) {
                prop_assert_eq!(date.as_str().len(), 20);
            }
        }
    }
}

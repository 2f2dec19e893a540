//! Defines [`Date`], the date-time of a message (RFC 5322 §3.3).

use std::{fmt, str::FromStr, time::SystemTime};

use jiff::{
    Timestamp, Zoned,
    fmt::rfc2822::DateTimeParser,
    tz::{Offset, TimeZone},
};

use crate::ValueError;

/// A point in time with a UTC offset, printed as `Fri, 20 Nov 2026 17:42:58 +0000`.
///
/// ```
/// use smtp_mime::Date;
///
/// let date = Date::from_unix(1_795_196_578, 3600)?;
/// assert_eq!(date.to_string(), "Fri, 20 Nov 2026 18:42:58 +0100");
/// assert_eq!("20 Nov 2026 18:42:58 +0100".parse::<Date>()?, date);
/// # Ok::<(), smtp_mime::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date {
    zoned: Zoned,
}

impl Date {
    /// Makes a date of the seconds since 1970 in UTC, and of the offset of the local clock in seconds.
    ///
    /// # Errors
    /// When the year is before 1900 or after 9999, or the offset is a day or more.
    pub fn from_unix(seconds: i64, offset: i32) -> Result<Self, ValueError> {
        let timestamp = Timestamp::from_second(seconds).map_err(|_| OUT_OF_RANGE)?;
        // A zone has hours and minutes only; seconds of an offset would change the time.
        let offset = Offset::from_seconds(offset / 60 * 60).map_err(|_| OUT_OF_RANGE)?;
        Self::checked(timestamp.to_zoned(TimeZone::fixed(offset)))
    }

    /// The seconds since 1970 in UTC.
    #[must_use]
    pub fn to_unix(&self) -> i64 {
        self.zoned.timestamp().as_second()
    }

    /// Appends the printed form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        const DAYS: [&[u8; 5]; 7] = [b"Mon, ", b"Tue, ", b"Wed, ", b"Thu, ", b"Fri, ", b"Sat, ", b"Sun, "];
        const MONTHS: [&[u8; 5]; 12] = [
            b" Jan ", b" Feb ", b" Mar ", b" Apr ", b" May ", b" Jun ", b" Jul ", b" Aug ", b" Sep ",
            b" Oct ", b" Nov ", b" Dec ",
        ];
        let time = self.zoned.datetime();
        let minutes = self.zoned.offset().seconds() / 60;
        let place = |index: i8| usize::from(index.unsigned_abs()) - 1;
        out.extend_from_slice(DAYS[place(time.weekday().to_monday_one_offset())]);
        if time.day() >= 10 {
            out.extend_from_slice(&two_digits(time.day().unsigned_abs().into()));
        } else {
            out.push(b'0' + time.day().unsigned_abs());
        }
        out.extend_from_slice(MONTHS[place(time.month())]);
        let year = time.year().unsigned_abs();
        let (century, year) = (two_digits(year / 100), two_digits(year % 100));
        let [hour, minute, second] =
            [time.hour(), time.minute(), time.second()].map(|part| two_digits(part.unsigned_abs().into()));
        out.extend_from_slice(&[
            century[0], century[1], year[0], year[1], b' ', hour[0], hour[1], b':', minute[0], minute[1],
            b':', second[0], second[1], b' ',
        ]);
        out.push(if minutes < 0 { b'-' } else { b'+' });
        // Less than a day, so at most two digits each.
        let minutes = u16::try_from(minutes.unsigned_abs()).unwrap_or_default();
        out.extend_from_slice(&two_digits(minutes / 60));
        out.extend_from_slice(&two_digits(minutes % 60));
    }

    fn checked(zoned: Zoned) -> Result<Self, ValueError> {
        let day = Offset::from_hours(24).map_err(|_| OUT_OF_RANGE)?;
        let offset = zoned.offset();
        if (1900..=9999).contains(&zoned.year()) && -day < offset && offset < day {
            Ok(Self { zoned })
        } else {
            Err(OUT_OF_RANGE)
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = Vec::with_capacity(PRINTED);
        self.write(&mut printed);
        formatter.pad(std::str::from_utf8(&printed).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Date {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let zoned = DateTimeParser::new().parse_zoned(text.trim()).map_err(|_| ValueError::Malformed {
            value: VALUE,
            rule: "it must look like Fri, 20 Nov 2026 17:42:58 +0000",
        })?;
        Self::checked(zoned)
    }
}

impl TryFrom<Zoned> for Date {
    type Error = ValueError;

    fn try_from(zoned: Zoned) -> Result<Self, ValueError> {
        Self::from_unix(zoned.timestamp().as_second(), zoned.offset().seconds())
    }
}

impl TryFrom<SystemTime> for Date {
    type Error = ValueError;

    /// Converts to a date in UTC.
    fn try_from(time: SystemTime) -> Result<Self, ValueError> {
        let timestamp = Timestamp::try_from(time).map_err(|_| OUT_OF_RANGE)?;
        Self::from_unix(timestamp.as_second(), 0)
    }
}

const VALUE: &str = "date-time";
/// The maximum length of the printed form in octets.
const PRINTED: usize = 31;
const OUT_OF_RANGE: ValueError = ValueError::Malformed {
    value: VALUE,
    rule: "its year must be from 1900 to 9999 and its zone less than a day from UTC",
};

/// Formats a number below a hundred with two digits.
fn two_digits(number: u16) -> [u8; 2] {
    let number = u8::try_from(number % 100).unwrap_or_default();
    [b'0' + number / 10, b'0' + number % 10]
}

#[cfg(test)]
mod tests {
    use jiff::fmt::rfc2822::DateTimePrinter;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_date_is_printed_as_the_library_prints_it(
            seconds in -2_208_988_800_i64..253_402_300_800, offset in -86_399_i32..86_400
        ) {
            if let Ok(date) = Date::from_unix(seconds, offset) {
                let printed = DateTimePrinter::new().zoned_to_string(&date.zoned).unwrap();
                prop_assert_eq!(date.to_string(), printed);
            }
        }
    }

    #[test]
    fn parses_the_dates_of_rfc_5322_appendix_a() {
        for (text, unix) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706),
            ("Tue, 1 Jul 2003 10:52:37 +0200", 1_057_049_557),
            ("Thu, 13 Feb 1969 23:32:54 -0330", -27_723_426),
            ("Fri, 21 Nov 1997 10:01:10 -0600", 880_128_070),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!(date.to_unix(), unix, "{text}");
            assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn refuses_invalid_dates() {
        for text in
            ["", "yesterday", "2026-11-20", "Mon, 20 Nov 2026 17:42:58 +0000", "31 Feb 2026 00:00:00 +0000"]
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!(Date::from_unix(i64::MAX, 0).is_err());
        assert!(Date::from_unix(-3_000_000_000, 0).is_err());
        assert!(Date::from_unix(0, 86_400).is_err());
        assert!(Date::from_unix(0, i32::MAX).is_err());
    }

    #[test]
    fn seconds_of_an_offset_do_not_change_the_time() {
        let date = Date::from_unix(0, 3_599).unwrap();
        assert_eq!(date.to_string(), "Thu, 1 Jan 1970 00:59:00 +0059");
        assert_eq!(date.to_string().parse::<Date>().unwrap().to_unix(), 0);
    }
}

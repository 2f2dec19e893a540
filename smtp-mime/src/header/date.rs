//! Defines the date-time of a message (RFC 5322 §3.3).

use std::{fmt, str::FromStr, time::SystemTime};

use jiff::{
    Timestamp, Zoned,
    fmt::rfc2822::{DateTimeParser, DateTimePrinter},
    tz::{Offset, TimeZone},
};

use crate::ValueError;

/// A moment with the offset of the clock that it was read from, printed as `Fri, 20 Nov 2026 17:42:58 +0000`.
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
    /// The moment that is `seconds` after the beginning of 1970 in UTC, on a clock that is `offset` seconds ahead of it.
    ///
    /// # Errors
    /// When the year is before 1900 or after 9999, or the offset is a day or more.
    pub fn from_unix(seconds: i64, offset: i32) -> Result<Self, ValueError> {
        let timestamp = Timestamp::from_second(seconds).map_err(|_| OUT_OF_RANGE)?;
        // A zone is printed in hours and minutes; seconds of an offset would falsify the moment.
        let offset = Offset::from_seconds(offset / 60 * 60).map_err(|_| OUT_OF_RANGE)?;
        Self::checked(timestamp.to_zoned(TimeZone::fixed(offset)))
    }

    /// How many seconds after the beginning of 1970 in UTC it is.
    #[must_use]
    pub fn unix(&self) -> i64 {
        self.zoned.timestamp().as_second()
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
        let printed = DateTimePrinter::new().zoned_to_string(&self.zoned).map_err(|_| fmt::Error)?;
        formatter.pad(&printed)
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

    /// The moment in UTC.
    fn try_from(time: SystemTime) -> Result<Self, ValueError> {
        let timestamp = Timestamp::try_from(time).map_err(|_| OUT_OF_RANGE)?;
        Self::from_unix(timestamp.as_second(), 0)
    }
}

const VALUE: &str = "date-time";
const OUT_OF_RANGE: ValueError = ValueError::Malformed {
    value: VALUE,
    rule: "its year must be from 1900 to 9999 and its zone less than a day from UTC",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_dates_of_rfc_5322_appendix_a() {
        for (text, unix) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706),
            ("Tue, 1 Jul 2003 10:52:37 +0200", 1_057_049_557),
            ("Thu, 13 Feb 1969 23:32:54 -0330", -27_723_426),
            ("Fri, 21 Nov 1997 10:01:10 -0600", 880_128_070),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!(date.unix(), unix, "{text}");
            assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_date() {
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
    fn seconds_of_an_offset_do_not_move_the_moment() {
        let date = Date::from_unix(0, 3_599).unwrap();
        assert_eq!(date.to_string(), "Thu, 1 Jan 1970 00:59:00 +0059");
        assert_eq!(date.to_string().parse::<Date>().unwrap().unix(), 0);
    }
}

//! Reads durations, and [`TimeoutChanges`] of a table of timeouts.

use super::{Timeouts, Timer};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// The longest timeout; sockets of some systems do not accept much longer ones.
pub(super) const LONGEST: Duration = Duration::from_hours(7 * 24);

/// The units in nanoseconds, the longest first.
pub(super) const UNITS: [(&str, u128); 4] =
    [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];

/// Changes to [`Timeouts`]: limits for all phases or for one, separated by commas, as in `30s,rcpt=1m,end=15m`.
///
/// The phases are those of [`Timer::name`]; `other` includes NOOP and RSET.
///
/// ```
/// use smtp_core::{TimeoutChanges, Timeouts};
/// use std::time::Duration;
///
/// let mut timeouts = Timeouts::default();
/// "30s,end=15m".parse::<TimeoutChanges>()?.apply(&mut timeouts);
/// assert_eq!((timeouts.rcpt, timeouts.end), (Duration::from_secs(30), Duration::from_mins(15)));
/// # Ok::<(), smtp_core::TimeoutError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeoutChanges(Vec<(Option<Timer>, Duration)>);

/// A text that is no duration, or no list of [`TimeoutChanges`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutError {
    /// This phase is not known.
    Phase(String),
    /// This unit is not known.
    Unit(String),
    /// This is no duration.
    Syntax(String),
    /// The duration is zero.
    Zero,
    /// This duration is longer than a week.
    TooLong(String),
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(name) => {
                write!(f, "the phase {name:?} is none of ")?;
                Timer::PHASES.iter().enumerate().try_for_each(|(index, phase)| {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, phase.name())
                })
            }
            Self::Unit(unit) => write!(f, "the unit {unit:?} of the duration is none of ms, s, m and h"),
            Self::Syntax(text) => write!(f, "{text:?} is no duration, try 30, 30s, 500ms or 5m"),
            Self::Zero => f.write_str("a duration of zero leaves no time, try 1s"),
            Self::TooLong(text) => write!(f, "the duration {text:?} is longer than a week"),
        }
    }
}

impl core::error::Error for TimeoutError {}

impl TimeoutChanges {
    /// Makes the changes, in their order.
    pub fn apply(&self, timeouts: &mut Timeouts) {
        for &(phase, limit) in &self.0 {
            let phases: &[Timer] = match phase {
                None => {
                    timeouts.last_words = timeouts.last_words.min(limit);
                    &Timer::PHASES
                }
                Some(ref phase) => core::slice::from_ref(phase),
            };
            for &timer in phases {
                if timer == Timer::Other {
                    (timeouts.reset, timeouts.noop) = (limit, limit);
                }
                *timeouts.limit_mut(timer) = limit;
            }
        }
    }
}

impl FromStr for TimeoutChanges {
    type Err = TimeoutError;

    fn from_str(text: &str) -> Result<Self, TimeoutError> {
        let change = |part: &str| {
            let Some((name, limit)) = part.split_once('=') else { return Ok((None, duration(part)?)) };
            let phase =
                Timer::PHASES.into_iter().find(|phase| phase.name().eq_ignore_ascii_case(name.trim()));
            Ok((Some(phase.ok_or_else(|| TimeoutError::Phase(name.to_string()))?), duration(limit)?))
        };
        text.split(',').map(change).collect::<Result<_, _>>().map(Self)
    }
}

/// Reads a duration: a number of seconds, or a number with a unit, `ms`, `s`, `m` or `h`.
///
/// # Errors
/// If it is no duration, zero or longer than a week.
pub fn duration(text: &str) -> Result<Duration, TimeoutError> {
    let text = text.trim();
    let (number, unit) =
        text.split_at(text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim() {
        "" | "sec" => "s",
        "min" => "m",
        unit if UNITS.iter().any(|(name, _)| *name == unit) => unit,
        _ if number.is_empty() => return Err(TimeoutError::Syntax(text.to_string())),
        unit => return Err(TimeoutError::Unit(unit.to_string())),
    };
    match parse(&alloc::format!("{number}{unit}")) {
        Some(Duration::ZERO) => Err(TimeoutError::Zero),
        Some(duration) if duration > LONGEST => Err(TimeoutError::TooLong(text.to_string())),
        Some(duration) => Ok(duration),
        None => Err(TimeoutError::Syntax(text.to_string())),
    }
}

/// Parses a duration, truncated to nanoseconds; `None` if the text is not one.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let per_unit = match unit {
        "" => 1_000_000_000,
        unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let fraction_digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 9)?;
    let nanoseconds = u128::from(digits(whole)?) * per_unit
        + u128::from(digits(fraction)?) * per_unit / 10_u128.pow(fraction_digits);
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanoseconds % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

/// Parses a text of digits only: no sign, not empty.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, milliseconds) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("0.25", 250),
            ("1.5s", 1500),
            ("500ms", 500),
            ("5m", 300_000),
            ("0.5h", 1_800_000),
            ("007s", 7000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_duration_is_refused() {
        for text in [
            "",
            "s",
            ".",
            ".5s",
            "5.s",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "1s ",
            "1S",
            "1d",
            "1m30s",
            "1.2.3s",
            "1e3",
            "1_000s",
            "1.0000000000s",
            "٣s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_bounds() {
        for (text, milliseconds) in
            [("30", 30_000), ("1.5s", 1_500), ("250ms", 250), ("5 min", 300_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "0", "-1", "x", "5 parsecs", "1e9", "9999h", ".", "1..2"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn timeouts_change_all_or_one_phase_in_the_order_given() {
        let mut timeouts = Timeouts::default();
        "20,rcpt=1s,other=2s".parse::<TimeoutChanges>().unwrap().apply(&mut timeouts);
        assert_eq!(timeouts.mail, Duration::from_secs(20));
        assert_eq!(timeouts.rcpt, Duration::from_secs(1));
        assert_eq!(timeouts.noop, Duration::from_secs(2));
        assert_eq!(timeouts.last_words, Duration::from_secs(2));
        let error = "rpct=1".parse::<TimeoutChanges>().unwrap_err().to_string();
        assert!(error.contains("\"rpct\"") && error.contains("rcpt"), "{error}");
    }
}

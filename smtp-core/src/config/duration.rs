//! Defines the form of a duration in a file: a number with a unit, as in `"5m"` or `"1.5s"`, or a number of seconds.

use super::changes::{LONGEST, UNITS, parse};
use core::fmt;
use core::time::Duration;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Written(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let duration = deserializer.deserialize_any(NumberOrText)?;
    if duration.is_zero() {
        return Err(D::Error::custom("a duration of zero is not possible, try \"1s\""));
    }
    if duration > LONGEST {
        return Err(D::Error::custom("the duration is longer than a week, try \"1h\""));
    }
    Ok(duration)
}

struct NumberOrText;

impl Visitor<'_> for NumberOrText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"30s\", \"500ms\" or \"5m\", or a number of seconds")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        u64::try_from(seconds)
            .map(Duration::from_secs)
            .map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(seconds).map_err(|_| E::invalid_value(Unexpected::Float(seconds), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Prints a duration for [`parse`]: in the longest unit without a fraction, otherwise in seconds with one.
struct Written(Duration);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        match UNITS.iter().find(|(_, per_unit)| nanoseconds.is_multiple_of(*per_unit)) {
            Some((name, per_unit)) => write!(f, "{}{name}", nanoseconds / per_unit),
            None => write!(f, "{}.{:09}s", self.0.as_secs(), self.0.subsec_nanos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn durations_are_printed_in_the_longest_unit_that_fits() {
        for (milliseconds, text) in
            [(7_200_000, "2h"), (300_000, "5m"), (90_000, "90s"), (1500, "1500ms"), (1, "1ms")]
        {
            assert_eq!(Written(Duration::from_millis(milliseconds)).to_string(), text);
        }
        assert_eq!(Written(Duration::new(1, 1)).to_string(), "1.000000001s");
    }

    proptest! {
        #[test]
        fn a_printed_duration_parses_to_the_same_value(seconds: u64, nanoseconds in 0_u32..1_000_000_000) {
            for duration in [Duration::new(seconds, nanoseconds), Duration::from_secs(seconds)] {
                prop_assert_eq!(parse(&Written(duration).to_string()), Some(duration));
            }
        }

        #[test]
        fn nothing_makes_reading_panic(text in "[0-9.]{0,24}[hms]{0,3}|\\PC{0,12}") {
            let _ = parse(&text);
        }
    }
}

//! Reads and prints durations as scenario files write them: `250ms`, `30s`, `5m`.

use core::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// The longest duration that a scenario may name; beyond it deadlines would overflow.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads `250us`, `250ms`, `1.5s`, `5m`, `1h 30m` or `1d`; a bare number is seconds.
///
/// # Errors
/// A text for people, when it is none of these or longer than a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("«{text}» is not a duration, try 250ms, 30s or 5m");
    let duration = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|_| wrong())?,
    };
    if duration > LONGEST {
        return Err(format!("«{text}» is longer than 366 days, try stall for a wait without end"));
    }
    Ok(duration)
}

/// Prints a duration so that [`parse_duration`] reads it again.
#[must_use]
pub fn print_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Reads a duration, or a whole number of seconds.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a duration such as \"250ms\", \"30s\" or \"5m\", or a number of seconds")]
    enum Form {
        Seconds(u64),
        Text(String),
    }
    let text = match Form::deserialize(deserializer)? {
        Form::Seconds(seconds) => seconds.to_string(),
        Form::Text(text) => text,
    };
    parse_duration(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_printed_reads_again() {
        for text in ["250ms", "30s", "5m", "1m 30s", "7us", "0s"] {
            assert_eq!(print_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("2h").unwrap(), Duration::from_hours(2));
        assert_eq!(parse_duration("3").unwrap(), Duration::from_secs(3));
        assert_eq!(parse_duration("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(print_duration(Duration::new(1, 7)), "1s 7ns");
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "ms", "-5s", "5 parsecs", "s5", "99999999999999999999s", "9999999999999999999m"] {
            assert!(parse_duration(text).unwrap_err().contains(text), "{text}");
        }
        assert!(parse_duration("400d").unwrap_err().contains("366 days"));
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(seconds in 0..LONGEST.as_secs(), nanoseconds in 0_u32..1_000_000_000) {
            for duration in [Duration::new(seconds, nanoseconds), Duration::from_secs(seconds), LONGEST] {
                prop_assert_eq!(parse_duration(&print_duration(duration)), Ok(duration));
            }
        }
    }
}

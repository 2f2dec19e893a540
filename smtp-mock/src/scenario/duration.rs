//! Reads and prints durations as scenario files write them: `250ms`, `30s`, `5m`.

use core::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// The longest duration that a scenario may name; beyond it deadlines would overflow.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads `250us`, `250ms`, `30s`, `5m`, `2h` or `1d`; a bare number is seconds.
///
/// # Errors
/// A text for people, when it is none of these or longer than a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("«{text}» is not a duration, try 250ms, 30s or 5m");
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let amount: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let scale = match &text[digits..] {
        "us" => 1,
        "ms" => 1_000,
        "" | "s" => 1_000_000,
        "m" | "min" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return Err(wrong()),
    };
    let duration = Duration::from_micros(amount.checked_mul(scale).ok_or_else(wrong)?);
    if duration > LONGEST {
        return Err(format!("«{text}» is longer than 366 days, try stall for a wait without end"));
    }
    Ok(duration)
}

/// Prints a duration so that [`parse_duration`] reads it again, to the microsecond.
#[must_use]
pub fn print_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0 => "0s".to_owned(),
        _ if micros.is_multiple_of(60_000_000) => format!("{}m", micros / 60_000_000),
        _ if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        _ if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        _ => format!("{micros}us"),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_again() {
        for text in ["250ms", "30s", "5m", "7us", "0s"] {
            assert_eq!(print_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("2h").unwrap(), Duration::from_hours(2));
        assert_eq!(parse_duration("3").unwrap(), Duration::from_secs(3));
    }

    #[test]
    fn nonsense_is_named() {
        for text in ["", "ms", "-5s", "1.5s", "5 s", "99999999999999999999s", "9999999999999999999m"] {
            assert!(parse_duration(text).unwrap_err().contains(text), "{text}");
        }
        assert!(parse_duration("400d").unwrap_err().contains("366 days"));
    }
}

//! Provides the system's clock, time zone and randomness (feature `system`).

use crate::{Context, Date};
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;
use std::sync::OnceLock;

/// The error of a failed system call for a [`Context`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SystemError {
    /// The clock shows a year that a message cannot express (RFC 5322 §3.3).
    Clock(crate::ValueError),
    /// The random source failed.
    Random(getrandom::Error),
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(error) => write!(f, "the clock of this machine is wrong: {error}"),
            Self::Random(error) => write!(f, "the system's random source failed: {error}"),
        }
    }
}

impl std::error::Error for SystemError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Clock(error) => Some(error),
            Self::Random(error) => Some(error),
        }
    }
}

impl Date {
    /// Returns the current time in seconds since 1970, and the offset of the local time zone in seconds.
    #[must_use]
    pub fn system_clock() -> (i64, i32) {
        static ZONE: OnceLock<TimeZone> = OnceLock::new();
        let now = Timestamp::now();
        (now.as_second(), ZONE.get_or_init(time_zone).to_offset(now).seconds())
    }
}

impl Context {
    /// Makes the context of a message from the system's clock and randomness.
    ///
    /// ```
    /// use smtp_mime::{Context, Message, NameAddr};
    ///
    /// let you: NameAddr = "you@example.org".parse()?;
    /// let message = Message::builder().from(you.clone()).to(you).text("It works.\n").build(&Context::system()?)?;
    /// # assert!(message.encoded_len() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the clock shows a year that a message cannot express, or the random source fails.
    pub fn system() -> Result<Self, SystemError> {
        let (seconds, offset) = Date::system_clock();
        let date = Date::from_unix(seconds, offset).map_err(SystemError::Clock)?;
        let mut seed = [0; Self::SEED];
        getrandom::fill(&mut seed).map_err(SystemError::Random)?;
        Ok(Self::new(date, seed))
    }
}

/// Reads the local time zone from its file.
///
/// A search by name in the zone database would read its directories, which takes longer than sending a message.
fn time_zone() -> TimeZone {
    let is_chosen = std::env::var_os("TZ").is_some();
    let file = if is_chosen { None } else { std::fs::read("/etc/localtime").ok() };
    let zone = file.and_then(|octets| TimeZone::tzif("/etc/localtime", &octets).ok());
    zone.unwrap_or_else(TimeZone::system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, NameAddr};

    #[test]
    fn two_messages_at_the_same_time_differ_and_have_the_current_date() {
        let you: NameAddr = "you@example.org".parse().unwrap();
        let compose = || {
            let context = Context::system().unwrap();
            let message =
                Message::builder().from(you.clone()).to(you.clone()).text("x\n").build(&context).unwrap();
            let mut octets = Vec::new();
            message.write_to(&mut octets).unwrap();
            String::from_utf8(octets).unwrap()
        };
        let (one, other) = (compose(), compose());
        assert_ne!(one, other, "the Message-ID is random");
        let year = Timestamp::now().strftime(" %Y ").to_string();
        let date = one.lines().find(|line| line.starts_with("Date: ")).unwrap();
        assert!(date.contains(&year), "{date}");
    }
}

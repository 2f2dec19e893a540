//! Reads the clock, the time zone and the randomness of the system (feature `system`).

use crate::{Context, Date};
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;
use std::sync::OnceLock;

/// What the system did not give a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum SystemError {
    /// The clock shows a year that a message cannot name (RFC 5322 §3.3).
    Clock(crate::ValueError),
    /// The source of random octets failed.
    Random(getrandom::Error),
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(error) => write!(f, "the clock of this machine is wrong: {error}"),
            Self::Random(error) => write!(f, "the system gives no random octets: {error}"),
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
    /// Returns the present time in the time zone of this machine, as seconds since 1970 and the zone's offset in seconds.
    #[must_use]
    pub fn system_clock() -> (i64, i32) {
        static ZONE: OnceLock<TimeZone> = OnceLock::new();
        let now = Timestamp::now();
        (now.as_second(), ZONE.get_or_init(time_zone).to_offset(now).seconds())
    }
}

impl Context {
    /// Returns the context of a message that is composed now, with randomness of the system.
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
    /// A clock that shows no year a message can name, or a system without random octets.
    pub fn system() -> Result<Self, SystemError> {
        let (seconds, offset) = Date::system_clock();
        let date = Date::from_unix(seconds, offset).map_err(SystemError::Clock)?;
        let mut seed = [0; Self::SEED];
        getrandom::fill(&mut seed).map_err(SystemError::Random)?;
        Ok(Self::new(date, seed))
    }
}

/// The time zone of this machine, read from the file that holds it: finding it by name in the database of all zones
/// reads that database's directories, which takes longer than sending a message.
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
    fn two_messages_of_one_moment_differ_and_bear_the_present_date() {
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

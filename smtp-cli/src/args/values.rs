//! Defines the values of options that are more than text: modes, durations and the table of timeouts.

use clap::ValueEnum;
use smtp_core::Timeouts;
use std::str::FromStr;
use std::time::Duration;

/// How TLS is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMode {
    /// Implicit on port 465; opportunistic on loopback, on unix sockets and with --mx unless verified TLS is required;
    /// else starttls
    Auto,
    /// No TLS
    None,
    /// STARTTLS if offered, without verification
    Opportunistic,
    /// Require STARTTLS
    Starttls,
    /// TLS from the start
    Implicit,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    #[default]
    Text,
    /// One document for programs
    Json,
}

/// How far a session goes: the phases of `--timeout` behind which there is a way to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// Connected and greeted: QUIT follows the greeting
    Connect,
    /// The same as connect
    Greeting,
    /// EHLO was accepted, under TLS again
    Hello,
    /// TLS is established, without another EHLO
    Tls,
    /// Logged in
    Auth,
    /// The sender was accepted or refused
    Mail,
    /// The recipients were accepted or refused
    Rcpt,
    /// The server awaits the message; the connection is closed without QUIT, which would be a line of it
    Data,
}

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolName {
    /// EHLO, or HELO if the server does not know it
    Esmtp,
    /// HELO only
    Smtp,
    /// LHLO, with a reply for each recipient
    Lmtp,
}

/// When reports about delivery are wanted (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notify {
    /// Never
    Never,
    /// On delivery
    Success,
    /// On failure
    Failure,
    /// On delay
    Delay,
}

/// What a report is to contain of the message (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Return {
    /// The whole message
    Full,
    /// The header section
    Hdrs,
}

/// The word of a parameter of RFC 3461 for a value.
pub(crate) fn keyword(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_uppercase()).unwrap_or_default()
}

/// Mechanisms of `--auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthChoice {
    /// The strongest that both sides know.
    Auto,
    /// No login.
    None,
    /// These, in this order.
    Mechanisms(Vec<String>),
}

impl FromStr for AuthChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            _ => {}
        }
        let mut names = Vec::new();
        for name in text.split(',') {
            let name = name.trim().to_ascii_uppercase();
            if !crate::login::MECHANISMS.contains(&name.as_str()) {
                return Err(format!(
                    "the mechanism {name:?} is not known, try auto, none or some of {}",
                    crate::login::MECHANISMS.join(", ")
                ));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(Self::Mechanisms(names))
    }
}

/// Changes to the table of timeouts, from `--timeout`: limits, each with its place in [`PHASES`] if it is for one alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeoutChanges(Vec<(Option<usize>, Duration)>);

/// A phase, and how its time is limited.
type Phase = (&'static str, fn(&mut Timeouts, Duration));

const PHASES: [Phase; 12] = [
    ("connect", |timeouts, limit| timeouts.connect = limit),
    ("greeting", |timeouts, limit| timeouts.greeting = limit),
    ("hello", |timeouts, limit| timeouts.hello = limit),
    ("tls", |timeouts, limit| timeouts.tls = limit),
    ("auth", |timeouts, limit| timeouts.auth = limit),
    ("mail", |timeouts, limit| timeouts.mail = limit),
    ("rcpt", |timeouts, limit| timeouts.rcpt = limit),
    ("data", |timeouts, limit| timeouts.data = limit),
    ("block", |timeouts, limit| timeouts.block = limit),
    ("end", |timeouts, limit| timeouts.end = limit),
    ("other", |timeouts, limit| {
        (timeouts.reset, timeouts.noop, timeouts.other) = (limit, limit, limit);
    }),
    ("quit", |timeouts, limit| timeouts.quit = limit),
];

impl TimeoutChanges {
    /// Makes the changes.
    pub(crate) fn apply(&self, timeouts: &mut Timeouts) {
        for &(phase, limit) in &self.0 {
            if let Some(place) = phase {
                PHASES[place].1(timeouts, limit);
            } else {
                let last_words = timeouts.last_words.min(limit);
                *timeouts = Timeouts::all(limit);
                timeouts.last_words = last_words;
            }
        }
    }
}

impl FromStr for TimeoutChanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut changes = Vec::new();
        for part in text.split(',') {
            let (phase, limit) = match part.split_once('=') {
                None => (None, part),
                Some((name, limit)) => {
                    let names = PHASES.map(|(name, _)| name);
                    let place = names.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
                    let none = || format!("the phase {name:?} is none of {}", names.join(", "));
                    (Some(place.ok_or_else(none)?), limit)
                }
            };
            changes.push((phase, duration(limit.trim())?));
        }
        Ok(Self(changes))
    }
}

/// A duration: a number of seconds, or one with a unit, `ms`, `s`, `m` or `h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit.trim() {
        "ms" => 0.001,
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("the unit {unit:?} of the duration {text:?} is none of ms, s, m and h")),
    };
    let seconds = number.parse::<f64>().ok().map(|number| number * factor);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match duration {
        Some(duration) if duration > Duration::ZERO && duration <= LONGEST => Ok(duration),
        Some(Duration::ZERO) => Err("a duration of zero leaves no time, try 1s".to_string()),
        Some(_) => Err(format!("the duration {text:?} is longer than a week")),
        None => Err(format!("{text:?} is no duration, try 30, 30s, 500ms or 5m")),
    }
}

/// The longest that anything may take; operating systems do not take much longer timeouts of sockets.
const LONGEST: Duration = Duration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in
            [("30", 30_000), ("1.5s", 1_500), ("250ms", 250), ("5m", 300_000), ("1h", 3_600_000)]
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
        let error = "rpct=1".parse::<TimeoutChanges>().unwrap_err();
        assert!(error.contains("\"rpct\"") && error.contains("rcpt"), "{error}");
    }

    #[test]
    fn mechanisms_are_known_by_name() {
        assert_eq!("auto".parse(), Ok(AuthChoice::Auto));
        assert_eq!("login, plain".parse(), Ok(AuthChoice::Mechanisms(vec!["LOGIN".into(), "PLAIN".into()])));
        assert!("PLIAN".parse::<AuthChoice>().unwrap_err().contains("PLAIN"));
    }
}

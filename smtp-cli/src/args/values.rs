//! Defines the values of options that are more than text.

use clap::ValueEnum;
use smtp_core::Credentials;
use std::str::FromStr;

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
            if !Credentials::MECHANISMS.contains(&name.as_str()) {
                return Err(format!(
                    "the mechanism {name:?} is not known, try auto, none or some of {}",
                    Credentials::MECHANISMS.join(", ")
                ));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(Self::Mechanisms(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms_are_known_by_name() {
        assert_eq!("auto".parse(), Ok(AuthChoice::Auto));
        assert_eq!("login, plain".parse(), Ok(AuthChoice::Mechanisms(vec!["LOGIN".into(), "PLAIN".into()])));
        assert!("PLIAN".parse::<AuthChoice>().unwrap_err().contains("PLAIN"));
    }
}

//! Finds the words for a session that failed: what happened, and what to try.

use super::Session;
use crate::error::{Error, Reworded};
use crate::exit::{Exit, phase};
use crate::login::Login;
use crate::settings::Encryption;
use smtp_core::{Cause, End, Occasion, Protocol, Reason, Reply, Timer, Verb, Violation};

impl Session<'_> {
    /// The words for a set-up step that was not done.
    pub(super) fn failure(&self, step: &str, verb: Option<Verb>, end: End) -> Error {
        let server = &self.settings.destination;
        let End::Undone(reason) = end else {
            return Error::new(Exit::SOFTWARE, format!("a fault of this program: {step} ended otherwise"));
        };
        match reason {
            Reason::Refused(reply) => {
                let advice = match verb {
                    // HELO would do no better where LHLO is not known.
                    Some(Verb::Ehlo)
                        if self.settings.protocol == Protocol::Lmtp
                            && matches!(reply.code().value(), 500 | 502) =>
                    {
                        "it may not speak LMTP, try SMTP (no --lmtp, no lmtp://)"
                    }
                    _ => reply.explain(verb.map_or(Occasion::Unknown, Occasion::from)).advice,
                };
                Error::new(
                    Exit::of_refusal(verb, &reply),
                    format!("{server} refused {step}: {reply}; {advice}"),
                )
            }
            Reason::Closed(cause) => self.closed(&cause),
            reason => Error::new(Exit::of_reason(&reason), format!("{server}: {reason}")),
        }
    }

    /// The words for STARTTLS that was not done.
    pub(super) fn start_tls_failure(&self, end: End) -> Error {
        let server = &self.settings.destination;
        match end {
            End::Undone(Reason::NotOffered(_)) => {
                let asked = self.settings.named_trust;
                let asked = asked.map(|option| format!(", which {option} asks for")).unwrap_or_default();
                Error::new(
                    Exit::UNAVAILABLE,
                    format!(
                        "{server} does not offer STARTTLS{asked}, and nothing was sent; try --tls implicit with port \
                         465, or --tls none to send in clear"
                    ),
                )
            }
            end => self.failure("STARTTLS", Some(Verb::StartTls), end),
        }
    }

    /// The words for XCLIENT that was not taken.
    pub(super) fn xclient_failure(&self, end: End) -> Error {
        let server = &self.settings.destination;
        match end {
            End::Undone(Reason::NotOffered(what)) => {
                let takes = match self.extensions().parameters("XCLIENT") {
                    Some(names) => format!("it takes {names}"),
                    None => "servers offer it to those alone whom they trust".to_string(),
                };
                Error::new(
                    Exit::UNAVAILABLE,
                    format!(
                        "{server} does not offer {what}, which --xclient needs, and nothing was sent; {takes}"
                    ),
                )
            }
            end => self.failure("XCLIENT", Some(Verb::Xclient), end),
        }
    }

    /// The words for a login that was not done.
    pub(super) fn login_failure(&self, login: &Login, end: End) -> Error {
        let server = &self.settings.destination;
        let offered = || {
            let names: Vec<_> = self.extensions().mechanisms().collect();
            if names.is_empty() { "no mechanism at all".to_string() } else { names.join(" ") }
        };
        match end {
            End::Undone(Reason::Refused(reply)) => self.login_refused(login, &reply, ""),
            End::Undone(Reason::LoginRefused { reply, why }) => self.login_refused(login, &reply, &why),
            End::Undone(Reason::NotOffered(_)) => Error::new(
                Exit::UNAVAILABLE,
                format!(
                    "{server} does not offer AUTH, and nothing was sent; use --auth none to send without login"
                ),
            ),
            End::Undone(Reason::NoMechanism) => Error::new(
                Exit::UNAVAILABLE,
                format!(
                    "{server} offers no mechanism that can be used for this login: it offers {}",
                    offered()
                ),
            ),
            End::Undone(Reason::WouldRevealPassword) => {
                let (how, instead) = match self.settings.encryption {
                    Encryption::Required | Encryption::Implicit => {
                        ("without a verified certificate", "--tls-pin or --ca-file instead of --insecure")
                    }
                    _ if self.driver.client.is_secured() => {
                        ("without a verified certificate", "--tls starttls or --tls implicit")
                    }
                    _ => ("in clear", "--tls starttls or --tls implicit"),
                };
                Error::new(
                    Exit::NO_PERMISSION,
                    format!(
                        "the password would leave for {server} {how}, so nothing was sent; use {instead}, or \
                         --allow-plaintext-auth if you accept that"
                    ),
                )
            }
            end => self.failure("the login", Some(Verb::Auth), end),
        }
    }

    /// The words for a login that the server refused; `why` is what it said besides.
    fn login_refused(&self, login: &Login, reply: &Reply, why: &str) -> Error {
        let server = &self.settings.destination;
        let user = &login.user;
        let more = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let advice = reply.explain(Verb::Auth.into()).advice;
        Error::new(
            Exit::of_refusal(Some(Verb::Auth), reply),
            format!("{server} refused the login of {user}: {reply}{more}; {advice}"),
        )
    }

    /// The words for a connection that ended before all was done.
    pub(crate) fn closed(&self, cause: &Cause) -> Error {
        let error = self.ended(cause);
        match cause {
            Cause::Lost if self.driver.failure().is_none() && !self.driver.is_interrupted() => {
                Error::new(error.exit(), format!("{error}; try again later"))
            }
            _ => error,
        }
    }

    /// The same without the advice to try again, where that may duplicate a message.
    pub(crate) fn ended(&self, cause: &Cause) -> Error {
        if let Some(error) = self.interruption() {
            return error;
        }
        let server = &self.settings.destination;
        if let Some(failure) = self.driver.failure() {
            return self.handshake_failure(failure);
        }
        let text = match cause {
            Cause::Refused(reply) => {
                let occasion = if self.driver.client.answered().is_some() {
                    Occasion::Unknown
                } else {
                    Occasion::Greeting
                };
                format!("{server} does not serve: {reply}; {}", reply.explain(occasion).advice)
            }
            Cause::Unavailable(reply) => format!("{server} is not available: {reply}; try again later"),
            Cause::TimedOut(timer) => {
                let phase = phase(*timer);
                let limit = self.settings.timeouts.limit(*timer).as_secs_f64();
                let hint = match (timer, self.settings.encryption) {
                    (
                        Timer::Greeting,
                        Encryption::None | Encryption::Opportunistic | Encryption::Required,
                    ) => ", or --tls implicit if the server wants TLS from the start",
                    _ => "",
                };
                format!(
                    "{server} did not answer in time: the limit of the phase {phase} is {limit} s; give it more by \
                     --timeout {phase}=DUR{hint}"
                )
            }
            Cause::Lost => {
                let place = self.driver.place();
                match self.driver.failed() {
                    Some(error) => format!("the connection to {server} failed {place}: {}", Reworded(error)),
                    None => format!("{server} ended the connection {place}"),
                }
            }
            Cause::Violation(violation) => {
                let sample = sample(self.driver.client.rejected_octets());
                format!("{server} broke the protocol: {violation}{sample}{}", self.hint(violation))
            }
            cause => format!("{server}: {cause}"),
        };
        Error::new(Exit::of_cause(cause), text)
    }

    fn handshake_failure(&self, failure: &crate::tls::Failure) -> Error {
        let server = &self.settings.destination;
        if failure.certificate {
            let remedy = if self.settings.trust.pin.is_some() {
                "name another key only after the server's administrator has confirmed it"
            } else {
                "try --ca-file FILE or --tls-name NAME"
            };
            return Error::new(
                Exit::NO_PERMISSION,
                format!("the certificate of {server} is not trusted: {}; {remedy}", failure.reason),
            );
        }
        let first = self.driver.transport().first_octets();
        let hint = if self.settings.encryption == Encryption::Implicit && first.starts_with(b"220") {
            "; the server spoke 220 in clear: try --tls starttls"
        } else if failure.reason.contains("certificate required") {
            "; it wants a certificate of ours: use --client-cert and --client-key"
        } else if self.settings.encryption == Encryption::Opportunistic {
            "; --tls none sends in clear"
        } else {
            ""
        };
        Error::new(
            Exit::PROTOCOL,
            format!("the TLS handshake with {server} failed: {}{hint}", failure.reason),
        )
    }

    /// What a server speaks that does not speak SMTP.
    fn hint(&self, violation: &Violation) -> &'static str {
        if !matches!(violation, Violation::MalformedReply) {
            return "";
        }
        let octets = self.driver.client.rejected_octets();
        match octets {
            // A TLS record: alert or handshake, of version 3.x.
            [0x15 | 0x16, 3, ..] => "; it speaks TLS from the start: try --tls implicit",
            octets if octets.starts_with(b"HTTP/") => "; it is a web server: is it the right --port?",
            octets if octets.starts_with(b"SSH-") => "; it is an SSH server: is it the right --port?",
            octets if octets.starts_with(b"+OK") => "; it is a POP3 server: is it the right --port?",
            octets if octets.starts_with(b"* OK") => "; it is an IMAP server: is it the right --port?",
            _ => "",
        }
    }
}

/// The beginning of what was no reply.
fn sample(octets: &[u8]) -> String {
    if octets.is_empty() {
        return String::new();
    }
    let shown = &octets[..octets.len().min(40)];
    format!(" (\"{}\"{})", shown.escape_ascii(), if octets.len() > 40 { "…" } else { "" })
}

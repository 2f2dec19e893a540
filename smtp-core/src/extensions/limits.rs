//! Defines [`SessionLimits`], the limits that a server announces (RFC 9422).

use super::Extensions;

/// The limits that a server announces with LIMITS (RFC 9422 §4); `None` if not announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SessionLimits {
    /// MAILMAX: transactions in one connection.
    pub mail: Option<u32>,
    /// RCPTMAX: recipients in one transaction.
    pub recipients: Option<u32>,
    /// RCPTDOMAINMAX: different domains of recipients in one transaction.
    pub recipient_domains: Option<u32>,
}

impl Extensions {
    /// The limits for this session (RFC 9422).
    ///
    /// A limit is `None` if the server does not announce it, or announces something other than a number above zero.
    #[must_use]
    pub fn session_limits(&self) -> SessionLimits {
        let mut limits = SessionLimits::default();
        for limit in self.parameters("LIMITS").unwrap_or_default().split_ascii_whitespace() {
            let Some((name, value)) = limit.split_once('=') else { continue };
            let value = value.parse().ok().filter(|&value| value > 0);
            match name {
                _ if name.eq_ignore_ascii_case("MAILMAX") => limits.mail = value,
                _ if name.eq_ignore_ascii_case("RCPTMAX") => limits.recipients = value,
                _ if name.eq_ignore_ascii_case("RCPTDOMAINMAX") => limits.recipient_domains = value,
                _ => {}
            }
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Code, Reply};

    fn limits(text: &str) -> (Option<u32>, Option<u32>, Option<u32>) {
        let reply = Reply::new(Code::OK, &alloc::format!("mx\n{text}"));
        let limits = Extensions::from_reply(&reply, &[]).session_limits();
        (limits.mail, limits.recipients, limits.recipient_domains)
    }

    #[test]
    fn announced_limits_are_known_and_invalid_ones_are_not() {
        assert_eq!(limits("LIMITS MAILMAX=20 RCPTMAX=100 RCPTDOMAINMAX=1"), (Some(20), Some(100), Some(1)));
        assert_eq!(limits("limits rcptmax=5 OTHER=7 x"), (None, Some(5), None));
        assert_eq!(limits("LIMITS MAILMAX=0 RCPTMAX=-1 RCPTDOMAINMAX=99999999999"), (None, None, None));
        assert_eq!(limits("SIZE 10"), (None, None, None));
    }
}

//! Defines [`Extensions`], the server's offer in its reply to EHLO (RFC 5321 §4.1.1.1).

mod explanation;
mod limits;

pub use limits::SessionLimits;

use crate::reply::Reply;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The extensions that a server offers: EHLO keywords with their parameters, known and unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    offered: Vec<Extension>,
    pub(crate) pipelining: bool,
    pub(crate) chunking: bool,
    pub(crate) eight_bit_mime: bool,
    pub(crate) smtputf8: bool,
    pub(crate) starttls: bool,
    pub(crate) binary_mime: bool,
    pub(crate) size: bool,
    /// The limit announced with SIZE, if any.
    size_limit: Option<u64>,
}

/// One line of the reply to EHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// The EHLO keyword, in upper case.
    pub keyword: String,
    /// The parameters, separated by spaces.
    pub parameters: String,
}

impl Extensions {
    /// Parses the lines after the first, without the keywords in `ignored`.
    pub(crate) fn from_reply(reply: &Reply, ignored: &[String]) -> Self {
        let mut found = Self::default();
        for line in reply.lines().skip(1) {
            let line = line.trim_matches(|c: char| c == ' ' || c == '\t');
            // the draft before RFC 2554 used the form `AUTH=LOGIN PLAIN`; some servers send both forms
            let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
            let (keyword, parameters) = line.split_at(end);
            let keyword = keyword.to_ascii_uppercase();
            if keyword.is_empty() || ignored.iter().any(|name| name.eq_ignore_ascii_case(&keyword)) {
                continue;
            }
            let parameters = parameters.trim_start_matches([' ', '\t', '=']).to_string();
            found.add(Extension { keyword, parameters });
        }
        found.pipelining = found.has("PIPELINING");
        found.chunking = found.has("CHUNKING");
        found.eight_bit_mime = found.has("8BITMIME");
        found.smtputf8 = found.has("SMTPUTF8");
        found.starttls = found.has("STARTTLS");
        found.binary_mime = found.has("BINARYMIME");
        found.size = found.has("SIZE");
        found.size_limit =
            found.parameters("SIZE").and_then(|limit| limit.parse().ok()).filter(|&limit| limit > 0);
        found
    }

    /// Returns whether `keyword` is offered, in any case.
    #[must_use]
    pub fn has(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// The parameters of `keyword`, if it is offered; may be empty.
    #[must_use]
    pub fn parameters(&self, keyword: &str) -> Option<&str> {
        let found = self.offered.iter().find(|extension| extension.keyword.eq_ignore_ascii_case(keyword));
        found.map(|extension| extension.parameters.as_str())
    }

    /// The maximum size of a message in octets (RFC 1870); `None` if the server announces no limit.
    #[must_use]
    pub fn size_limit(&self) -> Option<u64> {
        self.size_limit
    }

    /// The names of the offered SASL mechanisms (RFC 4954 §3).
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.parameters("AUTH").unwrap_or_default().split_ascii_whitespace()
    }

    /// All extensions, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = &Extension> {
        self.offered.iter()
    }

    /// Adds an extension; if its keyword is present, joins the parameters.
    fn add(&mut self, extension: Extension) {
        match self.offered.iter_mut().find(|known| known.keyword == extension.keyword) {
            Some(known) if !extension.parameters.is_empty() => {
                if !known.parameters.is_empty() {
                    known.parameters.push(' ');
                }
                known.parameters.push_str(&extension.parameters);
            }
            Some(_) => {}
            None => self.offered.push(extension),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Code;

    fn parsed(text: &str, ignored: &[String]) -> Extensions {
        Extensions::from_reply(&Reply::new(Code::OK, text), ignored)
    }

    #[test]
    fn keywords_and_parameters_are_read_in_any_case() {
        let found =
            parsed("mx.example.com hello\nsize 1000\nPipelining\nAUTH PLAIN\nAUTH=LOGIN\nX-ODD a  b", &[]);
        assert!(found.has("pipelining") && found.pipelining && !found.chunking);
        assert_eq!(found.size_limit(), Some(1000));
        assert_eq!(found.mechanisms().collect::<Vec<_>>(), ["PLAIN", "LOGIN"]);
        assert_eq!(found.parameters("x-odd"), Some("a  b"));
    }

    #[test]
    fn the_first_line_is_the_servers_name_not_an_extension() {
        assert!(!parsed("PIPELINING", &[]).has("PIPELINING"));
    }

    #[test]
    fn ignored_extensions_are_not_offered() {
        let found = parsed("mx\nPIPELINING\nSIZE", &["pipelining".to_string()]);
        assert!(!found.pipelining && found.has("SIZE"));
        assert_eq!(found.size_limit(), None);
    }
}

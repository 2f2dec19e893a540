//! Adds a domain to local names in address fields, as Unix mail programs expect.

use smtp_core::Domain;

use super::{ExistingMessage, Field};
use crate::{
    address::local_names,
    header::{fold::MAX_LINE, name::ADDRESS_FIELDS},
};

impl ExistingMessage {
    /// The names in its address fields without a domain, like `root` in `From: root (Cron Daemon)`.
    pub fn local_names(&self) -> impl Iterator<Item = String> {
        self.header.fields.iter().filter(|field| has_addresses(field)).flat_map(|field| {
            let value = String::from_utf8_lossy(field.raw_value()).into_owned();
            let names = local_names(&value);
            names.into_iter().map(move |place| value[place].to_owned()).collect::<Vec<_>>()
        })
    }

    /// Adds `@domain` to the names in its address fields that have no domain.
    ///
    /// Everything else remains unchanged, including fields in which a line would become longer than 998 octets.
    ///
    /// ```
    /// use smtp_mime::{ExistingMessage, Source};
    ///
    /// let mail = ExistingMessage::open(Source::from("From: root (Cron Daemon)\nTo: alice, bob@example.net\n\n"))?;
    /// let mail = mail.qualified(&"host.example".parse()?);
    /// assert_eq!(mail.values("From").next().as_deref(), Some("root@host.example (Cron Daemon)"));
    /// assert_eq!(mail.values("To").next().as_deref(), Some("alice@host.example, bob@example.net"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn qualified(mut self, domain: &Domain) -> Self {
        for field in self.header.fields.iter_mut().filter(|field| has_addresses(field)) {
            let Ok(value) = std::str::from_utf8(field.raw_value()) else { continue };
            let mut qualified = value.to_owned();
            // In reverse order, so that earlier positions remain valid.
            for place in local_names(value).into_iter().rev() {
                qualified.insert_str(place.end, &format!("@{domain}"));
            }
            let octets = format!("{}:{qualified}", field.name()).into_bytes();
            let is_fit = octets.split(|&octet| octet == b'\n').all(|line| line.len() <= MAX_LINE + 1);
            if qualified != value && is_fit {
                *field = Field::written(octets);
            }
        }
        self
    }
}

/// Whether a field holds addresses, also when it was sent again (RFC 5322 §3.6.6).
fn has_addresses(field: &Field) -> bool {
    let name = field.name();
    let (resent, rest) = name.split_at_checked("Resent-".len()).unwrap_or_default();
    let original = if resent.eq_ignore_ascii_case("Resent-") { rest } else { &name };
    ADDRESS_FIELDS.iter().any(|name| original.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn only_names_without_a_domain_get_one() {
        for (value, qualified) in [
            ("root", "root@h.example"),
            ("root (Cron Daemon)", "root@h.example (Cron Daemon)"),
            ("(a, b) root (c <d>)", "(a, b) root@h.example (c <d>)"),
            ("Name <root>, x@y.example", "Name <root@h.example>, x@y.example"),
            ("\"a, b\" < root >,\r\n\tbob", "\"a, b\" < root@h.example >,\r\n\tbob@h.example"),
            ("\"o d\"", "\"o d\"@h.example"),
            (
                "team: root, a@b.example, <bob>;, c",
                "team: root@h.example, a@b.example, <bob@h.example>;, c@h.example",
            ),
            ("john.doe", "john.doe@h.example"),
            ("a @ b.example, <@r.example:c@d.example>", "a @ b.example, <@r.example:c@d.example>"),
            ("two words, <>, ,;", "two words, <>, ,;"),
            ("undisclosed-recipients:;", "undisclosed-recipients:;"),
            ("\"open", "\"open"),
        ] {
            let text = format!("Subject: root\r\nTo: {value}\r\n\r\nTo: root\r\n");
            let existing = ExistingMessage::open(Source::from(text)).unwrap();
            let names = existing.local_names().count();
            let field =
                existing.qualified(&"h.example".parse().unwrap()).header.named("To").next().unwrap().clone();
            assert_eq!(String::from_utf8_lossy(field.octets()), format!("To: {qualified}\r\n"), "{value}");
            assert_eq!(names > 0, value != qualified, "{value}");
        }
    }

    #[test]
    fn no_line_becomes_too_long() {
        let text = format!("To: a@b.example, {}\r\n\r\n", "x".repeat(975));
        let existing = ExistingMessage::open(Source::from(text.clone())).unwrap();
        let existing = existing.qualified(&"host.example".parse().unwrap());
        assert_eq!(
            existing.header.octets(),
            text.trim_end().as_bytes().iter().chain(b"\r\n").copied().collect::<Vec<_>>()
        );
    }
}

//! Provides a one-line explanation of each extension.

use super::Extension;

impl Extension {
    /// The purpose of the extension in one line, with its RFC; `None` if the keyword is unknown.
    ///
    /// The IANA registry «SMTP Service Extensions» is complete, with extensions in use that have no RFC.
    #[must_use]
    pub fn explanation(&self) -> Option<&'static str> {
        let found = EXPLANATIONS.binary_search_by(|(keyword, _)| (*keyword).cmp(&self.keyword));
        found.ok().map(|index| EXPLANATIONS[index].1)
    }
}

/// Sorted by keyword.
const EXPLANATIONS: [(&str, &str); 45] = [
    ("8BITMIME", "accepts 8-bit text in messages (RFC 6152)"),
    ("ATRN", "delivers queued mail to an authenticated client by reversing this connection (RFC 2645)"),
    ("AUTH", "accepts a login with one of these mechanisms (RFC 4954)"),
    ("BINARYMIME", "accepts binary messages with BDAT (RFC 3030)"),
    ("BURL", "fetches parts of a message from an IMAP server (RFC 4468)"),
    ("CHECKPOINT", "resumes an interrupted transaction (RFC 1845)"),
    ("CHUNKING", "accepts messages in chunks of declared size with BDAT (RFC 3030)"),
    ("CONNEG", "reports the content types that a recipient can use (RFC 4141)"),
    ("CONPERM", "may convert the content of messages (RFC 4141)"),
    ("DELIVERBY", "delivers within a given time or returns the message (RFC 2852)"),
    ("DSN", "reports success, failure or delay as the sender requests (RFC 3461)"),
    ("ENHANCEDSTATUSCODES", "adds codes such as 5.1.1 to its replies (RFC 2034)"),
    ("ETRN", "starts delivery of the mail queued for a domain (RFC 1985)"),
    ("EXPN", "lists the members of a mailing list (RFC 5321)"),
    ("FUTURERELEASE", "keeps a message until a given time (RFC 4865)"),
    ("HELP", "explains its commands (RFC 5321)"),
    ("LIMITS", "announces how many messages and recipients it accepts (RFC 9422)"),
    ("MT-PRIORITY", "accepts a priority for each message (RFC 6710)"),
    ("MTRK", "lets the sender track a message (RFC 3885)"),
    ("NO-SOLICITING", "refuses certain kinds of unsolicited mail (RFC 3865)"),
    ("ONEX", "one message per connection (old Sendmail)"),
    ("PIPELINING", "accepts several commands before it replies (RFC 2920)"),
    ("REQUIRETLS", "relays a message over verified TLS or not at all (RFC 8689)"),
    ("RRVS", "delivers only if the mailbox has not changed hands (RFC 7293)"),
    ("SAML", "sends to a terminal and by mail (RFC 821, obsolete)"),
    ("SEND", "sends to a terminal (RFC 821, obsolete)"),
    ("SIZE", "announces the maximum message size, and refuses larger messages at once (RFC 1870)"),
    ("SMTPUTF8", "accepts addresses and header fields in UTF-8 (RFC 6531)"),
    ("SOML", "sends to a terminal or by mail (RFC 821, obsolete)"),
    ("STARTTLS", "encrypts the connection from then on (RFC 3207)"),
    ("SUBMITTER", "accepts the name of the party responsible for the message (RFC 4405, historic)"),
    ("TURN", "reverses the connection (RFC 821, obsolete and unsafe)"),
    ("UTF8SMTP", "accepts addresses in UTF-8 (RFC 5336, replaced by SMTPUTF8)"),
    ("VERB", "replies verbosely (old Sendmail)"),
    ("VRFY", "reports whether a mailbox exists (RFC 5321)"),
    ("X-ANONYMOUSTLS", "encrypts between Exchange servers"),
    ("X-EXPS", "logs in between Exchange servers"),
    ("X-LINK2STATE", "exchanges routing between Exchange servers"),
    ("XCLIENT", "lets a trusted client set the client's identity (Postfix)"),
    ("XEXCH50", "accepts properties of messages from Exchange servers"),
    ("XFORWARD", "lets a trusted client set the client's identity in the log (Postfix)"),
    ("XOORG", "accepts the name of the organization that a message comes from (Exchange)"),
    ("XRDST", "accepts the recipient's domain for its routing (Exchange)"),
    ("XSHADOW", "keeps a copy of each message until it is delivered (Exchange)"),
    ("XVERP", "encodes the recipient in the sender of each copy (Postfix)"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn explanation(keyword: &str) -> Option<&'static str> {
        Extension { keyword: keyword.into(), parameters: String::new() }.explanation()
    }

    #[test]
    fn the_table_is_sorted_and_each_explanation_is_a_line() {
        assert!(EXPLANATIONS.is_sorted_by(|a, b| a.0 < b.0));
        for (keyword, text) in EXPLANATIONS {
            assert_eq!(explanation(keyword), Some(text));
            assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{keyword}");
        }
    }

    #[test]
    fn the_iana_registry_is_known() {
        for keyword in [
            "SEND",
            "SOML",
            "SAML",
            "EXPN",
            "HELP",
            "TURN",
            "8BITMIME",
            "SIZE",
            "VERB",
            "ONEX",
            "CHUNKING",
            "BINARYMIME",
            "CHECKPOINT",
            "DELIVERBY",
            "PIPELINING",
            "DSN",
            "ETRN",
            "ENHANCEDSTATUSCODES",
            "STARTTLS",
            "NO-SOLICITING",
            "MTRK",
            "SUBMITTER",
            "ATRN",
            "AUTH",
            "FUTURERELEASE",
            "CONPERM",
            "CONNEG",
            "BURL",
            "SMTPUTF8",
            "MT-PRIORITY",
            "RRVS",
            "REQUIRETLS",
            "LIMITS",
            "UTF8SMTP",
        ] {
            assert!(explanation(keyword).is_some(), "{keyword}");
        }
        assert_eq!(explanation("X-NOBODY-KNOWS"), None);
    }
}

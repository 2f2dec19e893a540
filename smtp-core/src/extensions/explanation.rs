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
    ("8BITMIME", "takes octets above 127 in messages (RFC 6152)"),
    (
        "ATRN",
        "hands queued mail over to a client that has logged in, on this connection turned around (RFC 2645)",
    ),
    ("AUTH", "takes a login by one of these mechanisms (RFC 4954)"),
    ("BINARYMIME", "takes messages of any octets and line lengths, by BDAT (RFC 3030)"),
    ("BURL", "fetches parts of a message from an IMAP server itself (RFC 4468)"),
    ("CHECKPOINT", "goes on with a transaction that broke off (RFC 1845)"),
    ("CHUNKING", "takes messages in chunks of announced size, by BDAT (RFC 3030)"),
    ("CONNEG", "says what forms of content a recipient can use (RFC 4141)"),
    ("CONPERM", "may convert content on its way (RFC 4141)"),
    ("DELIVERBY", "delivers within a time or returns the message (RFC 2852)"),
    ("DSN", "reports success, failure or delay as the sender asks for (RFC 3461)"),
    ("ENHANCEDSTATUSCODES", "explains its replies by codes such as 5.1.1 (RFC 2034)"),
    ("ETRN", "starts to deliver what is queued for a domain (RFC 1985)"),
    ("EXPN", "shows who is on a mailing list (RFC 5321)"),
    ("FUTURERELEASE", "keeps a message until a given time (RFC 4865)"),
    ("HELP", "explains its commands (RFC 5321)"),
    ("LIMITS", "says how many messages and recipients it takes (RFC 9422)"),
    ("MT-PRIORITY", "takes a priority for each message (RFC 6710)"),
    ("MTRK", "lets the sender track a message (RFC 3885)"),
    ("NO-SOLICITING", "wants no unsolicited mail of certain kinds (RFC 3865)"),
    ("ONEX", "one message per connection (old Sendmail)"),
    ("PIPELINING", "takes many commands without a wait for each reply (RFC 2920)"),
    ("REQUIRETLS", "passes a message on over verified TLS, or not at all (RFC 8689)"),
    ("RRVS", "delivers only if the mailbox has not changed hands (RFC 7293)"),
    ("SAML", "sends to a terminal and by mail (RFC 821, obsolete)"),
    ("SEND", "sends to a terminal (RFC 821, obsolete)"),
    ("SIZE", "says how large a message may be, and refuses larger ones at once (RFC 1870)"),
    ("SMTPUTF8", "takes addresses and header fields in UTF-8 (RFC 6531)"),
    ("SOML", "sends to a terminal or by mail (RFC 821, obsolete)"),
    ("STARTTLS", "encrypts the connection from here on (RFC 3207)"),
    ("SUBMITTER", "takes the name of whoever is responsible for the message (RFC 4405, historic)"),
    ("TURN", "turns the connection around (RFC 821, obsolete and unsafe)"),
    ("UTF8SMTP", "takes addresses in UTF-8 (RFC 5336, replaced by SMTPUTF8)"),
    ("VERB", "replies verbosely (old Sendmail)"),
    ("VRFY", "says whether a mailbox exists (RFC 5321)"),
    ("X-ANONYMOUSTLS", "encrypts between Exchange servers"),
    ("X-EXPS", "logs in between Exchange servers"),
    ("X-LINK2STATE", "exchanges routing between Exchange servers"),
    ("XCLIENT", "believes a trusted client's word on who its client is (Postfix)"),
    ("XEXCH50", "takes properties of messages from Exchange servers"),
    ("XFORWARD", "takes a trusted client's word on who its client is, for its log (Postfix)"),
    ("XOORG", "takes the name of the organization that a message comes from (Exchange)"),
    ("XRDST", "takes the recipient's domain for its routing (Exchange)"),
    ("XSHADOW", "keeps a shadow of each message until it is delivered (Exchange)"),
    ("XVERP", "writes the recipient into the sender of each copy (Postfix)"),
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

//! Defines the rules: what each is called, how much it matters, why a receiver minds and what to do.

use super::Severity;

/// One thing that should be otherwise.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) why: &'static str,
    pub(super) advice: &'static str,
}

macro_rules! rules {
    ($($constant:ident: $severity:ident $name:literal, $why:literal, $advice:literal;)*) => {
        $(pub(super) static $constant: Rule =
            Rule { name: $name, severity: Severity::$severity, why: $why, advice: $advice };)*
    };
}

rules! {
    MISSING_FROM: Broken "missing-from", "every message must say who wrote it (RFC 5322 §3.6)", "give it a From";
    MISSING_DATE: Broken "missing-date", "every message must say when it was written (RFC 5322 §3.6), and filters count it as spam", "let the date be completed";
    MISSING_MESSAGE_ID: Doubtful "missing-message-id", "filters count it as spam, and answers cannot be sorted to it", "let the identifier be completed";
    MISSING_RECIPIENT: Doubtful "missing-recipient", "filters count a message to nobody as spam", "give it a To, if only undisclosed-recipients:;";
    MISSING_SUBJECT: Doubtful "missing-subject", "filters count it as spam", "give it a Subject";
    MISSING_MIME_VERSION: Broken "missing-mime-version", "without it Content- fields mean nothing (RFC 2045 §4)", "add MIME-Version: 1.0";
    DUPLICATE_FIELD: Broken "duplicate-field", "it may stand once (RFC 5322 §3.6), and readers differ in which one they show", "leave one";
    NO_FIELD: Broken "no-header-field", "receivers take it for the beginning of the body or refuse the message", "put a blank line before the body";
    EMPTY_SUBJECT: Doubtful "empty-subject", "people and filters take such messages for spam", "say in a few words what it is about";
    SHOUTING_SUBJECT: Doubtful "shouting-subject", "filters count capitals alone as spam", "write it as a sentence";
    LONG_SUBJECT: Doubtful "long-subject", "filters count more than 200 characters as spam, and no reader shows them", "shorten it";
    TRAILING_BLANK: Doubtful "trailing-blank-in-subject", "filters count it as spam", "remove it";
    BAD_DATE: Broken "bad-date", "it must look like Fri, 20 Nov 2026 17:42:58 +0000 (RFC 5322 §3.3), and filters count it as spam", "write it so";
    OLD_DATE_FORM: Doubtful "obsolete-date", "the zone should be a number such as +0000 (RFC 5322 §4.3)", "write it so";
    FUTURE_DATE: Doubtful "date-in-future", "filters count it as spam", "set the clock, or send it later";
    PAST_DATE: Doubtful "date-in-past", "readers sort it below what is new, and filters count it", "give it a new date";
    BAD_ADDRESS: Broken "bad-address", "it is no address list (RFC 5322 §3.4), and receivers refuse it", "mend it";
    SEVERAL_AUTHORS: Broken "several-authors", "with several authors a Sender must say who sent it (RFC 5322 §3.6.2)", "add a Sender";
    EMPTY_NAME: Doubtful "empty-name", "an empty name in quotes is counted as spam", "leave it out";
    IMITATING_NAME: Doubtful "imitating-name", "a name that looks like another address is a habit of fraud", "use a name";
    NOT_ALIGNED: Doubtful "not-aligned", "DMARC wants the domains of From and of the envelope to be akin, unless a DKIM signature is", "send from the same domain, or sign it";
    BCC_PRESENT: Doubtful "bcc-present", "everyone who gets the message can read it", "remove it when the recipients are known";
    TRACE_PRESENT: Doubtful "return-path-present", "the last server writes it (RFC 5321 §4.4)", "remove it";
    RAW_HEADER: Doubtful "header-in-utf-8", "only servers with SMTPUTF8 may take it (RFC 6531), and others count it as spam", "use encoded-words, or send it by SMTPUTF8";
    UNKNOWN_HEADER: Broken "header-in-unknown-charset", "no one can know what it says (RFC 5322 §2.2)", "use encoded-words";
    CONTROL_IN_HEADER: Broken "control-in-header", "a header field is printable (RFC 5322 §2.2)", "remove it";
    LONG_LINE: Broken "long-line", "a line may have 998 octets (RFC 5322 §2.1.1), and servers cut or refuse it", "fold it, or encode the part";
    BLANK_FOLD: Doubtful "blank-fold", "a folded line of blanks alone is obsolete (RFC 5322 §4.2), and some readers end the header section there", "remove it";
    LONG_ENCODED_WORD: Broken "long-encoded-word", "an encoded-word may have 75 octets (RFC 2047 §2), and readers show it undecoded", "divide it";
    BAD_MESSAGE_ID: Doubtful "bad-message-id", "it must look like <left@right> (RFC 5322 §3.6.4), and filters count it as spam", "let a new one be made";
    LOCAL_MESSAGE_ID: Doubtful "local-message-id", "its right side should be a domain of the sender, and filters count a bare host name", "let a new one be made";
    BARE_LINE_END: Broken "bare-line-end", "lines end with CRLF (RFC 5321 §2.3.8), and what stands alone is used for smuggling", "end all lines alike";
    NUL: Broken "nul", "NUL may not be sent (RFC 5321 §4.5.2)", "encode the part";
    EIGHT_BIT_UNDECLARED: Broken "8-bit-undeclared", "its Content-Transfer-Encoding says otherwise (RFC 2045 §6), and servers may refuse it or cut the eighth bit", "encode the part, or declare 8bit";
    NO_CHARSET: Doubtful "no-charset", "readers have to guess it", "say charset=utf-8";
    HTML_WITHOUT_TEXT: Doubtful "html-without-text", "filters count it, and people who read plain text see nothing", "add a plain text beside it";
    ALTERNATIVE_ORDER: Doubtful "alternative-order", "the plainest form stands first (RFC 2046 §5.1.4), or readers show the wrong one", "put the plain text before the HTML";
    RISKY_ATTACHMENT: Doubtful "risky-attachment", "receivers refuse or remove what can be run", "send an address of it, or another format";
    NO_PARTS: Broken "multipart-without-parts", "a multipart must have a boundary and a part (RFC 2046 §5.1)", "mend it";
    ENCODED_MESSAGE: Broken "encoded-message", "a message within a message may not be encoded (RFC 2046 §5.2.1)", "encode its parts instead";
}

//! Defines the rules: name, severity, reason and advice.

use super::Severity;

/// A rule of the checks.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) reason: &'static str,
    pub(super) advice: &'static str,
}

macro_rules! rules {
    ($($constant:ident: $severity:ident $name:literal, $reason:literal, $advice:literal;)*) => {
        $(pub(super) static $constant: Rule =
            Rule { name: $name, severity: Severity::$severity, reason: $reason, advice: $advice };)*
    };
}

rules! {
    MISSING_FROM: Broken "missing-from", "every message must name its author (RFC 5322 §3.6)", "add a From";
    MISSING_DATE: Broken "missing-date", "every message must have a date (RFC 5322 §3.6), and filters rate messages without one as spam", "add a Date";
    MISSING_MESSAGE_ID: Doubtful "missing-message-id", "filters rate it as spam, and replies cannot be threaded", "add a Message-ID";
    MISSING_RECIPIENT: Doubtful "missing-recipient", "filters rate a message without recipients as spam", "add a To, such as undisclosed-recipients:;";
    MISSING_SUBJECT: Doubtful "missing-subject", "filters rate it as spam", "add a Subject";
    MISSING_MIME_VERSION: Broken "missing-mime-version", "without it Content- fields have no meaning (RFC 2045 §4)", "add MIME-Version: 1.0";
    DUPLICATE_FIELD: Broken "duplicate-field", "it may occur once (RFC 5322 §3.6), and readers differ in which one they show", "keep one";
    NO_FIELD: Broken "no-header-field", "receivers regard it as the start of the body or refuse the message", "put a blank line before the body";
    EMPTY_SUBJECT: Doubtful "empty-subject", "people and filters mistake such messages for spam", "describe the topic in a few words";
    SHOUTING_SUBJECT: Doubtful "shouting-subject", "filters rate subjects in capitals as spam", "write it as a sentence";
    LONG_SUBJECT: Doubtful "long-subject", "filters rate more than 200 characters as spam, and readers do not show them", "shorten it";
    TRAILING_BLANK: Doubtful "trailing-blank-in-subject", "filters rate it as spam", "remove it";
    BAD_DATE: Broken "bad-date", "it must look like Fri, 20 Nov 2026 17:42:58 +0000 (RFC 5322 §3.3), and filters rate it as spam", "use that form";
    OLD_DATE_FORM: Doubtful "obsolete-date", "the zone should be a number such as +0000 (RFC 5322 §4.3)", "use that form";
    FUTURE_DATE: Doubtful "date-in-future", "filters rate it as spam", "set the clock, or send it later";
    PAST_DATE: Doubtful "date-in-past", "readers sort it below newer messages, and filters rate it worse", "set a new date";
    BAD_ADDRESS: Broken "bad-address", "it is not a valid address list (RFC 5322 §3.4), and receivers refuse it", "correct it";
    SEVERAL_AUTHORS: Broken "several-authors", "a message with several authors must have a Sender (RFC 5322 §3.6.2)", "add a Sender";
    EMPTY_NAME: Doubtful "empty-name", "filters rate an empty name in quotes as spam", "remove it";
    IMITATING_NAME: Doubtful "imitating-name", "a name that looks like another address is a sign of fraud", "use a name";
    NOT_ALIGNED: Doubtful "not-aligned", "DMARC requires the domain of the envelope or of a DKIM signature to be aligned with that of From", "send from the same domain, or sign it";
    BCC_PRESENT: Doubtful "bcc-present", "every recipient can read it", "remove it when the recipients are known";
    TRACE_PRESENT: Doubtful "return-path-present", "the last server writes it (RFC 5321 §4.4)", "remove it";
    RAW_HEADER: Doubtful "header-in-utf-8", "only servers with SMTPUTF8 accept it (RFC 6531), and filters rate it as spam", "use encoded-words, or send it with SMTPUTF8";
    UNKNOWN_HEADER: Broken "header-in-unknown-charset", "its characters cannot be determined (RFC 5322 §2.2)", "use encoded-words";
    CONTROL_IN_HEADER: Broken "control-in-header", "a header field must be printable (RFC 5322 §2.2)", "remove it";
    LONG_LINE: Broken "long-line", "a line may have 998 octets (RFC 5322 §2.1.1), and servers cut or refuse it", "fold it, or encode the part";
    BLANK_FOLD: Doubtful "blank-fold", "a folded line of white space only is obsolete (RFC 5322 §4.2), and some readers end the header section there", "remove it";
    LONG_ENCODED_WORD: Broken "long-encoded-word", "an encoded-word may have 75 octets (RFC 2047 §2), and readers show it undecoded", "divide it";
    BAD_MESSAGE_ID: Doubtful "bad-message-id", "it must look like <left@right> (RFC 5322 §3.6.4), and filters rate it as spam", "replace it with a new one";
    LOCAL_MESSAGE_ID: Doubtful "local-message-id", "its right side should be a domain of the sender, and filters rate a bare host name as spam", "replace it with a new one";
    BARE_LINE_END: Broken "bare-line-end", "lines end with CRLF (RFC 5321 §2.3.8), and a lone CR or LF is used for smuggling", "use the same line end everywhere";
    NUL: Broken "nul", "NUL may not be sent (RFC 5321 §4.5.2)", "encode the part";
    EIGHT_BIT_UNDECLARED: Broken "8-bit-undeclared", "its Content-Transfer-Encoding does not declare them (RFC 2045 §6), and servers may refuse it or clear the eighth bit", "encode the part, or declare 8bit";
    NO_CHARSET: Doubtful "no-charset", "readers have to guess it", "add charset=utf-8";
    HTML_WITHOUT_TEXT: Doubtful "html-without-text", "filters rate it as spam, and plain-text readers show nothing", "add a plain text";
    ALTERNATIVE_ORDER: Doubtful "alternative-order", "the plainest form must come first (RFC 2046 §5.1.4), or readers show the wrong one", "put the plain text before the HTML";
    RISKY_ATTACHMENT: Doubtful "risky-attachment", "receivers refuse or remove executable files", "send a link, or another format";
    NO_PARTS: Broken "multipart-without-parts", "a multipart must have a boundary and a part (RFC 2046 §5.1)", "correct it";
    ENCODED_MESSAGE: Broken "encoded-message", "an enclosed message must not be encoded (RFC 2046 §5.2.1)", "encode its parts instead";
}

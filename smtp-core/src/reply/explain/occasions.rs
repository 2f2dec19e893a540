//! Defines the explanations of reply codes in the greeting or at a particular command.
//!
//! Sources: RFC 5321 §4.3.2; RFC 3207 §4; RFC 4954 §4, §6; RFC 3030 §2; RFC 1870 §6.

use super::{Fault, Occasion, Openness, Row, rows};
use crate::event::Verb;
use crate::reply::{Code, Severity};

/// Returns the row of this code on this occasion.
pub(super) fn find(occasion: Occasion, code: Code) -> Option<&'static Row> {
    match occasion {
        Occasion::Unknown => None,
        Occasion::Greeting => greeting(code),
        Occasion::Command(verb) => {
            let (_, rows) = COMMANDS.iter().find(|(verbs, _)| verbs.contains(&verb))?;
            rows.iter().find(|(value, _)| *value == code.value()).map(|(_, row)| row)
        }
    }
}

/// Returns the row of the code's first digit, because in a greeting there is no command for 550, say, to refer to.
///
/// 421 and 521 concern the connection on every occasion.
fn greeting(code: Code) -> Option<&'static Row> {
    match (code, code.severity()) {
        (Code::UNAVAILABLE | Code::NO_MAIL, _) | (_, Severity::Intermediate) => None,
        (_, Severity::Completed) => Some(&GREETINGS[0].1),
        (_, Severity::Transient) => Some(&GREETINGS[1].1),
        (_, Severity::Permanent) => Some(&GREETINGS[2].1),
    }
}

/// The rows by first digit, which is all that a client considers (RFC 5321 §3.1).
pub(super) const GREETINGS: &[(u16, Row); 3] = rows! {
    2 Nobody Settled "the server is ready" => "say EHLO";
    4 Server Subject "the server does not serve this client right now"
        => "try again later on a new connection";
    5 Policy Subject "there is no mail service here, or none for this client"
        => "check host and port; look this client's address up in block lists; send through the provider's server";
};

/// The rows of some codes at a command, in ascending order.
type Table = &'static [(u16, Row)];

/// The rows of each command.
pub(super) const COMMANDS: &[(&[Verb], Table)] = &[
    (&[Verb::Ehlo, Verb::Lhlo], EHLO),
    (&[Verb::Helo], HELO),
    (&[Verb::StartTls], STARTTLS),
    (&[Verb::Auth], AUTH),
    (&[Verb::Mail], MAIL),
    (&[Verb::Rcpt], RCPT),
    (&[Verb::Data], DATA),
    (&[Verb::Bdat], BDAT),
    (&[Verb::Message], MESSAGE),
    (&[Verb::Rset], RSET),
    (&[Verb::Noop], NOOP),
    (&[Verb::Vrfy], VRFY),
    (&[Verb::Expn], EXPN),
    (&[Verb::Help], HELP),
    (&[Verb::Quit], QUIT),
];

const EHLO: Table = rows! {
    250 Nobody Settled "the server greets back; the lines list the extensions that it offers" => "go on";
    500 Client Detail "the server does not know EHLO" => "say HELO";
    501 Client Detail "the server does not take the name that the client gave itself"
        => "give the client's full host name, or its address in brackets";
    502 Client Detail "the server does not offer EHLO" => "say HELO";
    504 Client Detail "the server does not take the name that the client gave itself"
        => "give the client's full host name, or its address in brackets";
    550 Policy Subject "the server does not serve a client of this name or address"
        => "give the client's full host name; look its address up in block lists";
    554 Policy Subject "the server does not serve a client of this name or address"
        => "give the client's full host name; look its address up in block lists";
};

const HELO: Table = rows! {
    250 Nobody Settled "the server greets back, without extensions" => "go on";
    501 Client Detail "the server does not take the name that the client gave itself"
        => "give the client's full host name";
    504 Client Detail "the server does not take the name that the client gave itself"
        => "give the client's full host name";
    550 Policy Subject "the server does not serve a client of this name or address"
        => "give the client's full host name; look its address up in block lists";
    554 Policy Subject "the server does not serve a client of this name or address"
        => "give the client's full host name; look its address up in block lists";
};

const STARTTLS: Table = rows! {
    220 Nobody Settled "the server waits for the TLS handshake" => "begin the handshake, then greet anew";
    454 Server Settled "the server cannot offer TLS right now"
        => "try again later; do not go on in clear with a password";
    500 Server Detail "the server does not know STARTTLS"
        => "use implicit TLS on port 465, or another server";
    501 Client Detail "STARTTLS takes no argument" => "send STARTTLS alone";
    502 Server Detail "the server does not offer STARTTLS"
        => "use implicit TLS on port 465, or another server";
    503 Client Settled "STARTTLS came out of order: TLS is up already, or no greeting came before"
        => "send STARTTLS once, right after EHLO";
    554 Server Subject "the server refuses TLS" => "use implicit TLS on port 465, or another server";
};

const AUTH: Table = rows! {
    235 Nobody Settled "the login was accepted" => "go on with the message";
    334 Nobody Settled "the server waits for the next response of the login"
        => "answer the challenge, or give up with a single *";
    451 Server Login "the server met an error of its own while it checked the login" => "try again later";
    454 Server Login "the server cannot check the login right now"
        => "try again later; the password may well be right";
    500 Client Login "the server does not know AUTH, or the response is longer than it takes"
        => "log in after EHLO lists AUTH; use a shorter token";
    501 Client Login "the server could not decode the response, or the login was given up"
        => "check the user name and the mechanism";
    502 Server Login "the server does not offer logins on this connection"
        => "secure the connection first, or use the submission port 587 or 465";
    503 Client Login "no login is due: one succeeded already, or a transaction is open"
        => "log in once, before MAIL";
    504 Login Login "the server does not offer this mechanism"
        => "use a mechanism that the reply to EHLO lists after AUTH";
    530 Login Login "the server wants TLS before a login"
        => "secure the connection with STARTTLS, then log in";
    550 Login Login "the login was refused"
        => "check the user name and the password, and whether the account may send";
    554 Login Login "the login was refused"
        => "check the user name and the password, and whether the account may send";
};

const MAIL: Table = rows! {
    250 Nobody Detail "the sender was accepted" => "name the recipients";
    450 Sender Subject "the sender is not accepted right now" => "try again later, after some minutes";
    451 Server Subject "the server cannot begin a transaction right now"
        => "try again later, after some minutes";
    452 Server Subject "the server has no room for the message right now"
        => "try again later, or send a smaller message";
    501 Sender Detail "the server does not take the sender's address or a parameter"
        => "check how the sender's address is written";
    503 Client Login "MAIL came out of order: a transaction is open, or the greeting or a login is due"
        => "greet, log in if the server wants that, and end the transaction with RSET";
    530 Login Login "the server takes mail after a login only, or over TLS only"
        => "secure the connection with STARTTLS and log in before MAIL";
    550 Sender Subject "the sender is refused: its address does not exist, may not be used, or a policy forbids it"
        => "use the address that belongs to the login; look the sending host up in block lists";
    552 Message Policy "the message is larger than the server takes"
        => "send a smaller message; the server's limit follows SIZE in its reply to EHLO";
    553 Sender Policy "the sender's address is not allowed: its form is wrong, or the login may not use it"
        => "use the address that belongs to the login";
    554 Policy Subject "the server takes no mail from this sender or client"
        => "read the reply's text; look the sending host up in block lists";
    555 Client Detail "the server does not take the parameters of MAIL"
        => "send without the parameters that are not needed";
};

const RCPT: Table = rows! {
    250 Nobody Detail "the recipient was accepted" => "go on";
    251 Nobody Detail "the recipient was accepted; the mailbox is elsewhere, and the server forwards the message itself"
        => "go on, and note the new address if the reply names it";
    252 Nobody Detail "the recipient was accepted unchecked"
        => "go on; a bounce tells if it cannot be delivered";
    450 Recipient Subject "the recipient is not accepted right now: busy, blocked for a while, or greylisted"
        => "try again later, after some minutes";
    451 Server Subject "the server cannot check the recipient right now, or puts it off on purpose (greylisting)"
        => "try again later, after some minutes";
    452 Server Subject "too many recipients for one transaction, or no room for more mail"
        => "send to the recipients that are left in another transaction, at once or later";
    454 Policy Subject "the server does not relay to this recipient right now"
        => "log in first, or try again later";
    501 Recipient Detail "the server does not take the recipient's address or a parameter"
        => "check how the recipient's address is written";
    503 Client Login "RCPT came out of order: no sender was accepted"
        => "give an accepted sender with MAIL first";
    530 Login Login "the server takes this recipient after a login only, or over TLS only"
        => "secure the connection with STARTTLS and log in before MAIL";
    550 Recipient Subject "the recipient is refused: no such mailbox, no relaying to it, or a policy forbids it"
        => "check the address; to a recipient elsewhere, log in first";
    552 Recipient Policy "too many recipients for one transaction, or the mailbox is full"
        => "send to the recipients that are left in another transaction (RFC 5321 §4.5.3.1.10)";
    553 Recipient Policy "the recipient's address is not allowed" => "check how the address is written";
    554 Policy Subject "the server does not take mail for this recipient from this client"
        => "log in first; look the sending host up in block lists";
    555 Client Detail "the server does not take the parameters of RCPT"
        => "send without the parameters that are not needed";
};

const DATA: Table = rows! {
    450 Policy Subject "the message is not wanted right now, before its content is known"
        => "try again later, after some minutes";
    451 Server Subject "the server cannot take the message right now"
        => "try again later, after some minutes";
    452 Server Subject "the server has no room for the message right now" => "try again later";
    503 Recipient Login "DATA came out of order: no recipient was accepted"
        => "see why each recipient was refused";
    550 Policy Subject "the message is refused before its content is known"
        => "read the reply's text; look the sending host up in block lists";
    554 Recipient Subject "no recipient was accepted, or the message is refused before its content is known"
        => "see why each recipient was refused";
};

const BDAT: Table = rows! {
    250 Nobody Detail "the chunk was accepted" => "send the next one";
    452 Server Subject "the server has no room for the message right now" => "try again later";
    503 Recipient Login "BDAT came out of order: no recipient was accepted, or an earlier chunk was refused"
        => "begin anew with RSET and MAIL";
    552 Message Policy "the message is larger than the server takes"
        => "send a smaller message; the server's limit follows SIZE in its reply to EHLO";
    554 Recipient Subject "the chunk is refused: no recipient was accepted, or the transaction failed"
        => "begin anew with RSET and MAIL";
};

const MESSAGE: Table = rows! {
    250 Nobody Settled "the server took the message and answers for its delivery" => "nothing is left to do";
    450 Policy Subject "the message is not accepted right now" => "try again later, after some minutes";
    451 Server Subject "the server could not handle the message right now, or puts it off on purpose"
        => "try again later, after some minutes";
    452 Server Subject "the server has no room for the message right now" => "try again later";
    503 Recipient Login "the message came out of order: no recipient was accepted"
        => "see why each recipient was refused";
    550 Policy Subject "the message's content or sender is refused by policy, or a mailbox does not take it"
        => "read the reply's text; check for content that looks like spam, and SPF and DKIM of the sender's domain";
    552 Message Policy "the message is too large, or a mailbox has no room for it"
        => "send a smaller message, or a link to its large parts";
    554 Policy Subject "the message is refused: taken for spam or harmful, not well formed, or no recipient was accepted"
        => "read the reply's text; check for content that looks like spam, and SPF and DKIM of the sender's domain";
};

const RSET: Table = rows! {
    250 Nobody Settled "the transaction is dropped" => "begin a new one with MAIL";
};

const NOOP: Table = rows! {
    250 Nobody Settled "the server is there" => "go on";
};

const VRFY: Table = rows! {
    250 Nobody Detail "the mailbox exists; the reply names it" => "go on";
    251 Nobody Detail "the mailbox is elsewhere, and the server would forward to it"
        => "note the address that the reply names";
    502 Policy Detail "the server does not verify addresses"
        => "try RCPT: does the server take the recipient?";
    550 Recipient Subject "the server has no such mailbox, or does not tell"
        => "check the address, or try RCPT";
    551 Recipient Policy "the mailbox is elsewhere" => "use the address that the reply names";
    553 Recipient Policy "the name fits more than one mailbox, or is not allowed" => "give the full address";
};

const EXPN: Table = rows! {
    250 Nobody Detail "the lines list the members of the mailing list" => "read the lines of the reply";
    252 Nobody Detail "the server does not list the members, but takes mail for the list"
        => "send the message to the list";
    502 Policy Detail "the server does not list the members of mailing lists" => "ask the list's owner";
    550 Recipient Subject "the server has no such mailing list, or does not tell its members"
        => "check the list's name, or ask its owner";
};

const HELP: Table = rows! {
    502 Server Detail "the server gives no help" => "do without it";
    504 Server Detail "the server gives no help on that" => "ask for HELP without an argument";
};

const QUIT: Table = rows! {
    221 Nobody Settled "the server says goodbye and closes the connection, as requested"
        => "nothing is left to do";
    250 Nobody Settled "the server agrees to end the connection" => "nothing is left to do";
};

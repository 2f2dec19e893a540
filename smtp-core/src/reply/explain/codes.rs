//! Defines the explanations of reply codes, independent of the command.
//!
//! Sources: RFC 5321 §4.2.3, RFC 4954 §6, RFC 3207 §4, RFC 7504, RFC 7505; RFC 1845 (355), RFC 1985 (253, 458, 459),
//! RFC 2645 (453), and the codes that the registry of RFC 5248 lists for logins (422, 523, 524, 525).

use super::{Fault, Openness, Row, rows};
use crate::reply::Code;

/// Returns the row of this code.
pub(super) fn find(code: Code) -> Option<&'static Row> {
    ROWS.iter().find(|(value, _)| *value == code.value()).map(|(_, row)| row)
}

/// The rows, in ascending order.
pub(super) const ROWS: &[(u16, Row)] = rows! {
    211 Nobody Settled "the server's status or help" => "read the lines of the reply";
    214 Nobody Settled "help for people: how to use the server or one of its commands"
        => "read the lines of the reply";
    220 Nobody Settled "the server is ready" => "continue with the next command";
    221 Nobody Settled "the server says goodbye and closes the connection"
        => "open a new connection for further mail";
    235 Nobody Settled "the login was accepted" => "go on with the message";
    250 Nobody Subject "the command was accepted and done" => "go on";
    251 Nobody Detail "the mailbox is elsewhere, and the server forwards the message itself"
        => "go on, and note the new address if the reply names it";
    252 Nobody Detail "the server does not say whether the mailbox exists, but takes mail for it"
        => "send the message; a bounce tells if it cannot be delivered";
    253 Nobody Settled "messages for the node wait, and their delivery begins (ETRN, RFC 1985)"
        => "wait for the server to connect";
    334 Nobody Settled "the server waits for the next response of the login"
        => "answer the challenge, or give up with a single *";
    354 Nobody Settled "the server waits for the message" => "send the message, then a line of a single dot";
    355 Nobody Settled "the server holds a part of the message already (CHECKPOINT, RFC 1845)"
        => "send the message from the offset that the reply names";
    421 Server Subject "the server cannot serve now and closes the connection"
        => "try again later on a new connection, with fewer connections at once";
    422 Login Login "the password must be moved to this mechanism first"
        => "log in once over TLS with PLAIN or LOGIN, then use this mechanism again";
    432 Login Login "the password must be moved to this mechanism first (password transition)"
        => "log in once over TLS with PLAIN or LOGIN, then use this mechanism again";
    450 Recipient Subject "the mailbox cannot be used right now: busy, blocked for a while, or greylisted"
        => "try again later, after some minutes";
    451 Server Subject "the server met an error of its own, or puts the command off on purpose"
        => "try again later, after some minutes";
    452 Server Subject "the server is short of storage, or takes no more recipients in this transaction"
        => "try again later, and send to further recipients in another transaction";
    453 Nobody Settled "no mail waits for the client (ATRN, RFC 2645)" => "try again later";
    454 Server Policy "a login or TLS is not available right now" => "try again later";
    455 Client Detail "the server cannot honour the parameters of MAIL or RCPT right now"
        => "try again later, or without the parameters that are not needed";
    458 Server Detail "the messages for the node cannot be queued right now (ETRN, RFC 1985)"
        => "try again later";
    459 Policy Detail "the node may not have its messages sent that way (ETRN, RFC 1985)"
        => "ask the server's postmaster, then try again later";
    500 Client Detail "the server does not know the command, or the line is too long"
        => "check the command's name and length, or do without it";
    501 Client Detail "the server does not take the command's arguments"
        => "check the addresses, names and parameters of the command";
    502 Client Detail "the server knows the command, but does not offer it" => "do without the command";
    503 Client Login "the command came out of order: another one is due first"
        => "greet, log in if the server wants that, then MAIL, RCPT and DATA; RSET begins anew";
    504 Client Detail "the server knows the command, but not this parameter or value"
        => "leave the parameter out, or use another value";
    521 Server Policy "the host takes no mail at all (RFC 7504)"
        => "use one of the domain's mail exchangers, this host is none";
    523 Login Login "the login needs an encrypted connection"
        => "secure the connection first, with STARTTLS or implicit TLS";
    524 Login Login "this mechanism needs an encrypted connection"
        => "secure the connection first, with STARTTLS or implicit TLS";
    525 Login Login "the user's account is disabled" => "ask the provider to enable the account";
    530 Login Login "the server wants a login, or TLS, before this command"
        => "secure the connection with STARTTLS, log in, then repeat the command";
    534 Login Login "the mechanism is too weak for this user or server"
        => "use a stronger mechanism, or an application password if the provider issues them";
    535 Login Login "the user name or the password was not accepted"
        => "check both; try the user name with its domain, or an application password if the provider issues them";
    538 Login Login "this mechanism needs an encrypted connection"
        => "secure the connection first, with STARTTLS or implicit TLS";
    550 Recipient Subject "refused: the mailbox does not exist, cannot be used, or a policy forbids it"
        => "check the address; if it is right, the reply's text names the policy";
    551 Recipient Policy "the mailbox is elsewhere, and the server does not forward"
        => "send to the address that the reply names";
    552 Message Policy "the message or the mailbox exceeds the storage that it may use"
        => "send a smaller message, or ask the recipient to make room";
    553 Recipient Policy "the address is not allowed: its form is wrong, or it may not be used here"
        => "check how the address is written, and that the login may use it as a sender";
    554 Policy Subject "the transaction failed, and the server gives no closer reason"
        => "read the reply's text; check the message, the login and the standing of the sending host";
    555 Client Detail "the server does not know the parameters of MAIL or RCPT, or does not offer them"
        => "send without the parameters that are not needed";
    556 Recipient Detail "the recipient's domain takes no mail (RFC 7504)"
        => "check the part of the address after the @";
};

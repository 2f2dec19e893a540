//! Defines the explanations of 2.X.Y, where subject and detail are remarks on a success (RFC 3463 §2).

use super::{Detail, Fault, Openness, details};

/// Returns the rows of this subject.
pub(super) const fn details(subject: u16) -> Option<&'static [Detail]> {
    Some(match subject {
        1 => ADDRESS,
        2 => MAILBOX,
        3 => SYSTEM,
        4 => NETWORK,
        5 => PROTOCOL,
        6 => CONTENT,
        7 => SECURITY,
        _ => return None,
    })
}

const ADDRESS: &[Detail] = details! {
    0 Nobody Subject "the address was accepted" => "go on";
    5 Nobody Subject "the recipient's address is valid" => "go on";
    6 Nobody Detail "the mailbox has moved, and the message follows it"
        => "go on, and note the new address if the reply names it";
    9 Nobody Detail "the message goes on to a system that reports nothing further (RFC 3886)"
        => "go on; do not count on reports of its delivery";
};

const MAILBOX: &[Detail] = details! {
    0 Nobody Subject "the mailbox is in order" => "go on";
};

const SYSTEM: &[Detail] = details! {
    0 Nobody Subject "the mail system is in order" => "go on";
    6 Nobody Detail "accepted, but the server changed the message's priority (RFC 6710)" => "go on";
};

const NETWORK: &[Detail] = details! {
    0 Nobody Subject "the way to the recipient is in order" => "go on";
};

const PROTOCOL: &[Detail] = details! {
    0 Nobody Subject "the command was accepted and done" => "go on";
};

const CONTENT: &[Detail] = details! {
    0 Nobody Subject "the message's content was accepted" => "go on";
    4 Nobody Detail "accepted, but some of the content is lost in conversion"
        => "send the content in a simpler format if that matters";
    8 Nobody Detail "accepted; the full reply needs UTF-8, which the client did not ask for (RFC 6531)"
        => "ask for SMTPUTF8 with the command";
    10 Nobody Detail "accepted; the full reply needs UTF-8, which the client did not ask for (deprecated, now X.6.8)"
        => "ask for SMTPUTF8 with the command";
};

const SECURITY: &[Detail] = details! {
    0 Nobody Subject "the security and policy requirements are met" => "go on";
};

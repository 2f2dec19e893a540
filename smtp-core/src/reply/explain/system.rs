//! Defines the explanations of X.3.Y, mail system status (RFC 3463 §3.4, RFC 6710).

use super::{Detail, Fault, Openness, details};

pub(super) const DETAILS: &[Detail] = details! {
    0 Server Subject "something is wrong with the receiving mail system" => "tell the server's postmaster";
    1 Server Detail "the server's storage is full" => "tell the server's postmaster";
    2 Server Detail "the server takes no mail: shut down, overloaded or in maintenance"
        => "use another mail exchanger of the domain";
    3 Server Detail "the server lacks a feature that the message needs"
        => "send the message without that feature";
    4 Message Detail "the message is larger than the server takes"
        => "send a smaller message; the server's limit follows SIZE in its reply to EHLO";
    5 Server Detail "the server is not set up to take this message" => "tell the server's postmaster";
    6 Policy Detail "the server changed the message's priority (RFC 6710)"
        => "ask for another priority, or for none";
};

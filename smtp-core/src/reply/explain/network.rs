//! Defines the explanations of X.4.Y, network and routing (RFC 3463 §3.5).

use super::{Detail, Fault, Openness, details};

pub(super) const DETAILS: &[Detail] = details! {
    0 Path Subject "something is wrong on the way to the recipient" => "tell the server's postmaster";
    1 Path Detail "the next host did not answer" => "check the recipient's domain and its mail exchangers";
    2 Path Detail "the connection broke, or stayed silent for too long"
        => "connect anew, and send without long pauses";
    3 Path Detail "a name server or directory gave no usable answer" => "check the domain's entries in DNS";
    4 Path Detail "no way to the recipient's domain was found" => "check the domain's mail exchangers in DNS";
    5 Path Detail "the mail system is congested" => "send less at once";
    6 Path Detail "the message runs in a circle between hosts"
        => "tell the postmaster of the recipient's domain";
    7 Path Detail "the message could not be delivered within its time" => "send it anew with more time";
};

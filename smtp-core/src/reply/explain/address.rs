//! Defines the explanations of X.1.Y, address status (RFC 3463 §3.2, RFC 3886, RFC 7505).

use super::{Detail, Fault, Openness, details};

pub(super) const DETAILS: &[Detail] = details! {
    0 Recipient Subject "something is wrong with an address"
        => "check the sender's and the recipient's address";
    1 Recipient Detail "the domain has no such mailbox" => "check the part of the address before the @";
    2 Recipient Detail "the domain does not exist, or takes no mail"
        => "check the part of the address after the @";
    3 Recipient Detail "the address is not written as an address" => "check how the address is written";
    4 Recipient Detail "the address fits more than one mailbox" => "give the full address";
    5 Recipient Subject "the address is valid; it was refused for another reason" => "read the reply's text";
    6 Recipient Detail "the mailbox has moved, and its new address is not known"
        => "ask the recipient for the new address";
    7 Sender Detail "the sender's address is not written as an address"
        => "check how the sender's address is written";
    8 Sender Detail "the sender's domain does not exist, or takes no bounces"
        => "use a sender whose domain has mail exchangers or addresses in DNS";
    9 Path Detail "the message went on to a system that reports nothing further (RFC 3886)"
        => "ask the recipient whether it arrived";
    10 Recipient Detail "the recipient's domain declares that it takes no mail (null MX, RFC 7505)"
        => "check the part of the address after the @";
};

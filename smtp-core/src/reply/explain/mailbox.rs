//! Defines the explanations of X.2.Y, mailbox status (RFC 3463 §3.3).

use super::{Detail, Fault, Openness, details};

pub(super) const DETAILS: &[Detail] = details! {
    0 Recipient Subject "something about the mailbox keeps mail out of it"
        => "reach the recipient another way";
    1 Recipient Detail "the mailbox is disabled and takes no mail" => "reach the recipient another way";
    2 Recipient Detail "the mailbox is full" => "ask the recipient to make room";
    3 Message Detail "the message is larger than the mailbox may take"
        => "send a smaller message, or a link to its large parts";
    4 Recipient Detail "the mailing list could not be resolved to its members" => "tell the list's owner";
};

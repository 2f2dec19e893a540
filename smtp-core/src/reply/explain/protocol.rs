//! Defines the explanations of X.5.Y, protocol status (RFC 3463 §3.6, RFC 4954 §6).

use super::{Detail, Fault, Openness, details};

// 1, 2 and 4 are vaguer than 500 to 504
pub(super) const DETAILS: &[Detail] = details! {
    0 Client Subject "something is wrong with how the protocol was used" => "read the reply's text";
    1 Client Subject "the command is unknown, or came out of order"
        => "check which commands the server accepts at this point";
    2 Client Subject "the server could not make out the command"
        => "check the command's name, form and length";
    3 Client Detail "too many recipients for one transaction"
        => "send to fewer recipients in each transaction"
        transient "send to the recipients that are left in another transaction, at once or later";
    4 Client Subject "the server does not take the command's arguments"
        => "check the addresses and parameters of the command";
    5 Client Detail "client and server speak different versions of the protocol"
        => "use HELO, and no extension";
    6 Login Login "a line of the login is longer than the server takes"
        => "use a shorter token, or a mechanism with shorter responses";
};

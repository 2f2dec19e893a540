//! Defines the explanations of X.6.Y, content and conversion (RFC 3463 §3.7, RFC 4468, RFC 6531).

use super::{Detail, Fault, Openness, details};

pub(super) const DETAILS: &[Detail] = details! {
    0 Message Subject "something in the message's content was refused"
        => "read the reply's text, and change what it objects to";
    1 Message Detail "a media type of the message is not accepted there" => "send the content in another format";
    2 Message Detail "the message must be converted, and may not be"
        => "send it in a form that needs no conversion, such as 7bit";
    3 Message Detail "the message must be converted, and the server cannot do it"
        => "send it in a form that needs no conversion, such as 7bit";
    4 Message Detail "the message would lose some of its content when converted"
        => "send the content in a simpler format";
    5 Message Detail "the message could not be converted"
        => "send it in a form that needs no conversion, such as 7bit";
    6 Path Detail "the content that the message refers to could not be fetched (BURL, RFC 4468)"
        => "send the content itself instead of a reference";
    7 Client Detail "an address outside ASCII is not accepted there (RFC 6531)"
        => "use an address in ASCII for the sender and each recipient";
    8 Client Detail "the reply needs UTF-8, which the client did not ask for (RFC 6531)"
        => "ask for SMTPUTF8 with the command";
    9 Message Detail "the message has UTF-8 header fields, which a recipient's server does not take (RFC 6531)"
        => "write the header fields in encoded words, and the addresses in ASCII";
    10 Client Detail "the reply needs UTF-8, which the client did not ask for (deprecated, now X.6.8)"
        => "ask for SMTPUTF8 with the command";
};

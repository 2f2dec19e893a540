//! Defines the explanations of X.7.Y, security and policy.
//!
//! Sources: RFC 3463 §3.8, RFC 4954 §6, RFC 4468, RFC 6710, RFC 7293, RFC 7372, RFC 7505, RFC 8617, RFC 8689.

use super::{Detail, Fault, Openness, details};

pub(super) const DETAILS: &[Detail] = details! {
    0 Policy Policy "a rule of security or policy forbids it"
        => "read the reply's text, or ask the server's postmaster for the rule";
    1 Policy Detail "the sender may not send this here: relaying, a block list or a filter"
        => "log in first, use the server of the sender's own provider, and look the sending host up in block lists";
    2 Policy Detail "the sender may not send to that mailing list"
        => "use a sender that the list admits, or ask its owner";
    3 Message Detail "the message's protection must be converted, which is not possible"
        => "use the protection that the recipient's system takes, or none";
    4 Message Detail "the message asks for security features that are not offered there"
        => "send without those features";
    5 Message Detail "a signature or encryption could not be processed: a key is missing or not valid"
        => "check the message's keys and certificates";
    6 Message Detail "a cryptographic algorithm of the message is not supported there"
        => "use a more common algorithm";
    7 Message Detail "the message was damaged or changed: its integrity check fails"
        => "send the original again";
    8 Login Login "the user name or the password was not accepted"
        => "check both; try the user name with its domain, or an application password if the provider issues them";
    9 Login Login "the mechanism is too weak for this user or server"
        => "use a stronger mechanism, or an application password if the provider issues them";
    10 Login Login "the login needs an encrypted connection, or stronger encryption"
        => "secure the connection first, with STARTTLS or implicit TLS";
    11 Login Login "this mechanism needs an encrypted connection"
        => "secure the connection first, with STARTTLS or implicit TLS";
    12 Login Login "the password must be moved to this mechanism first (password transition)"
        => "log in once over TLS with PLAIN or LOGIN, then use this mechanism again"
        transient "log in once over TLS with PLAIN or LOGIN, then use this mechanism again, at once or later";
    13 Login Login "the password is right, but the user's account is disabled"
        => "ask the provider to enable the account";
    14 Server Login "the server is not trusted by the one that holds the content (RFC 4468)"
        => "ask the server's postmaster to set up that trust, or send the content itself";
    15 Policy Detail "the message's priority is lower than the server takes now (RFC 6710)"
        => "ask for a higher priority";
    16 Message Detail "the message is too large for its priority (RFC 6710)"
        => "send a smaller message, or with another priority";
    17 Recipient Detail "the mailbox changed hands since the time that the sender named (RRVS, RFC 7293)"
        => "ask the recipient for the address that is now in use";
    18 Recipient Detail "the domain changed hands since the time that the sender named (RRVS, RFC 7293)"
        => "ask the recipient for the address that is now in use";
    19 Server Detail "the server cannot tell since when the mailbox has its owner (RRVS, RFC 7293)"
        => "send without RRVS, if a new owner may read the message";
    20 Sender Detail "the message bears no DKIM signature that passes (RFC 7372)"
        => "sign the message, and check the key that the domain publishes";
    21 Sender Detail "a DKIM signature passes, but none that the receiver accepts (RFC 7372)"
        => "sign with the sender's own domain, all header fields that matter and a key of 2048 bits";
    22 Sender Detail "no DKIM signature that passes is of the author's domain (RFC 7372)"
        => "sign with the domain of the From field";
    23 Sender Detail "by SPF the sending host may not send for the sender's domain (RFC 7372)"
        => "send through the domain's own servers, or name the host in its SPF record";
    24 Sender Detail "SPF could not be evaluated (RFC 7372)"
        => "check the domain's SPF record and its name servers";
    25 Sender Detail "the sending host has no matching name in reverse DNS (RFC 7372)"
        => "have the host's PTR and address records name each other, or send through the provider's server";
    26 Sender Detail "more than one check of the sender failed, such as SPF and DKIM (RFC 7372)"
        => "set up SPF and DKIM for the domain of the From field";
    27 Sender Detail "the sender's domain declares that it takes no mail, so no bounce can return (null MX, RFC 7505)"
        => "use a sender whose domain takes mail";
    28 Policy Detail "the message is part of a flood of mail"
        => "send more slowly, and to fewer recipients at once";
    29 Path Detail "a host that forwarded the message broke its ARC chain (RFC 8617)"
        => "send directly, or tell the operator of the forwarding host or list";
    30 Path Detail "the message requires TLS all the way, and the next server does not promise that (RFC 8689)"
        => "send without REQUIRETLS, if the message may travel in clear";
};

//! Checks the parameters of an envelope against the server's offer before a command is sent.

use super::{ByMode, DateTime, DeliverBy, FutureRelease};
use crate::envelope::Envelope;
use crate::extensions::Extensions;
use crate::fault::Reason;
use crate::parameter::Parameter;

/// Returns the EHLO keyword of the extension that defines a parameter.
///
/// Unknown parameters have none; the server decides about them.
fn extension_of(parameter: &Parameter) -> Option<&'static str> {
    Some(match parameter.keyword() {
        "RET" | "ENVID" | "NOTIFY" | "ORCPT" => "DSN",
        "BODY" if parameter.value().is_some_and(|body| body.eq_ignore_ascii_case("BINARYMIME")) => {
            "BINARYMIME"
        }
        "BODY" => "8BITMIME",
        "HOLDFOR" | "HOLDUNTIL" => "FUTURERELEASE",
        "BY" => "DELIVERBY",
        "SIZE" => "SIZE",
        "SMTPUTF8" => "SMTPUTF8",
        "AUTH" => "AUTH",
        "REQUIRETLS" => "REQUIRETLS",
        "MT-PRIORITY" => "MT-PRIORITY",
        "RRVS" => "RRVS",
        "SUBMITTER" => "SUBMITTER",
        "SOLICIT" => "NO-SOLICITING",
        "MTRK" => "MTRK",
        "TRANSID" => "CHECKPOINT",
        "CONPERM" => "CONPERM",
        "CONNEG" => "CONNEG",
        _ => return None,
    })
}

/// Returns the reason why a parameter cannot be sent to this server, if there is one.
pub(crate) fn obstacle(envelope: &Envelope, extensions: &Extensions, is_secured: bool) -> Option<Reason> {
    let of_recipients = envelope.recipients.iter().flat_map(|recipient| &recipient.parameters);
    envelope.parameters.iter().chain(of_recipients).find_map(|parameter| {
        let extension = extension_of(parameter)?;
        if !extensions.has(extension) {
            return Some(Reason::NotOffered(extension));
        }
        if extension == "REQUIRETLS" && !is_secured {
            return Some(Reason::NeedsTls(extension));
        }
        beyond_offer(parameter, extensions.parameters(extension)?)
            .then(|| Reason::BeyondOffer { parameter: parameter.clone(), extension })
    })
}

/// Returns whether the parameter exceeds the limit that the server announced with the extension.
fn beyond_offer(parameter: &Parameter, offer: &str) -> bool {
    let mut words = offer.split_ascii_whitespace();
    match parameter.keyword() {
        // RFC 4865 §3: the maximum hold time, then the latest date
        "HOLDFOR" | "HOLDUNTIL" => {
            let Ok(release) = FutureRelease::try_from(parameter) else { return false };
            let longest: Option<u32> = words.next().and_then(|seconds| seconds.parse().ok());
            let latest: Option<DateTime> = words.next().and_then(|time| time.parse().ok());
            let is_too_long =
                release.seconds().zip(longest).is_some_and(|(seconds, longest)| seconds > longest);
            let is_too_late = release.time().zip(latest.as_ref()).is_some_and(|(time, latest)| time > latest);
            is_too_long || is_too_late
        }
        // RFC 2852 §2: the minimum time after which the server returns a message
        "BY" => {
            let Ok(by) = DeliverBy::try_from(parameter) else { return false };
            let shortest: Option<i32> = words.next().and_then(|seconds| seconds.parse().ok());
            by.mode() == ByMode::Return && shortest.is_some_and(|shortest| by.seconds() < shortest)
        }
        _ => false,
    }
}

//! Defines the parameters that extensions add to MAIL and RCPT.
//!
//! Each converts to a [`Parameter`] (`From`) and from one (`TryFrom`). Before MAIL is sent, the parameters in an
//! [`Envelope`](crate::Envelope) or a [`Recipient`](crate::Recipient) are checked against the server's offer, whether
//! they are one of these types or a plain [`Parameter`].

mod auth;
mod date_time;
mod deliver_by;
mod delivery_status;
mod future_release;
mod mt_priority;
mod offered;
mod require_tls;
mod rrvs;

pub use auth::AuthParameter;
pub use date_time::DateTime;
pub use deliver_by::{ByMode, DeliverBy};
pub use delivery_status::{EnvelopeId, Notify, OriginalRecipient, Ret};
pub use future_release::FutureRelease;
pub use mt_priority::MtPriority;
pub use require_tls::RequireTls;
pub use rrvs::{Rrvs, RrvsAction};

pub(crate) use offered::obstacle;

use crate::address::SyntaxError;
use crate::parameter::Parameter;

/// The value of a parameter with the expected `keyword`.
fn value_of<'a>(parameter: &'a Parameter, keyword: &'static str) -> Result<&'a str, SyntaxError> {
    match parameter.value() {
        Some(value) if parameter.keyword() == keyword => Ok(value),
        _ => Err(SyntaxError::Malformed { value: keyword, rule: "it is another parameter, or has no value" }),
    }
}

/// A number of one to nine digits, as the RFCs write it.
fn digits(text: &str, value: &'static str) -> Result<u32, SyntaxError> {
    let rule = "a number of one to nine digits is expected";
    if !(1..=9).contains(&text.len()) || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(SyntaxError::Malformed { value, rule });
    }
    text.parse().map_err(|_| SyntaxError::Malformed { value, rule })
}

/// Makes a parameter of a value that is already checked.
fn printed(keyword: &'static str, value: &str) -> Parameter {
    Parameter::new(keyword, Some(value)).expect("the value was checked when it was made")
}

//! Turns a delivery that is finished into what an application gets: a [`Report`], or an [`Error`] where nothing was
//! decided.

use super::delivery::Delivery;
use super::error::{Error, ErrorKind, Step};
use super::fate::{Fate, Report};
use crate::Outcome;
use alloc::string::String;

/// What an application gets for a message: its report; the error where the server accepted it for no recipient, refused it
/// for none, and cannot have it.
///
/// `server` decided, and `left` is why no session took the message up, if none did.
///
/// # Errors
/// Why the message was sent to no recipient.
pub fn settled<S>(delivery: &Delivery<S>, server: &str, left: Option<&Error>) -> Result<Report, Error> {
    let report = delivery.report(server, left);
    let is_said = |outcome: &Outcome| !matches!(outcome, Outcome::Unsent(_));
    let mut recipients = report.recipients().iter();
    if recipients.any(|it| matches!(&it.fate, Fate::Decided { outcome, .. } if is_said(outcome))) {
        return Ok(report);
    }
    let mut unsent = None;
    for recipient in report.recipients() {
        match &recipient.fate {
            Fate::Decided { outcome: Outcome::Unsent(reason), .. } => {
                unsent.get_or_insert_with(|| ErrorKind::Undone {
                    step: Step::Message,
                    reason: reason.clone(),
                    offered: String::new(),
                    is_secured: false,
                });
            }
            Fate::Decided { .. } => {}
            Fate::NotAttempted(error) => return Err(error.clone()),
        }
    }
    let error = delivery.error().or_else(|| delivery.ending()).cloned();
    let error = error.or_else(|| unsent.map(Error::new)).or_else(|| left.cloned());
    Err(error.unwrap_or_else(|| ErrorKind::Cancelled.into()).with_server(server))
}

//! Tells errors of the system that say why a connection failed from those that say no more than that it ended.

use crate::mailer::BoxError;
use std::io;

/// The error, where the system says more than that the server ended the connection.
pub(crate) fn cause_of(error: io::Error) -> Option<BoxError> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let is_ended = matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset);
    (error.raw_os_error().is_some() && !is_ended).then(|| error.into())
}

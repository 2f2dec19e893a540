//! Checks limits read from a file: a limit of zero would block the client forever.

use serde::de::{Deserialize, Deserializer, Error};

/// Accepts 1 or more.
pub(super) fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a limit of zero is not possible, try 1 or more")),
        limit => Ok(limit),
    }
}

/// Accepts 1 to 64.
pub(super) fn in_flight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        limit @ 1..=64 => Ok(limit),
        limit => {
            Err(D::Error::custom(format_args!("{limit} messages in flight are not possible, try 1 to 64")))
        }
    }
}

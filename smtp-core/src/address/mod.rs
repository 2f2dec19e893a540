//! Defines the arguments of commands: mailboxes, domains, paths and their parts (RFC 5321 §4.1.2, §4.1.3).
//!
//! These values hold no CR, LF, NUL or other control character, and nothing that would end their argument early.
//! Commands are written from these values only, so one command cannot become two. Each value keeps its printed form,
//! so that writing it is a single copy.

mod domain;
mod domain_part;
mod error;
mod forms;
mod literal;
mod local_part;
mod mailbox;
mod path;

pub use domain::Domain;
pub use domain_part::{DomainPart, EhloDomain};
pub use error::SyntaxError;
pub use literal::AddressLiteral;
pub use local_part::LocalPart;
pub use mailbox::Mailbox;
pub use path::{ForwardPath, ReversePath};

pub(crate) use forms::text_forms;

/// Returns whether a character outside ASCII may appear in an argument under SMTPUTF8 (RFC 6531 §3.3).
///
/// Control characters and the two line separators are excluded, because some readers treat them as line ends.
pub(crate) fn is_utf8_non_ascii(character: char) -> bool {
    !character.is_ascii() && !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;

//! Defines the values that commands are made of: mailboxes, domains, paths and their parts (RFC 5321 §4.1.2, §4.1.3).
//!
//! A value of these types holds no CR, LF, NUL or other control character, and nothing that would end its argument
//! early. Whatever is written into a command has passed here, so one command cannot become two.
//! Each value keeps its printed form, so that writing it is one copy.

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

/// Whether a character outside ASCII may stand in an argument under SMTPUTF8 (RFC 6531 §3.3).
///
/// Controls and the two line separators are left out: some readers take them for an end of line.
pub(crate) fn is_utf8_non_ascii(character: char) -> bool {
    !character.is_ascii() && !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;

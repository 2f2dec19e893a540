//! A sans-IO SMTP client.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address;
mod parameter;
mod text;

pub use address::{
    AddressLiteral, Domain, DomainPart, EhloDomain, ForwardPath, LocalPart, Mailbox, ReversePath, SyntaxError,
};
pub use parameter::Parameter;
pub use text::Text;

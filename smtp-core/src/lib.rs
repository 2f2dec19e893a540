//! A sans-IO SMTP client.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address;
mod auth;
mod client;
mod command;
mod config;
mod envelope;
mod event;
mod extensions;
mod fault;
mod mask;
mod parameter;
pub mod reply;
mod secret;
mod text;
mod time;
mod transmit;
mod transparency;

pub use address::{
    AddressLiteral, Domain, DomainPart, EhloDomain, ForwardPath, LocalPart, Mailbox, ReversePath, SyntaxError,
};
pub use auth::{Login, Mechanism, MechanismError, Plain};
pub use client::Client;
pub use config::{Config, Limits, Protocol, Reveal, Timeouts, Timer};
pub use envelope::{BodyType, Envelope, Recipient};
pub use event::{End, Event, Goal, Input, Outcome, Output, Verb};
pub use extensions::{Extension, Extensions};
pub use fault::{Cause, Misuse, Reason, Violation};
pub use parameter::Parameter;
pub use reply::{Code, EnhancedCode, Reply, Severity};
pub use secret::Secret;
pub use text::Text;
pub use time::Instant;
pub use transmit::{Content, Transmit};

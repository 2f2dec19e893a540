//! Builds standards-compliant mail messages and streams them.
//!
//! A message is built from typed values: addresses, dates, identifiers, sources. Invalid values cannot be
//! constructed, so the output is always a valid message (RFC 5322, RFC 2045 to 2049, RFC 2231, RFC 6532).
//!
//! ```
//! use smtp_mime::{AddressList, Context, Date, Entity, Message, NameAddr};
//!
//! // The crate reads no clock and draws no random numbers: pass both, or use `Context::system()` (feature `system`).
//! let context = Context::new(Date::from_unix(1_795_196_578, 0)?, [7; Context::SEED]);
//!
//! let message = Message::builder()
//!     .from("You <you@example.org>".parse::<NameAddr>()?)
//!     .to("\"Friend, A\" <friend@example.net>, Büro: other@bücher.example;".parse::<AddressList>()?)
//!     .bcc("hidden@example.net".parse::<AddressList>()?)
//!     .subject("Grüße")
//!     .text("It works.\n")
//!     .attach(Entity::attachment("naïve.bin", &[0_u8, 1, 2][..])?)
//!     .build(&context)?;
//!
//! // The values for the envelope and `SIZE=` are known before the message is sent.
//! assert_eq!(message.sender().map(|sender| sender.as_str()), Some("you@example.org"));
//! assert_eq!(message.recipients().len(), 3);
//! assert!(!message.needs_smtputf8() && !message.needs_8bitmime());
//!
//! let mut octets = Vec::new();
//! message.write_to(&mut octets)?;
//! assert_eq!(octets.len() as u64, message.encoded_len());
//!
//! let text = String::from_utf8(octets)?;
//! assert!(text.starts_with("From: You <you@example.org>\r\n"));
//! assert!(text.contains("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"));
//! assert!(!text.contains("hidden@example.net"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Sending
//!
//! [`Message::reader`] returns the message chunk by chunk, with constant memory for attachments of any size. It is a
//! [`BufRead`](std::io::BufRead), so that a client can consume as much as it can send:
//!
//! ```
//! # use smtp_mime::{Context, Date, Message, NameAddr};
//! # let context = Context::new(Date::from_unix(0, 0)?, [7; Context::SEED]);
//! # let you: NameAddr = "you@example.org".parse()?;
//! # let message = Message::builder().from(you.clone()).to(you).build(&context)?;
//! use std::io::BufRead;
//!
//! let mut reader = message.reader();
//! loop {
//!     // An error here means that a file has changed: abort the message, do not end it.
//!     let chunk = reader.fill_buf()?;
//!     if chunk.is_empty() {
//!         break;
//!     }
//!     let sent = chunk.len(); // or as much as the client accepted
//!     reader.consume(sent);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Lines end in CRLF; dots are not doubled, which is part of SMTP.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod context;
#[cfg(feature = "dkim")]
mod dkim;
mod encoding;
mod entity;
mod error;
mod escaped;
mod existing;
mod header;
#[cfg(feature = "html")]
mod html;
mod lint;
mod message;
mod source;
#[cfg(feature = "system")]
mod system;

pub use address::{Address, AddressList, Group, NameAddr};
pub use context::Context;
#[cfg(feature = "dkim")]
pub use dkim::{Canonicalization, DkimKey, DkimSigner};
pub use encoding::ContentTransferEncoding;
pub use entity::{ContentType, Disposition, Entity, PreparedEntity, Signature};
pub use error::{Error, ValueError};
pub use escaped::EscapedWriter;
pub use existing::{Edit, ExistingMessage, with_blank_line};
pub use header::{date::Date, message_id::MessageId, name::FieldName};
#[cfg(feature = "html")]
pub use html::text_from_html;
pub use lint::{Finding, Lint, Severity};
pub use message::{AutoSubmitted, BodyType, EnvelopeError, Importance, Message, MessageBuilder, Reader};
pub use smtp_core::{Mailbox, SyntaxError};
pub use source::Source;
#[cfg(feature = "system")]
pub use system::SystemError;

/// The example of the README, compiled and run as a test.
#[cfg(all(doctest, feature = "system"))]
#[doc = include_str!("../README.md")]
pub struct Readme;

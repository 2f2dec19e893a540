//! Judges a server by what was seen of it, without I/O: an application fills [`Facts`] and gets [`findings`].
//!
//! ```
//! use smtp_core::mailer::{Server, Settings};
//! use smtp_core::probe::{Facts, findings};
//!
//! let mut facts = Facts::new(&Settings::new(Server::host("mx.example.org", 25)), 1_800_000_000);
//! facts.greeted_after = std::time::Duration::from_secs(30);
//! assert_eq!(findings(&facts)[0].rule, "slow-greeting");
//! ```

mod facts;
mod findings;

pub use facts::{Certificate, Facts, Offer, OldTls, Tls};
pub use findings::{Finding, Severity, findings, refusals};

//! What the tests of the workspace share: [real servers](lab), [the program as a process](program), what they are
//! judged by, and [limits](watch) on how long they take.

pub mod attachments;
pub mod driver;
pub mod injected;
pub mod joined;
pub mod lab;
pub mod living;
pub mod program;
pub mod proxy;
pub mod secrets;
pub mod system_calls;
pub mod waiting;
pub mod watch;
pub mod wire;

/// The Rust examples of `README.md`, which `cargo test --doc` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The examples of the core's README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../smtp-core/README.md")]
pub struct CoreReadme;

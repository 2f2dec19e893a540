//! What the tests of the workspace share: [real servers](lab), [the program as a process](program), and what
//! they are judged by.

pub mod attachments;
pub mod driver;
pub mod joined;
pub mod lab;
pub mod program;
pub mod proxy;
pub mod secrets;
pub mod system_calls;
pub mod wire;

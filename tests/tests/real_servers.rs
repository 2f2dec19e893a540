//! What real servers make of what we send, and we of what they say.

mod core;
mod cut;
mod lab;

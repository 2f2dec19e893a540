//! What real servers make of what we send, and we of what they say.

mod bodies;
mod core;
mod cut;
mod lab;
mod mechanisms;
mod refusals;
mod secrets;
mod sending;
mod tls_sessions;

//! What real servers make of what we send, and we of what they say.

mod bodies;
mod core;
mod cut;
mod everyone;
mod features;
mod lab;
mod matrix;
mod mechanisms;
mod outside;
mod person;
mod probe;
mod proxy;
mod refusals;
mod secrets;
mod sending;
mod tls_sessions;

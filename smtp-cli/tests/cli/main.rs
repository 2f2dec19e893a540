//! The program from outside, in process, against the scripted server: octets on the wire and exit statuses.

mod bad_input;
mod envelope;
mod login;
mod message;
mod session;
mod support;
mod tls;

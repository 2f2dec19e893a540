//! The program from outside, in process, against the scripted server: octets on the wire and exit statuses.

#![allow(clippy::unwrap_used, reason = "everything here is a test or a helper of one")]

mod after_acceptance;
mod any_input;
mod arguments;
mod bad_input;
mod commands;
mod config;
mod coverage;
mod dns_server;
mod envelope;
mod exit_statuses;
mod hints;
mod inputs;
mod layers;
mod login;
mod long_replies;
mod message;
mod mx;
mod names;
mod output_files;
mod probe;
#[cfg(unix)]
mod process;
mod progress;
mod proxy;
mod raw_server;
mod run_options;
#[allow(unreachable_pub, reason = "it belongs to the tests of the workspace, which share it")]
#[path = "../../../tests/src/secrets.rs"]
mod secrets;
mod sendmail;
mod session;
mod settings;
#[cfg(unix)]
mod signals;
mod snapshots;
mod support;
mod terminal_octets;
mod tls;
mod trust;
mod turned_away;
mod until;
mod while_writing;

//! What needs no socket: sessions joined to a small client in virtual time, scenario files, presets.

mod client;
mod pair;
mod presets;
mod scenarios;

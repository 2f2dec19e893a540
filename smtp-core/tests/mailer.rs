//! The mailers against servers over real sockets: every test of behaviour runs on both faces, blocking and tokio.

#[path = "mailer/face.rs"]
mod face;
#[path = "mailer/sending.rs"]
mod sending;

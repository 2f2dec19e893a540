//! Sends mail from a shell or a script.

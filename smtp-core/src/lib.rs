//! A sans-IO SMTP client.

//! A scripted SMTP server for tests.

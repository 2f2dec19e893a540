//! Provides the values of header fields, and writes them (RFC 5322 §2.2, §3.6).

pub(crate) mod date;
pub(crate) mod encoded_word;
pub(crate) mod fold;
pub(crate) mod message_id;
pub(crate) mod name;
pub(crate) mod parameter;
pub(crate) mod phrase;
pub(crate) mod unstructured;

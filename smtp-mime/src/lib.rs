//! Builds mail messages.

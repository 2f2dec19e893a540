//! Provides the [`Report`] of a run and its texts.

mod failure;
mod message;
mod pattern;
mod run;

pub use self::{
    failure::Failure,
    pattern::TranscriptDifference,
    run::{Nearest, Report, RuleUse},
};

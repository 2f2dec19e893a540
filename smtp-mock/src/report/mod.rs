//! Provides what is said of a run: [`Finding`]s about the client, [`Mismatch`]es of dialogues, the [`Report`].

mod failure;
mod finding;
mod message;
mod pattern;
mod run;

pub use self::{
    failure::Failure,
    finding::{Fault, Finding},
    pattern::TranscriptDifference,
    run::{Mismatch, Nearest, Report, RuleUse},
};

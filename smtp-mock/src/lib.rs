//! A scripted SMTP server for tests.

mod auth;
mod capture;
mod driver;
mod duet;
#[cfg(feature = "net")]
mod mock;
#[cfg(feature = "program")]
pub mod program;
mod random;
mod record;
mod report;
mod scenario;
mod server;
mod session;
#[cfg(feature = "net")]
mod tls;

pub use self::{
    capture::{CaptureLimits, Entry, Envelope, Kind, Message, Parameter, Path, Summary, Transcript},
    driver::serve,
    duet::{ClientCore, Cuts, Duet, Ending, Turn},
    record::Recording,
    report::{Failure, Fault, Finding, Mismatch, Nearest, Report, RuleUse, TranscriptDifference},
    scenario::{
        AuthSettings, Certificate, ChaosFault, ChaosSettings, Close, Dialogue, DialogueLine, Drip,
        ExpectSettings, Glob, HandshakeFault, LimitSettings, Mechanism, Octets, On, Preset, Protocol,
        ProxyHeader, Reply, Rule, Scenario, ScenarioError, ServerSettings, Step, Times, TlsMode, TlsSettings,
        When, WireSettings, escape, parse_duration, print_duration,
    },
    server::Server,
    session::{Handshake, Output, Secured, Session},
};
#[cfg(feature = "net")]
pub use self::{
    capture::{Store, StoreFormat},
    driver::listener::Blackhole,
    mock::{Builder, Mock, StartError},
    tls::{Authority, Chain},
};

//! Provides [`Scenario`]: what the server is, where it departs from a correct one, and what must hold at the end.

mod dialogue;
mod duration;
mod file;
mod glob;
mod octets;
mod offers;
mod preset;
mod reply;
mod rule;
mod settings;
mod step;

pub use self::{
    dialogue::{Dialogue, DialogueLine},
    duration::{parse_duration, print_duration},
    file::ScenarioError,
    glob::Glob,
    octets::{Octets, escape},
    preset::Preset,
    reply::Reply,
    rule::{On, Rule, Times, When},
    settings::{
        AuthSettings, Certificate, ChaosFault, ChaosSettings, ExpectSettings, HandshakeFault, LimitSettings,
        Mechanism, Protocol, ProxyHeader, ServerSettings, TlsMode, TlsSettings, WireSettings,
    },
    step::{Close, Drip, Step},
};
pub(crate) use self::{
    glob::match_items,
    offers::{Extension, Offers},
    reply::append_code,
    rule::reply_steps,
    step::{Action, LARGEST},
};
#[cfg(feature = "program")]
pub(crate) use self::{offers::check_keyword, step::ACTIONS};

/// Everything that decides what the server does: with no rule and no dialogue, a correct server.
///
/// ```
/// use smtp_mock::Scenario;
/// let scenario = Scenario::parse("greylist.toml", r#"
///     [[rule]]
///     on    = "rcpt"
///     times = 1
///     reply = "450 4.2.0 greylisted"
/// "#).unwrap();
/// assert_eq!(scenario.rules.len(), 1);
/// let error = Scenario::parse("typo.toml", "[sever]\n").unwrap_err();
/// assert!(error.to_string().starts_with("typo.toml:1:2: unknown field `sever`, expected one of"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// A name for reports.
    pub name: Option<String>,
    /// What it is for.
    pub about: Option<String>,
    /// The seed of everything random; the same seed gives the same octets.
    pub seed: u64,
    /// Whether local-parts such as `450-4.2.2` make the server answer so.
    pub magic: bool,
    /// Whether messages are counted but neither kept nor logged, for load.
    pub sink: bool,
    /// Whether what a client sends is acknowledged at once (`TCP_QUICKACK`, on Linux), so that one that waits for the
    /// acknowledgement does not stall.
    pub quick_ack: bool,
    /// Whether transcripts show what AUTH carries.
    pub show_secrets: bool,
    /// What kind of server it is.
    pub server: ServerSettings,
    /// TLS.
    pub tls: TlsSettings,
    /// AUTH.
    pub auth: AuthSettings,
    /// How every reply is cut.
    pub wire: WireSettings,
    /// Limits by count and rate.
    pub limits: LimitSettings,
    /// Faults by chance.
    pub chaos: Option<ChaosSettings>,
    /// Departures from the correct server.
    pub rules: Vec<Rule>,
    /// Exact dialogues, by connection.
    pub dialogues: Vec<Dialogue>,
    /// What must hold at the end.
    pub expect: ExpectSettings,
}

impl Scenario {
    /// A correct server.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The dialogue of this connection, counted from 1: its own, or one that names no connection.
    #[must_use]
    pub fn dialogue(&self, connection: u64) -> Option<&Dialogue> {
        let own = self.dialogues.iter().find(|dialogue| dialogue.connection == Some(connection));
        own.or_else(|| self.dialogues.iter().find(|dialogue| dialogue.connection.is_none()))
    }

    /// Whether any step stops reading: sockets then get small buffers, so that a client feels it.
    #[cfg(feature = "net")]
    pub(crate) fn stops_reading(&self) -> bool {
        self.steps().any(|step| matches!(step, Step::StopReading(_)))
    }

    /// Whether a session may come to a TLS handshake.
    #[cfg(feature = "program")]
    pub(crate) fn begins_tls(&self) -> bool {
        let lines = self.dialogues.iter().flat_map(Dialogue::lines);
        self.tls.mode != TlsMode::None
            || lines.into_iter().any(|(_, line)| *line == DialogueLine::Starttls)
            || self.rules.iter().any(|rule| matches!(rule.on, On::Starttls | On::Any))
    }

    #[cfg(feature = "net")]
    fn steps(&self) -> impl Iterator<Item = &Step> {
        let of_rules = self.rules.iter().flat_map(|rule| &rule.then);
        let of_dialogues =
            self.dialogues.iter().flat_map(Dialogue::lines).filter_map(|(_, line)| match line {
                DialogueLine::Step(step) => Some(step),
                _ => None,
            });
        of_rules.chain(of_dialogues)
    }
}

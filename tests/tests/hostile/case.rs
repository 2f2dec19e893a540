//! Defines [`Case`], a hostile dialogue as data: what the server does, what the client is asked, and what is due.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use smtp_mock::Scenario;
pub(crate) use smtp_tests::lab::{PASSWORD, USER};
use smtp_tests::secrets::leak;

use super::judge::WORDS;

/// The token that must not be seen.
const TOKEN: &str = "ya29.open-sesame-1001-nights";

/// The clients that cases are tried with, to show that they can fail.
const CLIENTS: [&str; 6] = ["curl", "msmtp", "nodemailer", "s-nail", "smtplib", "swaks"];

/// The groups: the file of each.
const GROUPS: [(&str, &str); 16] = [
    ("arguments", include_str!("cases/arguments.toml")),
    ("addresses", include_str!("cases/addresses.toml")),
    ("header fields", include_str!("cases/header_fields.toml")),
    ("transparency and line ends", include_str!("cases/transparency.toml")),
    ("STARTTLS", include_str!("cases/starttls.toml")),
    ("certificates and handshakes", include_str!("cases/certificates.toml")),
    ("authentication", include_str!("cases/authentication.toml")),
    ("SCRAM", include_str!("cases/scram.toml")),
    ("secrets in outputs", include_str!("cases/secrets.toml")),
    ("replies without end", include_str!("cases/replies.toml")),
    ("time", include_str!("cases/time.toml")),
    ("codes", include_str!("cases/codes.toml")),
    ("order of replies", include_str!("cases/order.toml")),
    ("loss", include_str!("cases/loss.toml")),
    ("recipients", include_str!("cases/recipients.toml")),
    ("LMTP and chunking", include_str!("cases/lmtp_and_chunking.toml")),
];

/// When the client is asked to use TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tls {
    #[default]
    None,
    Opportunistic,
    Starttls,
    Implicit,
}

impl Tls {
    /// The word of `--tls`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Opportunistic => "opportunistic",
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
        }
    }
}

/// Another client that is known to fail a case, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    /// Its name.
    pub(crate) client: String,
    /// What it does that it must not do: one of [`super::judge::WORDS`].
    pub(crate) flaw: String,
}

/// One hostile dialogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Case {
    /// What it is called; the places in braces are filled from `each`.
    pub(crate) name: String,
    /// Its group.
    #[serde(skip)]
    pub(crate) group: &'static str,
    /// The rows of the table of threats that it belongs to.
    pub(crate) threats: Vec<u8>,
    /// The server: a scenario of `smtp-mock`.
    #[serde(default)]
    pub(crate) server: String,
    #[serde(default)]
    pub(crate) tls: Tls,
    /// The mechanisms of the login that is asked for, as `--auth` takes them.
    pub(crate) login: Option<String>,
    /// Whether the password is a token.
    #[serde(default)]
    pub(crate) token: bool,
    /// Who says hello.
    pub(crate) helo: Option<String>,
    #[serde(default = "from")]
    pub(crate) from: String,
    #[serde(default = "to")]
    pub(crate) to: Vec<String>,
    /// The one recipient of the envelope, whatever the header section says.
    pub(crate) rcpt: Option<String>,
    #[serde(default = "subject")]
    pub(crate) subject: String,
    #[serde(default = "body")]
    pub(crate) body: String,
    /// A ready message in the place of subject and body.
    pub(crate) message: Option<String>,
    /// The time limits that the program is given; the core goes by those of RFC 5321.
    pub(crate) limit: Option<String>,
    /// Further options of the program.
    #[serde(default)]
    pub(crate) options: Vec<String>,
    /// Whether the core is played as well, in virtual time.
    #[serde(default = "yes")]
    pub(crate) core: bool,
    /// Whether the octets are cut for the core: not where a reply that came later would be another one's.
    #[serde(default = "yes")]
    pub(crate) cuts: bool,
    /// Whether the program is played.
    #[serde(default = "yes")]
    pub(crate) program: bool,
    /// The exit status that is due.
    pub(crate) status: i32,
    /// What is due to become of the message: `accepted`, `refused`, `unsent`, `unknown`, `partly`, or `nothing` when
    /// nothing may be said of it, because it was turned down before.
    pub(crate) outcome: String,
    /// The same for the core, where it differs.
    pub(crate) core_outcome: Option<String>,
    /// Connections that may be made.
    #[serde(default = "once")]
    pub(crate) connections: u64,
    /// What the client must not have said.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    /// What it must have said.
    #[serde(default)]
    pub(crate) present: Vec<String>,
    /// What the program must tell on standard error.
    #[serde(default)]
    pub(crate) tells: Vec<String>,
    /// Values for the places in braces; every combination is a case.
    #[serde(default)]
    each: BTreeMap<String, Vec<String>>,
    /// Clients that fail it.
    #[serde(default)]
    pub(crate) peers: Vec<Peer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// Every case, each place filled.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, text) in GROUPS {
        let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{group}: {error}"));
        for mut case in file.case {
            case.group = group;
            cases.extend(fill(case));
        }
    }
    cases
}

/// The groups with the number of their cases.
pub(crate) fn count() -> Vec<(&'static str, usize)> {
    let cases = cases();
    GROUPS.map(|(group, _)| (group, cases.iter().filter(|case| case.group == group).count())).to_vec()
}

impl Case {
    /// The server's scenario.
    pub(crate) fn scenario(&self) -> Scenario {
        Scenario::parse(&self.name, &self.server).unwrap_or_else(|error| panic!("{}: {error}", self.server))
    }

    /// What must not be seen.
    pub(crate) const fn secret(&self) -> &'static str {
        if self.token { TOKEN } else { PASSWORD }
    }

    /// The form in which the secret stands in `octets`, if it does.
    pub(crate) fn leak(&self, octets: &[u8]) -> Option<&'static str> {
        leak(octets, USER, self.secret())
    }
}

/// The cases for every combination of values.
fn fill(mut case: Case) -> Vec<Case> {
    let Some((place, values)) = case.each.pop_first() else {
        complete(&mut case);
        return vec![case];
    };
    values.iter().flat_map(|value| fill(replace(case.clone(), &format!("{{{place}}}"), value))).collect()
}

/// Puts a value into a place wherever it stands.
fn replace(mut case: Case, place: &str, value: &str) -> Case {
    #[rustfmt::skip]
    let Case {
        name, server, from, subject, body, outcome,
        login, helo, rcpt, message, limit,
        to, options, absent, present, tells, ..
    } = &mut case;
    let optional = [login, helo, rcpt, message, limit];
    let lists = [to, options, absent, present, tells];
    let texts = [name, server, from, subject, body, outcome].into_iter();
    for text in texts.chain(optional.into_iter().flatten()).chain(lists.into_iter().flatten()) {
        if text.contains(place) {
            *text = text.replace(place, value);
        }
    }
    case
}

/// Fills the places that have the same value everywhere.
fn complete(case: &mut Case) {
    // names are for people: what a value holds of line ends is shown
    case.name = case.name.escape_debug().to_string();
    case.body = case
        .body
        .replace("{large}", &"It works, and goes on and on for the length of a line.\r\n".repeat(60_000));
    for text in case.rcpt.iter_mut().chain([&mut case.subject]) {
        if let Some((what, rest)) = text.strip_prefix("{many ").and_then(|text| text.split_once('}')) {
            *text = what.repeat(100_000) + rest;
        }
    }
    let response = if case.login.as_deref() == Some("PLAIN") { "AUTH PLAIN*" } else { "{as LOGIN}" };
    let server = std::mem::take(&mut case.server)
        .replace("{lock-step}", "[server]\nextensions = ['ENHANCEDSTATUSCODES']\n")
        .replace("{pipelining}", "[server]\nextensions = ['PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES']\n")
        .replace("{tls}", "[tls]\nmode = 'starttls'\n")
        .replace("{accounts}", "[auth]\nusers = { '{user}' = '{password}' }\n")
        .replace("{last response}", response)
        .replace("{as PLAIN}", &STANDARD.encode(format!("\0{USER}\0{PASSWORD}")))
        .replace("{as LOGIN}", &STANDARD.encode(PASSWORD))
        .replace("{user}", USER)
        .replace("{password}", PASSWORD)
        .replace("{token}", TOKEN)
        // longer than any challenge that may be answered, within the longest line of a reply
        .replace("{long}", &"AAAA".repeat(3_500))
        // as many octets that it would take minutes in drips
        .replace("{slow reply}", &format!("250-{}", "and so on ".repeat(300)))
        .replace("{many words}", &"1 ".repeat(50_000));
    case.server = server;
    // the hook, the code that is due there, and the name of its limit
    for (on, code, phase) in [
        ("connect", "220", "greeting"),
        ("ehlo", "250", "hello"),
        ("mail", "250", "mail"),
        ("rcpt", "250", "rcpt"),
        ("data", "354", "data"),
    ] {
        case.server = case.server.replace(&format!("{{code of {on}}}"), code);
        case.limit = case.limit.take().map(|limit| limit.replace(&format!("{{phase of {on}}}"), phase));
    }
    case.server = encode(&case.server);
}

/// Fills the places for base64: `{base64 text}`.
fn encode(text: &str) -> String {
    let mut parts = text.split("{base64 ");
    let mut encoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (plain, rest) = part.split_once('}').expect("a place has an end");
        encoded.push_str(&STANDARD.encode(plain));
        encoded.push_str(rest);
    }
    encoded
}

#[test]
fn every_case_has_a_name_of_its_own_and_a_known_outcome() {
    let mut names = BTreeSet::new();
    for case in cases() {
        assert!(names.insert(case.name.clone()), "{} is there twice", case.name);
        for place in case.server.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
            assert!(place.0.contains('='), "{}: {{{}}} is not filled", case.name, place.0);
        }
        let known = ["accepted", "refused", "unsent", "unknown", "partly", "nothing"];
        assert!(known.contains(&case.outcome.as_str()), "{}: {}", case.name, case.outcome);
        assert!(case.threats.iter().all(|row| (1..=24).contains(row)), "{}: {:?}", case.name, case.threats);
        assert!(!case.threats.is_empty(), "{}", case.name);
        assert_eq!(case.connections == 0, case.outcome == "nothing", "{}", case.name);
        assert!(case.core || case.program, "{} is not played", case.name);
        for peer in &case.peers {
            assert!(CLIENTS.contains(&peer.client.as_str()), "{}: {}", case.name, peer.client);
            assert!(WORDS.contains(&peer.flaw.as_str()), "{}: {}", case.name, peer.flaw);
        }
        case.scenario();
    }
}

fn from() -> String {
    "you@example.org".to_owned()
}

fn to() -> Vec<String> {
    vec!["friend@example.net".to_owned()]
}

fn subject() -> String {
    "Hello".to_owned()
}

fn body() -> String {
    "It works.".to_owned()
}

const fn yes() -> bool {
    true
}

const fn once() -> u64 {
    1
}

//! Defines what every client is judged by: [`Seen`], what was seen of it in a case, and [`Flaw`], what was wrong.

use smtp_mock::{Fault, Kind, Report};

use super::case::Case;

/// What was seen of a client in a case.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its exit status; `None` when it had to be killed.
    pub(crate) status: Option<i32>,
    /// All that it printed.
    pub(crate) printed: Vec<u8>,
    /// The server's view.
    pub(crate) report: Report,
    /// The messages that the server kept.
    pub(crate) messages: Vec<Vec<u8>>,
}

/// The words for flaws in the files of the cases, in the order of [`Flaw`].
pub(crate) const WORDS: [&str; 12] = [
    "claims success",
    "denies success",
    "says",
    "leaves out",
    "line ends",
    "8-bit",
    "breaks",
    "leaks",
    "in clear",
    "hangs",
    "connects",
    "controls",
];

/// What a client did that it must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It ended with 0 though the message did not arrive, or may not have.
    ClaimsSuccess,
    /// It did not end with 0 though the message arrived.
    DeniesSuccess,
    /// It said what it must not say.
    Says(String),
    /// It left out what it must say.
    LeavesOut(String),
    /// It sent CR or LF alone.
    LineEnds,
    /// It sent 8-bit octets that it had not declared.
    EightBit,
    /// It broke another rule of the protocol.
    Breaks(String),
    /// The password could be read in what it printed.
    Leaks(&'static str),
    /// The password left without TLS.
    InClear,
    /// It had to be killed.
    Hangs,
    /// It connected more often than it may.
    Connects(u64),
    /// It let the server play with the terminal.
    Controls,
}

#[cfg(feature = "real-servers")]
impl Flaw {
    /// The word for it in the files of the cases.
    pub(crate) const fn word(&self) -> &'static str {
        let index = match self {
            Self::ClaimsSuccess => 0,
            Self::DeniesSuccess => 1,
            Self::Says(_) => 2,
            Self::LeavesOut(_) => 3,
            Self::LineEnds => 4,
            Self::EightBit => 5,
            Self::Breaks(_) => 6,
            Self::Leaks(_) => 7,
            Self::InClear => 8,
            Self::Hangs => 9,
            Self::Connects(_) => 10,
            Self::Controls => 11,
        };
        WORDS[index]
    }
}

/// All that is wrong with what was seen.
pub(crate) fn judge(case: &Case, seen: &Seen) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    match seen.status {
        None => flaws.push(Flaw::Hangs),
        Some(0) if case.status != 0 => flaws.push(Flaw::ClaimsSuccess),
        Some(1..) if case.status == 0 => flaws.push(Flaw::DeniesSuccess),
        Some(_) => {}
    }
    flaws.extend(case.leak(&seen.printed).map(Flaw::Leaks));
    if seen.printed.iter().any(|octet| b"\x07\x08\x1b".contains(octet)) {
        flaws.push(Flaw::Controls);
    }
    flaws.extend(seen.report.findings.iter().filter_map(|finding| match finding.fault {
        // the server ended it, or composing is not what is judged here
        Fault::MissingQuit
        | Fault::MessageMissingField
        | Fault::MessageRepeatedField
        | Fault::LongCommand => None,
        Fault::BareLineFeed
        | Fault::BareCarriageReturn
        | Fault::MessageBareLineFeed
        | Fault::MessageBareCarriageReturn => Some(Flaw::LineEnds),
        Fault::MessageUndeclaredEightBit => Some(Flaw::EightBit),
        Fault::SecretInClear => Some(Flaw::InClear),
        _ => Some(Flaw::Breaks(finding.to_string())),
    }));
    let said = said(&seen.report, &seen.messages);
    flaws.extend(said_wrongly(case, &said));
    if seen.report.connections > case.connections {
        flaws.push(Flaw::Connects(seen.report.connections));
    }
    flaws.extend(seen.report.mismatches.iter().map(|mismatch| Flaw::Says(mismatch.got.clone())));
    flaws.extend(seen.report.unmet.iter().cloned().map(Flaw::LeavesOut));
    flaws
}

/// What of `said` is missing or too much.
pub(crate) fn said_wrongly(case: &Case, said: &str) -> Vec<Flaw> {
    let absent = case.absent.iter().filter(|words| said.contains(*words)).cloned().map(Flaw::Says);
    let present = case.present.iter().filter(|words| !said.contains(*words)).cloned().map(Flaw::LeavesOut);
    absent.chain(present).collect()
}

/// The commands of a client, and the messages that the server kept.
fn said(report: &Report, messages: &[Vec<u8>]) -> String {
    let entries = report.transcript.entries();
    let commands = entries.iter().filter(|entry| entry.kind == Kind::Command).map(|entry| &entry.octets);
    let octets: Vec<u8> = commands.chain(messages).flatten().copied().collect();
    String::from_utf8_lossy(&octets).into_owned()
}

//! Defines [`Step`], what a rule does when it fires, and the faults that steps are made of.

use core::time::Duration;

use serde::Deserialize;

use super::{Octets, Reply, duration, octets, parse_duration};

/// How the server ends a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Close {
    /// Both directions end in order: the client reads the end of the stream.
    Fin,
    /// The connection is reset: the client's next read or write fails.
    Rst,
    /// The server's direction ends; it goes on reading and never answers again.
    #[serde(alias = "half")]
    HalfClose,
}

impl Close {
    /// The way of closing that has this word in scenario files.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "fin" => Some(Self::Fin),
            "rst" => Some(Self::Rst),
            "half-close" | "half" => Some(Self::HalfClose),
            _ => None,
        }
    }
}

/// Sends what follows a few octets at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Drip {
    /// Octets in each packet, at least 1.
    #[serde(default = "one")]
    pub bytes: usize,
    /// The pause between two packets.
    #[serde(deserialize_with = "duration::deserialize")]
    pub every: Duration,
}

/// One thing that a rule makes the server do. Steps run in order; how packets are cut holds for the replies of the
/// same rule that come after it.
///
/// The first `Reply` or `Raw` (by its first three digits) or `Default` of a rule decides the command's fate: the
/// session's state goes the way that a server which sent this code would go, so a `250` to RCPT accepts the
/// recipient and a `451` to the end of mail data does not keep the message. A rule with none of them leaves the state
/// as it was.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Goes on as the correct server would.
    Default,
    /// Never answers this or anything after it; what the client sends is read and thrown away.
    Stall,
    /// Answers with a reply.
    Reply(Reply),
    /// Answers with 421 and goes on with the session as if the command had failed, as some servers do against RFC 5321
    /// §3.8.
    #[serde(rename = "421-continue")]
    UnavailableContinues,
    /// Sends octets as they are, with the escapes `\r \n \t \0 \\ \xNN`.
    Raw(Octets),
    /// Sends octets given as hexadecimal digits.
    #[serde(deserialize_with = "octets::deserialize_hexadecimal")]
    RawHex(Octets),
    /// Waits.
    #[serde(deserialize_with = "duration::deserialize")]
    Delay(Duration),
    /// Sends the following replies a few octets at a time.
    Drip(Drip),
    /// Cuts each following reply at these offsets, each part a packet of its own.
    Split(Vec<usize>),
    /// Sends each line of the following replies as its own packet, this long apart.
    #[serde(deserialize_with = "duration::deserialize")]
    SplitLines(Duration),
    /// Ends the connection.
    Close(Close),
    /// Sends this line again and again, for as long as the client takes it.
    Endless(String),
    /// Sends a reply `250` whose one line has this many octets.
    LongLine(usize),
    /// Sends this many random octets, the same in every run of one seed.
    Garbage(usize),
    /// Reads nothing for this long, so that the client's writes block.
    #[serde(deserialize_with = "duration::deserialize")]
    StopReading(Duration),
    /// Whether a message that ends here is kept, whatever the reply says.
    Capture(bool),
}

/// A step as dialogues, `--fault` and magic addresses name it.
pub(crate) struct Action {
    pub(crate) word: &'static str,
    /// What its argument is, if it has one.
    pub(crate) argument: Option<&'static str>,
    /// Whether a magic address may name it.
    pub(crate) magic: bool,
    read: fn(&str) -> Result<Step, String>,
}

/// The actions, besides a reply code.
#[rustfmt::skip]
pub(crate) const ACTIONS: &[Action] = &[
    Action { word: "default", argument: None, magic: false, read: |_| Ok(Step::Default) },
    Action { word: "421-continue", argument: None, magic: true, read: |_| Ok(Step::UnavailableContinues) },
    Action { word: "stall", argument: None, magic: true, read: |_| Ok(Step::Stall) },
    Action { word: "fin", argument: None, magic: true, read: |_| Ok(Step::Close(Close::Fin)) },
    Action { word: "rst", argument: None, magic: true, read: |_| Ok(Step::Close(Close::Rst)) },
    Action { word: "half-close", argument: None, magic: true, read: |_| Ok(Step::Close(Close::HalfClose)) },
    Action { word: "close", argument: Some("HOW"), magic: false, read: read_close },
    Action { word: "delay", argument: Some("D"), magic: true, read: |text| Ok(Step::Delay(parse_duration(text)?)) },
    Action { word: "drip", argument: Some("D"), magic: true, read: |text| Ok(Step::Drip(Drip { bytes: 1, every: parse_duration(text)? })) },
    Action { word: "split", argument: Some("N,N"), magic: false, read: read_split },
    Action { word: "split-lines", argument: Some("D"), magic: true, read: |text| Ok(Step::SplitLines(parse_duration(text)?)) },
    // Only where the steps are known from the start do sockets have the small buffers that a client feels.
    Action { word: "stop-reading", argument: Some("D"), magic: false, read: |text| Ok(Step::StopReading(parse_duration(text)?)) },
    Action { word: "garbage", argument: Some("N"), magic: true, read: |text| Ok(Step::Garbage(read_length(text)?)) },
    Action { word: "long-line", argument: Some("N"), magic: true, read: |text| Ok(Step::LongLine(read_length(text)?)) },
    Action { word: "endless", argument: Some("TEXT"), magic: false, read: |text| Ok(Step::Endless(text.to_owned())) },
    Action { word: "raw", argument: Some("OCTETS"), magic: false, read: |text| Octets::parse(text).map(Step::Raw) },
    Action { word: "raw-hex", argument: Some("HEX"), magic: false, read: |text| Octets::parse_hexadecimal(text).map(Step::RawHex) },
    Action { word: "capture", argument: Some("BOOL"), magic: false, read: read_capture },
];

impl Action {
    /// The action of this word.
    pub(crate) fn find(word: &str) -> Option<&'static Self> {
        let word = if word == "half" { "half-close" } else { word };
        ACTIONS.iter().find(|action| action.word == word)
    }

    /// The step, with its argument where it has one.
    pub(crate) fn step(&self, argument: Option<&str>) -> Result<Step, String> {
        let step = match (self.argument, argument.filter(|argument| !argument.is_empty())) {
            (Some(_), Some(argument)) => (self.read)(argument)?,
            (Some(form), None) => return Err(format!("{} wants an argument, {form}", self.word)),
            (None, None) => (self.read)("")?,
            (None, Some(argument)) => {
                return Err(format!("{} takes no argument, «{argument}» is one", self.word));
            }
        };
        step.check()?;
        Ok(step)
    }
}

fn read_close(text: &str) -> Result<Step, String> {
    let close = Close::from_word(text);
    close.map(Step::Close).ok_or_else(|| format!("«{text}» is no way to close, try fin, rst or half-close"))
}

fn read_split(text: &str) -> Result<Step, String> {
    let offsets: Result<Vec<usize>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    offsets.map(Step::Split).map_err(|_| format!("«{text}» are no offsets, try 1,3"))
}

fn read_length(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("«{text}» is not a number"))
}

fn read_capture(text: &str) -> Result<Step, String> {
    text.parse().map(Step::Capture).map_err(|_| format!("«{text}» is neither true nor false"))
}

impl Step {
    /// The steps of a rule that does nothing else: the correct server's reply stands where the step has none and does not
    /// end the session.
    pub(crate) fn alone(self) -> Vec<Self> {
        match self {
            Self::Reply(reply) => super::reply_steps(reply),
            Self::Delay(_) | Self::Drip(_) | Self::Split(_) | Self::SplitLines(_) | Self::Capture(_) => {
                vec![self, Self::Default]
            }
            Self::StopReading(_) => vec![Self::Default, self],
            step => vec![step],
        }
    }

    /// Whether the step says how what follows is cut.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self, Self::Split(_) | Self::SplitLines(_) | Self::Drip(_))
    }

    /// Whether nothing can come after the step.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Stall | Self::Endless(_) | Self::Close(Close::Fin | Close::Rst))
    }

    /// A reply out of text: `450 4.2.0 try later`.
    ///
    /// # Errors
    /// As [`Reply::parse`].
    pub fn reply(text: &str) -> Result<Self, String> {
        Reply::parse(text).map(Self::Reply)
    }

    /// The code that this step sends, where it sends one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) => Some(reply.code()),
            Self::UnavailableContinues => Some(421),
            Self::Raw(Octets(octets)) | Self::RawHex(Octets(octets)) => {
                let digits = octets.get(..3)?;
                let rest = octets.get(3)?;
                if !matches!(rest, b' ' | b'-' | b'\r' | b'\n') {
                    return None;
                }
                core::str::from_utf8(digits).ok()?.parse().ok()
            }
            Self::LongLine(_) => Some(250),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Drip(drip) if drip.bytes == 0 => {
                Err("a drip of 0 octets never ends, try bytes = 1".to_owned())
            }
            Self::Split(offsets) if offsets.is_empty() => Err("split names no offset, try [1, 3]".to_owned()),
            Self::Split(offsets) if !offsets.is_sorted_by(|left, right| left < right) || offsets[0] == 0 => {
                Err(format!("the offsets of split must rise from 1, {offsets:?} do not"))
            }
            Self::LongLine(length) | Self::Garbage(length) if *length == 0 => {
                Err("a length of 0 octets sends nothing, try 1 or more".to_owned())
            }
            Self::LongLine(length) | Self::Garbage(length) if *length > LARGEST => {
                Err(format!("{length} octets are too many, the limit is {LARGEST}, try endless"))
            }
            Self::Endless(line) if line.contains(['\r', '\n']) => {
                Err("endless takes one line without its line end".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The most octets that one step may make at once: it bounds memory; more is what `Endless` is for.
pub(crate) const LARGEST: usize = 16 * 1024 * 1024;

fn one() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_the_words_of_scenario_files() {
        #[derive(Deserialize)]
        struct Form {
            step: Step,
        }
        for action in ACTIONS {
            let (argument, value) = match action.argument {
                None => (None, None),
                Some("HOW") => (Some("rst"), Some("\"rst\"")),
                Some("D") if action.word == "drip" => (Some("1.5s"), Some("{ every = \"1.5s\" }")),
                Some("D") => (Some("3"), Some("3")),
                Some("N,N") => (Some("1,3"), Some("[1, 3]")),
                Some("N") => (Some("64"), Some("64")),
                Some("TEXT") => (Some("250-x"), Some("\"250-x\"")),
                Some("OCTETS") => (Some(r"250 x\r\n"), Some(r"'250 x\r\n'")),
                Some("HEX") => (Some("15 03"), Some("\"15 03\"")),
                Some("BOOL") => (Some("false"), Some("false")),
                Some(other) => panic!("{other}"),
            };
            let text = match value {
                None if matches!(action.word, "fin" | "rst" | "half-close") => {
                    format!("step = {{ close = \"{}\" }}", action.word)
                }
                None => format!("step = \"{}\"", action.word),
                Some(value) => format!("step = {{ {} = {value} }}", action.word),
            };
            let form: Form = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(action.step(argument), Ok(form.step), "{text}");
            assert!(action.step(if argument.is_some() { None } else { Some("x") }).is_err(), "{text}");
        }
    }
}

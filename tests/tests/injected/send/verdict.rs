//! Provides the verdict on a run: does what it reports agree with what the server accepted, and what it leaves with that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smtp_mock::{Message, Scenario};
use smtp_tests::injected::{Fault, Injection};
use smtp_tests::program::Finished;

/// The statuses of a run that sent nothing, by what can fail here: the transport, a file, a thread.
const UNSENT: [i32; 7] = [66, 71, 73, 74, 75, 76, 77];

/// The files that a run writes.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// JSON Lines.
    pub(super) transcript: Option<&'static str>,
    /// A scenario.
    pub(super) recording: Option<&'static str>,
}

/// What was seen of a run.
pub(super) struct Run {
    pub(super) finished: Finished,
    /// The fault that it met, if any was injected.
    pub(super) injection: Option<Injection>,
    /// Whether several threads may have met it.
    pub(super) is_threaded: bool,
    /// What the server accepted.
    pub(super) accepted: Vec<Arc<Message>>,
    /// What the server saw.
    pub(super) transcript: Vec<String>,
    /// Where it ran.
    pub(super) directory: PathBuf,
}

/// The recipients of a message, by the envelope.
pub(super) fn recipients(message: &Message) -> Vec<String> {
    message.to().into_iter().map(str::to_owned).collect()
}

/// The octets of a message without what differs from run to run: boundary, date and identifier.
pub(super) fn fixed(message: &Message) -> Vec<u8> {
    let text = String::from_utf8_lossy(&message.octets);
    let boundary = text.split_once("boundary=\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0));
    let text = boundary.map_or_else(|| text.to_string(), |boundary| text.replace(boundary, "BOUNDARY"));
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| !line.starts_with("Date: ") && !line.starts_with("Message-ID: "))
        .collect::<String>()
        .into()
}

impl Run {
    /// Objects where the program reports what is not so, or leaves half of something; `whole` are the messages that were
    /// to be sent.
    pub(super) fn judge(&self, whole: &BTreeMap<Vec<String>, Vec<u8>>, files: &Files) -> Result<(), String> {
        let verdict = self
            .accepted_is_whole(whole)
            .and_then(|times| if self.is_killed() { Ok(()) } else { self.report_agrees(whole, &times) })
            .and_then(|()| self.files_are_whole(files));
        verdict.map_err(|objection| {
            let Finished { status, .. } = &self.finished;
            let (output, error) = (self.finished.output(), self.finished.error());
            let seen = self.transcript.join("\n");
            format!("{objection}\nstatus {status:?}\n{output}{error}{seen}")
        })
    }

    /// Each message that the server accepted is whole and came once; gives how often which recipient got one.
    fn accepted_is_whole(
        &self,
        whole: &BTreeMap<Vec<String>, Vec<u8>>,
    ) -> Result<BTreeMap<String, usize>, String> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for message in &self.accepted {
            let recipients = recipients(message);
            let (came, sent) = (fixed(message), whole.get(&recipients).map_or(&[][..], Vec::as_slice));
            if came != sent {
                let alike = came.iter().zip(sent).take_while(|(came, sent)| came == sent).count();
                return Err(format!(
                    "{recipients:?} got {} octets instead of {}, the same up to {alike}",
                    came.len(),
                    sent.len()
                ));
            }
            for recipient in recipients {
                *times.entry(recipient).or_default() += 1;
            }
        }
        match times.iter().find(|(_, times)| **times > 1) {
            Some((recipient, times)) => Err(format!("{recipient} got it {times} times")),
            None => Ok(times),
        }
    }

    /// What the program reports agrees with what the server accepted.
    fn report_agrees(
        &self,
        whole: &BTreeMap<Vec<String>, Vec<u8>>,
        times: &BTreeMap<String, usize>,
    ) -> Result<(), String> {
        let error = self.finished.error();
        let status = self.finished.status.ok_or("it was ended by a signal")?;
        let (warnings, complaints): (Vec<&str>, Vec<&str>) =
            error.lines().partition(|line| line.starts_with("smtp-cli: warning: "));
        if self.is_passing() && (status, error.as_str()) != (0, "") {
            return Err("what passes by itself is no failure".to_owned());
        }
        let is_clear = complaints.iter().all(|line| line.starts_with("smtp-cli: "))
            && !["(os error", "a fault of this program"].iter().any(|words| error.contains(words));
        if complaints.len() != usize::from(status != 0 && !self.is_mute()) || !is_clear {
            return Err("standard error does not hold one line for a failure".to_owned());
        }
        let expected: BTreeSet<&String> = whole.keys().flatten().collect();
        let outcomes = self.outcomes()?.filter(|outcomes| !outcomes.is_empty());
        let Some(outcomes) = outcomes else {
            return if self.transcript.is_empty() && UNSENT.contains(&status) {
                // it failed before there was a message to report
                Ok(())
            } else if self.cannot_print() {
                let is_fitting = is_fitting(status, whole.len(), expected.len(), times.len());
                is_fitting
                    .then_some(())
                    .ok_or_else(|| format!("the status is {status}, accepted were {times:?}"))
            } else {
                Err("it does not report what became of the messages".to_owned())
            };
        };
        if outcomes.keys().collect::<BTreeSet<_>>() != expected {
            return Err(format!("it reports {outcomes:?}"));
        }
        for (recipient, outcome) in &outcomes {
            let is_accepted = times.contains_key(recipient);
            let agrees = match outcome.as_str() {
                "accepted" => is_accepted,
                "refused" | "unsent" => !is_accepted,
                "unknown" => true,
                _ => false,
            };
            if !agrees {
                return Err(format!("{recipient} is {outcome}, and the server accepted {times:?}"));
            }
        }
        let count = |word: &str| outcomes.values().filter(|outcome| *outcome == word).count();
        let is_unknown = count("unknown") > 0;
        if is_unknown != (status == 80) || !is_fitting(status, whole.len(), outcomes.len(), count("accepted"))
        {
            return Err("the status does not fit the outcomes".to_owned());
        }
        if warnings.len() > 1 { Err("it warns more than once".to_owned()) } else { Ok(()) }
    }

    /// Whether the fault ended it, as it should: a first SIGTERM only before the program has anything to report, or
    /// afterwards.
    fn is_killed(&self) -> bool {
        let may_end = match self.fault() {
            Some(Fault::Kill) => true,
            Some(Fault::Terminate) => {
                self.is_threaded || self.transcript.is_empty() || !self.finished.output.is_empty()
            }
            _ => false,
        };
        self.finished.status.is_none() && may_end
    }

    /// Whether the fault keeps the report from being printed, and standard error says so; a reader that is gone is no failure.
    fn cannot_print(&self) -> bool {
        let is_told = self.finished.error().contains("cannot write to standard output");
        self.fails_to_write() && (is_told || self.is_mute() || self.fault() == Some(Fault::Error("EPIPE")))
    }

    /// Whether a write of a file or a standard stream fails.
    fn fails_to_write(&self) -> bool {
        self.injection.as_ref().is_some_and(|injection| injection.call.name == "write")
    }

    /// Whether the call that failed is to be made again; a socket that is being connected cannot.
    fn is_passing(&self) -> bool {
        self.injection.as_ref().is_some_and(|injection| {
            let has_passed = matches!(injection.fault, Fault::Error("EINTR" | "EAGAIN"));
            has_passed && !["connect", "clone", "clone3"].contains(&injection.call.name.as_str())
        })
    }

    /// Whether it cannot write to standard error either.
    fn is_mute(&self) -> bool {
        self.fails_to_write() && matches!(self.fault(), Some(Fault::Lasting(_)))
    }

    fn fault(&self) -> Option<Fault> {
        self.injection.as_ref().map(|injection| injection.fault)
    }

    /// What the program reports of each recipient; `None` where it prints nothing.
    fn outcomes(&self) -> Result<Option<BTreeMap<String, String>>, String> {
        let output = self.finished.output();
        if output.is_empty() {
            return Ok(None);
        }
        if !output.starts_with('{') {
            let words = output.lines().map(|line| {
                let mut words = line.split_whitespace().map(str::to_owned);
                words.next().zip(words.next()).map(|(outcome, recipient)| (recipient, outcome))
            });
            return Ok(words.collect());
        }
        let document: serde_json::Value =
            serde_json::from_str(&output).map_err(|error| format!("the document is no JSON: {error}"))?;
        if document["exit"].as_i64() != self.finished.status.map(i64::from) {
            return Err("the document has another status".to_owned());
        }
        let messages = document["messages"].as_array().into_iter().flatten();
        let recipients = messages.flat_map(|message| message["recipients"].as_array().into_iter().flatten());
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Some(recipients.map(|told| (text(&told["address"]), text(&told["outcome"]))).collect()))
    }

    /// What the program wrote is whole, or it says that it is not; and there is nothing else.
    fn files_are_whole(&self, files: &Files) -> Result<(), String> {
        let known = ["ca.pem", "socket", "tmp"].into_iter().chain(files.transcript).chain(files.recording);
        let known: BTreeSet<&str> = known.collect();
        let found = names(&self.directory)?;
        if let Some(left) = found.iter().find(|name| !known.contains(name.as_str())) {
            return Err(format!("it leaves {left}"));
        }
        if let Some(left) = names(&self.directory.join("tmp"))?.first() {
            return Err(format!("it leaves a temporary file {left}"));
        }
        let error = self.finished.error();
        let is_told = |file: &str| self.is_killed() || self.is_mute() || error.contains(file);
        let read = |name: &str| fs::read_to_string(self.directory.join(name)).unwrap_or_default();
        if let Some(transcript) = files.transcript.map(read) {
            let lines: Vec<&str> = transcript.lines().collect();
            let values: Vec<serde_json::Value> =
                lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let is_told = is_told("the transcript");
            // the last line of a run that was killed may be half of one
            if values.len() < lines.len() && !is_told {
                return Err(format!("the transcript holds a line that is no JSON:\n{transcript}"));
            }
            let is_ended = values.iter().any(|line| line["verb"] == "message" && line["kind"] == "received");
            if !is_ended && !is_told && self.finished.status == Some(0) {
                return Err(format!(
                    "the transcript lacks its end, and nothing is said of it:\n{transcript}"
                ));
            }
        }
        if let Some(recording) = files.recording.map(read) {
            let dialogues = Scenario::parse("recording", &recording).map(|scenario| scenario.dialogues.len());
            let is_whole = match dialogues {
                Ok(0) => self.accepted.is_empty() && !recording.is_empty(),
                Ok(1) => recording.ends_with("'''\n"),
                _ => false,
            };
            let is_told = is_told("the recording") || self.finished.status != Some(0);
            let is_fine = is_whole || is_told && recording.is_empty();
            if !is_fine {
                return Err(format!("the recording is neither whole nor empty:\n{recording}"));
            }
        }
        Ok(())
    }
}

/// Whether a status is that of so many messages, to so many recipients in all, of whom so many were accepted.
fn is_fitting(status: i32, messages: usize, recipients: usize, accepted: usize) -> bool {
    match status {
        0 => accepted == recipients,
        // of a single message; of several, each to one recipient, it is the status of the first that failed
        79 => messages == 1 && (1..recipients).contains(&accepted),
        80 => true,
        status => UNSENT.contains(&status) && accepted < if messages == 1 { 1 } else { recipients },
    }
}

fn names(directory: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

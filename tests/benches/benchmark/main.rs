//! Measures whole programs beside their peers, and writes what came of it to `BENCHMARKS.md`:
//! `cargo bench -p smtp-tests --bench benchmark`.
//!
//! Each client sends to Postfix's smtp-sink and to `smtp-mock --sink` on 127.0.0.1, client and server on one processor.
//! What is compared runs in turn within one minute, and what is told is the median: so a machine that is busy with
//! something else slows both. A peer that is not installed is left out. Words behind `--` choose sections by a part of
//! their title; the others stay as they were.
//!
//! `SMTP_CLI_BEFORE=PROGRAM` measures an older build as one more peer.

mod clients;
mod counts;
mod document;
mod growth;
mod large;
mod latency;
mod load;
mod mailers;
mod process;
mod relay;
mod servers;
mod single;

use clients::{Lettre, Programs};
use document::{Document, Section};
use mailers::sender::Job;
use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

/// A section: its title, and what measures it.
type Part = (&'static str, fn(&Programs) -> io::Result<Section>);

const MAILERS: &str = "Mailers of applications";
const MEMORY: &str = "Memory of open connections";

/// In the order in which they are written.
const PARTS: [Part; 8] = [
    ("Messages per second", load::measure),
    (MAILERS, mailers::measure),
    (MEMORY, mailers::memory::measure),
    ("System calls and instructions", counts::measure),
    ("A round trip of 20 ms", latency::measure),
    ("Large messages", large::measure),
    ("One message, one process", single::measure),
    ("Growth", growth::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        // This program is also what measures one process, and one of the peers.
        Some(process::LAUNCH) => process::launch(&arguments[1..]),
        Some(clients::LETTRE) => Lettre::parse(&arguments[1..]).and_then(|run| run.send()),
        Some(mailers::sender::SENDER) => Job::parse(&arguments[1..]).and_then(|job| job.run()),
        Some(mailers::memory::HOLDER) => mailers::memory::hold(&arguments[1..]),
        _ if arguments.iter().any(|argument| argument == "--bench") => {
            let wanted: Vec<_> =
                arguments.iter().filter(|argument| *argument != "--bench").cloned().collect();
            measure(&wanted)
        }
        // It measures for minutes: nothing for a run that only looks whether all tests pass.
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benchmark: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(wanted: &[String]) -> io::Result<()> {
    let is_wanted = |title: &str| {
        let title = title.to_lowercase();
        wanted.is_empty() || wanted.iter().any(|word| title.contains(&word.to_lowercase()))
    };
    // The sections of the libraries need no program but the server.
    let of_libraries = |title: &str| title == MAILERS || title == MEMORY;
    let programs = Programs::find(PARTS.iter().all(|(title, _)| !is_wanted(title) || of_libraries(title)))?;
    let mut measured = Vec::new();
    for (title, part) in PARTS.into_iter().filter(|(title, _)| is_wanted(title)) {
        measured.push((title, part(&programs)?.markdown(title)));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    let file = root.join("BENCHMARKS.md");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    // What says of which machine and versions the sections are stays with those that stay.
    let head = document::head_of(&before).filter(|_| measured.len() < PARTS.len());
    let mut document = head.map_or_else(|| Document::new(&programs), Document::beginning_with);
    for (title, _) in PARTS {
        let now = measured.iter().find(|(of, _)| *of == title).map(|(_, section)| section.as_str());
        if let Some(section) = now.or_else(|| document::section_of(&before, title)) {
            document.add(section);
        }
    }
    std::fs::write(file, document.markdown())
}

//! Counts what does not depend on how busy the machine is: system calls by strace, instructions by callgrind.

use super::clients::{Client, Load, Programs};
use super::document::Section;
use super::process::run;
use super::servers::Server;
use std::ffi::OsString;
use std::io;
use std::process::Command;

/// A run of so many messages is compared with one of so many more: what is left is what each costs.
const FEW: u64 = 100;
const MORE: u64 = 400;

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &[
            "The cost of one additional message of 1 KiB on an open connection: system calls (`strace -c`) and user \
             instructions (`valgrind --tool=callgrind`).",
        ],
        &["server, recipients, in flight", "client", "system calls", "instructions"],
    );
    for server in Server::both(programs)? {
        for (recipients, in_flight) in [(1, 1), (50, 1), (1, 32)] {
            if in_flight > 1 && server.name == "smtp-sink" {
                continue;
            }
            for client in [Client::Ours, Client::Before, Client::SmtpSource] {
                if programs.version(client).is_none() || (in_flight > 1 && client == Client::SmtpSource) {
                    continue;
                }
                let load = |messages| Load { messages, recipients, in_flight, ..Load::default() };
                let words = |messages| programs.words(client, server.address, &load(messages));
                let each = |count: fn(&Programs, Vec<OsString>) -> io::Result<u64>| -> io::Result<u64> {
                    let few = count(programs, words(FEW)?)?;
                    Ok(count(programs, words(FEW + MORE)?)?.saturating_sub(few))
                };
                let calls = each(system_calls).map_or_else(
                    |_| "–".to_string(),
                    |calls| format!("{}.{:02}", calls / MORE, calls % MORE * 100 / MORE),
                );
                let instructions =
                    each(instructions).map_or_else(|_| "–".to_string(), |count| (count / MORE).to_string());
                section.row(vec![
                    format!("{}, {recipients}, {in_flight}", server.name),
                    client.name().to_string(),
                    calls,
                    instructions,
                ]);
            }
        }
    }
    Ok(section)
}

/// How many system calls a run makes.
fn system_calls(programs: &Programs, words: Vec<OsString>) -> io::Result<u64> {
    let file = programs.directory.path().join("strace");
    let strace = ["strace", "-f", "-c", "-o"].map(OsString::from);
    run(&strace.into_iter().chain([file.clone().into()]).chain(words).collect::<Vec<_>>())?;
    let table = std::fs::read_to_string(file)?;
    let total = table.lines().rfind(|line| line.ends_with(" total")).unwrap_or_default();
    let count = total.split_whitespace().nth(3).and_then(|count| count.parse().ok());
    count.ok_or_else(|| io::Error::other("strace counts nothing"))
}

/// How many instructions a run executes outside of the system.
fn instructions(programs: &Programs, words: Vec<OsString>) -> io::Result<u64> {
    let file = format!("--callgrind-out-file={}", programs.directory.path().join("callgrind").display());
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", &file])
        .args(words)
        .env("PATH", super::clients::PATH)
        .output()?;
    let text = String::from_utf8_lossy(&done.stderr);
    let count = text.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
    count.ok_or_else(|| io::Error::other("callgrind counts nothing"))
}

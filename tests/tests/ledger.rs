//! Many messages over several connections while the server kills sessions at random: what the client says became of each
//! agrees with what the server took, and none is delivered twice.
//!
//! `SOAK_MESSAGES` says how many, 10,000 if it is not set; `bash .ci/long soak` sends 200,000.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use smtp_mock::{CaptureLimits, ChaosFault, ChaosSettings, Mock, Scenario};
use smtp_tests::program::smtp_cli_path;
use smtp_tests::watch;

const MESSAGES: usize = 10_000;
/// How often the memory of the program is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What the program may have in memory beyond what it had when half of the time was over, in KiB; and one more for each
/// message, because results are printed in order: one that is tried again later holds back those behind it.
const GROWTH: u64 = 4096;

#[test]
fn every_message_is_accounted_for_while_sessions_are_killed() {
    watch::this_test();
    let messages = env::var("SOAK_MESSAGES").map_or(MESSAGES, |count| count.parse().unwrap());
    // at each reply a temporary and a permanent refusal, and every way to end a session at once
    let faults = vec![
        ChaosFault::Temporary,
        ChaosFault::Permanent,
        ChaosFault::Unavailable,
        ChaosFault::UnavailableContinues,
        ChaosFault::Rst,
        ChaosFault::Fin,
        ChaosFault::DropMidReply,
    ];
    let scenario = Scenario { chaos: Some(ChaosSettings { chance: 0.003, faults }), ..Scenario::default() };
    let mock = Mock::builder()
        .scenario(scenario)
        .seed(20)
        .limits(CaptureLimits {
            messages: usize::MAX,
            message_octets: usize::MAX,
            transcript_octets: 1 << 20,
            findings: 1000,
        })
        .start();
    let directory = tempfile::tempdir().unwrap();
    let result = directory.path().join("result.json");
    let mut program = Command::new(smtp_cli_path().unwrap())
        .args(["send", "--server", &mock.addr().to_string(), "--tls", "none", "--from", "you@example.org"])
        .args(["--to", "friend@example.net", "--subject", "Ledger", "--body", "One of many."])
        .args([
            "--repeat",
            &messages.to_string(),
            "--connections",
            "8",
            "--in-flight",
            "4",
            "--retry",
            "8",
            "--format",
            "json",
        ])
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(File::create(&result).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut memory = Vec::new();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = program.try_wait().unwrap() {
            break status;
        }
        memory.extend(resident(program.id()).map(|kibibytes| (begun.elapsed().as_secs(), kibibytes)));
        thread::sleep(LOOK);
    };

    let outcomes = outcomes(BufReader::new(File::open(&result).unwrap()));
    assert_eq!(outcomes.len(), messages, "every message has one outcome");
    let mut taken: HashMap<String, usize> = HashMap::new();
    for message in mock.messages() {
        *taken.entry(message.header("Message-ID").unwrap()).or_default() += 1;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (id, outcome) in &outcomes {
        *counts.entry(outcome).or_default() += 1;
        let times = taken.remove(id).unwrap_or_default();
        let agrees = match outcome.as_str() {
            "accepted" => times == 1,
            "unknown" => times <= 1,
            "refused" | "unsent" => times == 0,
            _ => false,
        };
        assert!(agrees, "{id} is {outcome}, and the server took it {times} times");
    }
    assert!(taken.is_empty(), "the server took what nobody sent: {taken:?}");
    let count = |outcome| counts.get(outcome).copied().unwrap_or_default();
    println!(
        "{messages} messages in {} s over {} connections: {} accepted, {} refused, {} unsent, {} unknown",
        begun.elapsed().as_secs(),
        mock.connections(),
        count("accepted"),
        count("refused"),
        count("unsent"),
        count("unknown")
    );
    assert!(count("accepted") > messages / 2 && count("refused") > 0 && count("unknown") > 0, "{counts:?}");
    assert!(mock.connections() > 8, "no session was killed");
    assert_eq!(status.code(), Some(80), "some are unknown");
    println!("memory of the program, seconds and KiB: {:?}", thinned(&memory));
    if let (Some((_, early)), Some((_, last))) = (memory.get(memory.len() / 2), memory.last()) {
        let growth = GROWTH + u64::try_from(messages).unwrap();
        assert!(*last < early + growth, "the program grew from {early} to {last} KiB");
    }
}

/// What the program says became of each message, by its Message-ID.
fn outcomes(document: impl BufRead) -> Vec<(String, String)> {
    let mut outcomes = Vec::new();
    let mut id = None;
    for line in document.lines() {
        let line = line.unwrap();
        let value = |name: &str| {
            let value = line.trim().strip_prefix(name)?.strip_prefix(": \"")?;
            Some(value.trim_end_matches(',').trim_end_matches('"').to_owned())
        };
        if let Some(value) = value("\"message_id\"") {
            assert!(id.replace(value).is_none(), "a message without an outcome");
        }
        if let Some(outcome) = value("\"outcome\"") {
            outcomes.push((id.take().expect("each message has one recipient"), outcome));
        }
    }
    outcomes
}

/// The memory of a process in KiB, where the system says it.
fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// At most some twenty of them, in even distances.
fn thinned(memory: &[(u64, u64)]) -> Vec<(u64, u64)> {
    memory.iter().step_by(memory.len().div_ceil(20).max(1)).copied().collect()
}

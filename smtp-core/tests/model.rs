//! Tests the client against a strict server, in random sessions: every outcome must be true.
//!
//! `MODEL_SESSIONS` sets the number of sessions, `MODEL_SEED` selects a single one. Without optimisation a session
//! takes about twenty times as long, so CI plays them in a release build.

#![allow(clippy::unwrap_used)] // an assumption of a test may fail it

#[path = "model/mod.rs"]
mod play;

use play::{After421, Choices, Session, Transfer, play};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The default number of sessions.
const SESSIONS: u64 = if cfg!(debug_assertions) { 20_000 } else { 2_000_000 };

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

#[test]
fn every_outcome_is_true() {
    if let Some(seed) = number("MODEL_SEED") {
        println!("{:#?}", play(&mut Choices::Seed(seed)));
        return;
    }
    let sessions = number("MODEL_SESSIONS").unwrap_or(SESSIONS);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parts: Vec<_> = std::thread::scope(|scope| {
        let part = |first| scope.spawn(move || Table::of((first..sessions).step_by(threads)));
        let running: Vec<_> = (0..).take(threads).map(part).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut table = Table::default();
    for part in parts {
        table.join(part);
    }
    table.print(sessions);
    assert!(
        table.faults.is_empty(),
        "{} of {sessions} sessions are wrong: run one again with MODEL_SEED=…",
        table.faults.len()
    );
    // each kind of session must have had each outcome, or the test could not fail
    for transfer in [Transfer::Data, Transfer::Bdat, Transfer::Lmtp] {
        for after in [After421::Closes, After421::GoesOn] {
            let rows = table.rows.iter().filter(|(row, _)| (row.0, row.2) == (transfer, after));
            let sum = rows.fold([0; 4], |sum, (_, row)| add(sum, row.outcomes));
            assert!(sum.iter().all(|&count| count > 0), "{transfer:?}, {after:?}: {sum:?}");
        }
    }
}

/// The results of many sessions, by transfer, messages in flight, and behaviour after a 421.
#[derive(Default)]
struct Table {
    rows: BTreeMap<(Transfer, usize, After421), Row>,
    /// The seeds of the failed sessions, with the reasons.
    faults: Vec<(u64, String)>,
}

#[derive(Clone, Copy, Default)]
struct Row {
    sessions: usize,
    with_421: usize,
    outcomes: [usize; 4],
}

impl Table {
    fn of(seeds: impl Iterator<Item = u64>) -> Self {
        let mut table = Self::default();
        for seed in seeds {
            // the output of a panic would be repeated for each failure
            match catch_unwind(AssertUnwindSafe(|| play(&mut Choices::Seed(seed)))) {
                Ok(session) => table.enter(&session),
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().cloned();
                    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                    table.faults.push((seed, text.unwrap_or_default()));
                }
            }
        }
        table
    }

    fn enter(&mut self, session: &Session) {
        let row = self.rows.entry((session.transfer, session.in_flight, session.after_421)).or_default();
        row.sessions += 1;
        row.with_421 += usize::from(session.has_421);
        row.outcomes = add(row.outcomes, session.outcomes);
    }

    fn join(&mut self, other: Self) {
        for (key, row) in other.rows {
            let sum = self.rows.entry(key).or_default();
            sum.sessions += row.sessions;
            sum.with_421 += row.with_421;
            sum.outcomes = add(sum.outcomes, row.outcomes);
        }
        self.faults.extend(other.faults);
    }

    fn print(&self, sessions: u64) {
        println!("transfer in-flight 421      sessions with 421 accepted  refused  unknown   unsent");
        for ((transfer, in_flight, after), row) in &self.rows {
            let [accepted, refused, unconfirmed, unsent] = row.outcomes;
            println!(
                "{:<8} {in_flight:>9} {:<8} {:>8} {:>8} {accepted:>8} {refused:>8} {unconfirmed:>8} {unsent:>8}",
                format!("{transfer:?}"),
                format!("{after:?}"),
                row.sessions,
                row.with_421,
            );
        }
        println!("{sessions} sessions, {} faults", self.faults.len());
        for (seed, why) in self.faults.iter().take(10) {
            println!("MODEL_SEED={seed}: {why}");
        }
    }
}

fn add(one: [usize; 4], other: [usize; 4]) -> [usize; 4] {
    std::array::from_fn(|at| one[at] + other[at])
}

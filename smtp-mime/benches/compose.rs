//! Measures the speed of composing the same two messages with this crate, mail-builder and lettre.
//!
//! Run `cargo bench -p smtp-mime --bench compose`. Memory is measured by another program, `compose_memory`, because
//! counting allocations slows them down. After `--`, the name of a composer, the name of a message and a number make
//! it compose that many times without output, for a profiler.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

mod composers;

use composers::{COMPOSERS, Large, context, messages};

/// The total time for each message; the composers take turns, so that a disturbance affects all.
const TIME: Duration = Duration::from_secs(6);
/// The approximate time of a round: long enough for the clock, short enough that some rounds are undisturbed.
const ROUND: Duration = Duration::from_micros(500);

fn main() {
    let (context, large) = (context(), Large::new());
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [composer, message, times] = &arguments[..] {
        let (_, compose) = COMPOSERS.into_iter().find(|(name, _)| name == composer).expect("a composer");
        let (_, message) = messages(&large).into_iter().find(|(name, _)| name == message).expect("a message");
        for _ in 0..times.parse::<u32>().expect("a number") {
            black_box(compose(&context, message));
        }
        return;
    }
    for (message, large) in messages(&large) {
        let mut contests = COMPOSERS.map(|(name, compose)| {
            Contest::new(name, {
                let context = &context;
                move || compose(context, large)
            })
        });
        let start = Instant::now();
        while start.elapsed() < TIME {
            contests.iter_mut().for_each(Contest::round);
        }
        let first = contests[0].best;
        for Contest { name, octets, best, .. } in &contests {
            #[allow(clippy::cast_precision_loss)]
            let megabytes = *octets as f64 / 1e6 / best.as_secs_f64();
            println!(
                "{message:<6} {name:<13} {octets:>9} octets {megabytes:>8.0} MB/s {:>9.0} messages/s {:>7.2} times the time of smtp-mime",
                1.0 / best.as_secs_f64(),
                best.as_secs_f64() / first.as_secs_f64(),
            );
        }
    }
}

/// One composer and one message.
struct Contest<C> {
    name: &'static str,
    compose: C,
    octets: u64,
    /// The number of messages in a round.
    times: u32,
    /// The undisturbed time of one message: the best of many short rounds.
    best: Duration,
}

impl<C: Fn() -> u64> Contest<C> {
    fn new(name: &'static str, compose: C) -> Self {
        // The first one is slower than the others.
        compose();
        let start = Instant::now();
        let octets = compose();
        let once = start.elapsed().as_nanos().max(1);
        let times = u32::try_from(ROUND.as_nanos() / once).unwrap_or(u32::MAX).max(1);
        Self { name, compose, octets, times, best: Duration::MAX }
    }

    fn round(&mut self) {
        let start = Instant::now();
        for _ in 0..self.times {
            black_box((self.compose)());
        }
        self.best = self.best.min(start.elapsed() / self.times);
    }
}

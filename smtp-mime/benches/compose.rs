//! Composes the same two messages with this crate, with mail-builder and with lettre: how fast.
//!
//! `cargo bench -p smtp-mime --bench compose`; how much memory it takes is another program, `compose_memory`, because
//! whoever counts allocations slows them. Behind `--`, the name of a composer and of a message and a number make it
//! compose that often and say nothing, for a profiler.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

mod composers;

use composers::{COMPOSERS, Large, context, messages};

/// How long the composers work on each message, one round after another, so that what disturbs one disturbs all.
const TIME: Duration = Duration::from_secs(6);
/// A round takes about so long: long enough for the clock, short enough that some are not disturbed.
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

/// One composer at work on one message.
struct Contest<C> {
    name: &'static str,
    compose: C,
    octets: u64,
    /// How many messages are a round.
    times: u32,
    /// How long one message takes when nothing disturbs: the best of many short rounds.
    best: Duration,
}

impl<C: Fn() -> u64> Contest<C> {
    fn new(name: &'static str, compose: C) -> Self {
        // The first one is slower than all others.
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

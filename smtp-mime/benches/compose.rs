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

/// How long each composer works on each message.
const TIME: Duration = Duration::from_secs(2);
/// A round takes about so long: long enough for the clock, short enough that some are not disturbed.
const ROUND: Duration = Duration::from_micros(500);

fn main() {
    let (context, large) = (context(), Large::new());
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [composer, message, times] = &arguments[..] {
        let (_, compose) = COMPOSERS.into_iter().find(|(name, _)| name == composer).expect("a composer");
        let (_, message) =
            messages(&large).into_iter().find(|(name, _)| name == message).expect("a message");
        for _ in 0..times.parse::<u32>().expect("a number") {
            black_box(compose(&context, message));
        }
        return;
    }
    for (message, large) in messages(&large) {
        let mut speeds = Vec::new();
        for (name, compose) in COMPOSERS {
            let octets = compose(&context, large);
            let best = best(|| compose(&context, large));
            speeds.push(speed(best));
            #[allow(clippy::cast_precision_loss)]
            let megabytes = octets as f64 / 1e6 / best.as_secs_f64();
            println!(
                "{message:<6} {name:<13} {octets:>9} octets {megabytes:>8.0} MB/s {:>9.0} messages/s {}",
                speed(best),
                beside(&speeds)
            );
        }
    }
}

fn speed(time: Duration) -> f64 {
    1.0 / time.as_secs_f64()
}

/// How long one message takes when nothing disturbs: the best of many short rounds.
fn best(mut compose: impl FnMut() -> u64) -> Duration {
    let start = Instant::now();
    black_box(compose());
    let once = start.elapsed().max(Duration::from_nanos(1));
    let times = u32::try_from(ROUND.as_nanos() / once.as_nanos()).unwrap_or(u32::MAX).max(1);
    let mut best = Duration::MAX;
    while start.elapsed() < TIME {
        let round = Instant::now();
        for _ in 0..times {
            black_box(compose());
        }
        best = best.min(round.elapsed() / times);
    }
    best
}

/// How fast the first one is beside the last one so far.
fn beside(speeds: &[f64]) -> String {
    match speeds {
        [first, .., last] => format!("{:>6.2} times as fast is smtp-mime", first / last),
        _ => String::new(),
    }
}

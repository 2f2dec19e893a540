//! Provides [`Interrupt`]: whether a signal asked the program to stop.
//!
//! A signal sets the flag of a [`Cancel`], which ends every wait of a run: for sockets, look-ups, pauses and commands, on
//! every system.

use crate::error::Error;
use crate::exit::Exit;
use smtp_core::blocking::{Cancel, Wait};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A wait for input looks after this time whether it is still wanted.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// A request to stop, by a signal or by [`request`](Self::request).
///
/// Signals count only while something is armed, which a run is: the first one asks it to stop, the second one ends the
/// process. Otherwise a signal ends the process, as it does without this.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    cancel: Cancel,
    /// What the signals of the process do, where they are meant.
    signals: Option<Arc<Signals>>,
}

#[derive(Debug)]
struct Signals {
    /// The signal that came; 0 until then. It is the flag of the cancellation.
    signal: Arc<AtomicUsize>,
    /// Whether the next signal ends the process.
    ends_process: Arc<AtomicBool>,
}

/// The number of SIGINT, which stands for every request that no signal makes.
const BY_HAND: usize = 2;

impl Interrupt {
    /// The one that the signals of this process make.
    #[must_use]
    pub fn system() -> Self {
        let cancel = Cancel::default();
        let signals = Signals { signal: cancel.flag(), ends_process: Arc::new(AtomicBool::new(true)) };
        Self { cancel, signals: Some(Arc::new(signals)) }
    }

    /// Asks the program to stop.
    pub fn request(&self) {
        self.cancel.flag().store(BY_HAND, Ordering::SeqCst);
    }

    /// What ends sessions, waits and look-ups.
    pub(crate) const fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Takes signals as requests until the guard is dropped.
    pub(crate) fn arm(&self) -> Armed<'_> {
        if let Some(signals) = &self.signals {
            static HANDLERS: OnceLock<()> = OnceLock::new();
            HANDLERS.get_or_init(|| install(signals));
            signals.ends_process.store(false, Ordering::SeqCst);
            if self.is_requested() {
                signals.ends_process.store(true, Ordering::SeqCst);
            }
        }
        Armed(self)
    }

    /// Whether the program is asked to stop.
    pub(crate) fn is_requested(&self) -> bool {
        self.cancel.is_requested()
    }

    /// The words for what was not done because of it, which may be tried again.
    pub(crate) fn error(&self) -> Error {
        Error::new(Exit::TEMPORARY, format!("interrupted by {}", name(self.signal())))
    }

    /// The same as a result, for what is to stop before its next step.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_requested() { Err(self.error()) } else { Ok(()) }
    }

    /// Lets the time pass, or less of it when the program is asked to stop.
    pub(crate) fn sleep(&self, duration: Duration) {
        self.cancel.sleep(duration);
    }

    /// A wait until `deadline`, which ends early when the program is asked to stop.
    pub(crate) fn until(&self, deadline: Instant) -> Wait {
        Wait::new(deadline, &self.cancel)
    }

    /// Ends the process as the signal does where nobody takes it.
    pub(crate) fn end_process(&self) -> ! {
        end(self.signal())
    }

    fn signal(&self) -> usize {
        self.cancel.flag().load(Ordering::SeqCst)
    }
}

/// As long as it lives, a signal is a request.
#[derive(Debug)]
pub(crate) struct Armed<'a>(&'a Interrupt);

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if let Some(signals) = &self.0.signals {
            signals.ends_process.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(unix)]
fn install(state: &Signals) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let Ok(number) = usize::try_from(signal) else { continue };
        if is_ignored(number) {
            continue;
        }
        // In this order: the second signal finds what the first one has set. None can be refused; one that is leaves
        // the system's way.
        let _ = flag::register_conditional_default(signal, Arc::clone(&state.ends_process))
            .and_then(|_| flag::register(signal, Arc::clone(&state.ends_process)))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&state.signal), number));
    }
}

/// Whether whoever started the process wants it to go on after this signal, as `nohup` does, and a shell for what it
/// runs in the background.
#[cfg(unix)]
fn is_ignored(signal: usize) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}

#[cfg(unix)]
fn name(signal: usize) -> &'static str {
    let signal = i32::try_from(signal).ok();
    signal.and_then(signal_hook::low_level::signal_name).unwrap_or("a signal")
}

#[cfg(unix)]
fn end(signal: usize) -> ! {
    let _ = i32::try_from(signal).map(signal_hook::low_level::emulate_default_handler);
    // Where the system did not do it: the status that shells give to a process that a signal has ended.
    std::process::exit(i32::try_from(128 + signal).unwrap_or(1))
}

#[cfg(windows)]
fn install(state: &Signals) {
    let (signal, ends_process) = (Arc::clone(&state.signal), Arc::clone(&state.ends_process));
    // A handler that cannot be set leaves the system's way.
    let _ = ctrlc::set_handler(move || {
        if ends_process.swap(true, Ordering::SeqCst) {
            end(BY_HAND);
        }
        signal.store(BY_HAND, Ordering::SeqCst);
    });
}

#[cfg(windows)]
fn name(_signal: usize) -> &'static str {
    "Ctrl-C"
}

#[cfg(windows)]
fn end(_signal: usize) -> ! {
    // STATUS_CONTROL_C_EXIT
    std::process::exit(0xc000_013a_u32.cast_signed())
}

//! Hostile dialogues as data: servers that cheat, stall, inject and die, and arguments that would make the client cheat.
//!
//! The cases stand in `cases/`, one file a group; each says what the server does (a scenario of `smtp-mock`), what the
//! client is asked, what is due, and to which threats it belongs. Each is played against the program and, where it
//! makes sense, against the core in virtual time; the tests are named after the threats. `SECURITY.md` lists them.
//!
//! That a case can fail is shown by the clients that fail it: the feature `real-servers` plays these, too.

mod case;
mod judge;
#[cfg(feature = "real-servers")]
mod peers;
mod program;
mod security;
mod virtual_time;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use case::{Case, cases, count};
use smtp_mock::{Certificate, HandshakeFault};

/// How many cases of a threat are played at once: most of their time is spent waiting.
const AT_ONCE: usize = 4;

#[test]
fn the_cases_are_counted_by_group() {
    let mut text = String::from("hostile dialogues\n");
    let mut all = 0;
    for (group, count) in count() {
        assert!(count > 0, "{group}");
        writeln!(text, "{count:>6}  {group}").unwrap();
        all += count;
    }
    let (program, core) = (played(|case| case.program), played(|case| case.core));
    writeln!(text, "{all:>6}  in all; {program} against the program, {core} against the core").unwrap();
    // past what the test harness holds back
    io::stdout().write_all(text.as_bytes()).unwrap();
    assert!(all >= 200, "{text}");
}

fn played(how: impl Fn(&Case) -> bool) -> usize {
    cases().iter().filter(|case| how(case)).count()
}

#[test]
fn every_fault_of_the_mock_is_played() {
    use HandshakeFault::{Alert, Fin, Garbage, Plaintext, Rst, Stall};
    let steps = [
        "stall",
        "reply",
        "raw",
        "delay",
        "drip",
        "split",
        "split-lines",
        "close",
        "endless",
        "long-line",
        "garbage",
        "stop-reading",
        "capture",
        "inject",
        "separate",
        "early",
        "recipients",
    ];
    let ends = ["fin", "rst", "half-close"];
    let chaos = [
        "reply-4xx",
        "reply-5xx",
        "421-close",
        "421-continue",
        "rst",
        "fin",
        "drop-mid-reply",
        "stall",
        "drip",
        "delay",
        "garbage",
    ];
    let certificates = Certificate::ALL.map(Certificate::as_str);
    let servers: Vec<String> = cases().into_iter().map(|case| case.server).collect();
    let is_played = |text: &str| servers.iter().any(|server| server.contains(text));
    for step in steps {
        assert!(is_played(&format!("{step} = ")) || is_played(&format!("'{step}'")), "{step}");
    }
    for end in ends {
        assert!(is_played(&format!("close = '{end}'")), "{end}");
    }
    for fault in chaos {
        assert!(is_played(&format!("faults = ['{fault}']")), "{fault}");
    }
    for certificate in certificates.iter().filter(|certificate| **certificate != "good") {
        assert!(is_played(&format!("cert = '{certificate}'")), "{certificate}");
    }
    for fault in [Alert, Garbage, Plaintext, Stall, Fin, Rst] {
        let word = format!("{fault:?}").to_lowercase();
        assert!(is_played(&format!("handshake = '{word}'")), "{word}");
    }
}

/// Plays every case that belongs to a row of the table of threats.
#[track_caller]
fn threat(row: u8) {
    // a case of several threats is played once, with the first of them
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.threats.first() == Some(&row)).collect();
    assert!(cases.iter().any(|case| case.program), "no case of threat {row} is played against the program");
    let next = AtomicUsize::new(0);
    let failures: Vec<String> = thread::scope(|scope| {
        let play_next = || {
            let mut failures = Vec::new();
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                failures.extend(play(case).err());
            }
            failures
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(play_next)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Plays a case; gives what is wrong.
fn play(case: &Case) -> Result<(), String> {
    if case.program {
        caught(|| program::play(case))?;
    }
    if case.core {
        caught(|| virtual_time::play(case))?;
    }
    Ok(())
}

/// What a test would die of, so that one run shows all cases that fail.
fn caught(run: impl FnOnce()) -> Result<(), String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

macro_rules! threats {
    ($($name:ident: $row:literal,)*) => {
        $(
            #[test]
            fn $name() {
                threat($row);
            }
        )*
    };
}

threats! {
    threat_1_line_ends_in_an_address: 1,
    threat_2_line_ends_in_the_hello_and_in_parameters: 2,
    threat_3_brackets_and_blanks_in_an_address: 3,
    threat_4_header_fields_injected: 4,
    threat_5_arguments_that_look_like_options_or_shell_text: 5,
    threat_6_a_message_that_ends_early: 6,
    threat_7_line_ends_alone_and_undeclared_8_bit: 7,
    threat_8_starttls_taken_away: 8,
    threat_9_replies_injected_before_tls: 9,
    threat_10_what_was_learnt_before_tls: 10,
    threat_11_certificates_and_handshakes: 11,
    threat_12_a_password_in_clear: 12,
    threat_13_a_login_that_cannot_be: 13,
    threat_14_challenges_malformed_or_without_end: 14,
    threat_15_a_forged_proof: 15,
    threat_16_secrets_in_outputs: 16,
    threat_17_replies_without_end: 17,
    threat_18_time_in_every_phase: 18,
    threat_19_codes_of_the_wrong_kind: 19,
    threat_20_replies_out_of_order: 20,
    threat_21_what_may_have_been_delivered: 21,
    threat_22_recipients_and_messages_that_are_refused: 22,
    threat_23_a_list_where_one_address_is_meant: 23,
    threat_24_input_that_blows_up_a_parser: 24,
}

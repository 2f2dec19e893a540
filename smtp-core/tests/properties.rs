//! Tests the five guarantees of the client in random walks; `model.rs` tests the outcomes.

use crate::pair::{CHUNKING, PIPELINING, domain, envelope};
use proptest::prelude::*;
use smtp_core::*;
use std::time::Duration;

/// A step of the environment.
#[derive(Clone, Debug)]
enum Act {
    Say(String),
    Garbage(Vec<u8>),
    Lose,
    FailWrite,
    Secure,
    Pass(u64),
    Goal(u8),
    Body(Vec<u8>),
    EndBody,
    AbortBody,
}

fn act() -> impl Strategy<Value = Act> {
    let replies = prop::sample::select(vec![
        "220 mx\r\n",
        "250 mx\r\n",
        "250 ok\r\n",
        "251 ok\r\n",
        "354 go\r\n",
        "334 QUFB\r\n",
        "235 ok\r\n",
        "221 bye\r\n",
        "421 bye\r\n",
        "450 later\r\n",
        "452 4.5.3 many\r\n",
        "503 no\r\n",
        "504 no\r\n",
        "535 no\r\n",
        "550 no\r\n",
        "554 no\r\n",
        "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
        "25",
        "0 x\r\n",
        "250-",
        "250-mx\r\n250-PIPELINING\r\n250 XCLIENT PORT\r\n",
        PIPELINING,
        CHUNKING,
    ]);
    prop_oneof![
        30 => replies.prop_map(|text| Act::Say(text.into())),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(Act::Garbage),
        1 => Just(Act::Lose),
        1 => Just(Act::FailWrite),
        2 => Just(Act::Secure),
        1 => (0u64..400).prop_map(Act::Pass),
        12 => (0u8..13).prop_map(Act::Goal),
        6 => prop::collection::vec(prop::sample::select(&b"a.\r\n"[..]), 0..40).prop_map(Act::Body),
        6 => Just(Act::EndBody),
        1 => Just(Act::AbortBody),
    ]
}

fn set_goal(client: &mut Client, which: u8) -> Result<(Goal, usize), Misuse> {
    let message = |count: usize| envelope(&["a@example.net", "b@example.net", "c@example.net"][..count]);
    Ok(match which {
        0 | 1 => (client.hello(domain())?, 0),
        2 => (client.start_tls()?, 0),
        3 => (client.authenticate(vec![Box::new(Login::new("a", Secret::from("pass")).unwrap())])?, 0),
        4 => (client.send(message(1))?, 1),
        5 => (client.send(message(3))?, 3),
        6 => {
            let mut envelope = message(2);
            envelope.all_or_nothing = true;
            (client.send(envelope)?, 2)
        }
        7 => (client.check(message(2))?, 2),
        8 => (client.reset()?, 0),
        9 => (client.noop()?, 0),
        10 => (client.vrfy("x".parse().unwrap())?, 0),
        11 => (client.xclient(&[XclientAttribute::Port(None)])?, 0),
        _ => (client.quit()?, 0),
    })
}

/// Walks until the connection ends, and checks the guarantees on the way.
fn walk(mut config: Config, acts: &[Act]) -> Result<(), TestCaseError> {
    config.reveal = Reveal::Always;
    let (mut client, mut transmit, mut now) = (Client::new(config), Transmit::new(), Instant::EPOCH);
    let mut goals: Vec<(Goal, usize)> = Vec::new();
    let mut reported: Vec<Goal> = Vec::new();
    let mut is_closed = false;
    let mut acts = acts.iter();
    loop {
        match client.poll(now, &mut transmit) {
            Output::Event(Event::Done { goal, end }) => {
                prop_assert!(!is_closed);
                let position = goals.iter().position(|(known, _)| *known == goal);
                prop_assert_eq!(position, Some(reported.len()), "in the order in which they were set");
                reported.push(goal);
                if let End::Delivered(outcomes) | End::Checked(outcomes) = end {
                    prop_assert_eq!(
                        outcomes.len(),
                        goals[reported.len() - 1].1,
                        "one outcome for each recipient"
                    );
                }
                continue;
            }
            Output::Event(Event::Closed(_)) => {
                prop_assert!(!is_closed, "Closed comes once");
                prop_assert_eq!(reported.len(), goals.len(), "every goal is reported before");
                is_closed = true;
                continue;
            }
            Output::Event(_) => {
                prop_assert!(!is_closed, "Closed comes last");
                continue;
            }
            Output::Closed => {
                prop_assert!(is_closed);
                return Ok(());
            }
            Output::Write { until } => {
                prop_assert!(until > now && !transmit.is_empty());
                if !matches!(acts.clone().next(), Some(Act::FailWrite)) {
                    client.handle(Input::Sent);
                    continue;
                }
            }
            Output::Read { until } | Output::Handshake { until } => prop_assert!(until > now),
            Output::Body(_) | Output::Idle => {}
        }
        match acts.next() {
            None | Some(Act::Lose) => client.handle(Input::Lost),
            Some(Act::Say(text)) => client.handle(Input::Received(text.as_bytes())),
            Some(Act::Garbage(octets)) => client.handle(Input::Received(octets)),
            Some(Act::FailWrite) => client.handle(Input::WriteFailed),
            Some(Act::Secure) => client.handle(Input::Secured),
            Some(Act::Pass(seconds)) => now = now + Duration::from_secs(*seconds),
            Some(Act::Goal(which)) => {
                if let Ok(goal) = set_goal(&mut client, *which) {
                    goals.push(goal);
                }
            }
            Some(Act::Body(octets)) => prop_assert!(client.body(octets) <= octets.len()),
            Some(Act::EndBody) => client.end_of_body(),
            Some(Act::AbortBody) => client.abort_body(),
        }
    }
}

proptest! {
    #[test]
    fn the_five_promises_hold_on_any_walk(
        acts in prop::collection::vec(act(), 0..80),
        window in 1usize..6,
        chunk in 1usize..20,
        in_flight in 1usize..4,
        protocol in prop::sample::select(vec![Protocol::Esmtp, Protocol::Smtp, Protocol::Lmtp]),
        reports in any::<bool>(),
        reports_recipients in any::<bool>(),
    ) {
        let mut config = Config::default();
        config.limits.window = window;
        config.limits.chunk = chunk;
        config.limits.in_flight = in_flight;
        config.protocol = protocol;
        config.report_replies = reports;
        config.report_recipients = reports_recipients;
        // most walks begin like a session, so that they get far
        let mut start = vec![Act::Goal(0), Act::Say("220 mx\r\n".into())];
        start.extend(acts);
        walk(config, &start)?;
    }

    #[test]
    fn the_five_promises_hold_under_chunking(acts in prop::collection::vec(act(), 0..80), in_flight in 1usize..4) {
        let mut config = Config::default();
        config.limits.in_flight = in_flight;
        let mut start = vec![Act::Goal(0), Act::Say("220 mx\r\n".into()), Act::Say(CHUNKING.into()), Act::Goal(4), Act::Goal(5), Act::Body(b"x".to_vec()), Act::EndBody];
        start.extend(acts);
        walk(config, &start)?;
    }
}

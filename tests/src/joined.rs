//! Provides the engine joined to the mock's session: no socket, no thread, and time that jumps.

use std::time::Duration;

use smtp_core::{Client, Event, Input, Instant, Output, Transmit};
use smtp_mock::{ClientCore, Pair, Scenario, Server, Session, Turn};

/// A client of `smtp-core` that keeps its events and answers each request for a message with the same octets.
#[derive(Debug)]
pub struct Joined {
    client: Client,
    transmit: Transmit,
    body: Vec<u8>,
    handed_in: usize,
    events: Vec<(Duration, Event)>,
}

impl Joined {
    /// What the client had to say so far, each with the time at which it said so.
    #[must_use]
    pub fn events(&self) -> &[(Duration, Event)] {
        &self.events
    }
}

/// Joins `client`, whose goals have been set, to a server that plays `scenario`; `body` is each of its messages.
#[must_use]
pub fn join(client: Client, body: &[u8], scenario: Scenario) -> Pair<Joined> {
    join_to(client, body, Server::new(scenario).session())
}

/// Joins `client`, whose goals have been set, to one session of a server; `body` is each of its messages.
#[must_use]
pub fn join_to(client: Client, body: &[u8], session: Session) -> Pair<Joined> {
    crate::watch::this_test();
    let joined =
        Joined { client, transmit: Transmit::new(), body: body.to_vec(), handed_in: 0, events: Vec::new() };
    Pair::new(joined, session)
}

impl ClientCore for Joined {
    fn received(&mut self, octets: &[u8]) {
        self.client.handle(Input::Received(octets));
    }

    fn sent(&mut self) {
        self.client.handle(Input::Sent);
    }

    fn write_failed(&mut self) {
        self.client.handle(Input::WriteFailed);
    }

    fn secured(&mut self) {
        self.client.handle(Input::Secured);
    }

    fn lost(&mut self) {
        self.client.handle(Input::Lost);
    }

    fn poll(&mut self, now: Duration, transmit: &mut Vec<u8>) -> Turn {
        match self.client.poll(Instant::from_epoch(now), &mut self.transmit) {
            Output::Write { until } => {
                transmit.extend_from_slice(self.transmit.octets());
                Turn::Write { until: until.since_epoch() }
            }
            Output::Read { until } => Turn::Read { until: until.since_epoch() },
            Output::Handshake { until } => Turn::Handshake { until: until.since_epoch() },
            Output::Body(_) => {
                match &self.body[self.handed_in..] {
                    [] => {
                        self.client.end_of_body();
                        self.handed_in = 0;
                    }
                    rest => self.handed_in += self.client.body(rest),
                }
                Turn::Again
            }
            Output::Event(event) => {
                self.events.push((now, event));
                Turn::Again
            }
            Output::Idle => Turn::Idle { until: None },
            Output::Closed => Turn::Closed,
        }
    }
}

//! Measures how often a client waits: with a round trip of 20 ms there is little else.

use super::clients::{Client, Load, Programs};
use super::document::{Section, times as ratio};
use super::process::{median, run};
use super::relay::Relay;
use super::servers::Server;
use std::io;
use std::time::Duration;

const ROUND_TRIP: Duration = Duration::from_millis(20);
const ROUNDS: usize = 5;

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &[
            "A relay delays each direction by 10 ms; the TCP handshake is not delayed. The relay counts turns, including the \
             hello and QUIT. Milliseconds are those of the whole process, including one round trip for the greeting.",
        ],
        &["server: messages, recipients, in flight", "client", "turns", "ms", "smtp-cli's time"],
    );
    for server in Server::both(programs)? {
        let relay = Relay::start(server.address, ROUND_TRIP)?;
        for (messages, recipients, in_flight) in [(1, 1, 1), (1, 100, 1), (100, 1, 1), (100, 1, 32)] {
            if in_flight > 1 && server.name == "smtp-sink" {
                continue;
            }
            let load = Load { messages, recipients, in_flight, ..Load::default() };
            let mut clients = programs.peers(&load);
            clients.insert(0, Client::Ours);
            clients.retain(|client| *client != Client::Static);
            let mut ours = 0.0;
            for client in clients {
                // A peer that takes seconds shows no more the second time.
                let is_long = messages > 1 && !matches!(client, Client::Ours | Client::Before);
                let (mut turns, mut times) = (0, Vec::new());
                for _ in 0..if is_long { 1 } else { ROUNDS } {
                    relay.take_turns();
                    let cost = run(&programs.words(client, relay.address, &load)?)?;
                    turns = relay.take_turns();
                    times.push(cost.wall.as_secs_f64() * 1e3);
                }
                let its = median(times);
                let is_ours = client == Client::Ours;
                if is_ours {
                    ours = its;
                }
                section.row(vec![
                    if is_ours {
                        format!("{}: {messages}, {recipients}, {in_flight}", server.name)
                    } else {
                        String::new()
                    },
                    client.name().to_string(),
                    turns.to_string(),
                    format!("{its:.0}"),
                    if is_ours { String::new() } else { ratio(ours / its) },
                ]);
            }
        }
    }
    Ok(section)
}

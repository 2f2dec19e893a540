//! Measures many messages: how many a second, and what each costs the processor.

use super::clients::{Client, Load, Programs};
use super::document::{Section, times};
use super::process::{median, pinned, run, turns};
use super::servers::Server;
use std::io;

/// How often each client has its turn.
const ROUNDS: usize = 5;

/// What is measured: against both servers, and with messages in flight against the one that offers CHUNKING.
const LOADS: [Load; 13] = [
    load(10_000, 1, 1, 1024, 1),
    load(10_000, 1, 8, 1024, 1),
    load(10_000, 1, 64, 1024, 1),
    load(5_000, 50, 1, 1024, 1),
    load(5_000, 50, 8, 1024, 1),
    load(5_000, 50, 64, 1024, 1),
    load(1_000, 1, 1, 102_400, 1),
    load(1_000, 1, 8, 102_400, 1),
    load(1_000, 1, 64, 102_400, 1),
    load(200, 50, 1, 102_400, 1),
    load(200, 50, 8, 102_400, 1),
    load(200, 50, 64, 102_400, 1),
    load(50_000, 1, 1, 1024, 32),
];

const fn load(messages: u64, recipients: usize, connections: usize, octets: u64, in_flight: usize) -> Load {
    Load { messages, recipients, connections, in_flight, octets }
}

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &[
            "Messages per second over all connections, and CPU milliseconds of the client for 1,000 messages; the ratios \
             compare `smtp-cli` with the other client.",
        ],
        &["load", "client", "messages/s", "CPU ms/1,000", "smtp-cli's rate", "smtp-cli's CPU"],
    );
    for server in Server::both(programs)? {
        for load in LOADS {
            if load.in_flight > 1 && server.name == "smtp-sink" {
                // It does not offer CHUNKING.
                continue;
            }
            one(programs, &server, load, &mut section)?;
        }
    }
    Ok(section)
}

fn one(programs: &Programs, server: &Server, load: Load, section: &mut Section) -> io::Result<()> {
    let mut clients = programs.peers(&load);
    clients.insert(0, Client::Ours);
    // smtplib and lettre take part where one connection and one recipient show what they can do.
    let is_plain = load.recipients == 1 && load.octets == 1024 && load.in_flight == 1;
    clients.retain(|client| is_plain || !matches!(client, Client::Smtplib | Client::Lettre));
    let mut found: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); clients.len()];
    for round in 0..ROUNDS {
        for turn in turns(round, clients.len()) {
            let (client, (rates, costs)) = (&clients[turn], &mut found[turn]);
            let messages = match client {
                Client::Ours | Client::Static | Client::Before => load.messages,
                Client::SmtpSource => load.messages / 2,
                Client::Smtplib => 1_000,
                // It loses 40 ms with each.
                _ => 20,
            };
            let cost = run(&pinned(programs.words(*client, server.address, &Load { messages, ..load })?))?;
            let count = f64::from(u32::try_from(messages).unwrap_or(u32::MAX));
            rates.push(count / cost.wall.as_secs_f64());
            costs.push(cost.cpu.as_secs_f64() * 1e6 / count);
        }
    }
    let found: Vec<_> = found.into_iter().map(|(rates, costs)| (median(rates), median(costs))).collect();
    let (rate, cost) = found[0];
    for (client, (its_rate, its_cost)) in clients.iter().zip(&found) {
        let is_ours = *client == Client::Ours;
        section.row(vec![
            if is_ours { title(server, &load) } else { String::new() },
            client.name().to_string(),
            format!("{its_rate:.0}"),
            format!("{its_cost:.1}"),
            if is_ours { String::new() } else { times(rate / its_rate) },
            if is_ours { String::new() } else { times(cost / its_cost) },
        ]);
    }
    Ok(())
}

fn title(server: &Server, load: &Load) -> String {
    let in_flight =
        if load.in_flight > 1 { format!(", {} in flight", load.in_flight) } else { String::new() };
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!(
        "{}: {} KiB, {}, {}{in_flight}",
        server.name,
        load.octets / 1024,
        plural(load.recipients, "recipient"),
        plural(load.connections, "connection"),
    )
}

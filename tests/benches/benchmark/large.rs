//! Measures large messages: how many octets a second, and how much memory.

use super::clients::{Client, Load, Programs};
use super::document::{Section, times};
use super::process::{median, run, turns};
use super::servers::Server;
use std::io;

const MEGABYTE: u64 = 1_000_000;

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &["One message in one process, including its start; client and server have one processor each."],
        &[
            "server, message",
            "client",
            "MB/s",
            "CPU ms",
            "peak MB",
            "smtp-cli's rate",
            "smtp-cli's CPU",
            "smtp-cli's memory",
        ],
    );
    for server in Server::both(programs)? {
        for (size, rounds) in [(64 * MEGABYTE, 11), (1_000 * MEGABYTE, 3)] {
            if size > 64 * MEGABYTE && server.name == "smtp-mock" {
                // It takes 64 MiB at most.
                continue;
            }
            let load = Load { octets: size, ..Load::default() };
            let mut clients = programs.peers(&load);
            clients.insert(0, Client::Ours);
            // The scripts hold a message several times.
            clients.retain(|client| {
                size < 1_000 * MEGABYTE
                    || matches!(client, Client::Ours | Client::Static | Client::Before | Client::Curl)
            });
            clients.retain(|client| !matches!(client, Client::Swaks));
            let mut found: Vec<[Vec<f64>; 3]> = vec![Default::default(); clients.len()];
            for round in 0..rounds {
                for turn in turns(round, clients.len()) {
                    let (client, [rates, costs, peaks]) = (&clients[turn], &mut found[turn]);
                    let cost = run(&programs.words(*client, server.address, &load)?)?;
                    rates.push(megabytes(size) / cost.wall.as_secs_f64());
                    costs.push(cost.cpu.as_secs_f64() * 1e3);
                    peaks.push(megabytes(cost.peak));
                }
            }
            let found: Vec<_> = found.into_iter().map(|all| all.map(median)).collect();
            let ours = found[0];
            for (client, its) in clients.iter().zip(&found) {
                let is_ours = *client == Client::Ours;
                let mut row = vec![
                    if is_ours { format!("{}, {} MB", server.name, size / MEGABYTE) } else { String::new() },
                    client.name().to_string(),
                    format!("{:.0}", its[0]),
                    format!("{:.1}", its[1]),
                    format!("{:.1}", its[2]),
                ];
                row.extend(ours.iter().zip(its).map(
                    |(ours, its)| {
                        if is_ours { String::new() } else { times(ours / its) }
                    },
                ));
                section.row(row);
            }
        }
    }
    Ok(section)
}

#[allow(clippy::cast_precision_loss)] // to three digits
pub(crate) fn megabytes(octets: u64) -> f64 {
    octets as f64 / MEGABYTE as f64
}

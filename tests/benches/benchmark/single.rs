//! Measures one message in one process: what a script that sends now and then waits for.

use super::clients::{Client, Load, Programs};
use super::document::{Section, times};
use super::large::megabytes;
use super::process::{median, run, turns};
use super::servers::Server;
use std::io;

const ROUNDS: usize = 21;

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let size = std::fs::metadata(&programs.ours)?.len();
    let text = format!(
        "One message of 1 KiB to smtp-sink, from the start of the process to its end. The program `smtp-cli` has {:.1} MB.",
        megabytes(size)
    );
    let mut section = Section::new(
        &[&text],
        &["client", "ms", "CPU ms", "peak MB", "smtp-cli's time", "smtp-cli's CPU", "smtp-cli's memory"],
    );
    let server = Server::sink()?;
    let load = Load::default();
    let mut clients = programs.peers(&load);
    clients.insert(0, Client::Ours);
    let mut found: Vec<[Vec<f64>; 3]> = vec![Default::default(); clients.len()];
    for round in 0..ROUNDS {
        for turn in turns(round, clients.len()) {
            let (client, [times, costs, peaks]) = (&clients[turn], &mut found[turn]);
            let cost = run(&programs.words(*client, server.address, &load)?)?;
            times.push(cost.wall.as_secs_f64() * 1e3);
            costs.push(cost.cpu.as_secs_f64() * 1e3);
            peaks.push(megabytes(cost.peak));
        }
    }
    let found: Vec<_> = found.into_iter().map(|all| all.map(median)).collect();
    let ours = found[0];
    for (client, its) in clients.iter().zip(&found) {
        let mut row = vec![client.name().to_string()];
        row.extend(its.iter().map(|value| format!("{value:.1}")));
        row.extend(
            ours.iter().zip(its).map(
                |(ours, its)| {
                    if *client == Client::Ours { String::new() } else { times(ours / its) }
                },
            ),
        );
        section.row(row);
    }
    Ok(section)
}

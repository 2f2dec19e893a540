//! What applications send with: the mailers of smtp-core beside lettre and mail-send.

pub(crate) mod memory;
pub(crate) mod sender;

use super::clients::Programs;
use super::document::{Section, times};
use super::process::{Core, median, pinned_to, turns};
use super::servers::Server;
use sender::{Job, Mailer, Spent};
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often each mailer has its turn.
const ROUNDS: usize = 11;

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &[
            "Messages of 1 KiB to one recipient over loopback, to `smtp-mock --sink --quick-ack`: the server has one \
             processor, and the application the other. Connections are open, and have carried messages, when the measuring \
             begins. The options are the defaults, but for the number of connections; lettre sends over its pool of as \
             many, and mail-send, which has none, over one client for each. «send» is one message after the other in each \
             of as many threads or tasks as there are connections; `send_all` is one batch.",
            "TLS is from the first octet, and verified. Ratios are those to lettre with the same kind of I/O, medians of \
             11 runs that took turns.",
        ],
        &["load", "mailer", "messages/s", "CPU µs a message", "rate to lettre's", "CPU to lettre's"],
    );
    for is_secured in [false, true] {
        let authority = programs.directory.path().join("authority.pem");
        let mut words = vec!["--quick-ack".to_string()];
        if is_secured {
            words.extend(["--tls".into(), "implicit".into(), "--ca-file".into()]);
            words.push(authority.to_string_lossy().into_owned());
        }
        let server = Server::mock_with(programs, Core::First, &words)?;
        for connections in [1, 16] {
            let job = |mailer: Mailer| Job {
                mailer,
                server: server.address,
                connections,
                messages: mailer.messages(),
                authority: is_secured.then(|| authority.clone()),
            };
            one(job, &mut section)?;
        }
    }
    Ok(section)
}

/// All mailers with one load.
fn one(job: impl Fn(Mailer) -> Job, section: &mut Section) -> io::Result<()> {
    let mut found: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); Mailer::ALL.len()];
    for round in 0..ROUNDS {
        for turn in turns(round, Mailer::ALL.len()) {
            let job = job(Mailer::ALL[turn]);
            let Spent { wall, cpu } = spent(&job)?;
            let count = f64::from(u32::try_from(job.messages).unwrap_or(u32::MAX));
            found[turn].0.push(count / wall.as_secs_f64());
            found[turn].1.push(cpu.as_secs_f64() * 1e6 / count);
        }
    }
    let found: Vec<_> = found.into_iter().map(|(rates, costs)| (median(rates), median(costs))).collect();
    for (place, (mailer, (rate, cost))) in Mailer::ALL.into_iter().zip(&found).enumerate() {
        let peer = mailer.peer().and_then(|peer| Mailer::ALL.iter().position(|other| *other == peer));
        let ratio = |of: f64, peer: Option<f64>| peer.map(|peer| times(of / peer)).unwrap_or_default();
        section.row(vec![
            if place == 0 { title(&job(mailer)) } else { String::new() },
            mailer.name().to_string(),
            format!("{rate:.0}"),
            format!("{cost:.1}"),
            ratio(*rate, peer.map(|peer| found[peer].0)),
            ratio(*cost, peer.map(|peer| found[peer].1)),
        ]);
    }
    Ok(())
}

fn title(job: &Job) -> String {
    let security = if job.authority.is_some() { "TLS" } else { "in clear" };
    format!("{security}, {} connection{}", job.connections, if job.connections == 1 { "" } else { "s" })
}

/// Has a process of its own do it.
fn spent(job: &Job) -> io::Result<Spent> {
    let text = output_of(&job.words(), job.authority.as_deref())?;
    let mut numbers = text.split_whitespace().map(str::parse).map(|number| number.map(Duration::from_nanos));
    match (numbers.next(), numbers.next()) {
        (Some(Ok(wall)), Some(Ok(cpu))) => Ok(Spent { wall, cpu }),
        _ => Err(io::Error::other(format!("{:?} says {text:?}", job.mailer))),
    }
}

/// What this program prints when it is asked by these words, on the processor that the server does not have.
fn output_of(words: &[String], authority: Option<&std::path::Path>) -> io::Result<String> {
    let this = std::env::current_exe()?;
    let words = std::iter::once(this.into()).chain(words.iter().map(Into::into)).collect();
    let words = pinned_to(Core::Last, words);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    if let Some(authority) = authority {
        // mail-send asks the system for its authorities.
        command.env("SSL_CERT_FILE", authority);
    }
    let done = command.output()?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(io::Error::other(format!("{words:?}: {}", String::from_utf8_lossy(&done.stderr).trim())))
}

//! A driver for `std::net`: sends one message from standard input, without TLS.
//!
//! ```text
//! cargo run -p smtp-core --example driver_blocking -- 127.0.0.1:2525 alice@example.org bob@example.net <message.eml
//! ```

use smtp_core::{
    Cause, Client, Config, End, Envelope, Event, ForwardPath, Input, Instant, Outcome, Output, ReversePath,
    Transmit,
};
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, from, to @ ..] = arguments.as_slice() else {
        return Err("usage: driver_blocking SERVER:PORT FROM TO... <MESSAGE".into());
    };
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    for (to, outcome) in to.iter().zip(send(server, from, &to, &mut std::io::stdin().lock())?) {
        println!("{to}: {outcome:?}");
    }
    Ok(())
}

/// Sends the content of `message`; returns one outcome for each of `to`.
fn send(
    server: &str,
    from: &str,
    to: &[&str],
    message: &mut impl Read,
) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let config = Config::default();
    let address = server.to_socket_addrs()?.next().ok_or("the server's name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, config.timeouts.connect)?;
    // the client writes whole groups: waiting for more gains nothing
    stream.set_nodelay(true)?;

    let mut client = Client::new(config);
    client.hello("localhost".parse()?)?;
    let to =
        to.iter().map(|to| Ok(ForwardPath::new(to.parse()?))).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    client.send(Envelope::new(ReversePath::new(from.parse()?), to))?;
    client.quit()?;

    let epoch = std::time::Instant::now();
    let (mut transmit, mut outcomes) = (Transmit::new(), Vec::new());
    let (mut octets, mut body, mut body_rest) = (vec![0; 16 * 1024], vec![0; 64 * 1024], 0..0);
    loop {
        let now = Instant::from_epoch(epoch.elapsed());
        match client.poll(now, &mut transmit) {
            Output::Write { until } => {
                stream.set_write_timeout(Some(remaining(until, now)))?;
                match stream.write_all(transmit.octets()) {
                    Ok(()) => client.handle(Input::Sent),
                    // `until` has come: the next poll handles it
                    Err(error) if is_timeout(&error) => {}
                    Err(_) => client.handle(Input::WriteFailed),
                }
            }
            Output::Read { until } => {
                stream.set_read_timeout(Some(remaining(until, now)))?;
                match stream.read(&mut octets) {
                    Ok(0) => client.handle(Input::Lost),
                    Ok(count) => client.handle(Input::Received(&octets[..count])),
                    Err(error) if is_timeout(&error) => {}
                    Err(_) => client.handle(Input::Lost),
                }
            }
            Output::Body(_) => {
                if body_rest.is_empty() {
                    match message.read(&mut body) {
                        Ok(0) => client.end_of_body(),
                        Ok(count) => body_rest = 0..count,
                        Err(_) => client.abort_body(),
                    }
                }
                body_rest.start += client.body(&body[body_rest.clone()]);
            }
            Output::Event(Event::Done { end: End::Delivered(found), .. }) => outcomes = found,
            Output::Event(Event::Closed(cause)) if cause != Cause::Quit => {
                eprintln!("the connection ended: {cause}");
            }
            Output::Event(_) => {}
            Output::Handshake { .. } | Output::Idle => {
                return Err("neither TLS nor another goal was asked for".into());
            }
            Output::Closed => return Ok(outcomes),
        }
    }
}

/// The time left until then; a socket does not accept a timeout of zero.
fn remaining(until: Instant, now: Instant) -> Duration {
    until.saturating_since(now).max(Duration::from_millis(1))
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::Mock;

    #[test]
    fn the_message_arrives() {
        let server = Mock::builder().start();
        let mut message = &b"Subject: hello\n\n.It works.\n"[..];
        let outcomes =
            send(&server.addr().to_string(), "alice@example.org", &["bob@example.net"], &mut message)
                .unwrap();
        assert!(matches!(outcomes[..], [Outcome::Accepted(_)]), "{outcomes:?}");
        assert_eq!(server.messages()[0].octets, b"Subject: hello\r\n\r\n.It works.\r\n");
    }
}

//! A driver for tokio that reads while it writes: sends one message, without TLS.
//!
//! ```text
//! cargo run -p smtp-core --example driver_tokio -- 127.0.0.1:2525 alice@example.org bob@example.net <message.eml
//! ```

use smtp_core::{
    Client, Config, End, Envelope, Event, ForwardPath, Input, Instant, Outcome, Output, ReversePath, Transmit,
};
use std::error::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, from, to @ ..] = arguments.as_slice() else {
        return Err("usage: driver_tokio SERVER:PORT FROM TO... <MESSAGE".into());
    };
    let mut message = Vec::new();
    tokio::io::stdin().read_to_end(&mut message).await?;
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    for (to, outcome) in to.iter().zip(send(server, from, &to, &message).await?) {
        println!("{to}: {outcome:?}");
    }
    Ok(())
}

/// Sends `message`; returns one outcome for each of `to`.
async fn send(server: &str, from: &str, to: &[&str], message: &[u8]) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let config = Config::default();
    let stream = timeout(config.timeouts.connect, TcpStream::connect(server)).await??;
    stream.set_nodelay(true)?;
    let mut client = Client::new(config);
    client.hello("localhost".parse()?)?;
    let to =
        to.iter().map(|to| Ok(ForwardPath::new(to.parse()?))).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    client.send(Envelope::new(ReversePath::new(from.parse()?), to))?;
    client.quit()?;

    let mut driver = Driver::new(stream);
    let (mut outcomes, mut rest) = (Vec::new(), message);
    loop {
        match client.poll(driver.now(), &mut driver.transmit) {
            Output::Write { until } => driver.write(&mut client, until).await,
            Output::Read { until } => driver.read(&mut client, until).await,
            Output::Body(_) if rest.is_empty() => client.end_of_body(),
            Output::Body(_) => rest = &rest[client.body(rest)..],
            Output::Event(Event::Done { end: End::Delivered(found), .. }) => outcomes = found,
            Output::Event(_) => {}
            Output::Handshake { .. } | Output::Idle => {
                return Err("neither TLS nor another goal was asked for".into());
            }
            Output::Closed => return Ok(outcomes),
        }
    }
}

/// The transport and the clock.
struct Driver {
    reader: ReadHalf<TcpStream>,
    writer: WriteHalf<TcpStream>,
    epoch: tokio::time::Instant,
    transmit: Transmit,
    /// How much of the current write was written.
    written: usize,
    octets: Vec<u8>,
}

impl Driver {
    fn new(stream: TcpStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let epoch = tokio::time::Instant::now();
        Self { reader, writer, epoch, transmit: Transmit::new(), written: 0, octets: vec![0; 16 * 1024] }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Continues the write until other input arrives; the client then returns the same write again.
    async fn write(&mut self, client: &mut Client, until: Instant) {
        tokio::select! {
            result = self.writer.write(&self.transmit.octets()[self.written..]) => match result {
                Ok(0) | Err(_) => {
                    self.written = 0;
                    client.handle(Input::WriteFailed);
                }
                Ok(count) => {
                    self.written += count;
                    if self.written == self.transmit.octets().len() {
                        self.written = 0;
                        client.handle(Input::Sent);
                    }
                }
            },
            result = self.reader.read(&mut self.octets) => received(client, &self.octets, &result),
            () = sleep_until(self.epoch + until.since_epoch()) => {}
        }
    }

    async fn read(&mut self, client: &mut Client, until: Instant) {
        tokio::select! {
            result = self.reader.read(&mut self.octets) => received(client, &self.octets, &result),
            () = sleep_until(self.epoch + until.since_epoch()) => {}
        }
    }
}

fn received(client: &mut Client, octets: &[u8], result: &std::io::Result<usize>) {
    client.handle(match result {
        Ok(0) | Err(_) => Input::Lost,
        Ok(count) => Input::Received(&octets[..*count]),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::Mock;

    #[tokio::test]
    async fn a_large_message_arrives() {
        let server = Mock::builder().start();
        let message = b"Subject: hello\r\n\r\n"
            .iter()
            .copied()
            .chain(b".It works.\r\n".repeat(100_000))
            .collect::<Vec<_>>();
        let address = server.addr().to_string();
        let outcomes = send(&address, "alice@example.org", &["bob@example.net"], &message).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Accepted(_)]), "{outcomes:?}");
        assert!(server.messages()[0].octets == message);
    }
}

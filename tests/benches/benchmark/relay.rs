//! Provides a relay that delays whatever passes, and counts turns.

use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A relay between clients and a server; each direction has half of the delay, and no limit of its octets a second.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Where clients connect to.
    pub(crate) address: SocketAddr,
    turns: Arc<AtomicU64>,
}

impl Relay {
    /// Listens on a free port until this program ends.
    pub(crate) fn start(server: SocketAddr, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let turns = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&turns);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that finds no server sees its connection end.
                let _ = pass(&client, server, round_trip / 2, &counted);
            }
        });
        Ok(Self { address, turns })
    }

    /// How often a client has spoken again after the server had, since this was last asked.
    pub(crate) fn take_turns(&self) -> u64 {
        self.turns.swap(0, Ordering::SeqCst)
    }
}

fn pass(client: &TcpStream, server: SocketAddr, delay: Duration, turns: &Arc<AtomicU64>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    let spoken = Arc::new(AtomicBool::new(false));
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (has_spoken, turns) = (Arc::clone(&spoken), Arc::clone(turns));
    pump(from_client, to_server, delay, move || {
        if has_spoken.swap(false, Ordering::SeqCst) {
            turns.fetch_add(1, Ordering::SeqCst);
        }
    });
    pump(server, client.try_clone()?, delay, move || spoken.store(true, Ordering::SeqCst));
    Ok(())
}

/// Passes octets on after the delay: `came` hears of those that come, before they leave.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration, came: impl Fn() + Send + 'static) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 256 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            came();
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, octets) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&octets).is_err() {
                break;
            }
        }
        // One that is closed already is what is wanted.
        let _ = to.shutdown(Shutdown::Write);
    });
}

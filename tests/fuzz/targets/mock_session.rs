//! Whatever a client sends, and however it is cut, the mock's session answers with replies, comes to rest and keeps no
//! more input than a line.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use smtp_mock::{Output, Preset, Protocol, ProxyHeader, Scenario, Secured, Server, Session, TlsMode};

/// What is tried: an octet of bits for the scenario, one that chooses a preset (none if it is below 128), one that says
/// how the rest is cut; then what the client sends, with acts in it.
#[derive(Debug)]
struct Walk<'a> {
    bits: u8,
    preset: Option<u8>,
    size: u8,
    acts: Vec<Act<'a>>,
}

/// What happens: an octet of 255 begins an act, which the next octet names, and ends what is sent before.
#[derive(Debug)]
enum Act<'a> {
    Octets(&'a [u8]),
    /// A digit: so many minutes pass.
    Pass(u64),
    /// `t` and `f`: the handshake is done, or failed.
    Secure(bool),
    /// `e`: the client's stream ends.
    End,
    /// `l`: the connection is reset.
    Lose,
}

impl<'a> Walk<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let (&[bits, preset, size], rest) = octets.split_first_chunk()?;
        let mut acts = Vec::new();
        for (index, piece) in rest.split(|&octet| octet == 255).enumerate() {
            let mut octets = piece;
            if index > 0
                && let Some((&name, behind)) = piece.split_first()
            {
                octets = behind;
                match name {
                    b'0'..=b'9' => acts.push(Act::Pass(u64::from(name - b'0'))),
                    b't' | b'f' => acts.push(Act::Secure(name == b't')),
                    b'e' => acts.push(Act::End),
                    b'l' => acts.push(Act::Lose),
                    _ => {}
                }
            }
            acts.push(Act::Octets(octets));
        }
        let preset = preset.checked_sub(128);
        Some(Self { bits, preset, size, acts })
    }
}

/// How much input a session may keep when it has nothing to say: a line, or what may yet become the end of a body.
const KEPT: usize = 20 * 1024;

fuzz_target!(|octets: &[u8]| {
    let Some(walk) = Walk::read(octets) else { return };
    let scenario = scenario(&walk);
    let is_plain = walk.preset.is_none();
    let (whole, was_secured) = play(scenario.clone(), &walk.acts, usize::MAX, is_plain);
    // what comes with STARTTLS in one piece is thrown away, and another cut changes what that is
    if is_plain && !was_secured {
        let (cut, _) = play(scenario, &walk.acts, usize::from(walk.size % 16) + 1, is_plain);
        assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&cut), "cut differently");
    }
});

/// A correct server in one of its forms, or a preset.
fn scenario(walk: &Walk<'_>) -> Scenario {
    let mut scenario = match walk.preset {
        Some(which) => {
            let all = Preset::all();
            all[usize::from(which) % all.len()].scenario().expect("the presets are valid")
        }
        None => Scenario::new(),
    };
    let bits = walk.bits;
    scenario.auth.users.insert("alice".to_owned(), "secret".to_owned());
    scenario.auth.plaintext_ok = bits & 1 != 0;
    scenario.auth.iterations = 1;
    scenario.auth.require = bits & 2 != 0;
    scenario.server.protocol = if bits & 4 != 0 { Protocol::Lmtp } else { scenario.server.protocol };
    scenario.server.proxy = if bits & 8 != 0 { ProxyHeader::Any } else { ProxyHeader::None };
    scenario.tls.mode = if bits & 16 != 0 { TlsMode::Starttls } else { scenario.tls.mode };
    scenario.sink = bits & 32 != 0;
    scenario
}

/// What the server says, and whether there was a handshake.
fn play(scenario: Scenario, acts: &[Act<'_>], size: usize, is_plain: bool) -> (Vec<u8>, bool) {
    let server = Server::new(scenario);
    let mut talk =
        Talk { session: server.session(), now: Duration::ZERO, said: Vec::new(), secures: 0, is_plain };
    talk.settle();
    for act in acts {
        match act {
            Act::Octets(octets) => talk.give(octets, size),
            Act::Pass(minutes) => {
                talk.now += Duration::from_mins(*minutes);
                talk.session.now(talk.now);
            }
            Act::Secure(true) => {
                talk.session.tls_up(Secured { end_point: Some(vec![7; 32]), description: String::new() });
            }
            Act::Secure(false) => talk.session.tls_failed("no certificate"),
            Act::End => talk.session.eof(),
            Act::Lose => talk.session.lost("reset"),
        }
        talk.settle();
    }
    talk.session.lost("the end");
    assert!(talk.session.is_over());
    for message in server.messages() {
        assert!(!message.to().is_empty(), "a message to nobody");
    }
    let _ = (server.report().to_string(), server.transcript().to_string());
    assert_eq!(server.open_connections(), 0);
    (talk.said, talk.secures > 0)
}

struct Talk {
    session: Session,
    now: Duration,
    said: Vec<u8>,
    secures: usize,
    is_plain: bool,
}

impl Talk {
    /// Gives octets as a driver does, no more than there is room for.
    fn give(&mut self, octets: &[u8], size: usize) {
        for piece in octets.chunks(size.min(octets.len().max(1))) {
            if self.session.room() < piece.len() {
                return;
            }
            self.session.input(piece);
            self.settle();
        }
    }

    /// Polls until the session waits for something that is not time.
    fn settle(&mut self) {
        for _ in 0..500 {
            match self.session.poll() {
                Output::Send(octets) => {
                    assert!(!octets.is_empty());
                    if self.is_plain {
                        replies(&octets);
                    }
                    self.said.extend_from_slice(&octets);
                }
                Output::WaitUntil(until) | Output::StopReading(until) => {
                    assert!(until > self.now, "a wait for what has passed");
                    self.now = until;
                    self.session.now(until);
                }
                Output::Handshake(_) => {
                    self.secures += 1;
                    return;
                }
                Output::NeedInput => {
                    assert!(self.session.room() >= 256 * 1024 - KEPT, "input is kept that nobody looks at");
                    return;
                }
                Output::Close(_) => return,
            }
        }
        // an endless reply of a preset is one, a correct server has none
        assert!(!self.is_plain, "the session never comes to rest");
    }
}

/// A correct server says whole reply lines.
fn replies(octets: &[u8]) {
    let lines = octets.strip_suffix(b"\r\n").expect("whole lines");
    for line in lines.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit), "{line:?}");
        assert!(matches!(line.get(3), None | Some(b' ' | b'-')), "{line:?}");
        assert!(!line.contains(&b'\r') && line.len() <= 510, "{line:?}");
    }
}

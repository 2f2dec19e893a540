//! Whatever a server sends, a mechanism neither fails nor grows nor shows a secret, and believes no success without a
//! proof.

#![no_main]

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use libfuzzer_sys::fuzz_target;
use sha1::Sha1;
use sha2::Sha256;
use smtp_core::{
    ChannelBinding, Client, Config, Credentials, End, Event, Input, Instant, Mechanism, Output, Reveal,
    Secret, Transmit,
};

/// Long and odd enough that nothing but a leak puts it into a text.
const PASSWORD: &str = "Zq9~xKw!72_hunter";
const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";
const NAMES: [&str; 11] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
    "OAUTHBEARER",
    "XOAUTH2",
    "EXTERNAL",
    "ANONYMOUS",
];

/// What is tried, read from lines: the mechanism; the user; whom to act as, if anybody; marks (`b` the channel is bound,
/// `h` the server hides -PLUS); the code of the reply behind the challenges; and these, one in each line.
#[derive(Debug)]
struct Exchange {
    name: &'static str,
    user: String,
    identity: Option<String>,
    is_bound: bool,
    hides_plus: bool,
    code: &'static str,
    challenges: Vec<Challenge>,
}

/// A challenge: the first character of its line says which.
#[derive(Debug)]
enum Challenge {
    /// `o`: the rest of the line.
    Octets(Vec<u8>),
    /// `x`: the rest of the line, which no base64 is made of.
    Raw(Vec<u8>),
    /// `f`: SCRAM's first, with a nonce that extends the client's by the rest, which is its salt, too.
    First(Vec<u8>),
    /// `p`: SCRAM's final, by a server that knows the password.
    Proof,
    /// `v`: SCRAM's final, with the rest as its signature.
    Signature(Vec<u8>),
    /// `r`: the client's last response, behind the rest of the line.
    Response(Vec<u8>),
    /// `s`: the client's secret, behind the rest of the line.
    Secret(Vec<u8>),
}

impl Exchange {
    fn read(octets: &[u8]) -> Option<Self> {
        let mut lines = octets.split(|&octet| octet == b'\n');
        let name = lines.next()?;
        let name = NAMES.into_iter().find(|known| known.as_bytes() == name)?;
        let user = String::from_utf8(lines.next()?.to_vec()).ok()?;
        let identity = String::from_utf8(lines.next()?.to_vec()).ok()?;
        let marks = lines.next()?;
        let code = lines.next()?;
        let codes = ["235", "535", "504", "421", "250", "454"];
        let code = codes.into_iter().find(|known| known.as_bytes() == code)?;
        Some(Self {
            name,
            user,
            identity: Some(identity).filter(|identity| !identity.is_empty()),
            is_bound: marks.contains(&b'b'),
            hides_plus: marks.contains(&b'h'),
            code,
            challenges: lines.take(16).filter_map(Challenge::read).collect(),
        })
    }
}

impl Challenge {
    /// Whether it says what the client said; the fuzzer learns the password and its base64, too.
    fn repeats(&self) -> bool {
        let repeats = |octets: &[u8]| {
            let digits = STANDARD.encode(PASSWORD);
            [PASSWORD, &digits[..20]]
                .iter()
                .any(|secret| octets.windows(secret.len()).any(|window| window == secret.as_bytes()))
        };
        match self {
            Self::Response(_) | Self::Secret(_) => true,
            Self::Octets(octets) | Self::Raw(octets) | Self::First(octets) | Self::Signature(octets) => {
                repeats(octets)
            }
            Self::Proof => false,
        }
    }

    fn read(line: &[u8]) -> Option<Self> {
        let (kind, rest) = line.split_first()?;
        let rest = rest.to_vec();
        Some(match kind {
            b'o' => Self::Octets(rest),
            b'x' => Self::Raw(rest),
            b'f' => Self::First(rest),
            b'p' => Self::Proof,
            b'v' => Self::Signature(rest),
            b'r' => Self::Response(rest),
            b's' => Self::Secret(rest),
            _ => return None,
        })
    }
}

fuzz_target!(|octets: &[u8]| {
    let Some(exchange) = Exchange::read(octets) else { return };
    let Some(credentials) = credentials(&exchange) else { return };
    if let Ok(mechanism) = credentials.mechanism(exchange.name) {
        alone(mechanism, &exchange);
    }
    if let Ok(mechanism) = credentials.mechanism(exchange.name) {
        joined(mechanism, &exchange);
    }
});

fn credentials(exchange: &Exchange) -> Option<Credentials> {
    let name = exchange.name;
    let secret = Secret::from(PASSWORD);
    // a user who is called by his password is shown by it
    if [&exchange.user, exchange.identity.as_ref().unwrap_or(&exchange.user)]
        .iter()
        .any(|name| name.contains(PASSWORD) || name.contains(&STANDARD.encode(PASSWORD)[..8]))
    {
        return None;
    }
    let mut credentials = match name {
        "OAUTHBEARER" | "XOAUTH2" => Credentials::token(&exchange.user, secret).with_server("mx", 587),
        "EXTERNAL" => Credentials::certificate(),
        "ANONYMOUS" => Credentials::anonymous(Some(&exchange.user)),
        _ => Credentials::password(&exchange.user, secret).with_nonce(NONCE),
    };
    if exchange.is_bound || name.ends_with("-PLUS") {
        let binding = ChannelBinding::tls_server_end_point([7; 32]).expect("the length of a hash");
        credentials = credentials.with_channel_binding(binding);
    }
    if let Some(identity) = &exchange.identity {
        credentials = credentials.with_authorization_identity(identity);
    }
    Some(credentials)
}

/// The mechanism by itself, which is told of no reply but of challenges.
fn alone(mut mechanism: Box<dyn Mechanism>, exchange: &Exchange) {
    let name = mechanism.name();
    let mut server = Server::new(name);
    assert!(name != "CRAM-MD5" && !name.starts_with("SCRAM") || mechanism.succeed().is_err());
    match mechanism.initial_response() {
        Ok(response) => server.heard(response.as_ref().map_or(b"", Secret::expose)),
        Err(error) => return shows_nothing(&error),
    }
    for challenge in &exchange.challenges {
        // it is the client that hides what a server echoes
        if challenge.repeats() {
            continue;
        }
        let challenge = server.challenge(challenge);
        let response = mechanism.respond(&challenge);
        shows_nothing(&mechanism);
        shows_nothing(&(&response, mechanism.refusal()));
        assert!(mechanism.secrets().len() <= 8, "secrets do not pile up");
        let is_believed = mechanism.succeed().is_ok();
        assert!(!name.starts_with("SCRAM") || !is_believed || server.has_proved, "a success without a proof");
        assert!(!is_believed || mechanism.refusal().is_none(), "a success behind a refusal");
        match response {
            Ok(response) => {
                // what is sent is made of what is known, and SCRAM repeats the nonce
                assert!(response.expose().len() <= 1024 + exchange.user.len() + challenge.len());
                server.heard(response.expose());
            }
            Err(error) => {
                assert!(error.to_string().chars().all(|c| !c.is_control()), "{error:?}");
                // a number for each character that cannot be shown
                assert!(error.to_string().len() <= 4096);
                assert!(!name.starts_with("SCRAM") || !is_believed);
                return;
            }
        }
    }
}

/// The mechanism within a client, and a server that speaks base64.
fn joined(mechanism: Box<dyn Mechanism>, exchange: &Exchange) {
    let name = mechanism.name();
    let has_secret = !matches!(name, "EXTERNAL" | "ANONYMOUS");
    let mut config = Config::default();
    config.reveal = Reveal::Always;
    config.report_replies = true;
    let rounds = config.limits.auth_rounds;
    let (mut client, mut transmit) = (Client::new(config), Transmit::new());
    client.hello("client.example".parse().expect("a domain")).expect("taken");
    let login = client.authenticate(vec![mechanism]).expect("taken");
    client.quit().expect("taken");

    let offered = match (name.strip_suffix("-PLUS"), exchange.hides_plus) {
        (None, false) => format!("{name} SCRAM-SHA-256-PLUS"),
        _ => name.to_owned(),
    };
    let mut server = Server::new(name);
    let (mut challenges, mut responses, mut is_over) = (exchange.challenges.iter(), 0, false);
    let mut replies = vec![format!("250-mx\r\n250 AUTH {offered}\r\n"), "220 mx\r\n".to_owned()];
    loop {
        let reply = match client.poll(Instant::EPOCH, &mut transmit) {
            Output::Write { .. } => {
                let line = transmit.octets().strip_suffix(b"\r\n").expect("whole lines");
                assert!(!line.contains(&b'\r') && !line.contains(&b'\n'), "one line at a time");
                assert!(line.len() < 12_288, "no line over the limit of RFC 4954 §4");
                if line == b"*" {
                    is_over = true;
                } else if !line.starts_with(b"EHLO") && !line.starts_with(b"QUIT") {
                    responses += 1;
                    assert!(responses <= rounds + 2, "rounds without end");
                    let word = line.rsplit(|&octet| octet == b' ').next().unwrap_or_default();
                    let response = STANDARD.decode(word).unwrap_or_default();
                    if !(line.starts_with(b"AUTH") && word == name.as_bytes()) {
                        server.heard(&response);
                    }
                }
                client.handle(Input::Sent);
                continue;
            }
            Output::Event(event) => {
                // whoever has no secret has none that could be hidden
                if has_secret {
                    shows_nothing(&event);
                }
                if let Event::Done { goal, end: End::Authenticated(_) } = &event {
                    assert_eq!(*goal, login);
                    assert!(!name.starts_with("SCRAM") || server.has_proved, "a success without a proof");
                }
                continue;
            }
            Output::Read { .. } => replies.pop(),
            Output::Closed => return,
            Output::Idle | Output::Handshake { .. } | Output::Body(_) => panic!("not asked for"),
        };
        // what a server repeats is hidden where it leaves, in events; until then it is part of the state
        if !exchange.challenges.iter().any(Challenge::repeats) {
            shows_nothing(&client);
        }
        let reply = match reply {
            Some(reply) => reply,
            None if is_over => "501 cancelled\r\n".to_owned(),
            None => match challenges.next() {
                Some(Challenge::Secret(_)) if !has_secret => "334 \r\n".to_owned(),
                Some(Challenge::Raw(text)) => {
                    format!("334 {}\r\n", String::from_utf8_lossy(text).replace('\r', ""))
                }
                Some(challenge) => format!("334 {}\r\n", STANDARD.encode(server.challenge(challenge))),
                None if responses == 0 => return,
                None => {
                    is_over = true;
                    let code = exchange.code;
                    let echo = if has_secret { PASSWORD } else { "nothing" };
                    format!("{code} {echo} {} ok\r\n", STANDARD.encode(echo))
                }
            },
        };
        client.handle(Input::Received(reply.as_bytes()));
    }
}

/// The server's side of SCRAM, which computes for itself, and an echo.
struct Server {
    is_sha_1: bool,
    last: Vec<u8>,
    bare: Option<String>,
    first: Option<(String, Vec<u8>, u32)>,
    without_proof: Option<String>,
    has_proved: bool,
}

impl Server {
    fn new(name: &str) -> Self {
        let is_sha_1 = name.starts_with("SCRAM-SHA-1");
        Self { is_sha_1, last: Vec::new(), bare: None, first: None, without_proof: None, has_proved: false }
    }

    fn heard(&mut self, response: &[u8]) {
        self.last = response.to_vec();
        let Ok(text) = std::str::from_utf8(response) else { return };
        if self.bare.is_none() {
            self.bare = text.splitn(3, ',').nth(2).map(str::to_owned);
        } else if let Some((message, _)) = text.split_once(",p=") {
            self.without_proof = Some(message.to_owned());
        }
    }

    fn challenge(&mut self, challenge: &Challenge) -> Vec<u8> {
        match challenge {
            Challenge::Octets(octets) | Challenge::Raw(octets) => octets.clone(),
            Challenge::First(octets) => {
                let iterations = 4_096 + octets.len() as u32 % 8;
                let salt = STANDARD.encode(octets);
                let message = format!("r={NONCE}{},s={salt},i={iterations}", salt.trim_end_matches('='));
                if self.without_proof.is_none() {
                    self.first = Some((message.clone(), octets.clone(), iterations));
                }
                message.into_bytes()
            }
            Challenge::Proof => match self.signature() {
                Some(signature) => {
                    self.has_proved = true;
                    format!("v={}", STANDARD.encode(signature)).into_bytes()
                }
                None => b"v=".to_vec(),
            },
            Challenge::Signature(octets) => format!("v={}", STANDARD.encode(octets)).into_bytes(),
            Challenge::Response(before) => [before, self.last.as_slice()].concat(),
            Challenge::Secret(before) => [before, PASSWORD.as_bytes()].concat(),
        }
    }

    fn signature(&self) -> Option<Vec<u8>> {
        let (first, salt, iterations) = self.first.as_ref()?;
        let message = format!("{},{first},{}", self.bare.as_ref()?, self.without_proof.as_ref()?);
        Some(if self.is_sha_1 {
            let mut salted = [0; 20];
            pbkdf2::pbkdf2_hmac::<Sha1>(PASSWORD.as_bytes(), salt, *iterations, &mut salted);
            let key = sign::<Hmac<Sha1>>(&salted, b"Server Key");
            sign::<Hmac<Sha1>>(&key, message.as_bytes())
        } else {
            let mut salted = [0; 32];
            pbkdf2::pbkdf2_hmac::<Sha256>(PASSWORD.as_bytes(), salt, *iterations, &mut salted);
            let key = sign::<Hmac<Sha256>>(&salted, b"Server Key");
            sign::<Hmac<Sha256>>(&key, message.as_bytes())
        })
    }
}

fn sign<M: hmac::Mac + hmac::KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <M as hmac::KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Neither the password nor what base64 makes of it stands in what is printed.
fn shows_nothing(value: &impl Debug) {
    let printed = format!("{value:?}");
    assert!(!printed.contains(PASSWORD), "{printed}");
    assert!(!printed.contains(&STANDARD.encode(PASSWORD)[..22]), "{printed}");
    let numbers = format!("{:?}", PASSWORD.as_bytes());
    assert!(!printed.contains(numbers.trim_matches(['[', ']'])), "{printed}");
}

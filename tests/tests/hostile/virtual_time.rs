//! Plays a case against the core, in virtual time and in several cuts of the octets: the limits are those of RFC 5321,
//! to the second, and no second passes.

use smtp_core::{
    BodyType, Client, Config, CramMd5, End, Envelope, Event, Login, Mechanism, Outcome, Plain, Protocol,
    Scram, ScramHash, Secret,
};
use smtp_mock::{Cuts, Ending, Server};
use smtp_tests::joined::join_to;

use super::case::{Case, PASSWORD, Tls, USER};
use super::judge::said_wrongly;

/// Ours, in SCRAM.
const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

/// Plays the case; panics with everything that is wrong.
pub(crate) fn play(case: &Case) {
    let whole = play_cut(case, Cuts::Whole, Cuts::Whole);
    let due = case.core_outcome.as_ref().unwrap_or(&case.outcome);
    assert_eq!(whole, *due, "{} in virtual time", case.name);
    if !case.cuts {
        return;
    }
    for cuts in [Cuts::Every(1), Cuts::Every(7), Cuts::At(vec![1, 2, 3])] {
        assert_eq!(
            play_cut(case, Cuts::Whole, cuts.clone()),
            *due,
            "{}, the server cut: {cuts:?}",
            case.name
        );
        assert_eq!(
            play_cut(case, cuts.clone(), Cuts::Whole),
            *due,
            "{}, the client cut: {cuts:?}",
            case.name
        );
    }
}

/// What became of the message.
fn play_cut(case: &Case, client_cuts: Cuts, server_cuts: Cuts) -> &'static str {
    let server = Server::new(case.scenario());
    let message = case.message.clone().unwrap_or_else(|| format!("Subject: x\r\n\r\n{}\r\n", case.body));
    let pair = join_to(client(case, message.is_ascii()), message.as_bytes(), server.session());
    // less than some messages between the two, so that a server which does not read holds up the client
    let mut pair = pair.capacity(4096).cut_client(client_cuts).cut_server(server_cuts);
    let ending = pair.run();
    let events = pair.client().events().to_vec();
    assert_eq!(ending, Ending::Closed, "{}: {events:?}", case.name);
    assert!(matches!(events.last(), Some((_, Event::Closed(_)))), "{}: {events:?}", case.name);
    assert_eq!(case.leak(format!("{events:?}").as_bytes()), None, "{}", case.name);

    let said = pair.writes().concat();
    let flaws = said_wrongly(case, &String::from_utf8_lossy(&said));
    assert!(flaws.is_empty(), "{}: {flaws:?} in {}", case.name, said.escape_ascii());
    let alone = String::from_utf8_lossy(&said).replace("\r\n", "").contains(['\r', '\n']);
    assert!(!alone, "{}: CR or LF alone in {}", case.name, said.escape_ascii());
    let outcomes = events.iter().find_map(|(_, event)| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => Some(outcomes),
        _ => None,
    });
    outcome(outcomes.unwrap_or_else(|| panic!("{}: nothing became of it: {events:?}", case.name)))
}

/// A client that was asked what the program is asked.
fn client(case: &Case, is_ascii: bool) -> Client {
    let lmtp = case.options.iter().any(|option| option == "--lmtp");
    let mut config = Config::default();
    config.protocol = if lmtp { Protocol::Lmtp } else { Protocol::Esmtp };
    config.implicit_tls = case.tls == Tls::Implicit;
    let mut client = Client::new(config);
    let domain = || case.helo.as_deref().unwrap_or("client.example").parse().unwrap();
    client.hello(domain()).unwrap();
    if case.tls == Tls::Starttls {
        client.start_tls().unwrap();
        client.hello(domain()).unwrap();
    }
    if let Some(names) = &case.login {
        client.authenticate(mechanisms(names)).unwrap();
    }
    let to = case.to.iter().map(|to| format!("<{to}>").parse().unwrap());
    let mut envelope = Envelope::new(format!("<{}>", case.from).parse().unwrap(), to);
    if !is_ascii {
        envelope.body = BodyType::EightBitMime;
    }
    client.send(envelope).unwrap();
    client.quit().unwrap();
    client
}

/// The mechanisms of these names, or all that hide or reveal a password.
fn mechanisms(names: &str) -> Vec<Box<dyn Mechanism>> {
    let names = if names == "auto" { "SCRAM-SHA-256,CRAM-MD5,PLAIN,LOGIN" } else { names };
    names.split(',').map(mechanism).collect()
}

fn mechanism(name: &str) -> Box<dyn Mechanism> {
    let password = || Secret::from(PASSWORD);
    match name {
        "SCRAM-SHA-256" => Box::new(Scram::new(ScramHash::Sha256, USER, &password(), NONCE).unwrap()),
        "SCRAM-SHA-1" => Box::new(Scram::new(ScramHash::Sha1, USER, &password(), NONCE).unwrap()),
        "CRAM-MD5" => Box::new(CramMd5::new(USER, password()).unwrap()),
        "PLAIN" => Box::new(Plain::new(USER, password()).unwrap()),
        "LOGIN" => Box::new(Login::new(USER, password()).unwrap()),
        other => panic!("no case asks for {other}"),
    }
}

/// All outcomes in one word.
fn outcome(outcomes: &[Outcome]) -> &'static str {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused { .. } => "refused",
        Outcome::Unconfirmed(_) => "unknown",
        Outcome::Unsent(_) => "unsent",
    };
    let first = outcomes.first().map_or("nothing", word);
    if outcomes.iter().all(|outcome| word(outcome) == first) { first } else { "partly" }
}

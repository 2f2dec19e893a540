//! Openings and connections against replies by hand, without a socket.

use crate::tools::{Log, titled};
use smtp_core::mailer::{
    Connection, Delivery, Demand, Error, ErrorKind, Login, Opening, OpeningStep, Options, Policy, Reach,
    SecretRequest, Security, Server, Settings, Step, StopReason, Submitted, Until, Work,
};
use smtp_core::{Cause, Config, Event, Instant, Outcome, Reason, Secret, XclientAttribute};
use std::time::Duration;

/// The commands that left, and the replies that a server gives to them: the first whose beginning fits.
struct Dialogue<'a> {
    replies: &'a [(&'a str, &'a str)],
    commands: Vec<String>,
    requests: Vec<SecretRequest>,
}

impl<'a> Dialogue<'a> {
    fn new(replies: &'a [(&'a str, &'a str)]) -> Self {
        Self { replies, commands: Vec::new(), requests: Vec::new() }
    }

    /// Writes what is due, and answers each line of it.
    fn answer(&mut self, connection: &mut Connection) {
        let octets = connection.unwritten().to_vec();
        assert!(connection.wrote(octets.len()));
        connection.flushed();
        for line in String::from_utf8(octets).unwrap().lines() {
            self.commands.push(line.to_owned());
            let reply = self.replies.iter().find(|(command, _)| line.starts_with(command));
            match reply {
                Some((_, "")) => connection.ended(None),
                Some((_, reply)) => connection.received(format!("{reply}\r\n").as_bytes()),
                None => {}
            }
        }
    }

    /// Opens a session, as a driver does.
    fn open(
        &mut self,
        connection: &mut Connection,
        opening: &mut Opening,
        login: Option<&Login>,
    ) -> Result<(), Error> {
        connection.received(b"220 mx ready\r\n");
        loop {
            match opening.next(connection)? {
                OpeningStep::Done => return Ok(()),
                OpeningStep::Secret(request) => {
                    self.requests.push(request);
                    let login = login.unwrap();
                    let secret = login.secret(request)?;
                    let server = Server::host("mx", 25);
                    let mechanisms = login.mechanisms(secret.as_ref(), "0123456789abcdef", None, &server)?;
                    opening.log_in(connection, mechanisms)?;
                }
                OpeningStep::Drive => match connection.poll(Instant::EPOCH) {
                    Demand::Write { .. } => self.answer(connection),
                    Demand::Handshake { .. } => connection.secured(Instant::EPOCH),
                    Demand::Event(event) => opening.event(connection, event)?,
                    Demand::Body(_) | Demand::Idle => {}
                    Demand::Read { .. } => panic!("no reply to {:?}", self.commands.last()),
                    Demand::Closed { .. } => return Err(opening.closed(connection)),
                },
            }
        }
    }
}

fn settings(security: Security) -> Settings {
    let mut settings = Settings::new(Server::host("mx.example.org", 587));
    settings.security = security;
    settings
}

/// Opens a session, and returns the result with what left and which secrets were asked for.
fn open(
    settings: &Settings,
    until: Until,
    replies: &[(&str, &str)],
) -> (Result<(), Error>, Vec<String>, Vec<SecretRequest>) {
    let mut connection = Connection::new(settings.config(), Vec::new(), Instant::EPOCH);
    let mut opening = Opening::new(settings, "client.example.org".parse().unwrap(), until);
    let mut dialogue = Dialogue::new(replies);
    let result = dialogue.open(&mut connection, &mut opening, settings.login.as_ref());
    (result, dialogue.commands, dialogue.requests)
}

const EHLO: (&str, &str) =
    ("EHLO", "250-mx\r\n250-STARTTLS\r\n250-XCLIENT ADDR\r\n250 AUTH PLAIN XOAUTH2 OAUTHBEARER");
const STARTTLS: (&str, &str) = ("STARTTLS", "220 go on");
const XCLIENT: (&str, &str) = ("XCLIENT", "220 mx ready");

fn with_login(mut settings: Settings, login: Login) -> Settings {
    settings.login = Some(login);
    settings
}

#[test]
fn each_step_that_is_refused_ends_the_opening_with_its_name() {
    let mut full =
        with_login(settings(Security::StartTls), Login::password("you", "pa55").with_mechanisms(["PLAIN"]));
    full.xclient = vec![XclientAttribute::Address("192.0.2.1".parse().ok())];
    let login = ("AUTH", "235 welcome");
    let (result, commands, _) = open(&full, Until::Ready, &[EHLO, STARTTLS, XCLIENT, login]);
    result.unwrap();
    let verbs: Vec<_> = commands.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(verbs, ["EHLO", "STARTTLS", "EHLO", "XCLIENT", "EHLO", "AUTH"]);
    for (refusal, step) in [
        (("EHLO", "554 no"), Step::Hello),
        (("STARTTLS", "454 not now"), Step::StartTls),
        (("XCLIENT", "550 no"), Step::Xclient),
        (("AUTH", "535 no"), Step::Login),
    ] {
        let replies = [refusal, ("HELO", "554 no"), EHLO, STARTTLS, XCLIENT, login];
        let (result, commands, _) = open(&full, Until::Ready, &replies);
        let error = result.unwrap_err();
        let ErrorKind::Undone { step: undone, reason: Reason::Refused(_), .. } = error.kind() else {
            panic!("{error:?}")
        };
        assert_eq!(*undone, step);
        assert!(!commands.iter().any(|line| line.starts_with("MAIL")));
        // A connection that ends at the same place is told as that.
        let replies = [(refusal.0, ""), EHLO, STARTTLS, XCLIENT, login];
        let error = open(&full, Until::Ready, &replies).0.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Closed(closing) if closing.cause == Cause::Lost),
            "{error:?}"
        );
    }
}

#[test]
fn no_password_follows_a_starttls_that_is_not_offered() {
    let full = with_login(settings(Security::StartTls), Login::password("you", "pa55"));
    let (result, commands, requests) = open(&full, Until::Ready, &[("EHLO", "250-mx\r\n250 AUTH PLAIN")]);
    let error = result.unwrap_err();
    let ErrorKind::Undone { step: Step::StartTls, reason: Reason::NotOffered("STARTTLS"), .. } = error.kind()
    else {
        panic!("{error:?}")
    };
    assert_eq!((commands.len(), requests.len()), (1, 0));
}

#[test]
fn opportunistic_tls_that_is_refused_goes_on_in_clear_and_that_is_told() {
    let mut settings = settings(Security::Opportunistic);
    settings.measures = true;
    let log = Log::default();
    let observed = log.observe(Options::new(Server::host("mx", 25)));
    let observers = observed.observers.unwrap()(1);
    let mut connection = Connection::new(settings.config(), observers, Instant::EPOCH);
    let mut opening = Opening::new(&settings, "client.example.org".parse().unwrap(), Until::Ready);
    let replies = [EHLO, ("STARTTLS", "454 not now")];
    let mut dialogue = Dialogue::new(&replies);
    dialogue.open(&mut connection, &mut opening, None).unwrap();
    assert_eq!(dialogue.commands.len(), 2);
    assert!(log.lines().iter().any(|line| line.contains("StartTlsRefused")), "{:?}", log.lines());
    // A lost connection is none that goes on.
    let replies = [EHLO, ("STARTTLS", "")];
    open(&settings, Until::Ready, &replies).0.unwrap_err();
}

#[test]
fn an_opening_goes_as_far_as_it_is_asked_to() {
    let full =
        with_login(settings(Security::StartTls), Login::password("you", "pa55").with_mechanisms(["PLAIN"]));
    let replies = [EHLO, STARTTLS, ("AUTH", "235 welcome")];
    for (until, commands) in [
        (Until::Greeting, &[][..]),
        (Until::Secured, &["EHLO", "STARTTLS"]),
        (Until::Hello, &["EHLO", "STARTTLS", "EHLO"]),
        (Until::Ready, &["EHLO", "STARTTLS", "EHLO", "AUTH"]),
    ] {
        let (result, left, _) = open(&full, until, &replies);
        result.unwrap();
        let left: Vec<_> = left.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(left, commands, "{until:?}");
    }
}

#[test]
fn a_refused_token_is_asked_for_once_more_and_a_token_that_is_given_is_not() {
    let fresh = || Login::token_from("you", |_| Ok(Secret::from("token"))).with_mechanisms(["XOAUTH2"]);
    let given = || Login::token("you", "token").with_mechanisms(["XOAUTH2"]);
    let password = || Login::password_from("you", |_| Ok(Secret::from("pa55"))).with_mechanisms(["PLAIN"]);
    let twice = &[SecretRequest::Login, SecretRequest::TokenRefused][..];
    let first = &[SecretRequest::Login][..];
    for (login, reply, requests) in [
        (fresh(), "535 no", twice),
        (fresh(), "454 not now", first),
        (fresh(), "", first),
        (given(), "535 no", first),
        (password(), "535 no", first),
    ] {
        let words = format!("{login:?} {reply}");
        let settings = with_login(settings(Security::StartTls), login);
        let (result, _, asked) = open(&settings, Until::Ready, &[EHLO, STARTTLS, ("AUTH", reply)]);
        result.unwrap_err();
        assert_eq!(asked, requests, "{words}");
    }
}

/// A connection that is ready to send, and may have been idle.
fn ready(offer: &str, is_reused: bool) -> Connection {
    let mut connection = Connection::new(Config::default(), Vec::new(), Instant::EPOCH);
    let mut opening =
        Opening::new(&settings(Security::None), "client.example.org".parse().unwrap(), Until::Ready);
    let lines: String = offer.split(' ').map(|keyword| format!("250-{keyword}\r\n")).collect();
    let reply = format!("250-mx\r\n{lines}250 HELP");
    Dialogue::new(&[("EHLO", &reply)]).open(&mut connection, &mut opening, None).unwrap();
    assert_eq!(connection.poll(Instant::EPOCH), Demand::Idle);
    if is_reused {
        connection.reuse();
    }
    connection
}

/// Goes on until something is awaited, and returns what left; with the outcomes, if the message has them by then.
fn drive(
    connection: &mut Connection,
    work: &mut Work<smtp_core::mailer::RawMessage>,
    now: Instant,
) -> (String, Option<Outcome>) {
    let (mut left, mut outcome) = (String::new(), None);
    loop {
        match connection.poll(now) {
            Demand::Write { .. } => {
                let octets = connection.unwritten().to_vec();
                left.push_str(std::str::from_utf8(&octets).unwrap());
                assert!(connection.wrote(octets.len()));
                connection.flushed();
            }
            Demand::Body(goal) => {
                if connection.leftover(goal) {
                    continue;
                }
                let source = work.source(connection, goal).unwrap();
                let mut buffer = [0; 512];
                let count = source.read(&mut buffer).unwrap();
                connection.body(goal, &buffer[..count]);
            }
            Demand::Event(event) => {
                if let Event::Done { .. } | Event::Closed(_) = event
                    && let Some((delivery, _)) = work.event(connection, event)
                {
                    outcome = delivery.outcomes()[0].clone();
                }
            }
            Demand::Read { .. } | Demand::Idle | Demand::Closed { .. } | Demand::Handshake { .. } => {
                return (left, outcome);
            }
        }
    }
}

fn submitted(connection: &mut Connection) -> Work<smtp_core::mailer::RawMessage> {
    let mut work = Work::new(Reach::Message, Policy::default());
    let delivery = Delivery::new(titled("x"), 0).unwrap();
    assert!(matches!(work.submit(connection, delivery), Submitted::Underway));
    work
}

#[test]
fn on_a_connection_that_was_idle_mail_data_waits_for_the_first_reply() {
    for (is_reused, leaves) in [(false, true), (true, false)] {
        let mut connection = ready_chunking(is_reused);
        let mut work = submitted(&mut connection);
        let (left, _) = drive(&mut connection, &mut work, Instant::EPOCH);
        assert!(left.starts_with("MAIL FROM:<a@example.org>"), "{left}");
        assert_eq!(left.contains("BDAT"), leaves, "{left}");
        if leaves {
            continue;
        }
        assert!(left.contains("RCPT TO:<b@example.net>"), "the commands do not wait: {left}");
        connection.received(b"250 ok\r\n");
        let (left, _) = drive(&mut connection, &mut work, Instant::EPOCH);
        assert!(left.starts_with("BDAT ") && left.contains(" LAST\r\n"), "{left}");
        connection.received(b"250 ok\r\n250 queued\r\n");
        let (_, outcome) = drive(&mut connection, &mut work, Instant::EPOCH);
        assert!(matches!(outcome, Some(Outcome::Accepted(_))), "{outcome:?}");
    }
}

fn ready_chunking(is_reused: bool) -> Connection {
    ready("PIPELINING CHUNKING", is_reused)
}

#[test]
fn a_connection_that_was_idle_and_ends_before_a_reply_leaves_its_message_unsent() {
    let mut connection = ready_chunking(true);
    let mut work = submitted(&mut connection).reused(true);
    drive(&mut connection, &mut work, Instant::EPOCH);
    assert!(connection.may_be_stale());
    connection.ended(None);
    let (left, outcome) = drive(&mut connection, &mut work, Instant::EPOCH);
    assert_eq!(left, "");
    assert_eq!(outcome, Some(Outcome::Unsent(Reason::Closed(Cause::Lost))));
    assert!(work.was_stale());
}

#[test]
fn a_stop_lets_a_whole_message_await_its_reply_and_nothing_else() {
    let at = |seconds| Instant::from_epoch(Duration::from_secs(seconds));
    // Before the end of mail data it ends at once.
    let mut connection = ready("SIZE", false);
    let mut work = submitted(&mut connection);
    drive(&mut connection, &mut work, at(0));
    connection.stop(StopReason::Cancelled, at(1), Connection::PATIENCE);
    let (left, outcome) = drive(&mut connection, &mut work, at(1));
    assert_eq!((left.as_str(), outcome), ("", Some(Outcome::Unsent(Reason::Closed(Cause::Aborted)))));
    assert_eq!(connection.stopped(), Some(StopReason::Cancelled));
    // After it the reply is awaited for a while.
    for is_answered in [true, false] {
        let mut connection = ready_chunking(false);
        let mut work = submitted(&mut connection);
        drive(&mut connection, &mut work, at(0));
        connection.stop(StopReason::Cancelled, at(1), Connection::PATIENCE);
        assert_eq!(drive(&mut connection, &mut work, at(2)).1, None);
        if is_answered {
            connection.received(b"250 ok\r\n250 ok\r\n250 queued\r\n");
            let (_, outcome) = drive(&mut connection, &mut work, at(2));
            assert!(matches!(outcome, Some(Outcome::Accepted(_))), "{outcome:?}");
        } else {
            let (_, outcome) = drive(&mut connection, &mut work, at(6));
            assert!(matches!(outcome, Some(Outcome::Unconfirmed(_))), "{outcome:?}");
        }
    }
}

#[test]
fn a_message_whose_end_did_not_leave_with_its_write_is_unsent() {
    let mut connection = ready_chunking(false);
    let mut work = submitted(&mut connection);
    loop {
        match connection.poll(Instant::EPOCH) {
            Demand::Write { .. } => break,
            Demand::Body(goal) => {
                let source = work.source(&mut connection, goal).unwrap();
                let mut buffer = [0; 512];
                let count = source.read(&mut buffer).unwrap();
                connection.body(goal, &buffer[..count]);
            }
            demand => panic!("{demand:?}"),
        }
    }
    let length = connection.unwritten().len();
    assert!(!connection.wrote(length - 1), "one octet is left");
    connection.ended(None);
    let (left, outcome) = drive(&mut connection, &mut work, Instant::EPOCH);
    assert_eq!((left.as_str(), outcome), ("", Some(Outcome::Unsent(Reason::Closed(Cause::Lost)))));
}

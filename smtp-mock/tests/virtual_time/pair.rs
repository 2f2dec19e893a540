//! The session joined to a small client of the tests' own: virtual time, cuts, blocked writes, handshakes.

use std::time::Duration;

use crate::client::{Client, Ended};
use smtp_mock::{
    Certificate, Close, Cuts, Drip, Ending, HandshakeFault, On, Pair, Rule, Scenario, Server, Step, TlsMode,
};

const MINUTE: Duration = Duration::from_mins(1);

fn pair(scenario: Scenario, client: Client) -> (Server, Pair<Client>) {
    let server = Server::new(scenario);
    let session = server.session();
    (server, Pair::new(client, session))
}

fn with(rules: impl IntoIterator<Item = Rule>) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.rules.extend(rules);
    scenario
}

/// Runs a client and gives how it ended and when.
fn run(scenario: Scenario, client: Client) -> (Ended, Duration) {
    let (_, mut pair) = pair(scenario, client);
    assert_eq!(pair.run(), Ending::Closed);
    let now = pair.now();
    (pair.into_client().ended.expect("a closed client says why"), now)
}

#[test]
fn a_session_from_greeting_to_quit() {
    let (server, mut pair) = pair(Scenario::new(), Client::new(["EHLO x.test", "NOOP", "QUIT"]));
    assert_eq!(pair.run(), Ending::Closed);
    assert_eq!(pair.into_client().ended, Some(Ended::Quit));
    server.transcript().assert("S: 220*\nC: EHLO x.test\nS: 250*\n...\nC: NOOP\nS: 250*\nC: QUIT\nS: 221*");
}

#[test]
fn a_reply_just_in_time_is_taken_and_one_too_late_is_not() {
    let late = |delay| with([Rule::on(On::Noop).delay(delay).default_reply()]);
    let client = || Client::new(["NOOP", "QUIT"]).timeout(5 * MINUTE);
    assert_eq!(run(late(Duration::new(299, 999_999_999)), client()).0, Ended::Quit);
    let (ended, now) = run(late(5 * MINUTE + Duration::from_nanos(1)), client());
    assert_eq!((ended, now), (Ended::TimedOut, 5 * MINUTE));
}

#[test]
fn a_stall_ends_when_the_client_gives_up() {
    for on in [On::Connect, On::Noop, On::Quit] {
        let scenario = with([Rule::on(on).step(Step::Stall)]);
        let (ended, now) = run(scenario, Client::new(["NOOP", "QUIT"]).timeout(MINUTE));
        assert_eq!((ended, now), (Ended::TimedOut, MINUTE), "{on}");
    }
}

#[test]
fn a_drip_takes_its_time() {
    let drip = Step::Drip(Drip { bytes: 1, every: Duration::from_secs(1) });
    let scenario = with([Rule::on(On::Noop).step(drip).reply("250 abc")]);
    let (ended, now) = run(scenario, Client::new(["NOOP", "QUIT"]).timeout(5 * MINUTE));
    // Nine octets with eight pauses between them.
    assert_eq!((ended, now), (Ended::Quit, Duration::from_secs(8)));
}

#[test]
fn a_write_blocks_while_the_server_does_not_read() {
    let scenario = with([Rule::on(On::Data).reply("354 go on").step(Step::StopReading(10 * MINUTE))]);
    let big = format!("{}\r\n.", "x".repeat(100_000));
    let script = ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA", &big, "QUIT"];
    let (ended, now) = run(scenario.clone(), Client::new(script).timeout(3 * MINUTE));
    assert_eq!((ended, now), (Ended::TimedOut, 3 * MINUTE));
    let (ended, now) = run(scenario.clone(), Client::new(script).timeout(11 * MINUTE));
    assert_eq!((ended, now), (Ended::Quit, 10 * MINUTE));
    // What fits the window leaves at once, and the wait is for the reply.
    let (_, mut pair) = pair(scenario, Client::new(script).timeout(3 * MINUTE));
    pair = pair.capacity(200_000);
    assert_eq!(pair.run(), Ending::Closed);
    assert_eq!(pair.into_client().ended, Some(Ended::TimedOut));
}

#[test]
fn the_end_of_the_connection_is_seen_in_both_ways() {
    let fin =
        with([Rule::on(On::Noop).step(Step::Raw(smtp_mock::Octets(b"250 2.".to_vec()))).close(Close::Fin)]);
    let (ended, _) = run(fin, Client::new(["NOOP", "QUIT"]));
    assert_eq!(ended, Ended::Lost { unread: b"250 2.".to_vec() });
    let rst =
        with([Rule::on(On::Noop).step(Step::Raw(smtp_mock::Octets(b"250 2.".to_vec()))).close(Close::Rst)]);
    assert!(matches!(run(rst, Client::new(["NOOP", "QUIT"])).0, Ended::Lost { .. }));
    let half = with([Rule::on(On::Noop).default_reply().close(Close::HalfClose)]);
    assert!(matches!(run(half, Client::new(["NOOP", "QUIT"])).0, Ended::Lost { .. }));
}

#[test]
fn an_endless_reply_is_held_by_the_window() {
    let scenario = with([Rule::on(On::Noop).step(Step::Endless("250-more".to_owned()))]);
    let (ended, _) = run(scenario, Client::new(["NOOP", "QUIT"]).limit(200_000));
    assert_eq!(ended, Ended::TooMuch);
}

#[test]
fn handshakes_succeed_fail_and_stall() {
    let scenario = |fault| {
        let mut scenario = Scenario::new();
        scenario.tls.mode = TlsMode::Starttls;
        scenario.tls.cert = Certificate::Good;
        scenario.tls.handshake = fault;
        scenario
    };
    let script = ["EHLO x.test", "STARTTLS", "EHLO x.test", "QUIT"];
    assert_eq!(run(scenario(None), Client::new(script)).0, Ended::Quit);
    for fault in
        [HandshakeFault::Alert, HandshakeFault::Garbage, HandshakeFault::Plaintext, HandshakeFault::Rst]
    {
        assert!(matches!(run(scenario(Some(fault)), Client::new(script)).0, Ended::Lost { .. }), "{fault:?}");
    }
    let (ended, now) = run(scenario(Some(HandshakeFault::Stall)), Client::new(script).timeout(2 * MINUTE));
    assert_eq!((ended, now), (Ended::TimedOut, 2 * MINUTE));
    let mut implicit = Scenario::new();
    implicit.tls.mode = TlsMode::Implicit;
    assert_eq!(run(implicit, Client::new(["EHLO x.test", "QUIT"]).secure_first()).0, Ended::Quit);
}

#[test]
fn every_cut_in_either_direction_changes_nothing() {
    let script = ["EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "..x\r\n.", "QUIT"];
    let outcome = |client_cuts: Cuts, server_cuts: Cuts| {
        let (server, pair) = pair(Scenario::new(), Client::new(script));
        let mut pair = pair.cut_client(client_cuts).cut_server(server_cuts);
        assert_eq!(pair.run(), Ending::Closed);
        let client = pair.into_client();
        assert_eq!(client.ended, Some(Ended::Quit));
        (client.replies, server.messages()[0].octets.clone())
    };
    let whole = outcome(Cuts::Whole, Cuts::Whole);
    assert_eq!(whole.1, b".x\r\n");
    let octets: u64 = 400;
    for cut in 1..octets {
        assert_eq!(outcome(Cuts::At(vec![cut]), Cuts::Whole), whole, "client cut at {cut}");
        assert_eq!(outcome(Cuts::Whole, Cuts::At(vec![cut])), whole, "server cut at {cut}");
    }
    assert_eq!(outcome(Cuts::Every(1), Cuts::Every(1)), whole);
}

#[test]
fn split_and_split_lines_make_packets() {
    let scenario = with([
        Rule::on(On::Noop).step(Step::Split(vec![1, 3, 4])).reply("250 abc"),
        Rule::on(On::Vrfy).step(Step::SplitLines(Duration::from_secs(1))).reply("252-a\n252 b"),
    ]);
    let (_, mut pair) = pair(scenario, Client::new(["NOOP", "VRFY x", "QUIT"]));
    pair.run();
    let client = pair.into_client();
    assert!(client.pieces.windows(4).any(|pieces| pieces == [&b"2"[..], b"50", b" ", b"abc\r\n"]));
    assert!(client.pieces.windows(2).any(|pieces| pieces == [&b"252-a\r\n"[..], b"252 b\r\n"]));
}

#[test]
fn an_idle_client_leaves_the_pair_idle_and_can_go_on() {
    let (_, mut pair) = pair(Scenario::new(), Client::new(["EHLO x.test"]));
    assert_eq!(pair.run(), Ending::Idle);
    pair.client().push("QUIT");
    assert_eq!(pair.run(), Ending::Closed);
}

#[test]
fn the_same_seed_gives_the_same_faults_at_the_same_octets() {
    let transcript = |seed: u64| {
        let mut scenario = Scenario::new();
        scenario.seed = seed;
        scenario.chaos = Some(smtp_mock::ChaosSettings::with_chance(0.3));
        let server = Server::new(scenario);
        for _ in 0..40 {
            let script = ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA", "x\r\n.", "QUIT"];
            Pair::new(Client::new(script).timeout(MINUTE), server.session()).run();
        }
        server.transcript().entries().iter().map(|entry| entry.octets.clone()).collect::<Vec<_>>()
    };
    assert_eq!(transcript(7), transcript(7));
    assert_ne!(transcript(7), transcript(8));
}

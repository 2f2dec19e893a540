//! What becomes of messages that had not begun when the server said 421: they go once over a new connection, and are
//! unsent where nothing is accepted there either. Nothing goes twice.

use crate::support::send;
use smtp_cli::Exit;
use smtp_mock::{Close, Mock, Octets, On, Rule, Step};

/// 421 without the end of the connection that belongs to it.
fn unavailable() -> Step {
    Step::reply("421 4.3.2 shutting down").unwrap()
}

#[test]
fn messages_that_had_not_begun_at_a_421_go_over_a_new_connection() {
    for closes in [true, false] {
        for extensions in [&["PIPELINING"][..], &["PIPELINING", "CHUNKING"]] {
            for in_flight in ["1", "8"] {
                let mut away = Rule::on(On::Mail).connection(1).step(unavailable());
                if closes {
                    away = away.close(Close::Fin);
                }
                let mock = Mock::builder().extensions(extensions.iter().copied()).rule(away).start();
                // Messages whose end had left with the first one's MAIL may have arrived, where the server says no more.
                let unknown =
                    if closes && in_flight == "8" && extensions.contains(&"CHUNKING") { 2 } else { 0 };
                let exit = if unknown > 0 { Exit::UNKNOWN } else { Exit::OK };
                let ran = send(&mock).with(["--repeat", "3", "--in-flight", in_flight]).exits(exit);
                let count =
                    |outcome: &str| ran.output.matches(&format!("{outcome}  friend@example.net")).count();
                assert_eq!((count("accepted"), count("unknown ")), (3 - unknown, unknown), "{}", ran.output);
                assert_eq!(ran.output.lines().count(), 3, "{}", ran.output);
                let taken = (mock.messages().len(), mock.connections());
                assert_eq!(taken, (3 - unknown, 2), "{closes} {extensions:?}");
            }
        }
    }
}

#[test]
fn messages_are_unsent_where_the_next_connection_accepts_nothing_either() {
    for (count, in_flight) in [("1", "1"), ("3", "1"), ("1", "8")] {
        let mock = Mock::builder()
            .extensions(["PIPELINING", "CHUNKING"])
            .rule(Rule::on(On::Mail).step(unavailable()).close(Close::Fin))
            .start();
        let ran = send(&mock).with(["--repeat", count, "--in-flight", in_flight]).exits(Exit::TEMPORARY);
        let lines: Vec<_> = ran.output.lines().collect();
        assert_eq!(lines.len().to_string(), count, "{}", ran.output);
        for line in lines {
            assert!(line.starts_with("unsent    friend@example.net"), "{line}");
            assert!(line.contains("421 4.3.2 shutting down"), "{line}");
        }
        ran.complains(["is not available: 421 4.3.2 shutting down"]);
        assert_eq!((mock.messages().len(), mock.connections()), (0, 2));
    }
    // Where nobody answers any more, as well.
    let mock = Mock::builder()
        .rule(Rule::on(On::Mail).step(unavailable()).close(Close::Fin))
        .rule(Rule::on(On::Connect).skip(1).close(Close::Rst))
        .start();
    let ran = send(&mock).with(["--repeat", "3"]).exits(Exit::TEMPORARY);
    assert_eq!(ran.output.matches("unsent    friend@example.net").count(), 3, "{}", ran.output);
    assert_eq!((mock.messages().len(), mock.connections()), (0, 2));
}

#[test]
fn messages_behind_one_that_the_server_ended_the_session_with_go_over_a_new_connection() {
    let refused_at_once = Octets(b"354 go\r\n552 5.3.4 too large\r\n".to_vec());
    for (rule, status, word) in [
        (Rule::on(On::Data).step(Step::Raw(refused_at_once)), Exit::DATA, "refused "),
        (Rule::on(On::Rcpt).step(unavailable()).close(Close::Fin), Exit::TEMPORARY, "refused "),
        (Rule::on(On::Data).step(unavailable()).close(Close::Fin), Exit::TEMPORARY, "refused "),
    ] {
        let mock = Mock::builder().extensions(["PIPELINING"]).rule(rule.connection(1)).start();
        let ran = send(&mock).with(["--repeat", "3"]).exits(status);
        let words: Vec<_> = ran.output.lines().map(|line| &line[..8]).collect();
        assert_eq!(words, [word, "accepted", "accepted"], "{}", ran.output);
        assert_eq!((mock.messages().len(), mock.connections()), (2, 2));
    }
    // Not more than once, where no message gets further.
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).step(unavailable()).close(Close::Fin)).start();
    let ran = send(&mock).with(["--repeat", "4"]).exits(Exit::TEMPORARY);
    assert_eq!(ran.output.lines().count(), 4, "{}", ran.output);
    assert!(ran.output.lines().all(|line| line.contains("421 4.3.2 shutting down")), "{}", ran.output);
    assert_eq!((mock.messages().len(), mock.connections()), (0, 2));
}

#[test]
fn a_server_that_takes_one_message_a_connection_gets_them_all() {
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Mail).message(2).step(unavailable()).close(Close::Fin))
        .start();
    send(&mock).with(["--repeat", "4"]).exits(Exit::OK);
    assert_eq!((mock.messages().len(), mock.connections()), (4, 4));
}

#[test]
fn a_421_between_two_messages_loses_neither() {
    let replies = Octets(b"250 2.0.0 ok\r\n421 4.3.2 no more here\r\n".to_vec());
    for extensions in [&[][..], &["PIPELINING", "CHUNKING"]] {
        let mock = Mock::builder()
            .extensions(extensions.iter().copied())
            .rule(
                Rule::on(On::Body)
                    .step(Step::Capture(true))
                    .step(Step::Raw(replies.clone()))
                    .close(Close::Fin),
            )
            .start();
        send(&mock).with(["--repeat", "3"]).exits(Exit::OK);
        assert_eq!((mock.messages().len(), mock.connections()), (3, 3), "{extensions:?}");
    }
}

#[test]
fn with_retries_what_was_turned_away_is_tried_in_the_next_round() {
    let mock =
        Mock::builder().rule(Rule::on(On::Mail).times(3).step(unavailable()).close(Close::Fin)).start();
    let ran = send(&mock).with(["--retry", "1"]).exits(Exit::OK);
    assert_eq!((ran.waits.len(), mock.messages().len(), mock.connections()), (1, 1, 4));
}

#[test]
fn what_is_unknown_stays_here_while_the_one_behind_it_moves() {
    let mock = Mock::builder()
        .extensions(["PIPELINING", "CHUNKING"])
        .rule(Rule::on(On::Body).connection(1).step(Step::Capture(true)).close(Close::Fin))
        .start();
    let ran = send(&mock).with(["--repeat", "2", "--in-flight", "2"]).exits(Exit::UNKNOWN);
    let words: Vec<_> = ran.output.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(words[0], "unknown", "{}", ran.output);
    // Its own message was kept by the server, once.
    let ids: Vec<_> = mock.messages().iter().map(|message| message.headers("Message-ID").concat()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
}

/// The server says 421 to one RCPT, stays, and takes the message for the other recipient.
#[test]
fn a_421_to_one_recipient_sends_nothing_twice_to_the_other() {
    for (extensions, turned_away) in [
        (&["PIPELINING", "CHUNKING"][..], "friend@example.net"),
        (&["PIPELINING", "CHUNKING"], "second@example.net"),
        (&["PIPELINING"], "friend@example.net"),
        (&["PIPELINING"], "second@example.net"),
    ] {
        let mock = Mock::builder()
            .extensions(extensions.iter().copied())
            .rule(Rule::on(On::Rcpt).connection(1).to(turned_away).step(unavailable()))
            .start();
        let ran = send(&mock).with(["--to", "second@example.net", "--retry", "1"]).run();
        let all: Vec<_> =
            mock.messages().iter().flat_map(|message| message.to()).map(ToString::to_string).collect();
        for recipient in ["friend@example.net", "second@example.net"] {
            let count = all.iter().filter(|to| *to == recipient).count();
            assert!(
                count <= 1,
                "{extensions:?} {turned_away}: {recipient} has it {count} times\n{}{}",
                ran.output,
                ran.error
            );
            let is_told = ran.output.contains(&format!("accepted  {recipient}"));
            assert_eq!(
                is_told,
                count == 1,
                "{extensions:?} {turned_away}: {all:?}\n{}{}",
                ran.output,
                ran.error
            );
        }
    }
}

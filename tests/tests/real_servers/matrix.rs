//! Every server, with every use of TLS, by every mechanism: a letter lands as it was sent, or the reason why it cannot
//! is given, and still holds.

use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use smtp_tests::lab::abilities::{Kind, MECHANISMS, Protocol, Server, Tls};
use smtp_tests::lab::{PASSWORD, USER};
use smtp_tests::secrets::leak;

use super::everyone::{FRIEND, Letter, lab, publish, status};

/// What a server that wants a login says of mail without one.
const LOGIN_WANTED: &str = "it takes mail after a login only";

/// How a cell ended.
enum Cell {
    /// The letter landed.
    Landed,
    /// It cannot, and did not; with the exit status of the attempt.
    Cannot { reason: &'static str, status: Option<i32> },
    /// It did not land, or did where it is said not to.
    Wrong(String),
}

#[test]
fn each_server_takes_a_letter_with_each_tls_by_each_mechanism() {
    let rows: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = lab().servers().map(|server| scope.spawn(move || rows(server))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    publish("matrix.txt", &table(&rows));

    let cells = || rows.iter().flat_map(|(_, cells)| cells);
    let wrong: Vec<_> = cells()
        .filter_map(|cell| match cell {
            Cell::Wrong(what) => Some(what.as_str()),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // a lab that declares everything impossible must not pass
    assert!(cells().filter(|cell| matches!(cell, Cell::Landed)).count() > 80);
}

/// The rows of a server: what they are called, and a cell for mail without a login and for each mechanism.
fn rows(server: &dyn Server) -> Vec<(String, Vec<Cell>)> {
    let row = |tls: Tls| {
        let mechanisms = [None].into_iter().chain(MECHANISMS.map(Some));
        let cells = mechanisms.map(|mechanism| {
            let tried = panic::catch_unwind(AssertUnwindSafe(|| cell(server, tls, mechanism)));
            tried.unwrap_or_else(|_| {
                Cell::Wrong(format!("{} {} {mechanism:?}: see above", server.abilities().name, tls.mode()))
            })
        });
        (format!("{} {}", server.abilities().name, tls.mode()), cells.collect())
    };
    Tls::ALL.into_iter().map(row).collect()
}

fn cell(server: &dyn Server, tls: Tls, mechanism: Option<&str>) -> Cell {
    let what = format!("{} {} {}", server.abilities().name, tls.mode(), mechanism.unwrap_or("none"));
    let reason = server.abilities().reason(tls, mechanism);
    let Some(listener) = server.listener(Kind::Tls(tls)) else {
        let no_listener = || Cell::Wrong(format!("{what}: no listener and no reason"));
        return reason.map_or_else(no_listener, |reason| Cell::Cannot { reason, status: None });
    };
    let wants_login = (mechanism.is_none() && !listener.is_open).then_some(LOGIN_WANTED);
    let letter = Letter::new(server, &format!("matrix-{}-{}", tls.mode(), mechanism.unwrap_or("none")));
    let finished = letter.send(server, &listener, mechanism).args(["--to", FRIEND]).finish().unwrap();
    for octets in [&finished.output, &finished.error] {
        for secret in [PASSWORD, lab().token()] {
            assert_eq!(leak(octets, USER, secret), None, "{what}");
        }
    }
    if let Some(reason) = reason.or(wants_login) {
        // what is said to be impossible was tried all the same: the reason may have become untrue
        let has_landed = !server.maildir(FRIEND).holding(letter.id()).unwrap().is_empty();
        if finished.status == Some(0) || has_landed {
            return Cell::Wrong(format!("{what}: it works, and is said not to: {reason}"));
        }
        // usage, refused recipients, not offered, no handshake, no login: what has a reason, and no crash
        if !matches!(finished.status, Some(64 | 67 | 69 | 76 | 77)) {
            return Cell::Wrong(format!("{what}: {:?} {}", finished.status, finished.error()));
        }
        return Cell::Cannot { reason, status: finished.status };
    }
    status(&finished, server, 0);
    let delivered = letter.lands(server, FRIEND);
    let secured = if tls == Tls::None { "" } else { "S" };
    let protocol = match server.abilities().protocol {
        Protocol::Esmtp => format!(" with ESMTP{secured}{} ", if mechanism.is_some() { "A" } else { "" }),
        Protocol::Lmtp => format!(" with LMTP{secured} "),
    };
    let said = delivered.first_hop().unwrap_or_default().to_uppercase() + " ";
    assert!(said.contains(&protocol.to_uppercase()), "{what}: {protocol} in {said}");
    Cell::Landed
}

/// The matrix for people: «yes», or the number of the reason below.
fn table(rows: &[(String, Vec<Cell>)]) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let columns: Vec<&str> = ["none"].into_iter().chain(MECHANISMS).collect();
    let widest = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = format!("\n{:widest$}", "server, TLS");
    for name in &columns {
        write!(text, "  {name}").unwrap();
    }
    for (name, cells) in rows {
        write!(text, "\n{name:widest$}").unwrap();
        for (cell, column) in cells.iter().zip(&columns) {
            let word = match cell {
                Cell::Landed => "yes".to_owned(),
                Cell::Wrong(_) => "WRONG".to_owned(),
                Cell::Cannot { reason, status } => {
                    let ended = status.map(|status| format!(" (exit status {status})"));
                    let reason = format!("{reason}{}", ended.unwrap_or_default());
                    let number = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                        reasons.push(reason);
                        reasons.len() - 1
                    });
                    format!("[{}]", number + 1)
                }
            };
            write!(text, "  {word:width$}", width = column.len()).unwrap();
        }
    }
    text += "\n\n";
    for (reason, number) in reasons.iter().zip(1..) {
        writeln!(text, "[{number}] {reason}").unwrap();
    }
    text
}

//! Provides the checks that take a connection of their own.

use super::Observers;
use super::certificate;
use super::handshake::{is_for_name, shake_hands};
use super::line::{ENDED, Line, TOO_LONG, reply, words};
use crate::settings::{Encryption, Settings};
use crate::words::Words;
use rustls::ProtocolVersion;
use smtp_core::blocking::ask_for_old_tls;
use smtp_core::blocking::{Connector, TlsFailure};
use smtp_core::probe::{Facts, OldTls, Tls};
use smtp_core::{Code, mailer};
use std::io::Write;
use std::time::Instant;

/// What the handshake shows, and whether the certificate is trusted.
pub(super) fn handshake(settings: &Settings, open: &Settings, facts: &mut Facts, observers: &Observers<'_>) {
    match recorded(open, observers) {
        Ok(tls) => facts.tls = Some(tls),
        Err(why) => facts.not_checked.push(("handshake", why)),
    }
    if facts.is_trust_unwanted {
        return;
    }
    if settings.trust.pin.is_some() {
        // A pin stands instead of the authorities' word.
        facts.trust = facts.tls.as_ref().map(|tls| pinned(settings, tls));
        return;
    }
    match trusted(settings, observers) {
        Ok(trust) => facts.trust = Some(trust),
        Err(why) => facts.not_checked.push(("trust", why)),
    }
}

/// A connection that is about to do the handshake, or to ask for it by STARTTLS.
fn connected(settings: &Settings, about: &str, observers: &Observers<'_>) -> Result<Line, String> {
    let mut observers = observers();
    for observer in &mut observers {
        observer.information(about);
    }
    Line::open(settings, observers)
}

/// A connection that is about to do the handshake.
fn before_tls(settings: &Settings, about: &str, observers: &Observers<'_>) -> Result<Line, String> {
    let mut line = connected(settings, about, observers)?;
    if settings.encryption == Encryption::Implicit {
        line.stream.set_deadline(Instant::now() + settings.timeouts.tls);
    } else {
        line.start_tls("", settings)?;
    }
    Ok(line)
}

fn recorded(settings: &Settings, observers: &Observers<'_>) -> Result<Tls, String> {
    let line = before_tls(settings, "looking at the certificate", observers)?;
    let mut secured = shake_hands(line.stream, &settings.tls_name)?;
    let chain = secured.conn.peer_certificates().unwrap_or_default();
    let first = chain.first().ok_or("the server showed no certificate")?;
    let tls = Tls {
        is_for_name: is_for_name(first, &settings.tls_name),
        chain: chain.iter().map(|der| certificate::read(der)).collect::<Result<_, _>>()?,
        version: match secured.conn.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_string(),
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_string(),
            other => format!("{other:?}"),
        },
        cipher: secured.conn.negotiated_cipher_suite().map_or_else(String::new, |suite| {
            // The library tells suites of TLS 1.3 apart by a name that the registry does not have.
            format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
        }),
        group: secured.conn.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
    };
    leave(&mut secured);
    Ok(tls)
}

/// Whether the key is the one that --tls-pin names.
fn pinned(settings: &Settings, tls: &Tls) -> Result<(), String> {
    let found = tls.chain.first().map(|certificate| certificate.pin);
    match (settings.trust.pin, found) {
        (Some(pin), Some(found)) if pin != found => {
            Err(format!("its key is {found}, and --tls-pin wants {pin}"))
        }
        _ => Ok(()),
    }
}

/// Whether the platform trusts the authorities of the certificate, whatever its name.
fn trusted(settings: &Settings, observers: &Observers<'_>) -> Result<Result<(), String>, String> {
    let words = Words::new(settings);
    let mut trust = settings.core_trust().map_err(|error| error.to_string())?;
    trust.any_certificate = false;
    trust.any_name = true;
    let connector =
        Connector::new(&settings.tls_name, &trust).map_err(|error| words.of(&error).to_string())?;
    let line = before_tls(settings, "asking whether the certificate is trusted", observers)?;
    let (mut stream, deadline) = line.stream.into_parts();
    match stream.handshake(&connector, deadline) {
        Ok(()) => {
            let _ = stream.try_write(b"QUIT\r\n");
            stream.close(deadline);
            Ok(Ok(()))
        }
        Err(TlsFailure { fault, source, .. }) => {
            let error = mailer::Error::new(mailer::ErrorKind::Tls(fault.clone()));
            let error = match source {
                Some(source) => error.with_source(source),
                None => error,
            };
            let reason = words.tls_reason(&fault, &error);
            if fault.is_certificate() { Ok(Err(reason)) } else { Err(reason) }
        }
    }
}

/// Whether a command that came in clear behind STARTTLS is answered under TLS: then somebody between could put words
/// into the session (CVE-2011-0411).
pub(super) fn injection(settings: &Settings, facts: &mut Facts, observers: &Observers<'_>) {
    match injected(settings, facts.tls.is_some(), observers) {
        Ok(is_taken) => facts.injection = Some(is_taken),
        Err(why) => facts.not_checked.push(("starttls-injection", why)),
    }
}

fn injected(settings: &Settings, is_tls_sound: bool, observers: &Observers<'_>) -> Result<bool, String> {
    // NOOP is answered by 250, QUIT by 221: the first reply under TLS tells which of them it is to.
    let about = "saying NOOP in the packet of STARTTLS, to see whether it is answered under TLS";
    let mut line = connected(settings, about, observers)?;
    let secured =
        line.start_tls("NOOP\r\n", settings).and_then(|()| shake_hands(line.stream, &settings.tls_name));
    let mut secured = match secured {
        Ok(secured) => secured,
        Err(why) if why == TOO_LONG => return Err(why),
        // The server noticed, or took it for a part of the handshake, which succeeds without it.
        Err(_) if is_tls_sound => return Ok(false),
        Err(why) => return Err(why),
    };
    secured.sock.set_deadline(Instant::now() + settings.timeouts.quit);
    secured.write_all(b"QUIT\r\n").and_then(|()| secured.flush()).map_err(|error| words(&error))?;
    let mut received = Vec::new();
    match reply(&mut secured, &mut received) {
        Ok(first) if first.code() == Code::CLOSING => Ok(false),
        Ok(first) if first.is_completed() => Ok(true),
        // A refusal may be of either; it is of NOOP if QUIT has a reply of its own.
        Ok(_) => Ok(reply(&mut secured, &mut received).is_ok()),
        // Whoever ends the session has taken nothing from it.
        Err(why) if why == ENDED => Ok(false),
        Err(why) => Err(why),
    }
}

/// Whether TLS below 1.2 is spoken.
pub(super) fn old_tls(settings: &Settings, facts: &mut Facts, observers: &Observers<'_>) {
    let asked = before_tls(settings, "saying a hello of TLS 1.1", observers).and_then(|mut line: Line| {
        ask_for_old_tls(&mut line.stream, &settings.tls_name).map_err(|error| words(&error))
    });
    match asked {
        Ok(answer @ (OldTls::Accepted(_) | OldTls::Refused)) => facts.old_tls = Some(answer),
        Ok(OldTls::Unclear) => {
            facts.not_checked.push(("old-tls", "the answer was no answer of TLS".to_string()));
        }
        Err(why) => facts.not_checked.push(("old-tls", why)),
    }
}

/// Ends a session that has told what was asked; how it ends tells nothing more.
fn leave(secured: &mut super::handshake::Secured) {
    let _ = secured.write_all(b"QUIT\r\n");
    secured.conn.send_close_notify();
    let _ = secured.flush();
}

//! Records a session between a client and a real server.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Instant,
};

use native_tls::{Certificate as TrustedCertificate, TlsConnector};
use serde_json::json;

use super::{DONE, NOT_BOUND, TIMED_OUT, Trouble, args, no_output};
use crate::{Authority, Certificate, Recording, record::relay::Relay, sync::lock, tls::Acceptors};

/// Records.
pub(super) fn record(
    options: &args::Record,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Trouble> {
    let (host, port) = options
        .upstream
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        .ok_or_else(|| {
            Trouble::refused(format!("«{}» is no server, try mail.example.org:25", options.upstream))
        })?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let authority = Arc::new(Authority::new(Vec::<String>::new()).map_err(Trouble::refused)?);
    let acceptors = Acceptors::new(Arc::clone(&authority), None);
    let (acceptor, _) = acceptors.acceptor(Certificate::Good).map_err(Trouble::refused)?;
    let relay = Relay {
        upstream: options.upstream.clone(),
        host: host.clone(),
        connector: connector(options)?,
        acceptor,
        implicit: options.tls == args::RecordTls::Implicit,
    };
    let listener = TcpListener::bind(options.listen).map_err(|error| Trouble {
        status: NOT_BOUND,
        message: format!("cannot listen on {}, try port 0: {error}", options.listen),
    })?;
    let address = listener.local_addr().map_err(|error| Trouble::refused(error.to_string()))?;
    if let Some(path) = &options.ca_file {
        fs::write(path, authority.pem()).map_err(|error| Trouble::cannot_write(path, &error))?;
    }
    let line = json!({
        "event": "recording",
        "smtp": address.to_string(),
        "upstream": format!("{host}:{port}"),
        "ca": options.ca_file.as_ref().map(|path| path.display().to_string()),
        "pid": std::process::id(),
    });
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(no_output)?;

    let recordings: Arc<Mutex<Vec<Recording>>> = Arc::default();
    let (sender, receiver) = std::sync::mpsc::channel();
    let (sessions, shared) = (options.exit_after, Arc::clone(&recordings));
    std::thread::spawn(move || {
        let trouble = sender.clone();
        let _ = relay.run(&listener, sessions, &shared, |why| {
            let _ = trouble.send(Some(why.to_owned()));
        });
        let _ = sender.send(None);
    });
    let begin = Instant::now();
    let in_time = loop {
        let news = match options.timeout {
            Some(timeout) => receiver.recv_timeout(timeout.saturating_sub(begin.elapsed())),
            None => receiver.recv().map_err(Into::into),
        };
        match news {
            Ok(Some(why)) => {
                let _ = writeln!(err, "smtp-mock: {why}");
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let name = format!("recorded from {}", options.upstream);
    let recordings = lock(&recordings);
    if let Some(mechanism) = recordings.iter().find_map(Recording::challenged) {
        let _ = writeln!(
            err,
            "smtp-mock: warning: the login by {mechanism} cannot be replayed, have the client log in by PLAIN"
        );
    }
    let text = Recording::to_toml(&name, &recordings);
    drop(recordings);
    fs::write(&options.output, text).map_err(|error| Trouble::cannot_write(&options.output, &error))?;
    Ok(if in_time { DONE } else { TIMED_OUT })
}

fn connector(options: &args::Record) -> Result<TlsConnector, Trouble> {
    let mut builder = TlsConnector::builder();
    if let Some(path) = &options.upstream_ca_file {
        let pem = fs::read(path)
            .map_err(|error| Trouble::refused(format!("cannot read {}: {error}", path.display())))?;
        let certificate = TrustedCertificate::from_pem(&pem).map_err(|error| {
            Trouble::refused(format!("{} is no certificate in PEM: {error}", path.display()))
        })?;
        builder.add_root_certificate(certificate);
    }
    builder.danger_accept_invalid_certs(options.insecure).danger_accept_invalid_hostnames(options.insecure);
    builder.build().map_err(|error| Trouble::refused(format!("TLS cannot be set up: {error}")))
}

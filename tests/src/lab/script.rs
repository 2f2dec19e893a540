//! Provides the servers that are libraries, each run by a script of the lab's: what the scripts are told, and how
//! they start.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::{fs, io};

use serde_json::json;

use super::abilities::{Kind, Listener, Tls};
use super::accounts::User;
use super::home::Home;
use super::process::Process;
use super::{DOMAINS, MAILBOXES, PACKAGES, SIZE, greets, on_free_ports};

/// A script that runs.
#[derive(Debug)]
pub(super) struct Script {
    // in the order in which they have to go
    pub(super) process: Process,
    listeners: [SocketAddr; 4],
    pub(super) home: Home,
}

impl Script {
    /// Starts `text`, under this file name, by an interpreter, on free ports; `token` is the bearer token that
    /// it takes for right.
    pub(super) fn start(
        name: &'static str,
        interpreter: &Path,
        (file, text): (&str, &str),
        users: &[User],
        token: &str,
    ) -> io::Result<Self> {
        on_free_ports(|listeners: [SocketAddr; 4]| {
            let home = Home::new("root", users)?;
            let [plain, starttls, implicit, certificate] = listeners.map(|address| address.port());
            let passwords: serde_json::Map<_, _> =
                users.iter().map(|user| (user.name.clone(), user.password.clone().into())).collect();
            let configuration = json!({
                "packages": Path::new(PACKAGES).join(name),
                "ports": { "plain": plain, "starttls": starttls, "implicit": implicit, "certificate": certificate },
                "certificate": home.identity().certificate,
                "key": home.identity().key,
                "authority": home.authority().file(),
                "mail": home.mail(),
                "domains": DOMAINS,
                "mailboxes": MAILBOXES,
                "users": passwords,
                "token": token,
                "size": SIZE,
            });
            let script = home.path().join(file);
            fs::write(&script, text)?;
            let told = home.path().join("configuration.json");
            fs::write(&told, configuration.to_string())?;
            let log = home.path().join("log");
            let arguments = [script.as_os_str(), told.as_os_str()];
            let mut process = Process::start(name, interpreter, arguments, log, home.path())?;
            // they are opened one by one
            let is_open = |address: &SocketAddr| TcpStream::connect(address).is_ok();
            process.ready(|| listeners.iter().all(is_open) && greets(listeners[0]))?;
            Ok(Self { process, listeners, home })
        })
    }

    /// Where it listens: openly in clear and to who shows a certificate, for logins by STARTTLS and under TLS.
    pub(super) fn listeners(&self, with_certificate: Tls) -> Vec<Listener> {
        let [plain, starttls, implicit, certificate] = self.listeners;
        vec![
            Listener::new(Kind::Tls(Tls::None), plain).open(),
            Listener::new(Kind::Tls(Tls::StartTls), starttls),
            Listener::new(Kind::Tls(Tls::Implicit), implicit),
            Listener::new(Kind::Certificate(with_certificate), certificate).open(),
        ]
    }
}

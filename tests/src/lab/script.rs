//! Provides the servers that are libraries, each run by a script of the lab's: what the scripts are told, and how
//! they start.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::{fs, io};

use serde_json::json;

use super::abilities::{Abilities, Kind, Listener, Tls};
use super::accounts::User;
use super::home::Home;
use super::process::Process;
use super::running::Running;
use super::{DOMAINS, GREETING, MAILBOXES, PACKAGES, SIZE, greets, on_free_ports};

/// A script of a server.
#[derive(Debug)]
pub(super) struct Script {
    /// What the server says of itself; its name is also that of its packages' directory.
    pub(super) abilities: &'static Abilities,
    /// What runs it.
    pub(super) interpreter: &'static str,
    /// Its file name, and its text.
    pub(super) file: (&'static str, &'static str),
    /// Where it asks for a client's certificate: by STARTTLS or under implicit TLS.
    pub(super) asks_for_certificate: Tls,
}

impl Script {
    /// Starts it on free ports: openly in clear and to who shows a certificate, for logins by STARTTLS and under TLS.
    /// `token` is the bearer token that it takes for right.
    pub(super) fn start(&self, users: &[User], token: &str) -> io::Result<Running> {
        on_free_ports(|addresses: [SocketAddr; 4]| {
            let name = self.abilities.name;
            let home = Home::new("root", users)?;
            let [plain, starttls, implicit, certificate] = addresses.map(|address| address.port());
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
            let (file, text) = self.file;
            let script = home.path().join(file);
            fs::write(&script, text)?;
            let told = home.path().join("configuration.json");
            fs::write(&told, configuration.to_string())?;
            let log = home.path().join("log");
            let arguments = [script.as_os_str(), told.as_os_str()];
            let mut process = Process::start(name, Path::new(self.interpreter), arguments, log, home.path())?;
            // they are opened one by one
            let is_open = |address: &SocketAddr| TcpStream::connect_timeout(address, GREETING).is_ok();
            process.ready(|| addresses.iter().all(is_open) && greets(addresses[0]))?;
            let [plain, starttls, implicit, certificate] = addresses;
            let listeners = vec![
                Listener::new(Kind::Tls(Tls::None), plain).open(),
                Listener::new(Kind::Tls(Tls::StartTls), starttls),
                Listener::new(Kind::Tls(Tls::Implicit), implicit),
                Listener::new(Kind::Certificate(self.asks_for_certificate), certificate).open(),
            ];
            Ok(Running::new(self.abilities, listeners, process, home))
        })
    }
}

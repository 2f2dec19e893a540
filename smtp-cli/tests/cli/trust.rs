//! What is verified: naming a CA, a name, a pin or a client certificate asks for TLS that is, wherever the server is; and
//! what leaves where nothing is verified.

use crate::dns_server::{DnsServer, Entry};
use crate::support::{PASSWORD, Run, ca_file, send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Authority, Certificate, Kind, Mechanism, Mock};
use std::fmt::Write as _;

/// The name that good certificates bear beside those of this machine.
const NAME: &str = "mx.example.net";

/// Where the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Loopback,
    Exchanger,
    #[cfg(unix)]
    Unix,
}

/// Where the settings stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Option,
    Variable,
    File,
}

const LAYERS: [Layer; 3] = [Layer::Option, Layer::Variable, Layer::File];
const PLACES: &[Place] = &[
    Place::Loopback,
    Place::Exchanger,
    #[cfg(unix)]
    Place::Unix,
];

/// A server somewhere, and how it is reached.
struct Site {
    mock: Mock,
    place: Place,
    directory: tempfile::TempDir,
    dns: DnsServer,
}

/// A server that shows this certificate, or offers no STARTTLS.
fn site(place: Place, certificate: Option<Certificate>) -> Site {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = Mock::builder().certificate_name(NAME);
    if let Some(certificate) = certificate {
        builder = builder.starttls(certificate);
    }
    if place == Place::Exchanger {
        builder = builder.listen(([127, 0, 0, 11], 0).into());
    }
    #[cfg(unix)]
    if place == Place::Unix {
        builder = builder.unix(directory.path().join("socket"));
    }
    let mock = builder.start();
    std::fs::write(directory.path().join("ca.pem"), mock.ca_pem()).unwrap();
    let dns = DnsServer::start(&[("example.net", Entry::Mx(5, NAME)), (NAME, Entry::Host("127.0.0.11"))]);
    Site { mock, place, directory, dns }
}

impl Site {
    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// A message to it, with settings that stand in this layer.
    fn send(&self, layer: Layer, settings: &[(&str, &str)]) -> Run {
        let port = self.mock.addr().port().to_string();
        let run = smtp_cli(["send", "--helo", "client.example", "--from", "you@example.org", "--to"]).with([
            "a@example.net",
            "--subject",
            "Hello",
            "--body",
            "It works.",
        ]);
        let run = match self.place {
            Place::Loopback => run.with(["--server", &format!("127.0.0.1:{port}")]),
            Place::Exchanger => run.with(["--mx", "--dns", &self.dns.option(), "--port", &port]),
            #[cfg(unix)]
            Place::Unix => run.with(["--server", &format!("unix:{}", self.path("socket"))]),
        };
        let mut file = String::from("[defaults]\n");
        let run = settings.iter().fold(run, |run, (option, value)| match layer {
            Layer::Option => run.with([format!("--{option}={value}")]),
            Layer::Variable => {
                run.environment(&format!("SMTP_CLI_{}", option.to_uppercase().replace('-', "_")), *value)
            }
            Layer::File => {
                writeln!(file, "{option} = '{value}'").unwrap();
                run
            }
        });
        std::fs::write(self.path("config.toml"), file).unwrap();
        run.with(["--config", &self.path("config.toml")])
    }

    /// Checks that nothing but what leads to TLS was said in clear.
    #[track_caller]
    fn heard_nothing_in_clear(&self) {
        heard_nothing_in_clear(&self.mock);
    }
}

/// Checks that nothing but what leads to TLS was said in clear.
#[track_caller]
fn heard_nothing_in_clear(mock: &Mock) {
    mock.wait_closed(mock.connections());
    let transcript = mock.transcript();
    let said = transcript.entries().iter().filter(|entry| !entry.secure);
    for entry in said.filter(|entry| matches!(entry.kind, Kind::Command | Kind::MailData(_))) {
        let line = String::from_utf8_lossy(&entry.octets);
        let is_harmless = ["EHLO client.example\r\n", "STARTTLS\r\n", "QUIT\r\n"].contains(&&*line);
        assert!(
            is_harmless && entry.kind == Kind::Command,
            "{line:?} left in clear: {}",
            transcript.lines().join("\n")
        );
    }
}

/// The pin of the key that a server shows.
fn pin(site: &Site) -> String {
    let zero = format!("sha256:{}", "00".repeat(32));
    let ran = site.send(Layer::Option, &[("tls-pin", &zero)]).exits(Exit::NO_PERMISSION);
    let text = if ran.error.contains("its key is ") { &ran.error } else { &ran.output };
    let found = text.split("its key is ").nth(1).and_then(|rest| rest.split(',').next());
    found.unwrap_or_else(|| panic!("no key in {text:?}")).to_string()
}

/// A certificate and key of ours, as settings.
fn identity(site: &Site) -> [(&'static str, String); 2] {
    let chain = Authority::new(["client.example"]).unwrap().chain(Certificate::Good).unwrap();
    std::fs::write(site.path("cert.pem"), &chain.certificates_pem).unwrap();
    std::fs::write(site.path("key.pem"), &chain.key_pem).unwrap();
    [("client-cert", site.path("cert.pem")), ("client-key", site.path("key.pem"))]
}

/// Each setting that names what is to be verified; a server whose certificate fits it, or does not.
fn namings(site: &Site) -> Vec<Vec<(&'static str, String)>> {
    vec![
        vec![("ca-file", site.path("ca.pem"))],
        vec![("tls-name", NAME.to_string())],
        vec![("tls-pin", format!("sha256:{}", "12".repeat(32)))],
        identity(site).to_vec(),
    ]
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(option, value)| (*option, value.as_str())).collect()
}

#[test]
fn naming_what_is_verified_asks_for_verified_tls_in_every_place_and_layer() {
    for &place in PLACES {
        for certificate in
            [None, Some(Certificate::UnknownCa), Some(Certificate::WrongHost), Some(Certificate::Expired)]
        {
            let site = site(place, certificate);
            let exit = if certificate.is_none() { Exit::UNAVAILABLE } else { Exit::NO_PERMISSION };
            for layer in LAYERS {
                for naming in namings(&site) {
                    let ran = site.send(layer, &borrowed(&naming)).run();
                    let case = format!("{place:?} {certificate:?} {layer:?} {naming:?}");
                    assert_eq!(ran.exit, exit, "{case}: {}\n{}", ran.output, ran.error);
                    if certificate.is_none() {
                        let words = format!("does not offer STARTTLS, which --{} asks for", naming[0].0);
                        assert!(ran.error.contains(&words), "{case}: {}", ran.error);
                    }
                }
            }
            assert_eq!(site.mock.connections(), 12);
            assert!(site.mock.messages().is_empty(), "{place:?} {certificate:?}");
            site.heard_nothing_in_clear();
        }
    }
}

#[test]
fn what_fits_the_naming_is_sent_under_tls_in_every_place_and_layer() {
    for &place in PLACES {
        let site = site(place, Some(Certificate::Good));
        let (ca, pin) = (("ca-file", site.path("ca.pem")), pin(&site));
        let [certificate, key] = identity(&site);
        for layer in LAYERS {
            for naming in [
                vec![ca.clone()],
                vec![ca.clone(), ("tls-name", NAME.to_string())],
                vec![("tls-pin", pin.clone())],
                vec![ca.clone(), certificate.clone(), key.clone()],
            ] {
                let before = site.mock.messages().len();
                site.send(layer, &borrowed(&naming)).exits(Exit::OK);
                let messages = site.mock.messages();
                assert_eq!(messages.len(), before + 1, "{place:?} {layer:?} {naming:?}");
                assert!(messages[before].envelope.secure, "{place:?} {layer:?} {naming:?}");
            }
            // A name or a certificate of ours alone is verified by the system's authorities.
            for naming in [vec![("tls-name", NAME.to_string())], vec![certificate.clone(), key.clone()]] {
                site.send(layer, &borrowed(&naming)).exits(Exit::NO_PERMISSION);
            }
        }
        site.heard_nothing_in_clear();
    }
}

#[test]
fn tls_none_alone_undoes_the_naming_and_opportunistic_contradicts_it() {
    for &place in PLACES {
        let site = site(place, None);
        for layer in LAYERS {
            for naming in namings(&site) {
                let before = site.mock.messages().len();
                let run = site.send(layer, &borrowed(&naming));
                run.with(["--tls", "none"]).exits(Exit::OK);
                let messages = site.mock.messages();
                assert!(messages.len() == before + 1 && !messages[before].envelope.secure);
                let connections = site.mock.connections();
                let option = format!("--{} asks", naming[0].0);
                site.send(layer, &borrowed(&naming))
                    .with(["--tls", "opportunistic"])
                    .exits(Exit::USAGE)
                    .complains(["--tls opportunistic", &option, "--tls none"]);
                assert_eq!(site.mock.connections(), connections);
            }
        }
    }
}

#[test]
fn insecure_undoes_the_verification_of_weaker_layers_and_leaves_tls_required() {
    let stranger = site(Place::Loopback, Some(Certificate::UnknownCa));
    let stripped = site(Place::Loopback, None);
    for layer in [Layer::Variable, Layer::File] {
        for naming in namings(&stranger) {
            let ran = stranger.send(layer, &borrowed(&naming)).with(["--insecure"]).exits(Exit::OK);
            assert!(ran.error.contains("warning: --insecure"), "{}", ran.error);
            let run = stripped.send(layer, &borrowed(&naming)).with(["--insecure"]);
            run.exits(Exit::UNAVAILABLE).complains(["does not offer STARTTLS"]);
        }
    }
    assert!(stranger.mock.messages().iter().all(|message| message.envelope.secure));
    assert_eq!(stranger.mock.messages().len(), 8);
    assert!(stripped.mock.messages().is_empty());
    stranger.heard_nothing_in_clear();
    stripped.heard_nothing_in_clear();
}

#[test]
fn a_stronger_layer_that_names_what_is_verified_undoes_insecure() {
    let site = site(Place::Loopback, Some(Certificate::UnknownCa));
    for naming in namings(&site) {
        let run = site.send(Layer::Option, &borrowed(&naming)).environment("SMTP_CLI_INSECURE", "1");
        run.exits(Exit::NO_PERMISSION);
    }
    // In one layer they contradict each other, unless the name is one to be said in the handshake.
    for (option, value) in
        [("ca-file", site.path("ca.pem")), ("tls-pin", format!("sha256:{}", "12".repeat(32)))]
    {
        let option_said = format!("--{option}");
        site.send(Layer::Option, &[(option, &value)])
            .with(["--insecure"])
            .exits(Exit::USAGE)
            .complains(["--insecure", &option_said]);
        let run = site.send(Layer::Variable, &[(option, &value)]).environment("SMTP_CLI_INSECURE", "1");
        run.exits(Exit::USAGE).complains(["--insecure", &option_said]);
    }
    assert!(site.mock.messages().is_empty());
    site.send(Layer::Option, &[("tls-name", NAME)]).with(["--insecure"]).exits(Exit::OK);
    assert!(site.mock.messages()[0].envelope.secure);
}

#[test]
fn a_ca_of_a_file_that_names_another_server_is_not_that_of_this_one() {
    let site = site(Place::Loopback, None);
    let config = format!("[defaults]\nserver = 'mx.example.org'\nca-file = '{}'\n", site.path("ca.pem"));
    std::fs::write(site.path("other.toml"), config).unwrap();
    send(&site.mock).with(["--config", &site.path("other.toml")]).exits(Exit::OK);
    // That of a file without a server is for all of them, and what would undo it there is not.
    for more in ["tls = 'none'\n", "tls = 'opportunistic'\n", "insecure = true\n", "port = 9\n"] {
        let config = format!("[defaults]\nca-file = '{}'\n{more}", site.path("ca.pem"));
        std::fs::write(site.path("all.toml"), config).unwrap();
        let run = send(&site.mock).with(["--config", &site.path("all.toml")]);
        run.exits(Exit::UNAVAILABLE).complains(["which --ca-file asks for"]);
    }
    assert_eq!(site.mock.messages().len(), 1);
}

/// A server whose certificate nobody signed, where this user logs in by these mechanisms.
fn self_signed(implicit: bool, mechanisms: &[Mechanism]) -> Mock {
    let builder = Mock::builder()
        .user("alice", PASSWORD)
        .token("bob", PASSWORD.replace(' ', ""))
        .mechanisms(mechanisms.to_vec());
    if implicit {
        builder.implicit_tls(Certificate::SelfSigned).start()
    } else {
        builder.starttls(Certificate::SelfSigned).start()
    }
}

#[test]
fn no_password_or_token_leaves_under_a_certificate_that_insecure_does_not_verify() {
    let all = [Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2, Mechanism::Oauthbearer];
    for (implicit, tls) in [(true, "implicit"), (false, "starttls")] {
        let mock = self_signed(implicit, &all);
        let base = || send(&mock).with(["--tls", tls, "--insecure"]);
        let with_token = || {
            base().with(["--user", "bob", "--token-env", "T"]).environment("T", &PASSWORD.replace(' ', ""))
        };
        for run in [base().login(), base().login().with(["--auth", "plain"]), with_token()] {
            let ran = run.exits(Exit::NO_PERMISSION);
            ran.complains(["without a verified certificate", "--tls-pin", "--allow-plaintext-auth"]);
            assert!(
                ran.error.contains("warning: --insecure: the certificate of 127.0.0.1:"),
                "{}",
                ran.error
            );
        }
        mock.wait_closed(mock.connections());
        assert!(!mock.transcript().commands().iter().any(|line| line.starts_with("AUTH")));
        assert!(mock.messages().is_empty());
        for run in [base().login(), with_token()] {
            let ran = run.with(["--allow-plaintext-auth"]).exits(Exit::OK);
            assert!(ran.error.contains("can read the password and the mail"), "{}", ran.error);
        }
        let ran = base().login().with(["--allow-plaintext-auth", "--quiet"]).exits(Exit::OK);
        assert_eq!(ran.error, "");
        assert_eq!(mock.messages().len(), 3);
    }
}

#[test]
fn a_pin_stands_for_itself_and_a_mechanism_that_hides_the_password_may_be_used() {
    let mock = self_signed(false, &[Mechanism::Plain]);
    let zero = format!("sha256:{}", "00".repeat(32));
    let ran = send(&mock).login().with(["--tls-pin", &zero]).exits(Exit::NO_PERMISSION);
    let pin = ran.complaint().split("its key is ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let ran = send(&mock).login().with(["--tls-pin", pin]).exits(Exit::OK);
    assert!(!ran.error.contains("warning"), "{}", ran.error);
    for mechanism in [Mechanism::ScramSha256, Mechanism::ScramSha1, Mechanism::CramMd5] {
        let mock = self_signed(false, &[mechanism, Mechanism::Plain]);
        let ran = send(&mock).login().with(["--tls", "starttls", "--insecure"]).exits(Exit::OK);
        assert!(ran.error.contains("can read the mail"), "{}", ran.error);
        assert_eq!(mock.messages()[0].envelope.user.as_deref(), Some("alice"), "{mechanism:?}");
    }
}

#[test]
fn verify_warns_of_insecure_too() {
    let mock = self_signed(false, &[Mechanism::Plain]);
    let server = mock.addr().to_string();
    let base =
        || smtp_cli(["verify", "a@example.net", "--server", &server, "--tls", "starttls", "--insecure"]);
    assert!(base().exits(Exit::OK).error.contains("warning: --insecure"));
    base().login().exits(Exit::NO_PERMISSION).complains(["without a verified certificate"]);
}

#[test]
fn requiretls_needs_a_certificate_that_is_verified() {
    let mock = Mock::builder()
        .extensions(["REQUIRETLS"])
        .starttls(Certificate::SelfSigned)
        .certificate_name("127.0.0.1")
        .start();
    let base = || send(&mock).with(["--mail-param", "requiretls"]);
    for (run, hint) in [
        (base(), "--tls starttls"),
        (base().with(["--tls", "opportunistic"]), "--tls starttls"),
        (base().with(["--tls", "none"]), "--tls none sends in clear"),
        (base().with(["--tls", "starttls", "--insecure"]), "--tls-pin"),
        (base().with(["--tls", "implicit"]).environment("SMTP_CLI_INSECURE", "1"), "--tls-pin"),
        (
            smtp_cli(["send", "--mx", "--from", "you@example.org", "--to", "a@example.net"]).with([
                "--subject",
                "s",
                "--body",
                "x",
                "--mail-param",
                "REQUIRETLS",
            ]),
            "--tls starttls",
        ),
    ] {
        run.exits(Exit::USAGE).complains(["REQUIRETLS", "verified certificate", "RFC 8689", hint]);
    }
    assert_eq!(mock.connections(), 0);
    base().with(["--tls", "starttls"]).exits(Exit::NO_PERMISSION);
    let zero = format!("sha256:{}", "00".repeat(32));
    let ran = base().with(["--tls-pin", &zero]).exits(Exit::NO_PERMISSION);
    let pin = ran.complaint().split("its key is ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(mock.messages().is_empty());
    base().with(["--tls-pin", pin]).exits(Exit::OK);
    assert!(mock.transcript().commands().iter().any(|line| line.ends_with(" REQUIRETLS")));
    let mock = Mock::builder()
        .extensions(["REQUIRETLS"])
        .starttls(Certificate::Good)
        .certificate_name("127.0.0.1")
        .start();
    let (_file, ca) = ca_file(&mock);
    send(&mock).with(["--mail-param", "REQUIRETLS", "--ca-file", &ca]).exits(Exit::OK);
    assert!(mock.messages()[0].envelope.secure);
    heard_nothing_in_clear(&mock);
    // The bundled server's certificate is known.
    send_to("mock").with(["--mail-param", "REQUIRETLS", "--tls", "starttls"]).exits(Exit::UNAVAILABLE);
}

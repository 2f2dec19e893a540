use super::*;
use crate::Secret;
use crate::mailer::{ErrorKind, Identity, TlsVersion};
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use smtp_mock::{Authority, Certificate, Chain};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A stream whose reads a witness sees, as those of the drivers.
#[derive(Debug)]
struct Seen(TcpStream, Witness);

impl Read for Seen {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer);
        // What a read timeout is on some systems.
        let read = read.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        });
        self.1.note(&read, buffer);
        read
    }
}

impl Write for Seen {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn acceptor(chain: &Chain) -> SslAcceptorBuilder {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    let mut certificates = X509::stack_from_pem(chain.certificates_pem.as_bytes()).unwrap();
    builder.set_certificate(&certificates.remove(0)).unwrap();
    for certificate in certificates {
        builder.add_extra_chain_cert(certificate).unwrap();
    }
    builder.set_private_key(&PKey::private_key_from_pem(chain.key_pem.as_bytes()).unwrap()).unwrap();
    builder
}

/// Does a handshake with what `serve` does with the other end, which may send a greeting after it.
fn handshake_with(
    connector: &Connector,
    serve: impl FnOnce(TcpStream) + Send + 'static,
) -> Result<TlsStream<Seen>, TlsFailure> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let server = thread::spawn(move || serve(far));
    let witness = Witness::default();
    let result = match connector.connect(Seen(near, witness.clone()), &witness) {
        Handshake::Done(stream) => Ok(stream),
        Handshake::Waits(_) => panic!("the stream waits by itself"),
        Handshake::Failed(failure) => Err(failure),
    };
    server.join().unwrap();
    result
}

/// A server that does the handshake, whatever comes of it, and greets.
fn greeting(acceptor: SslAcceptorBuilder) -> impl FnOnce(TcpStream) + Send {
    let acceptor = acceptor.build();
    move |far| {
        if let Ok(mut stream) = acceptor.accept(far) {
            let _ = stream.write_all(b"220 mx\r\n");
        }
    }
}

fn fault(connector: &Connector, serve: impl FnOnce(TcpStream) + Send + 'static) -> TlsFault {
    handshake_with(connector, serve).map(drop).unwrap_err().fault
}

fn authority() -> Authority {
    Authority::new(["mx.example.org"]).unwrap()
}

fn trusting(authority: &Authority) -> Trust {
    Trust { authorities: Some(authority.pem().into_bytes()), ..Trust::default() }
}

fn kind(connector: Result<Connector, Error>) -> ErrorKind {
    connector.unwrap_err().kind().clone()
}

#[test]
fn each_bad_certificate_has_its_fault() {
    let authority = authority();
    let connector = Connector::new("mx.example.org", &trusting(&authority)).unwrap();
    for (certificate, wanted) in [
        (Certificate::Expired, TlsFault::Expired),
        (Certificate::NotYetValid, TlsFault::NotYetValid),
        (Certificate::WrongHost, TlsFault::WrongName),
        (Certificate::SelfSigned, TlsFault::SelfSigned),
        (Certificate::UnknownCa, TlsFault::Untrusted),
        (Certificate::MissingIntermediate, TlsFault::Untrusted),
    ] {
        let chain = authority.chain(certificate).unwrap();
        assert_eq!(fault(&connector, greeting(acceptor(&chain))), wanted);
        assert!(wanted.is_certificate());
    }
}

#[test]
fn a_good_certificate_is_trusted_by_name_and_by_address() {
    let authority = authority();
    let chain = authority.chain(Certificate::Good).unwrap();
    for name in ["mx.example.org", "MX.example.org", "mx.example.org.", "127.0.0.1", "::1"] {
        let connector = Connector::new(name, &trusting(&authority)).unwrap();
        let mut stream = handshake_with(&connector, greeting(acceptor(&chain))).unwrap();
        let mut came = [0; 8];
        stream.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"220 mx\r\n", "{name}");
    }
    for name in ["example.org", "a.mx.example.org", "127.0.0.2", "::2"] {
        let connector = Connector::new(name, &trusting(&authority)).unwrap();
        assert_eq!(fault(&connector, greeting(acceptor(&chain))), TlsFault::WrongName, "{name}");
    }
}

#[test]
fn the_name_of_the_trust_stands_before_the_servers() {
    let authority = authority();
    let chain = authority.chain(Certificate::Good).unwrap();
    let mut trust = trusting(&authority);
    let other = Connector::new("other.example", &trust).unwrap();
    let named = other.with_server_name("mx.example.org").unwrap();
    handshake_with(&named, greeting(acceptor(&chain))).unwrap();
    trust.name = Some("mx.example.org".into());
    let fixed = Connector::new("other.example", &trust).unwrap().with_server_name("third.example").unwrap();
    assert_eq!(fixed.name(), "mx.example.org");
    handshake_with(&fixed, greeting(acceptor(&chain))).unwrap();
}

#[test]
fn what_need_not_be_right_may_be_wrong_and_nothing_else() {
    let authority = authority();
    let mut trust = trusting(&authority);
    trust.any_name = true;
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    let chain = |certificate| acceptor(&authority.chain(certificate).unwrap());
    handshake_with(&connector, greeting(chain(Certificate::WrongHost))).unwrap();
    assert_eq!(fault(&connector, greeting(chain(Certificate::Expired))), TlsFault::Expired);
    trust.any_certificate = true;
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    for certificate in Certificate::ALL {
        handshake_with(&connector, greeting(chain(certificate))).unwrap();
    }
}

#[test]
fn nobody_is_trusted_who_is_not_asked_for() {
    let (ours, theirs) = (authority(), authority());
    let connector = Connector::new("mx.example.org", &trusting(&ours)).unwrap();
    let chain = theirs.chain(Certificate::Good).unwrap();
    assert_eq!(fault(&connector, greeting(acceptor(&chain))), TlsFault::Untrusted);
    // The system's authorities do not know it either.
    let connector = Connector::new("mx.example.org", &Trust::default()).unwrap();
    assert_eq!(fault(&connector, greeting(acceptor(&chain))), TlsFault::Untrusted);
}

#[test]
fn a_pin_stands_instead_of_an_authority() {
    let chain = authority().chain(Certificate::SelfSigned).unwrap();
    let certificate = X509::from_pem(chain.certificates_pem.as_bytes()).unwrap();
    let pin = |certificate: &X509| {
        Pin::new(Sha256::digest(certificate.public_key().unwrap().public_key_to_der().unwrap()).into())
    };
    let mut trust = Trust { pin: Some(pin(&certificate)), ..Trust::default() };
    let connector = Connector::new("other.example", &trust).unwrap();
    handshake_with(&connector, greeting(acceptor(&chain))).unwrap();
    trust.pin = Some(Pin::new([7; 32]));
    let connector = Connector::new("other.example", &trust).unwrap();
    let found = fault(&connector, greeting(acceptor(&chain)));
    assert_eq!(found, TlsFault::Pin(Some(pin(&certificate))));
}

#[test]
fn a_version_that_is_too_old_is_refused() {
    let authority = authority();
    let chain = authority.chain(Certificate::Good).unwrap();
    let mut trust = trusting(&authority);
    let server = |version| {
        let mut acceptor = acceptor(&chain);
        // Without this the library's own policy refuses them.
        acceptor.set_security_level(0);
        acceptor.clear_options(openssl::ssl::SslOptions::NO_TLSV1 | openssl::ssl::SslOptions::NO_TLSV1_1);
        acceptor.set_min_proto_version(None).unwrap();
        acceptor.set_max_proto_version(Some(version)).unwrap();
        acceptor.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        greeting(acceptor)
    };
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    assert_eq!(fault(&connector, server(SslVersion::TLS1_1)), TlsFault::Version);
    handshake_with(&connector, server(SslVersion::TLS1_2)).unwrap();
    trust.minimum = TlsVersion::Tls13;
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    assert_eq!(fault(&connector, server(SslVersion::TLS1_2)), TlsFault::Version);
    handshake_with(&connector, server(SslVersion::TLS1_3)).unwrap();
}

#[test]
fn a_server_in_clear_is_told_by_its_octets() {
    let connector = Connector::new("mx.example.org", &trusting(&authority())).unwrap();
    for greeting in
        [&b"220 mx.example.org ESMTP\r\n"[..], b"5", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x02xyz"]
    {
        let serve = move |mut far: TcpStream| {
            far.write_all(greeting).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            // Until the client is done, or its hello would be answered by a reset.
            let _ = io::copy(&mut far, &mut io::sink());
        };
        let TlsFault::NotTls(first) = fault(&connector, serve) else { panic!("{greeting:?}") };
        // As many as the library reads before it gives up.
        assert!(!first.is_empty() && greeting.starts_with(&first), "{first:?}");
    }
}

#[test]
fn closing_silence_and_alerts_are_told_apart() {
    let connector = Connector::new("mx.example.org", &trusting(&authority())).unwrap();
    let until_the_client_ends = |mut far: TcpStream| {
        let _ = io::copy(&mut far, &mut io::sink());
    };
    assert_eq!(fault(&connector, until_the_client_ends), TlsFault::TimedOut);
    let close = move |far: TcpStream| {
        far.shutdown(Shutdown::Write).unwrap();
        until_the_client_ends(far);
    };
    assert_eq!(fault(&connector, close), TlsFault::Closed);
    let reset = |far: TcpStream| {
        let socket = socket2::Socket::from(far);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    };
    assert_eq!(fault(&connector, reset), TlsFault::Closed);
    for (alert, wanted) in [
        (40, TlsFault::Alert(40)),
        (80, TlsFault::Alert(80)),
        (70, TlsFault::Version),
        (116, TlsFault::CertificateRequired),
    ] {
        let serve = move |mut far: TcpStream| {
            far.write_all(&[21, 3, 3, 0, 2, 2, alert]).unwrap();
            until_the_client_ends(far);
        };
        let failure = handshake_with(&connector, serve).map(drop).unwrap_err();
        assert_eq!(failure.fault, wanted);
    }
}

#[test]
fn what_the_library_alone_understands_keeps_its_words() {
    let connector = Connector::new("mx.example.org", &trusting(&authority())).unwrap();
    // A handshake record whose message is none.
    let serve = |mut far: TcpStream| {
        far.write_all(&[22, 3, 3, 0, 4, 99, 0, 0, 0]).unwrap();
        let _ = io::copy(&mut far, &mut io::sink());
    };
    let failure = handshake_with(&connector, serve).map(drop).unwrap_err();
    assert_eq!(failure.fault, TlsFault::Protocol);
    let error = Error::from(failure);
    assert!(error.to_string().starts_with("the TLS handshake failed: "), "{error}");
    assert!(!error.to_string().contains("error:"), "{error}");
}

/// A server that requires a certificate of `authority` from its client.
fn requiring(authority: &Authority, version: SslVersion) -> impl FnOnce(TcpStream) + Send + use<> {
    let mut acceptor = acceptor(&authority.chain(Certificate::Good).unwrap());
    acceptor.set_max_proto_version(Some(version)).unwrap();
    acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    acceptor.cert_store_mut().add_cert(X509::from_pem(authority.pem().as_bytes()).unwrap()).unwrap();
    // What the mock makes are certificates of servers.
    acceptor.verify_param_mut().set_purpose(openssl::x509::X509PurposeId::ANY).unwrap();
    greeting(acceptor)
}

#[test]
fn a_client_certificate_that_is_required_is_told_also_after_the_handshake() {
    let authority = authority();
    let mut trust = trusting(&authority);
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    let mut stream = handshake_with(&connector, requiring(&authority, SslVersion::TLS1_3)).unwrap();
    let error = stream.read(&mut [0; 8]).unwrap_err();
    assert_eq!(TlsFault::of_read_error(&error), Some(TlsFault::CertificateRequired));
    assert_eq!(fault(&connector, requiring(&authority, SslVersion::TLS1_2)), TlsFault::Alert(40));

    let own = authority.chain(Certificate::Good).unwrap();
    trust.identity = Some(Identity::new(own.certificates_pem, Secret::from(own.key_pem)));
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut stream = handshake_with(&connector, requiring(&authority, version)).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 8);
    }
    let other = io::Error::from(io::ErrorKind::ConnectionReset);
    assert_eq!(TlsFault::of_read_error(&other), None);
}

#[test]
fn certificates_and_keys_that_cannot_be_read_are_told_before_a_connection_is_made() {
    let authority = authority();
    for pem in
        [&b""[..], b"no certificate\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let trust = Trust { authorities: Some(pem.to_vec()), ..Trust::default() };
        assert_eq!(
            kind(Connector::new("mx.example.org", &trust)),
            ErrorKind::Setting(SettingError::NoCertificate)
        );
    }
    let (one, other) =
        (authority.chain(Certificate::Good).unwrap(), authority.chain(Certificate::Good).unwrap());
    let with = |certificate: &str, key: &str| {
        let identity = Identity::new(certificate, Secret::from(key));
        kind(Connector::new("mx.example.org", &Trust { identity: Some(identity), ..Trust::default() }))
    };
    assert_eq!(with(&one.certificates_pem, &other.key_pem), ErrorKind::Setting(SettingError::KeyMismatch));
    for (certificate, key) in [
        ("", one.key_pem.as_str()),
        (&one.certificates_pem, ""),
        (
            &one.certificates_pem,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        (&one.certificates_pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    ] {
        assert_eq!(with(certificate, key), ErrorKind::Setting(SettingError::Identity));
    }
    for name in ["", "a b", "a\0b", "a\r\nb", &"x".repeat(256)] {
        let found = kind(Connector::new(name, &Trust::default()));
        assert_eq!(found, ErrorKind::Setting(SettingError::ServerName), "{name:?}");
    }
}

#[test]
fn a_login_is_bound_to_the_hash_of_the_certificate() {
    let authority = authority();
    let chain = authority.chain(Certificate::Good).unwrap();
    let connector = Connector::new("mx.example.org", &trusting(&authority)).unwrap();
    let stream = handshake_with(&connector, greeting(acceptor(&chain))).unwrap();
    let certificate = X509::from_pem(chain.certificates_pem.as_bytes()).unwrap();
    let wanted = Sha256::digest(certificate.to_der().unwrap()).to_vec();
    assert_eq!(stream.stream.server_end_point(), Some(wanted));
    assert!(stream.channel_binding().is_some());
}

#[test]
fn no_debug_output_shows_the_clients_key() {
    let chain = authority().chain(Certificate::Good).unwrap();
    let trust = Trust {
        identity: Some(Identity::new(chain.certificates_pem, Secret::from(chain.key_pem.clone()))),
        ..Trust::default()
    };
    let connector = Connector::new("mx.example.org", &trust).unwrap();
    let shown = std::format!("{connector:?} {trust:?}");
    let line = chain.key_pem.lines().nth(1).unwrap();
    let octets: Vec<_> = line.bytes().take(8).map(|octet| octet.to_string()).collect();
    assert!(!shown.contains(line) && !shown.contains(&octets.join(", ")), "{shown}");
}

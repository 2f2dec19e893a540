//! Streams under TLS, against servers of OpenSSL.

use crate::streams::{LONG, Net, on_both};
use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::{X509, X509PurposeId};
use smtp_core::mailer::{TlsFault, Trust};
use smtp_core::tokio::Connector;
use smtp_mock::{Authority, Certificate, Mock};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

on_both!(
    each_certificate_of_the_mock_has_its_fault,
    a_handshake_may_come_octet_by_octet,
    much_goes_both_ways_at_once,
    silence_is_given_up,
    a_clear_server_and_a_second_handshake_are_told,
    a_required_client_certificate_is_told_by_the_first_read,
    a_session_with_unread_tickets_is_not_stale_and_one_with_a_reply_is,
    closing_tells_the_server_that_nothing_was_cut_off,
    both_ends_bind_a_login_to_the_same_certificate,
);

struct Server {
    authority: Authority,
    version: SslVersion,
    requires_certificate: bool,
}

impl Server {
    fn new(version: SslVersion) -> Self {
        Self { authority: Authority::new(["mx.example.org"]).unwrap(), version, requires_certificate: false }
    }

    fn connector(&self) -> Connector {
        let mut trust = Trust::default();
        trust.authorities = Some(self.authority.pem().into_bytes());
        Connector::new("mx.example.org", &trust).unwrap()
    }

    fn acceptor(&self) -> SslAcceptor {
        let chain = self.authority.chain(Certificate::Good).unwrap();
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_certificate(&X509::from_pem(chain.certificates_pem.as_bytes()).unwrap()).unwrap();
        builder.set_private_key(&PKey::private_key_from_pem(chain.key_pem.as_bytes()).unwrap()).unwrap();
        builder.set_max_proto_version(Some(self.version)).unwrap();
        if self.requires_certificate {
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
            builder.verify_param_mut().set_purpose(X509PurposeId::ANY).unwrap();
        }
        builder.build()
    }

    /// Takes one connection, and does this with it once TLS is up.
    fn serve<T: Send + 'static>(
        &self,
        serve: impl FnOnce(SslStream<TcpStream>) -> T + Send + 'static,
    ) -> (SocketAddr, JoinHandle<Option<T>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = self.acceptor();
        let serving = thread::spawn(move || {
            let (far, _) = listener.accept().unwrap();
            far.set_read_timeout(Some(LONG)).unwrap();
            acceptor.accept(far).ok().map(serve)
        });
        (address, serving)
    }
}

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// Passes octets on one by one, both ways.
fn dripping(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (near, far) = (listener.accept().unwrap().0, TcpStream::connect(to).unwrap());
        let pass = |mut from: TcpStream, mut to: TcpStream| {
            to.set_nodelay(true).unwrap();
            move || {
                let mut octet = [0];
                while from.read_exact(&mut octet).is_ok() && to.write_all(&octet).is_ok() {}
                let _ = to.shutdown(std::net::Shutdown::Write);
            }
        };
        let back = thread::spawn(pass(far.try_clone().unwrap(), near.try_clone().unwrap()));
        pass(near, far)();
        back.join().unwrap();
    });
    address
}

fn each_certificate_of_the_mock_has_its_fault<N: Net>(net: &N) {
    for certificate in Certificate::ALL {
        let mock = Mock::builder().implicit_tls(certificate).start();
        let mut trust = Trust::default();
        trust.authorities = Some(mock.ca_pem().into_bytes());
        let connector = Connector::new("localhost", &trust).unwrap();
        let mut stream = net.to_address(mock.addr());
        let done = net.handshake(&mut stream, &connector, LONG);
        let wanted = match certificate {
            Certificate::Good => Ok(()),
            Certificate::Expired => Err(TlsFault::Expired),
            Certificate::NotYetValid => Err(TlsFault::NotYetValid),
            Certificate::WrongHost => Err(TlsFault::WrongName),
            Certificate::SelfSigned => Err(TlsFault::SelfSigned),
            _ => Err(TlsFault::Untrusted),
        };
        assert_eq!(done, wanted, "{certificate:?}");
        if wanted.is_ok() {
            assert_eq!(net.read_exact(&mut stream, 4), b"220 ");
        }
    }
}

fn a_handshake_may_come_octet_by_octet<N: Net>(net: &N) {
    for version in VERSIONS {
        let server = Server::new(version);
        let (address, serving) = server.serve(|mut stream| {
            stream.write_all(b"220 mx\r\n").unwrap();
            let mut came = [0; 6];
            stream.read_exact(&mut came).unwrap();
            came
        });
        let mut stream = net.to_address(dripping(address));
        net.handshake(&mut stream, &server.connector(), LONG).unwrap();
        assert_eq!(net.read_exact(&mut stream, 8), b"220 mx\r\n");
        net.write_all(&mut stream, b"QUIT\r\n");
        assert_eq!(serving.join().unwrap(), Some(*b"QUIT\r\n"));
    }
}

fn much_goes_both_ways_at_once<N: Net>(net: &N) {
    /// More than all buffers hold.
    const COUNT: usize = 20 << 20;
    const BLOCKS: usize = COUNT / 1024;
    fn block(at: usize) -> [u8; 1024] {
        [at.to_le_bytes()[0]; 1024]
    }
    for version in VERSIONS {
        let server = Server::new(version);
        // A server that first sends all of it, and then reads: who only writes would wait for ever.
        let (address, serving) = server.serve(|mut stream| {
            for at in 0..BLOCKS {
                stream.write_all(&block(at)).unwrap();
            }
            let mut buffer = [0; 1024];
            for at in 0..BLOCKS {
                stream.read_exact(&mut buffer).unwrap();
                assert_eq!(buffer, block(at), "{at}");
            }
        });
        let mut stream = net.to_address(address);
        net.handshake(&mut stream, &server.connector(), LONG).unwrap();
        let octets: Vec<u8> = (0..BLOCKS).flat_map(block).collect();
        let (mut written, mut came) = (0, Vec::new());
        let mut buffer = vec![0; 16 << 10];
        while written < COUNT || came.len() < COUNT {
            let mut is_idle = true;
            if written < COUNT {
                match net.try_write(&mut stream, &octets[written..COUNT.min(written + (64 << 10))]) {
                    Ok(count) => (written, is_idle) = (written + count, false),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            match net.try_read(&mut stream, &mut buffer) {
                Ok(0) => panic!("the stream ends after {} octets", came.len()),
                Ok(count) => {
                    came.extend_from_slice(&buffer[..count]);
                    is_idle = false;
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            if is_idle {
                net.ready(&mut stream);
            }
        }
        assert!(came == octets, "what came is not what was sent");
        assert!(serving.join().unwrap().is_some());
    }
}

fn silence_is_given_up<N: Net>(net: &N) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = net.to_address(listener.local_addr().unwrap());
    let connector = Server::new(SslVersion::TLS1_3).connector();
    let done = net.handshake(&mut stream, &connector, Duration::from_millis(200));
    assert_eq!(done, Err(TlsFault::TimedOut));
    // The stream is broken, and says so.
    assert_eq!(net.read(&mut stream, &mut [0; 8], LONG).unwrap(), 0);
    assert_eq!(net.try_write(&mut stream, b"x").unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert!(net.is_stale(&mut stream));
}

fn a_clear_server_and_a_second_handshake_are_told<N: Net>(net: &N) {
    let mock = Mock::start();
    let server = Server::new(SslVersion::TLS1_3);
    let mut stream = net.to_address(mock.addr());
    let Err(TlsFault::NotTls(first)) = net.handshake(&mut stream, &server.connector(), LONG) else {
        panic!("a server in clear")
    };
    assert!(first.starts_with(b"220"), "{first:?}");

    let (address, serving) = server.serve(|mut stream| stream.read(&mut [0; 8]).unwrap());
    let mut stream = net.to_address(address);
    net.handshake(&mut stream, &server.connector(), LONG).unwrap();
    assert_eq!(net.handshake(&mut stream, &server.connector(), LONG), Err(TlsFault::Protocol));
    net.write_all(&mut stream, b"NOOP\r\n");
    assert_eq!(serving.join().unwrap(), Some(6));
}

fn a_required_client_certificate_is_told_by_the_first_read<N: Net>(net: &N) {
    let mut server = Server::new(SslVersion::TLS1_3);
    server.requires_certificate = true;
    let (address, serving) = server.serve(drop);
    let mut stream = net.to_address(address);
    net.handshake(&mut stream, &server.connector(), LONG).unwrap();
    let error = net.read(&mut stream, &mut [0; 8], LONG).unwrap_err();
    assert_eq!(TlsFault::of_read_error(&error), Some(TlsFault::CertificateRequired));
    assert_eq!(serving.join().unwrap(), None);
}

fn a_session_with_unread_tickets_is_not_stale_and_one_with_a_reply_is<N: Net>(net: &N) {
    for version in VERSIONS {
        let server = Server::new(version);
        let (send, wait) = std::sync::mpsc::channel();
        let (address, serving) = server.serve(move |mut stream| {
            wait.recv().unwrap();
            stream.write_all(b"421 bye\r\n").unwrap();
            let _ = stream.read(&mut [0; 8]);
        });
        let mut stream = net.to_address(address);
        net.handshake(&mut stream, &server.connector(), LONG).unwrap();
        if version == SslVersion::TLS1_3 {
            // The tickets that the server sends after the handshake.
            net.ready(&mut stream);
        }
        assert!(!net.is_stale(&mut stream));
        assert!(!net.is_stale(&mut stream));
        send.send(()).unwrap();
        // What comes first may be another ticket; without the reply the wait would fail.
        while !net.is_stale(&mut stream) {
            net.ready(&mut stream);
        }
        drop(stream);
        assert!(serving.join().unwrap().is_some());
    }
}

fn closing_tells_the_server_that_nothing_was_cut_off<N: Net>(net: &N) {
    for version in VERSIONS {
        for closes in [true, false] {
            let server = Server::new(version);
            let (address, serving) =
                server.serve(|mut stream| stream.ssl_read(&mut [0; 8]).unwrap_err().code());
            let mut stream = net.to_address(address);
            net.handshake(&mut stream, &server.connector(), LONG).unwrap();
            if closes {
                net.close(&mut stream);
                // Once more does nothing, above all it does not wait.
                net.close(&mut stream);
            }
            drop(stream);
            let code = serving.join().unwrap().unwrap();
            assert_eq!(code == openssl::ssl::ErrorCode::ZERO_RETURN, closes);
        }
    }
}

fn both_ends_bind_a_login_to_the_same_certificate<N: Net>(net: &N) {
    let server = Server::new(SslVersion::TLS1_3);
    let (address, serving) = server.serve(|stream| {
        let certificate = stream.ssl().certificate().unwrap().to_der().unwrap();
        openssl::sha::sha256(&certificate)
    });
    let mut stream = net.to_address(address);
    assert!(N::channel_binding(&stream).is_none());
    net.handshake(&mut stream, &server.connector(), LONG).unwrap();
    let hash = serving.join().unwrap().unwrap();
    let wanted = smtp_core::ChannelBinding::tls_server_end_point(hash.to_vec()).unwrap();
    assert_eq!(N::channel_binding(&stream), Some(wanted));
}

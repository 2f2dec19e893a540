//! TLS, and failures told from the library's codes.

use crate::face::{Face, both};
use crate::tools::{assert_accepted, kind_of, message, options, titled};
use smtp_core::mailer::{ErrorKind, Options, Security, Step, TlsFault};
use smtp_core::{Cause, Reason, Timeouts, Timer};
use smtp_mock::{Certificate, Mock, On, Rule};
use std::time::Duration;

both!(
    a_message_leaves_under_starttls_and_under_implicit_tls,
    wrong_modes_bad_certificates_and_no_starttls_have_kinds_of_their_own,
    every_bad_certificate_is_refused_before_anything_of_the_message_leaves,
    opportunistic_tls_goes_on_in_clear_where_it_is_refused,
    loopback_takes_any_certificate_unless_tls_is_required,
    a_failure_of_tls_leaves_the_slot_free,
);

fn under(mock: &Mock, security: Security) -> Options {
    options(mock).security(security).authorities(mock.ca_pem())
}

fn a_message_leaves_under_starttls_and_under_implicit_tls<F: Face>() {
    let mock = Mock::builder().starttls(Certificate::Good).start();
    let mailer = F::new(under(&mock, Security::StartTls));
    for _ in 0..3 {
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
    }
    let secured = Mock::builder().implicit_tls(Certificate::Good).start();
    assert_accepted(&F::new(under(&secured, Security::Implicit)).send(&message(&["b@example.net"])));
    for (mock, count) in [(&mock, 3), (&secured, 1)] {
        assert_eq!((mock.messages().len(), mock.connections()), (count, 1));
        assert!(mock.messages().iter().all(|message| message.envelope.secure));
    }
}

/// Why a mailer of these options cannot open a session.
fn failure<F: Face>(options: Options) -> ErrorKind {
    kind_of(F::new(options).verify())
}

fn wrong_modes_bad_certificates_and_no_starttls_have_kinds_of_their_own<F: Face>() {
    let clear = Mock::start();
    let mut kinds = Vec::new();
    let kind = failure::<F>(under(&clear, Security::Implicit));
    assert!(
        matches!(&kind, ErrorKind::Tls(TlsFault::NotTls(first)) if first.starts_with(b"220 ")),
        "{kind:?}"
    );
    kinds.push(kind);
    // A server under TLS waits for the client's hello, as this client waits for its greeting.
    let secured = Mock::builder().implicit_tls(Certificate::Good).start();
    let mut times = Timeouts::all(Duration::from_secs(20));
    times.greeting = Duration::from_millis(300);
    let kind = failure::<F>(under(&secured, Security::StartTls).timeouts(times));
    let ErrorKind::Closed(closing) = &kind else { panic!("{kind:?}") };
    assert_eq!((&closing.cause, closing.is_greeted), (&Cause::TimedOut(Timer::Greeting), false));
    kinds.push(kind);
    for (certificate, fault) in [
        (Certificate::Expired, TlsFault::Expired),
        (Certificate::UnknownCa, TlsFault::Untrusted),
        (Certificate::WrongHost, TlsFault::WrongName),
    ] {
        let mock = Mock::builder().starttls(certificate).start();
        let kind = failure::<F>(under(&mock, Security::StartTls));
        assert_eq!(kind, ErrorKind::Tls(fault));
        kinds.push(kind);
    }
    let kind = failure::<F>(under(&clear, Security::StartTls));
    assert!(
        matches!(
            kind,
            ErrorKind::Undone { step: Step::StartTls, reason: Reason::NotOffered("STARTTLS"), .. }
        ),
        "{kind:?}"
    );
    kinds.push(kind);
    for (at, kind) in kinds.iter().enumerate() {
        assert!(!kinds[..at].contains(kind), "{kind:?} is there twice");
    }
}

fn every_bad_certificate_is_refused_before_anything_of_the_message_leaves<F: Face>() {
    for certificate in Certificate::ALL.into_iter().filter(|certificate| *certificate != Certificate::Good) {
        for security in [Security::StartTls, Security::Implicit] {
            let mock = if security == Security::Implicit {
                Mock::builder().implicit_tls(certificate)
            } else {
                Mock::builder().starttls(certificate)
            };
            let mock = mock.start();
            let kind = kind_of(F::new(under(&mock, security)).send(&titled("secret")));
            let ErrorKind::Tls(fault) = &kind else { panic!("{certificate:?}: {kind:?}") };
            assert!(fault.is_certificate(), "{certificate:?}: {fault:?}");
            mock.wait_closed(1);
            let commands = mock.transcript().commands();
            assert!(!commands.iter().any(|line| line.starts_with("MAIL")), "{commands:?}");
        }
    }
}

fn opportunistic_tls_goes_on_in_clear_where_it_is_refused<F: Face>() {
    let mock = Mock::builder()
        .starttls(Certificate::Good)
        .rule(Rule::on(On::Starttls).reply("454 4.7.0 TLS is not available"))
        .start();
    assert_accepted(&F::new(options(&mock).security(Security::Opportunistic)).send(&titled("clear")));
    assert!(!mock.messages()[0].envelope.secure);
    let kind = failure::<F>(under(&mock, Security::StartTls));
    assert!(
        matches!(kind, ErrorKind::Undone { step: Step::StartTls, reason: Reason::Refused(_), .. }),
        "{kind:?}"
    );
}

fn loopback_takes_any_certificate_unless_tls_is_required<F: Face>() {
    let mock = Mock::builder().starttls(Certificate::SelfSigned).start();
    assert_accepted(&F::new(options(&mock)).send(&titled("secured")));
    assert!(mock.messages()[0].envelope.secure);
    assert_eq!(
        failure::<F>(options(&mock).security(Security::StartTls)),
        ErrorKind::Tls(TlsFault::SelfSigned)
    );
}

fn a_failure_of_tls_leaves_the_slot_free<F: Face>() {
    let mock = Mock::builder().starttls(Certificate::Good).start();
    let distrusting = options(&mock).security(Security::StartTls).connections(1);
    let mailer = F::new(distrusting);
    for _ in 0..3 {
        let kind = kind_of(mailer.with_deadline(Duration::from_secs(10)).verify());
        assert!(matches!(kind, ErrorKind::Tls(_)), "{kind:?}");
    }
    assert_eq!(mock.connections(), 3);
}

//! Logins, and the functions that supply their secrets.

use crate::face::{Boxed, Face, both};
use crate::tools::{SOON, assert_accepted, count_of, kind_of, limits, message, options, titled};
use smtp_core::mailer::{ErrorKind, Login, Options, SecretRequest, Security, Step as MailerStep};
use smtp_core::{Reason, Secret};
use smtp_mock::{Certificate, Close, Mock, On, Rule};
use std::error::Error as _;
use std::sync::{Arc, Mutex};

both!(
    a_password_logs_in_under_tls,
    the_secret_function_runs_once_for_each_login,
    a_refused_token_is_asked_for_once_more_and_not_again,
    no_other_failure_asks_for_another_token,
    a_password_that_is_refused_is_not_asked_for_again,
    a_secret_function_that_fails_is_told_with_its_error,
    a_login_of_a_later_session_asks_for_the_secret_anew,
    no_password_leaves_in_clear,
);

/// Requests for a secret, in their order.
type Requests = Arc<Mutex<Vec<SecretRequest>>>;

/// A login by tokens, one for each request, the last one for all later ones.
fn tokens(tokens: &'static [&'static str]) -> (Requests, Login) {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let login = Login::token_from("you", move |request| {
        let mut seen = seen.lock().unwrap();
        let token = tokens[seen.len().min(tokens.len() - 1)];
        seen.push(request);
        Ok(Secret::from(token))
    });
    (requests, login)
}

fn mock() -> smtp_mock::Builder {
    Mock::builder().starttls(Certificate::Good).token("you", "fresh").user("you", "pa55").require_auth()
}

fn secured(mock: &Mock) -> Options {
    options(mock).security(Security::StartTls).authorities(mock.ca_pem())
}

fn a_password_logs_in_under_tls<F: Face>() {
    let mock = mock().start();
    let mailer = F::new(secured(&mock).user("you").password("pa55"));
    assert_accepted(&mailer.send(&titled("logged in")));
    assert_eq!(mock.messages()[0].envelope.user.as_deref(), Some("you"));
}

fn the_secret_function_runs_once_for_each_login<F: Face>() {
    let mock = mock().start();
    let (requests, login) = tokens(&["fresh"]);
    let mailer = F::new(secured(&mock).login(login).pool(limits(|limits| limits.messages = 2)));
    for _ in 0..5 {
        assert_accepted(&mailer.send(&titled("logged in")));
    }
    assert_eq!(mock.connections(), 3);
    assert_eq!(*requests.lock().unwrap(), [SecretRequest::Login; 3]);
}

fn a_refused_token_is_asked_for_once_more_and_not_again<F: Face>() {
    let mock = mock().start();
    let (requests, login) = tokens(&["stale", "fresh"]);
    let mailer = F::new(secured(&mock).login(login));
    assert_accepted(&mailer.send(&titled("logged in")));
    assert_eq!(*requests.lock().unwrap(), [SecretRequest::Login, SecretRequest::TokenRefused]);
    assert_eq!(mock.connections(), 1, "it is asked for on the same connection");
    let (requests, login) = tokens(&["stale"]);
    let mailer = F::new(secured(&mock).login(login));
    let error = mailer.send(&titled("not logged in")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Undone { step: MailerStep::Login, .. }), "{error:?}");
    assert!(!error.is_transient());
    assert_eq!(*requests.lock().unwrap(), [SecretRequest::Login, SecretRequest::TokenRefused]);
    assert_eq!(mock.messages().len(), 1);
}

fn no_other_failure_asks_for_another_token<F: Face>() {
    for rule in [
        Rule::on(On::Auth).reply("454 4.7.0 the directory is away"),
        Rule::on(On::Auth).reply("421 4.7.0 too many logins"),
        Rule::on(On::Auth).close(Close::Fin),
        Rule::on(On::Auth).close(Close::Rst),
        Rule::on(On::Mail).reply("550 5.7.1 not you"),
        Rule::on(On::Mail).reply("530 5.7.0 log in first"),
        Rule::on(On::Connect).reply("554 5.7.1 not you"),
    ] {
        let words = format!("{rule:?}");
        let mock = mock().rule(rule).start();
        let (requests, login) = tokens(&["fresh"]);
        let mailer = F::new(secured(&mock).login(login));
        let result = mailer.with_deadline(SOON).send(&message(&["b@example.net"]));
        assert!(!result.is_ok_and(|report| report.is_accepted()), "{words}");
        let requests = requests.lock().unwrap();
        assert!(
            requests.len() <= 1 && !requests.contains(&SecretRequest::TokenRefused),
            "{words}: {requests:?}"
        );
    }
}

fn a_password_that_is_refused_is_not_asked_for_again<F: Face>() {
    let mock = mock().start();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let login = Login::password_from("you", move |request| {
        seen.lock().unwrap().push(request);
        Ok(Secret::from("wrong"))
    });
    let mailer = F::new(secured(&mock).login(login.with_mechanisms(["PLAIN"])));
    let error = mailer.verify().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Undone { step: MailerStep::Login, reason: Reason::Refused(_), .. }),
        "{error:?}"
    );
    assert_eq!(*requests.lock().unwrap(), [SecretRequest::Login]);
    // A batch does not knock for each of its messages.
    let results = mailer.send_all((0..10).map(|_| Box::new(titled("x")) as Boxed).collect());
    assert_eq!(results.len(), 10);
    assert!(results.iter().all(|(_, result)| result.is_err()));
}

fn a_secret_function_that_fails_is_told_with_its_error<F: Face>() {
    let mock = mock().start();
    let mailer =
        F::new(secured(&mock).login(Login::token_from("you", |_| Err("the keyring is locked".into()))));
    let error = mailer.send(&titled("x")).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Secret);
    assert_eq!(error.source().unwrap().to_string(), "the keyring is locked");
    assert_eq!(count_of(&mock.transcript(), "AUTH"), 0);
}

fn a_login_of_a_later_session_asks_for_the_secret_anew<F: Face>() {
    let mock = mock().start();
    let (requests, login) = tokens(&["fresh", "fresh"]);
    let mailer = F::new(secured(&mock).login(login));
    mock.set(Rule::on(On::Body).message(1).times(1).default_reply().close(Close::Fin));
    assert_accepted(&mailer.send(&titled("first")));
    mock.wait_closed(1);
    assert_accepted(&mailer.send(&titled("second")));
    assert_eq!(*requests.lock().unwrap(), [SecretRequest::Login; 2]);
}

fn no_password_leaves_in_clear<F: Face>() {
    use smtp_mock::Mechanism::{Login as LoginMechanism, Plain};
    let mock =
        Mock::builder().user("you", "pa55").mechanisms([Plain, LoginMechanism]).plaintext_auth().start();
    let kind = kind_of(F::new(options(&mock).user("you").password("pa55")).verify());
    let ErrorKind::Undone { step: MailerStep::Login, reason, is_secured: false, .. } = kind else {
        panic!("{kind:?}")
    };
    assert_eq!(reason, Reason::WouldRevealPassword);
    assert_eq!(count_of(&mock.transcript(), "AUTH"), 0);
    F::new(options(&mock).user("you").password("pa55").reveal_secrets()).verify().unwrap();
}

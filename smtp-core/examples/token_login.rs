//! Logs in with a bearer token that expires: a function supplies it for each login, and once more when the server refuses
//! it.
//!
//! ```text
//! cargo run -p smtp-core --features blocking --example token_login
//! ```

use smtp_core::Secret;
use smtp_core::blocking::Mailer;
use smtp_core::mailer::{BoxError, Options, SecretRequest};
use smtp_mime::{AddressList, Context, Message, NameAddr};
use std::error::Error;
use std::sync::Mutex;

fn main() -> Result<(), Box<dyn Error>> {
    let tokens = Tokens::new(|| Ok(std::env::var("SMTP_TOKEN")?));
    send(Options::from_url("smtp://you@mx.example.org")?, tokens)
}

/// Keeps the token that was fetched last.
struct Tokens<F> {
    /// Asks the authorization server for a token, which takes a request of HTTP.
    fetch: F,
    token: Mutex<Option<String>>,
}

impl<F: Fn() -> Result<String, BoxError>> Tokens<F> {
    const fn new(fetch: F) -> Self {
        Self { fetch, token: Mutex::new(None) }
    }

    /// The token for this login.
    fn supply(&self, request: SecretRequest) -> Result<Secret, BoxError> {
        let mut token = self.token.lock().map_err(|_| "another thread panicked")?;
        if request == SecretRequest::TokenRefused {
            *token = None;
        }
        let token = match &mut *token {
            Some(token) => token,
            token => token.insert((self.fetch)()?),
        };
        Ok(Secret::from(token.as_str()))
    }
}

fn send<F>(options: Options, tokens: Tokens<F>) -> Result<(), Box<dyn Error>>
where
    F: Fn() -> Result<String, BoxError> + Send + Sync + 'static,
{
    let mailer = Mailer::new(options.token_from(move |request| tokens.supply(request)));
    let message = Message::builder()
        .from("you@example.org".parse::<NameAddr>()?)
        .to("b@example.net".parse::<AddressList>()?)
        .subject("Hello")
        .text("It works.\n")
        .build(&Context::system()?)?;
    for recipient in mailer.send(&message)?.recipients() {
        println!("{recipient}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::{Certificate, Mock};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_token_that_has_expired_is_fetched_anew() {
        let server =
            Mock::builder().starttls(Certificate::Good).token("you@example.org", "second-token").start();
        let url = format!("smtp://you%40example.org@{}?tls=starttls", server.addr());
        let options = Options::from_url(&url).unwrap().authorities(server.ca_pem());
        let count = Arc::new(AtomicUsize::new(0));
        let fetched = Arc::clone(&count);
        let tokens = Tokens::new(move || {
            Ok(["first-token", "second-token"][fetched.fetch_add(1, Ordering::Relaxed)].to_string())
        });
        send(options, tokens).unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert_eq!(server.messages().len(), 1);
    }
}

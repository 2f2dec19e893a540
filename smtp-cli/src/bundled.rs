//! Provides `--server mock`: the bundled server, started in this process on loopback.

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::settings::Destination;
use crate::settings::{Encryption, Settings};
use smtp_core::{Protocol, Secret};
use smtp_mock::{Certificate, Mock};

/// Starts the bundled server where the settings want it, and gives the settings that lead to it.
///
/// With a login it takes just that user, and over TLS: its certificate is made for this run, and trusted.
pub(crate) fn start(settings: Settings, password: Option<&Secret>) -> Result<(Settings, Option<Mock>)> {
    if !settings.is_mock {
        return Ok((settings, None));
    }
    let Settings { mut encryption, mut trust, .. } = settings.clone();
    let mut builder = Mock::builder().hostname("mock.localhost").certificate_name(&settings.tls_name);
    if settings.protocol == Protocol::Lmtp {
        builder = builder.lmtp();
    }
    if let (Some(login), Some(password)) = (&settings.login, password) {
        builder = builder.user(&login.user, String::from_utf8_lossy(password.expose()).into_owned());
        if encryption == Encryption::Opportunistic {
            encryption = Encryption::StartTls;
            trust.anything = false;
        }
        if settings.allow_plaintext_auth {
            builder = builder.plaintext_auth();
        }
    }
    builder = match encryption {
        Encryption::StartTls => builder.starttls(Certificate::Good),
        Encryption::Implicit => builder.implicit_tls(Certificate::Good),
        Encryption::None | Encryption::Opportunistic => builder,
    };
    let mock = builder
        .try_start()
        .map_err(|error| Error::new(Exit::OS, format!("the bundled server cannot be started: {error}")))?;
    if trust.ca_file.is_none() {
        trust.ca_pem = Some(mock.ca_pem());
        // Whose certificate it is is known, whatever the options say of others.
        if encryption != Encryption::Opportunistic && trust.pin.is_none() {
            trust.anything = false;
        }
    }
    let address = mock.addr();
    let destination = Destination::Host { name: address.ip().to_string(), port: address.port() };
    Ok((Settings { destination, encryption, trust, ..settings }, Some(mock)))
}

/// What the server received, in words.
pub(crate) fn received(mock: Mock) -> String {
    let messages = mock.messages();
    // Nothing is expected of it, so its report has nothing to say.
    drop(mock.stop());
    if messages.is_empty() {
        return "the server received no message\n".to_string();
    }
    let summaries: Vec<_> =
        messages.iter().map(|message| format!("the server received {}", message.summary())).collect();
    summaries.concat()
}

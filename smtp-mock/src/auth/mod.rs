//! Provides the server's half of every SASL mechanism (RFC 4422, RFC 4954).

mod scram;

use core::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;

use self::scram::Scram;
use crate::scenario::{AuthSettings, Mechanism};

/// What the exchange is held against.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a AuthSettings,
    pub(crate) hostname: &'a str,
    /// The octets of tls-server-end-point (RFC 5929 §4), when TLS is up.
    pub(crate) end_point: Option<&'a [u8]>,
    /// Random letters, new for each exchange.
    pub(crate) nonce: String,
}

/// What the server says next.
#[derive(Debug, PartialEq)]
pub(crate) enum Progress {
    /// 334 with these octets in base64.
    Challenge(Vec<u8>),
    /// 235: this user.
    Success(String),
    /// 535: these credentials do not hold.
    Refused,
    /// 501 or 535 with the reason: the exchange itself is broken.
    Broken(&'static str),
}

/// An exchange under way.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// Waits for the one response of PLAIN, EXTERNAL, ANONYMOUS, XOAUTH2 or OAUTHBEARER.
    Single(Mechanism),
    LoginUser,
    LoginPassword(String),
    CramMd5 {
        challenge: Vec<u8>,
    },
    Scram(Box<Scram>),
    /// The error of OAuth was told; whatever comes, 535 follows.
    OauthError,
    /// A rule answered AUTH with 334: rules or 535 decide about every response.
    Scripted,
}

impl Exchange {
    /// Begins an exchange; the initial response is already out of base64.
    pub(crate) fn start(
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        context: &Context<'_>,
    ) -> (Self, Progress) {
        let (mut exchange, challenge) = match mechanism {
            Mechanism::Login => (Self::LoginUser, Some(b"Username:".to_vec())),
            Mechanism::CramMd5 => {
                let challenge = format!("<{}@{}>", context.nonce, context.hostname).into_bytes();
                (Self::CramMd5 { challenge: challenge.clone() }, Some(challenge))
            }
            Mechanism::ScramSha1
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha256
            | Mechanism::ScramSha256Plus => (Self::Scram(Box::new(Scram::new(mechanism))), None),
            _ => (Self::Single(mechanism), None),
        };
        match (initial, challenge) {
            // The server speaks first: a client that did not wait is wrong (RFC 4954 §4).
            (Some(_), Some(_)) if mechanism == Mechanism::CramMd5 => {
                let progress = Progress::Broken("CRAM-MD5 takes no initial response");
                (exchange, progress)
            }
            (Some(initial), _) => {
                let progress = exchange.respond(initial, context);
                (exchange, progress)
            }
            (None, challenge) => (exchange, Progress::Challenge(challenge.unwrap_or_default())),
        }
    }

    /// Takes a response, already out of base64.
    pub(crate) fn respond(&mut self, response: &[u8], context: &Context<'_>) -> Progress {
        match self {
            Self::Single(Mechanism::Plain) => plain(response, context.settings),
            Self::Single(Mechanism::External) => {
                // No client certificate can be asked for here: the authorization identity itself must be known.
                let user = String::from_utf8_lossy(response).into_owned();
                let known = user.is_empty() || context.settings.users.contains_key(&user);
                if known { Progress::Success(user) } else { Progress::Refused }
            }
            Self::Single(Mechanism::Anonymous) => Progress::Success("anonymous".to_owned()),
            Self::Single(mechanism) => {
                let bearer = *mechanism == Mechanism::Oauthbearer;
                match oauth(response, bearer, context.settings) {
                    Ok(user) => Progress::Success(user),
                    Err(error) => {
                        *self = Self::OauthError;
                        Progress::Challenge(error)
                    }
                }
            }
            Self::LoginUser => {
                *self = Self::LoginPassword(String::from_utf8_lossy(response).into_owned());
                Progress::Challenge(b"Password:".to_vec())
            }
            Self::LoginPassword(user) => check_password(user, response, context.settings),
            Self::CramMd5 { challenge } => cram_md5(challenge, response, context.settings),
            Self::Scram(scram) => scram.respond(response, context),
            Self::OauthError | Self::Scripted => Progress::Refused,
        }
    }
}

/// Octets into base64.
pub(crate) fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Base64 into octets; strict, as RFC 4954 §4 asks.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn check_password(user: &str, password: &[u8], settings: &AuthSettings) -> Progress {
    match settings.users.get(user) {
        Some(known) if known.as_bytes() == password => Progress::Success(user.to_owned()),
        _ => Progress::Refused,
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
fn plain(response: &[u8], settings: &AuthSettings) -> Progress {
    let mut parts = response.split(|&octet| octet == 0);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(authorize), Some(user), Some(password), None) => {
            let user = String::from_utf8_lossy(user);
            if !authorize.is_empty() && authorize != user.as_bytes() {
                return Progress::Refused;
            }
            check_password(&user, password, settings)
        }
        _ => Progress::Broken("PLAIN wants two NULs"),
    }
}

/// `user SP digest` in lower-case hexadecimal (RFC 2195 §2).
fn cram_md5(challenge: &[u8], response: &[u8], settings: &AuthSettings) -> Progress {
    let text = String::from_utf8_lossy(response);
    let Some((user, digest)) = text.rsplit_once(' ') else {
        return Progress::Broken("CRAM-MD5 wants a user, a space and a digest");
    };
    let Some(password) = settings.users.get(user) else { return Progress::Refused };
    let mut mac = Hmac::<Md5>::new_from_slice(password.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(challenge);
    let wanted = mac.finalize().into_bytes().iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    });
    if wanted == digest { Progress::Success(user.to_owned()) } else { Progress::Refused }
}

/// The user of a valid token, or the error that the server tells in a challenge (RFC 7628 §3.2.2).
fn oauth(response: &[u8], bearer: bool, settings: &AuthSettings) -> Result<String, Vec<u8>> {
    let text = String::from_utf8_lossy(response);
    let mut parts = text.split('\u{1}');
    let head = parts.next().unwrap_or_default();
    let user = if bearer {
        // gs2-header: `n,a=user,` (RFC 7628 §3.1)
        head.split(',').find_map(|part| part.strip_prefix("a="))
    } else {
        head.strip_prefix("user=")
    };
    let token = parts.find_map(|part| {
        let value = part.strip_prefix("auth=")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.to_owned())
    });
    let known = settings.tokens.iter().find(|(name, valid)| {
        Some(valid.as_str()) == token.as_deref() && user.is_none_or(|user| user == name.as_str())
    });
    match known {
        Some((name, _)) => Ok(name.clone()),
        None if bearer => Err(br#"{"status":"invalid_token","scope":"mail"}"#.to_vec()),
        None => Err(br#"{"status":"401","schemes":"bearer","scope":"https://mail.example.test/"}"#.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> AuthSettings {
        AuthSettings {
            users: [("tim".to_owned(), "tanstaaftanstaaf".to_owned())].into(),
            tokens: [("alice".to_owned(), "ya29.valid".to_owned())].into(),
            ..AuthSettings::default()
        }
    }

    fn context(settings: &AuthSettings) -> Context<'_> {
        Context {
            settings,
            hostname: "postoffice.reston.mci.net",
            end_point: None,
            nonce: "1896.697170952".to_owned(),
        }
    }

    #[test]
    fn cram_md5_as_in_rfc_2195() {
        let settings = settings();
        let context = context(&settings);
        let (mut exchange, progress) = Exchange::start(Mechanism::CramMd5, None, &context);
        assert_eq!(progress, Progress::Challenge(b"<1896.697170952@postoffice.reston.mci.net>".to_vec()));
        let response = b"tim b913a602c7eda7a495b4e6e7334d3890";
        assert_eq!(exchange.respond(response, &context), Progress::Success("tim".to_owned()));
        assert_eq!(exchange.respond(b"tim b913a602c7eda7a495b4e6e7334d3891", &context), Progress::Refused);
    }

    #[test]
    fn plain_and_login() {
        let settings = settings();
        let context = context(&settings);
        let plain = |response: &[u8]| Exchange::start(Mechanism::Plain, Some(response), &context).1;
        assert_eq!(plain(b"\0tim\0tanstaaftanstaaf"), Progress::Success("tim".to_owned()));
        assert_eq!(plain(b"tim\0tim\0tanstaaftanstaaf"), Progress::Success("tim".to_owned()));
        assert_eq!(plain(b"root\0tim\0tanstaaftanstaaf"), Progress::Refused);
        assert_eq!(plain(b"\0tim\0wrong"), Progress::Refused);
        assert!(matches!(plain(b"tim"), Progress::Broken(_)));
        let (mut login, progress) = Exchange::start(Mechanism::Login, None, &context);
        assert_eq!(progress, Progress::Challenge(b"Username:".to_vec()));
        assert_eq!(login.respond(b"tim", &context), Progress::Challenge(b"Password:".to_vec()));
        assert_eq!(login.respond(b"tanstaaftanstaaf", &context), Progress::Success("tim".to_owned()));
    }

    #[test]
    fn oauth_tells_its_error_before_it_refuses() {
        let settings = settings();
        let context = context(&settings);
        let xoauth2 = b"user=alice\x01auth=Bearer ya29.valid\x01\x01";
        let (_, progress) = Exchange::start(Mechanism::Xoauth2, Some(xoauth2), &context);
        assert_eq!(progress, Progress::Success("alice".to_owned()));
        let bearer = b"n,a=alice,\x01host=x\x01auth=Bearer ya29.valid\x01\x01";
        let (_, progress) = Exchange::start(Mechanism::Oauthbearer, Some(bearer), &context);
        assert_eq!(progress, Progress::Success("alice".to_owned()));
        let stale = b"n,a=alice,\x01auth=Bearer stale\x01\x01";
        let (mut exchange, progress) = Exchange::start(Mechanism::Oauthbearer, Some(stale), &context);
        assert!(matches!(progress, Progress::Challenge(json) if json.starts_with(b"{\"status\"")));
        assert_eq!(exchange.respond(b"\x01", &context), Progress::Refused);
    }
}

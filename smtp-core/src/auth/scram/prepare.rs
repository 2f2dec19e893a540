//! Provides SASLprep (RFC 4013), which maps different ways to type a password to the same text.

use crate::auth::MechanismError;
use crate::secret::Secret;
use alloc::format;
use alloc::string::String;
use zeroize::Zeroizing;

/// Prepares a user name.
pub(super) fn name(what: &'static str, name: &str) -> Result<String, MechanismError> {
    let prepared = prepare(what, name)?;
    if prepared.is_empty() {
        return Err(MechanismError::new(format!("the {what} is empty")));
    }
    Ok(prepared.as_str().into())
}

/// Prepares a password.
pub(super) fn password(password: &Secret) -> Result<Secret, MechanismError> {
    let text = core::str::from_utf8(password.expose())
        .map_err(|_| MechanismError::new("the password is not UTF-8, which SCRAM requires"))?;
    prepare("password", text).map(|prepared| Secret::from(prepared.as_str()))
}

/// Prohibits control characters; all other ASCII remains unchanged (RFC 4013 §2).
fn prepare(what: &'static str, text: &str) -> Result<Zeroizing<String>, MechanismError> {
    if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return Ok(Zeroizing::new(text.into()));
    }
    if text.is_ascii() {
        return Err(MechanismError::new(format!("the {what} holds a control character")));
    }
    beyond_ascii(what, text)
}

#[cfg(feature = "saslprep")]
fn beyond_ascii(what: &'static str, text: &str) -> Result<Zeroizing<String>, MechanismError> {
    match stringprep::saslprep(text) {
        Ok(prepared) => Ok(Zeroizing::new(prepared.into_owned())),
        // the library's error names the character, which would reveal a part of the password
        Err(_) => Err(MechanismError::new(format!(
            "the {what} holds characters that SCRAM prohibits (RFC 4013), try PLAIN over TLS"
        ))),
    }
}

#[cfg(not(feature = "saslprep"))]
fn beyond_ascii(what: &'static str, _text: &str) -> Result<Zeroizing<String>, MechanismError> {
    Err(MechanismError::new(format!(
        "the {what} is not ASCII, and the feature saslprep is off, try PLAIN over TLS"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> Option<String> {
        prepare("password", text).ok().map(|prepared| prepared.as_str().into())
    }

    #[test]
    fn ascii_without_controls_remains_unchanged() {
        assert_eq!(prepared(" user=\"USER\" ").as_deref(), Some(" user=\"USER\" "));
        assert_eq!(prepared("a\x07"), None);
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn the_examples_of_rfc_4013_section_3() {
        for (text, result) in [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}1", None),
        ] {
            assert_eq!(prepared(text).as_deref(), result, "{text:?}");
        }
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn a_name_that_preparation_empties_is_refused() {
        assert!(name("user name", "\u{ad}").is_err());
    }

    #[cfg(not(feature = "saslprep"))]
    #[test]
    fn non_ascii_text_needs_the_feature() {
        assert_eq!(prepared("pässword"), None);
    }

    #[test]
    fn a_password_that_is_not_utf_8_is_refused_and_not_shown() {
        let error = password(&Secret::from(alloc::vec![0xff, b'x'])).unwrap_err();
        assert!(alloc::string::ToString::to_string(&error).contains("not UTF-8"));
    }
}

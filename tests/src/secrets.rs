//! Provides the search for a password in what a program printed, in every form in which it is known to leak.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The form in which a password stands in `octets`, when it does.
///
/// It is looked for as it is; in base64, at each of the three alignments, which covers every longer string
/// that holds it; as the whole of PLAIN's message for `user` (RFC 4616) and of LOGIN's answer; and as the
/// numbers that Rust prints for octets.
#[must_use]
pub fn leak(octets: &[u8], user: &str, password: &str) -> Option<&'static str> {
    forms(user, password).into_iter().find_map(|(name, form)| holds(octets, form.as_bytes()).then_some(name))
}

/// The forms of a password, named.
fn forms(user: &str, password: &str) -> Vec<(&'static str, String)> {
    let secret = password.as_bytes();
    vec![
        ("the password itself", password.to_owned()),
        ("the password in base64", aligned(secret, 0)),
        ("the password in base64, one octet behind a group", aligned(secret, 1)),
        ("the password in base64, two octets behind a group", aligned(secret, 2)),
        ("PLAIN's message", STANDARD_NO_PAD.encode(format!("\0{user}\0{password}"))),
        ("LOGIN's answer", STANDARD_NO_PAD.encode(password)),
        ("the password in numbers", format!("{secret:?}").trim_matches(['[', ']']).to_owned()),
        ("the password in hexadecimal numbers", format!("{secret:x?}").trim_matches(['[', ']']).to_owned()),
        ("the password in escapes", secret.escape_ascii().to_string()),
    ]
}

/// The base64 digits that depend on nothing but `secret` when `before` octets come before it.
fn aligned(secret: &[u8], before: usize) -> String {
    let encoded = STANDARD_NO_PAD.encode([&[0; 2][..before], secret].concat());
    // six bits a digit: the first that begins within the secret, the last that ends there
    let first = (before * 8).div_ceil(6);
    let last = (before + secret.len()) * 8 / 6;
    encoded[first..last].to_owned()
}

fn holds(octets: &[u8], form: &[u8]) -> bool {
    octets.windows(form.len()).any(|window| window == form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWORD: &str = "open sesame & 1001 nights";

    #[test]
    fn each_form_is_found() {
        for (name, form) in forms("you@example.org", PASSWORD) {
            let text = format!("-> {form}\r\n");
            assert!(leak(text.as_bytes(), "you@example.org", PASSWORD).is_some(), "{name}");
        }
        assert_eq!(leak(b"-> AUTH PLAIN ****\r\n", "you@example.org", PASSWORD), None);
    }

    proptest! {
        #[test]
        fn it_is_found_in_the_base64_of_anything_around_it(before: Vec<u8>, behind: Vec<u8>) {
            let all = [&before[..], PASSWORD.as_bytes(), &behind[..]].concat();
            let encoded = base64::engine::general_purpose::STANDARD.encode(all);
            prop_assert!(leak(encoded.as_bytes(), "user", PASSWORD).is_some());
        }
    }
}

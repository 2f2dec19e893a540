//! Provides the search for a password in what a program printed, in every form in which it is known to leak.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

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

/// The passwords and tokens that a run of the program is given, and the files that it writes: what is looked through
/// when it has ended.
#[derive(Debug, Default)]
pub struct Watch {
    secrets: Vec<String>,
    files: Vec<PathBuf>,
}

/// A password of fewer characters stands in other words too.
const SHORTEST: usize = 6;

impl Watch {
    /// Finds them by the arguments and the variables of the run, and by the configuration that these name.
    #[must_use]
    pub fn new(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let mut watch = Self::default();
        let mut given: Vec<(String, OsString)> = typed(arguments);
        let config = given.iter().find(|(option, _)| option == "config").map(|(_, path)| PathBuf::from(path));
        let config = config
            .or_else(|| variable("SMTP_CLI_CONFIG").map(Into::into))
            .or_else(|| Some(Path::new(&variable("XDG_CONFIG_HOME")?).join("smtp-cli/config.toml")));
        let text = config.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        given.extend(written(&text));
        for name in
            ["PASSWORD_ENV", "PASSWORD_FILE", "PASSWORD_COMMAND", "TOKEN_ENV", "TOKEN_COMMAND", "PROXY"]
        {
            let value = variable(&format!("SMTP_CLI_{name}"));
            given.extend(value.map(|value| (name.to_lowercase().replace('_', "-"), value)));
        }
        for (option, value) in &given {
            watch.take(option, value, &variable);
        }
        watch
    }

    /// Looks for one more secret.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.chars().count() >= SHORTEST {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Where one of the secrets stands, in which form: in what was printed, or in a file that was written.
    #[must_use]
    pub fn leak(&self, printed: &[(&str, &[u8])]) -> Option<String> {
        // A device may have no end.
        let files = self.files.iter().filter(|path| path.is_file());
        let files = files.filter_map(|path| Some((path.display().to_string(), fs::read(path).ok()?)));
        let places = printed.iter().map(|(name, octets)| ((*name).to_owned(), octets.to_vec())).chain(files);
        places.into_iter().find_map(|(place, octets)| {
            let form = self.secrets.iter().find_map(|secret| leak(&octets, "", secret))?;
            Some(format!("{place} holds {form}"))
        })
    }

    fn take(&mut self, option: &str, value: &OsStr, variable: &impl Fn(&str) -> Option<OsString>) {
        let text = value.to_string_lossy();
        match option {
            "password" => self.add(&text),
            "password-env" | "token-env" => {
                if let Some(secret) = variable(&text) {
                    self.add(&secret.to_string_lossy());
                }
            }
            "password-file" => {
                let file = fs::read(value).unwrap_or_default();
                self.add(&String::from_utf8_lossy(
                    file.split(|octet| *octet == b'\n').next().unwrap_or_default(),
                ));
            }
            "password-command" | "token-command" => {
                if let Some(secret) = text.strip_prefix("echo ") {
                    self.add(secret);
                }
            }
            // user:password@host
            "proxy" | "server" => {
                let user = text
                    .rsplit_once('@')
                    .map(|(user, _)| user.rsplit_once("//").map_or(user, |(_, user)| user));
                if let Some((_, secret)) = user.and_then(|user| user.split_once(':')) {
                    self.add(secret);
                }
            }
            "transcript" | "record" | "log-file" => self.files.push(value.into()),
            _ => {}
        }
    }
}

/// The options of a command line that have values.
fn typed(arguments: &[OsString]) -> Vec<(String, OsString)> {
    let mut given = Vec::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.to_str().and_then(|word| word.strip_prefix("--")) else { continue };
        match option.split_once('=') {
            Some((option, value)) => given.push((option.to_owned(), value.into())),
            None => given.extend(words.peek().map(|value| (option.to_owned(), (*value).clone()))),
        }
    }
    given
}

/// The settings of a configuration file that are texts, as far as they stand on a line each.
fn written(text: &str) -> impl Iterator<Item = (String, OsString)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().trim_matches(['"', '\'']).into()))
    })
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

    #[test]
    fn what_a_run_is_given_is_looked_for_in_what_it_prints_and_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::write(path("p"), format!("{PASSWORD}\nmore\n")).unwrap();
        fs::write(path("c"), format!("[defaults]\npassword = '{PASSWORD}'\n")).unwrap();
        let variable = |name: &str| (name == "P").then(|| PASSWORD.into());
        let found = |arguments: &[&str]| {
            let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            Watch::new(&words, variable)
                .leak(&[("output", b"nothing"), ("error", format!("a {PASSWORD} b").as_bytes())])
        };
        for arguments in [
            &["--password-env", "P"][..],
            &["--token-env=P"],
            &["--password-file", &path("p")],
            &["--config", &path("c")],
            &["--password-command", &format!("echo {PASSWORD}")],
            &["--proxy", &format!("socks5://you:{PASSWORD}@proxy")],
        ] {
            assert_eq!(found(arguments).as_deref(), Some("error holds the password itself"), "{arguments:?}");
        }
        assert_eq!(found(&["--password-env", "Q", "--user", "P"]), None);
        fs::write(path("t"), aligned(PASSWORD.as_bytes(), 1)).unwrap();
        let words = ["--password-env", "P", "--transcript", &path("t")].map(OsString::from);
        let leaked = Watch::new(&words, variable).leak(&[]).unwrap();
        assert!(leaked.starts_with(&path("t")) && leaked.contains("base64"), "{leaked}");
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

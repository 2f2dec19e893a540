//! The password appears in no output, also when the server says it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_mock::{Certificate, Mock, On, Rule};
use smtp_tests::lab::{PASSWORD, USER};
use smtp_tests::program::smtp_cli;
use smtp_tests::secrets::leak;

#[test]
fn a_password_that_the_server_repeats_is_not_shown() {
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let login = STANDARD.encode(PASSWORD);
    for echo in [
        format!("535 5.7.8 cannot decode {plain}"),
        format!("535-5.7.8 cannot decode {login}\n535 5.7.8 try again"),
        format!("535 5.7.8 the password is not {PASSWORD}"),
        format!("501 5.5.2 syntax: AUTH PLAIN {plain}"),
        format!("454 4.7.0 {login} later"),
        format!("421 4.7.0 {plain} is too much"),
        format!("235 2.7.0 welcome {plain}"),
        format!("334 {plain}"),
    ] {
        for mechanism in ["PLAIN", "LOGIN"] {
            for verbosity in [&["-v"][..], &[], &["-q"]] {
                // LOGIN sends the user name first: the password is in its second response
                let skip = if mechanism == "LOGIN" { 2 } else { 0 };
                let mock = Mock::builder()
                    .starttls(Certificate::Good)
                    .user(USER, PASSWORD)
                    .rule(Rule::on(On::Auth).skip(skip).reply(&echo))
                    .start();
                let directory = tempfile::tempdir().unwrap();
                let ca_file = directory.path().join("ca.pem");
                std::fs::write(&ca_file, mock.ca_pem()).unwrap();
                let finished = smtp_cli(["send", "--server", &format!("localhost:{}", mock.addr().port())])
                    .args([
                        "--tls",
                        "starttls",
                        "--from",
                        USER,
                        "--to",
                        "friend@example.net",
                        "--subject",
                        "x",
                    ])
                    .args([
                        "--body",
                        "It works.",
                        "--user",
                        USER,
                        "--password-env",
                        "SECRET",
                        "--auth",
                        mechanism,
                    ])
                    .args(verbosity)
                    .env("SECRET", PASSWORD)
                    .arg("--ca-file")
                    .arg(&ca_file)
                    .finish()
                    .unwrap();
                let case = format!("{mechanism} {verbosity:?} {echo:?}");
                for printed in [&finished.output, &finished.error] {
                    let text = String::from_utf8_lossy(printed);
                    assert_eq!(leak(printed, USER, PASSWORD), None, "{case}: {text}");
                }
                if verbosity == ["-v"] {
                    assert!(finished.error().contains(" AUTH "), "{case}: {}", finished.error());
                }
            }
        }
    }
}

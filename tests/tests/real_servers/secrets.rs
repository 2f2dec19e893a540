//! The password appears in no output: whatever the verbosity, the mechanism and the outcome.

use smtp_tests::lab::Postfix;
use smtp_tests::program::smtp_cli;
use smtp_tests::secrets::leak;

#[test]
fn no_output_holds_the_password() {
    let postfix = Postfix::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    for (password, status) in [(postfix.password(), 0), ("wrong but secret", 77)] {
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let path = file.to_str().unwrap();
        let sources = [
            ["--password-env", "SECRET"],
            ["--password-file", path],
            ["--password-command", &format!("cat {path}")],
        ];
        for mechanism in ["PLAIN", "LOGIN", "auto"] {
            for (source, verbosity) in sources.iter().zip([&["-v"][..], &["-q"], &[]]) {
                for (server, tls) in [(postfix.submission(), "starttls"), (postfix.smtps(), "implicit")] {
                    let finished = smtp_cli(["send", "--server", &server.to_string(), "--tls", tls])
                        .args(["--from", "you@example.org", "--to", "friend@example.net"])
                        .args(["--subject", "Secret", "--body", "Nothing of it here."])
                        .args(["--user", postfix.user(), "--auth", mechanism, "--ca-file"])
                        .arg(postfix.ca_file())
                        .args(source)
                        .args(verbosity)
                        .env("SECRET", password)
                        // what other programs take as a wish for more
                        .env("RUST_LOG", "trace")
                        .env("RUST_BACKTRACE", "full")
                        .finish()
                        .unwrap();
                    assert_eq!(finished.status, Some(status), "{}", finished.error());
                    for printed in [&finished.output, &finished.error] {
                        let text = String::from_utf8_lossy(printed);
                        assert_eq!(leak(printed, postfix.user(), password), None, "{text}");
                    }
                    if verbosity == ["-v"] {
                        // the exchange is shown, without what it carried
                        assert!(finished.error().contains(" AUTH "), "{}", finished.error());
                    }
                }
            }
        }
    }
}

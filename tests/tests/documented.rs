//! What README and manual show as examples does what they say.

use std::fs;
use std::path::{Path, PathBuf};

use smtp_mock::{Certificate, Mock, Scenario};
use smtp_tests::lab::{PASSWORD, USER};
use smtp_tests::program::{Finished, smtp_cli};
use tempfile::TempDir;

/// Somebody's home, with the programs that the examples call: ours, and one that keeps passwords.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.path("bin")).unwrap();
        fs::create_dir_all(home.path(".local/state")).unwrap();
        home.script("pass", &format!("printf '%s\\n' '{PASSWORD}'"));
        fs::write(home.path("report.txt"), "All is well.\n").unwrap();
        fs::write(home.path("report.csv"), "day,count\nmonday,3\n").unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn script(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;

        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a line as a shell does that was started in this home; `$0` is the program.
    fn shell(&self, line: &str) -> Finished {
        let line = format!("ln -sf \"$0\" bin/smtp-cli\n{line}");
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let run = smtp_cli([""; 0]).under(["sh", "-c", &line]).directory(self.0.path());
        let run = run.env("PATH", path).env("HOME", self.0.path()).env("SECRET", PASSWORD);
        // so that the runner knows of the password, wherever it comes from
        run.args(["--password-env", "SECRET"]).finish().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, line: &str) -> Finished {
        let finished = self.shell(line);
        assert_eq!(finished.status, Some(0), "{line}: {}{}", finished.output(), finished.error());
        finished
    }

    /// Takes an example of a configuration over, which leads to that server.
    fn configure(&self, example: &str, mock: &Mock) {
        let ca_file = self.path("ca.pem");
        fs::write(&ca_file, mock.ca_pem()).unwrap();
        let server = format!(
            "server = \"smtps://localhost:{}\"\nca-file = '{}'\n",
            mock.addr().port(),
            ca_file.display()
        );
        let text = example.replace("server = \"smtps://mx.example.org\"\n", &server);
        assert_ne!(text, example, "the example names no server");
        let home = self.0.path().display().to_string();
        let path = self.path(".config/smtp-cli/config.toml");
        fs::create_dir_all(self.path(".config/smtp-cli")).unwrap();
        fs::write(path, text.replace("/home/you", &home)).unwrap();
    }
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The blocks of a Markdown text that are in that language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The examples of the manual: what stands unfilled in its page.
fn unfilled() -> Vec<String> {
    let page = smtp_cli(["man"]).finish().unwrap().output();
    let blocks = page.split(".nf\n").skip(1).filter_map(|rest| rest.split(".fi").next());
    blocks.map(|block| block.replace("\\-", "-")).collect()
}

/// The server of the accounts.
fn server() -> Mock {
    Mock::builder().user(USER, PASSWORD).require_auth().implicit_tls(Certificate::Good).start()
}

/// Runs examples of an account, and checks what each of them leaves behind; says how many there were.
fn run_examples(home: &Home, mock: &Mock, lines: &str) -> usize {
    let mut count = 0;
    for line in lines.lines().map(|line| line.split("  #").next().unwrap_or_default().trim()) {
        let sent = mock.messages().len();
        // those by mail exchangers would leave this machine
        if line.starts_with("smtp-cli send --account ") {
            home.succeeds(line);
        }
        match line {
            line if line.contains(" --attach ") => {
                let message = mock.messages()[sent].clone();
                assert_eq!(message.to(), ["boss@example.org"]);
                assert_eq!(message.header("Subject").as_deref(), Some("Report"));
                let octets = String::from_utf8_lossy(&message.octets).into_owned();
                assert!(
                    octets.contains("All is well.") && octets.contains("filename=report.csv"),
                    "{octets}"
                );
            }
            line if line.contains(" --until auth") => assert_eq!(mock.messages().len(), sent),
            line if line.contains(" --record ") => {
                let file =
                    |option: &str| line.split(option).nth(1).and_then(|rest| rest.split(' ').nth(1)).unwrap();
                let (record, transcript) = (file("--record"), file("--transcript"));
                assert!(home.text(transcript).contains("~>  AUTH PLAIN ***"), "{}", home.text(transcript));
                let scenario = Scenario::parse(record, &home.text(record)).unwrap();
                let played = Mock::builder().scenario(scenario).start();
                let port = mock.addr().port().to_string();
                let config = home.text(".config/smtp-cli/config.toml");
                let other = config.replace(&port, &played.addr().port().to_string());
                fs::write(home.path("ca.pem"), played.ca_pem()).unwrap();
                fs::write(home.path(".config/smtp-cli/config.toml"), other).unwrap();
                let again = line.split(" --record").next().unwrap();
                home.succeeds(again);
                fs::write(home.path("ca.pem"), mock.ca_pem()).unwrap();
                fs::write(home.path(".config/smtp-cli/config.toml"), config).unwrap();
            }
            line if line.starts_with("smtp-cli explain ") => {
                assert!(home.succeeds(line).output().contains("535 5.7.8: "));
            }
            line if line.starts_with("smtp-cli verify ") => {
                assert!(home.succeeds(line).output().contains("boss@example.org"));
            }
            line if line.starts_with("ln -s ") => {
                home.succeeds(line);
                let mail = "printf 'To: friend@example.net\\nSubject: s\\n\\nx\\n' | bin/sendmail -t -oi";
                assert_eq!(home.succeeds(mail).output(), "");
                assert_eq!(mock.messages()[sent].to(), ["friend@example.net"]);
            }
            _ => continue,
        }
        count += 1;
    }
    count
}

#[test]
fn the_examples_of_the_readme_do_what_they_say() {
    let readme = readme();
    let mock = server();
    let home = Home::new();
    home.configure(blocks(&readme, "toml")[0], &mock);
    home.succeeds("smtp-cli config check");
    let examples = blocks(&readme, "sh").into_iter().find(|block| block.contains("--account work")).unwrap();
    assert_eq!(run_examples(&home, &mock, examples), 6);
    let log = home.text(".local/state/smtp-cli.log");
    assert!(log.contains("boss@example.org accepted: 250"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn the_first_example_of_the_readme_shows_the_message() {
    let readme = readme();
    let first = blocks(&readme, "sh")[0].trim();
    let options = first.strip_prefix("cargo run --release -- ").unwrap();
    let home = Home::new();
    fs::write(home.path("README.md"), &readme).unwrap();
    let finished = home.succeeds(&format!("smtp-cli {options}"));
    let output = finished.output();
    assert!(
        output.starts_with("accepted  friend@example.net  250 ") && output.contains("README.md"),
        "{output}"
    );
    // The marks and commands of the session that the README shows.
    let commands = |text: &str| -> Vec<String> {
        let sent = text.lines().filter(|line| line.starts_with("->  ") && line.len() > 4);
        let words = sent.filter_map(|line| line.split_whitespace().nth(1));
        words.filter(|word| word.chars().all(|c| c.is_ascii_uppercase())).map(str::to_owned).collect()
    };
    assert_eq!(commands(blocks(&readme, "text")[0]), commands(&finished.error()));
}

#[test]
fn the_examples_of_the_manual_do_what_they_say() {
    let examples = unfilled();
    let mock = server();
    let home = Home::new();
    let account = examples.iter().find(|block| block.starts_with("default-account")).unwrap();
    home.configure(account, &mock);
    let count: usize = examples.iter().map(|block| run_examples(&home, &mock, block)).sum();
    assert_eq!(count, 5, "{examples:?}");
    assert!(home.text(".local/state/smtp-cli.log").contains("boss@example.org accepted: 250"));
}

#[test]
fn an_msmtp_setup_moves_by_the_lines_of_the_manual() {
    let mock = server();
    let home = Home::new();
    fs::write(home.path("ca.pem"), mock.ca_pem()).unwrap();
    fs::write(
        home.path(".msmtprc"),
        format!(
            "defaults\nauth on\ntls on\ntls_starttls off\ntls_trust_file {}\nlogfile ~/.msmtp.log\n\naccount work\nhost localhost\n\
             port {}\nfrom {USER}\nuser {USER}\npasswordeval \"pass show mail/work\"\n\naccount default : work\n",
            home.path("ca.pem").display(),
            mock.addr().port()
        ),
    )
    .unwrap();
    let examples = unfilled();
    let lines = examples.iter().find(|block| block.contains("config import")).unwrap();
    let import = home.succeeds(lines.lines().next().unwrap());
    assert_eq!(import.error(), "", "everything has a counterpart");
    let log = format!("log-file = \"{}\"", home.path(".msmtp.log").display());
    assert!(home.text(".config/smtp-cli/config.toml").contains(&log));
    home.succeeds("smtp-cli config check");
    assert_eq!(run_examples(&home, &mock, lines), 1);
    assert_eq!(mock.messages()[0].from(), USER);
}

/// By groff's own warnings, all of which are on.
#[test]
#[ignore = "needs groff and mandoc, which .ci/setup installs"]
fn the_manual_pages_render() {
    let home = Home::new();
    fs::create_dir(home.path("man")).unwrap();
    home.succeeds("smtp-cli man --directory man");
    let pages: Vec<_> = fs::read_dir(home.path("man")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > 8, "{pages:?}");
    for page in pages {
        let page = page.display();
        let groff = home.succeeds(&format!("groff -man -ww -Kutf8 -Tutf8 '{page}' | col -bx"));
        assert_eq!(groff.error(), "", "{page}");
        let text = groff.output();
        assert!(
            text.contains("NAME\n") && text.contains("OPTIONS\n") && text.contains("smtp-cli 0."),
            "{page}: {text}"
        );
        assert_eq!(home.succeeds(&format!("mandoc -Tlint -W error '{page}'")).output(), "", "{page}");
    }
}

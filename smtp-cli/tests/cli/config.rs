//! Configuration: layers and their order, accounts, and the command `config`.

use crate::support::{PASSWORD, Run, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Certificate, Mock};
use std::path::Path;

/// A run whose user's configuration file is this text.
fn with_file<const N: usize>(directory: &Path, text: &str, arguments: [&str; N]) -> Run {
    let path = directory.join("smtp-cli");
    std::fs::create_dir_all(&path).expect("a directory can be made");
    std::fs::write(path.join("config.toml"), text).expect("a file can be written");
    in_directory(directory, arguments)
}

/// The text with each run of blanks as one.
fn narrow(text: &str) -> String {
    let lines: Vec<_> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n") + "\n"
}

fn in_directory<const N: usize>(directory: &Path, arguments: [&str; N]) -> Run {
    let directory = directory.display().to_string();
    smtp_cli(arguments)
        .environment("XDG_CONFIG_HOME", &directory)
        .environment("XDG_CONFIG_DIRS", &format!("{directory}/system"))
}

#[test]
fn layers_count_option_over_variable_over_account_over_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let text = "default-account = 'work'\n[defaults]\nhelo = 'defaults.example'\nsubject = 'from defaults'\n\
                [account.base]\nserver = 'mx.example.org'\nsubject = 'from base'\n\
                [account.work]\ninherit = 'base'\nfrom = 'you@example.org'\n";
    let show = || with_file(directory.path(), text, ["config", "show"]);
    let ran = show().exits(Exit::OK);
    for row in [
        "account work\n",
        "server mx.example.org",
        "subject from base",
        "helo defaults.example",
        "# [account.base] of",
        "# [account.work] of",
        "# [defaults] of",
        "# built in\n",
    ] {
        assert!(narrow(&ran.output).contains(row), "{row}:\n{}", ran.output);
    }
    let ran = show().environment("SMTP_CLI_SUBJECT", "from the variable").exits(Exit::OK);
    assert!(narrow(&ran.output).contains("subject from the variable"), "{}", ran.output);
    assert!(ran.output.contains("# environment variable SMTP_CLI_SUBJECT\n"), "{}", ran.output);
    let ran = show().with(["--from", "other@example.org"]).exits(Exit::OK);
    assert!(ran.output.contains("# option\n"), "{}", ran.output);
}

#[test]
fn an_account_says_more_than_what_it_inherits_and_tables_and_lists_are_values() {
    let directory = tempfile::tempdir().unwrap();
    let text = "log-file = 'x.log'\n[defaults]\nport = 587\nrequire-all = true\n\
                timeout = { rcpt = '5s', mail = 10 }\n[account.base]\nserver = 'mx'\nport = 25\n\
                [account.work]\ninherit = 'base'\nport = 26\nto = ['a@b.example', 'c@d.example']\n";
    let show = |account: &str| {
        narrow(&with_file(directory.path(), text, ["config", "show", "-a", account]).exits(Exit::OK).output)
    };
    for row in [
        "server mx # [account.base] of",
        "port 26 # [account.work] of",
        "require-all true # [defaults] of",
        "timeout rcpt=5s,mail=10 # [defaults] of",
        "to a@b.example, c@d.example # [account.work] of",
        "log-file x.log # ",
    ] {
        assert!(show("work").contains(row), "{row}:\n{}", show("work"));
    }
    assert!(show("base").contains("port 25 # [account.base] of"), "{}", show("base"));
}

#[test]
fn an_account_is_chosen_by_name_by_the_patterns_of_a_sender_or_by_default() {
    let directory = tempfile::tempdir().unwrap();
    let text = "default-account = 'home'\n[account.base]\nserver = 'mx'\n[account.home]\nuser = 'you'\n\
                [account.work]\nmatch-from = ['*@work.example', 'boss@*', 'a?c*e@x.example']\n";
    let run = |words: [&str; 2]| with_file(directory.path(), text, ["config", "show"]).with(words);
    for (words, account) in [
        (["--account", "base"], "base"),
        (["--from", "You <you@Work.Example>"], "work"),
        (["--from", "boss@elsewhere.example"], "work"),
        (["--from", "abcde@x.example"], "work"),
        (["--from", "ace@x.example"], "home"),
        (["--from", "you@work.example.evil"], "home"),
        (["--from", "other@elsewhere.example"], "home"),
    ] {
        let ran = run(words).exits(Exit::OK);
        assert!(ran.output.starts_with(&format!("account {account}\n")), "{words:?}:\n{}", ran.output);
    }
    run(["--account", "wrok"]).exits(Exit::CONFIGURATION).complains(["did you mean work?"]);
}

#[test]
fn an_error_of_a_file_shows_no_password() {
    let directory = tempfile::tempdir().unwrap();
    let text = "[account.a]\npassword = \"hunter2\nuser = 'x'\n";
    let ran = with_file(directory.path(), text, ["config", "check"]).exits(Exit::CONFIGURATION);
    assert!(ran.error.contains("line 2") && !ran.error.contains("hunter2"), "{}", ran.error);
}

#[test]
fn a_message_goes_by_the_account() {
    let mock = Mock::builder()
        .user("alice", PASSWORD)
        .starttls(Certificate::Good)
        .certificate_name("127.0.0.1")
        .start();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, mock.ca_pem()).unwrap();
    let text = format!(
        "[account.work]\nserver = '{}'\ntls = 'starttls'\nca-file = '{}'\nfrom = 'You <you@example.org>'\n\
         user = 'alice'\npassword = '{PASSWORD}'\nmatch-from = ['*@example.org']\nhelo = 'work.example'\n",
        mock.addr(),
        ca.display()
    );
    let base = |arguments: [&str; 5]| {
        with_file(directory.path(), &text, arguments).with(["--subject", "s", "--body", "x", "-v"])
    };
    let ran = base(["send", "--account", "work", "--to", "friend@example.net"]).exits(Exit::OK);
    // Others may read the file, which was made with the usual permissions.
    if cfg!(unix) {
        assert!(ran.error.contains("warning: others can read"), "{}", ran.error);
    }
    base(["send", "--from", "me@example.org", "--to", "friend@example.net"]).exits(Exit::OK);
    let messages = mock.messages();
    assert_eq!(
        messages.iter().map(|message| message.from()).collect::<Vec<_>>(),
        ["you@example.org", "me@example.org"]
    );
    assert!(messages.iter().all(|message| message.envelope.user.as_deref() == Some("alice")));
    assert!(messages.iter().all(|message| message.envelope.hello == "work.example"));
    let shown = with_file(directory.path(), &text, ["config", "show", "-a", "work"]).exits(Exit::OK);
    assert!(narrow(&shown.output).contains("password ***"), "{}", shown.output);
}

#[test]
fn the_password_of_an_account_does_not_go_to_another_server() {
    let mock = Mock::builder().user("alice", PASSWORD).plaintext_auth().start();
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "default-account = 'work'\n[account.work]\nserver = 'mx.example.org'\nuser = 'alice'\npassword = '{PASSWORD}'\n\
         allow-plaintext-auth = true\n"
    );
    with_file(directory.path(), &text, ["send", "--server", &mock.addr().to_string(), "-f", "a@example.org"])
        .with(["-t", "b@example.org", "--subject", "s", "--body", "x"])
        .exits(Exit::OK);
    assert!(!mock.transcript().commands().iter().any(|line| line.starts_with("AUTH")));
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("[account.a]\nsevrer = 'x'\n", ["line 2", "did you mean server?"]),
        ("[account.a]\nserver = 'x'\nport = 'smtp'\n", ["line 3", "port"]),
        ("[account.a]\ninherit = 'b'\n", ["b of inherit", "there"]),
        ("[account.a]\nrequire-all = 'yes'\n", ["line 2", "true or false"]),
        ("server = 'x'\n", ["line 1", "[defaults]"]),
        ("[defaults\n", ["line 1", "configuration"]),
        ("[defaults]\n\nsevrer = 'x'\n", ["line 3", "the key \"sevrer\" is not known; did you mean server?"]),
        ("[account.a]\npasword = 'x'\n", ["line 2", "did you mean password?"]),
        ("[acount.a]\n", ["line 1", "did you mean account?"]),
        ("[defaults]\nserver = 2026-01-01\n", ["line 2", "the value of server"]),
        ("[account.a]\ninherit = 'b'\n[account.b]\ninherit = 'a'\n", ["inherits from itself", "account"]),
    ] {
        with_file(directory.path(), text, ["config", "check"]).exits(Exit::CONFIGURATION).complains(words);
    }
    with_file(directory.path(), "[account.a]\nserver='x'\n", ["send", "-a", "b"])
        .exits(Exit::CONFIGURATION)
        .complains(["account b", "--account"]);
    smtp_cli(["config", "check", "--config", "no/such.toml"])
        .exits(Exit::CONFIGURATION)
        .complains(["no/such.toml"]);
    smtp_cli(["send", "--server", "mock"])
        .environment("SMTP_CLI_PORT", "smtp")
        .exits(Exit::USAGE)
        .complains(["SMTP_CLI_PORT", "port"]);
}

#[test]
fn every_option_has_a_variable() {
    let mock = Mock::start();
    smtp_cli(["send"])
        .environment("SMTP_CLI_SERVER", &mock.addr().to_string())
        .environment("SMTP_CLI_FROM", "a@example.org")
        .environment("SMTP_CLI_TO", "b@example.org, c@example.org")
        .environment("SMTP_CLI_SUBJECT", "s")
        .environment("SMTP_CLI_BODY", "x")
        .environment("SMTP_CLI_REQUIRE_ALL", "1")
        .environment("SMTP_CLI_QUIET", "yes")
        .exits(Exit::OK);
    assert_eq!(mock.messages()[0].to(), ["b@example.org", "c@example.org"]);
}

#[test]
fn init_asks_and_writes_an_account_that_works() {
    let mock = Mock::start();
    let directory = tempfile::tempdir().unwrap();
    in_directory(directory.path(), ["config", "init"])
        .at_terminal()
        .input(format!("home\n{}\nYou <you@example.org>\n\n", mock.addr()))
        .exits(Exit::OK);
    in_directory(directory.path(), ["config", "check"]).exits(Exit::OK);
    in_directory(directory.path(), ["send", "-t", "b@example.org", "--subject", "s", "--body", "x"])
        .exits(Exit::OK);
    assert_eq!(mock.messages()[0].from(), "you@example.org");
    in_directory(directory.path(), ["config", "init"])
        .at_terminal()
        .exits(Exit::CANNOT_CREATE)
        .complains(["already"]);
    let empty = tempfile::tempdir().unwrap();
    in_directory(empty.path(), ["config", "init"]).exits(Exit::USAGE).complains(["terminal"]);
    in_directory(empty.path(), ["config", "init"])
        .at_terminal()
        .input("home\n")
        .exits(Exit::USAGE)
        .complains(["Server"]);
}

#[test]
fn path_and_import_print() {
    let directory = tempfile::tempdir().unwrap();
    let ran = in_directory(directory.path(), ["config", "path"]).exits(Exit::OK);
    assert_eq!(ran.output.matches("(not there)").count(), 2, "{}", ran.output);
    let rc = directory.path().join(".msmtprc");
    std::fs::write(
        &rc,
        "account work\nhost mx.example.org\ntls on\nfrom you@example.org\nuser you\nlogfile x\nset_date_header off\n",
    )
    .unwrap();
    let ran = smtp_cli(["config", "import", &rc.display().to_string()]).exits(Exit::OK);
    assert!(ran.error.contains("line 7: set_date_header"), "{}", ran.error);
    let other = directory.path().join("msmtp");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(&rc, other.join("config")).unwrap();
    let by_directory = smtp_cli(["config", "import", &other.join("config").display().to_string()]);
    assert_eq!(by_directory.exits(Exit::OK).output, ran.output);
    with_file(directory.path(), &ran.output, ["config", "check"]).exits(Exit::OK);
    let shown = with_file(directory.path(), &ran.output, ["config", "show"]).exits(Exit::OK);
    assert!(narrow(&shown.output).contains("server mx.example.org"), "{}", shown.output);
}

/// What `config import` makes of a file of that name, and its warnings, in a directory that is the user's home.
fn imported(name: &str, text: &str) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(name);
    std::fs::write(&file, text).unwrap();
    let home = home.path().display().to_string();
    let ran = smtp_cli(["config", "import", &file.display().to_string()])
        .environment("HOME", &home)
        .exits(Exit::OK);
    (ran.output.replace(&home, "/home/you"), ran.error)
}

#[test]
fn an_msmtprc_becomes_accounts() {
    let text = "# mine\ndefaults\ntls on\nlogfile ~/.msmtp.log\ntls_trust_file \"~/ca file.pem\"\naccount work\n\
                host mx.example.org\nport 465\ntls_starttls off\nfrom \"you@example.org\"\nuser you\n\
                passwordeval \"pass show mail\"\naccount home : work\nfrom me@example.net\nset_from_header on\n\
                account default : work\n";
    let (written, warnings) = imported(".msmtprc", text);
    let expected = "default-account = \"work\"\nlog-file = \"/home/you/.msmtp.log\"\n\n\
                    [account.work]\nserver = \"mx.example.org\"\nport = 465\ntls = \"implicit\"\n\
                    ca-file = \"/home/you/ca file.pem\"\nfrom = \"you@example.org\"\n\
                    match-from = [\"you@example.org\"]\nuser = \"you\"\npassword-command = \"pass show mail\"\n\n\
                    [account.home]\nserver = \"mx.example.org\"\nport = 465\ntls = \"implicit\"\nuser = \"you\"\n\
                    password-command = \"pass show mail\"\nca-file = \"/home/you/ca file.pem\"\n\
                    from = \"me@example.net\"\nmatch-from = [\"me@example.net\"]\n";
    assert!(written.ends_with(expected), "{written}");
    assert!(warnings.contains("line 15: ") && warnings.matches("line ").count() == 1, "{warnings}");
}

#[test]
fn a_certificate_that_msmtp_does_not_check_has_no_authority_and_is_warned_of() {
    let text = "defaults\ntls on\ntls_trust_file /ca.pem\naccount a\nhost mx\ntls_certcheck off\n";
    let (written, warnings) = imported(".msmtprc", text);
    assert!(written.contains("insecure = true\n") && !written.contains("ca-file"), "{written}");
    assert!(warnings.contains("line 6: ") && warnings.contains("allow-plaintext-auth"), "{warnings}");
}

#[test]
fn one_log_file_of_an_msmtprc_is_kept_and_the_others_are_told() {
    let text = "account a\nlogfile ~/x\naccount b\nlogfile ~/y\nlogfile -\nlogfile ~/x\n";
    let (written, warnings) = imported(".msmtprc", text);
    assert!(written.contains("log-file = \"/home/you/x\"\n"), "{written}");
    assert!(warnings.contains("line 4: ") && warnings.contains("line 5: "), "{warnings}");
    assert_eq!(warnings.matches("line ").count(), 2, "{warnings}");
}

#[test]
fn a_swaksrc_becomes_an_account() {
    let text = "--server mx.example.org\n-tls\nfrom you@example.org\nau you\n--xclient-name x\n";
    let (written, warnings) = imported(".swaksrc", text);
    let expected = "default-account = \"swaks\"\n\n[account.swaks]\nserver = \"mx.example.org\"\nport = 25\n\
                    tls = \"starttls\"\nfrom = \"you@example.org\"\nuser = \"you\"\n";
    assert!(written.ends_with(expected), "{written}");
    assert_eq!(warnings.matches("line ").count(), 1, "{warnings}");
}

#[test]
fn a_log_has_a_line_for_each_message() {
    let mock =
        Mock::builder().rule(smtp_mock::Rule::on(smtp_mock::On::Rcpt).to("bad@*").reply("550 no")).start();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("smtp.log");
    let text = format!("log-file = '{}'\n[defaults]\nserver = '{}'\n", log.display(), mock.addr());
    let base = |to: &str| {
        with_file(
            directory.path(),
            &text,
            ["send", "-f", "a@example.org", "-t", to, "--subject", "s", "--body", "x"],
        )
        .run()
    };
    assert_eq!(base("b@example.org").exit, Exit::OK);
    assert_eq!(base("bad@example.org").exit, Exit::NO_USER);
    let lines = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(" INFO ") && lines[0].contains("b@example.org accepted: 250 "), "{}", lines[0]);
    assert!(
        lines[1].contains(" ERROR") && lines[1].contains("exit=67 bad@example.org refused: at RCPT: 550 no"),
        "{}",
        lines[1]
    );
}

/// As programs run that some init systems start.
#[cfg(unix)]
#[test]
fn who_has_no_home_variable_has_a_home() {
    let program = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
        command.env_clear().args(["config", "path"]);
        command
    };
    let paths = |ran: std::process::Output| {
        let text = String::from_utf8(ran.stdout).unwrap();
        let paths = text.lines().map(|line| line.split("  ").next().unwrap_or_default().to_string());
        paths.collect::<Vec<_>>()
    };
    let home = std::env::home_dir().unwrap();
    let with = paths(program().env("HOME", &home).output().unwrap());
    let without = paths(program().output().unwrap());
    assert_eq!(with.len(), 2);
    assert_eq!(without.len(), 2);
}

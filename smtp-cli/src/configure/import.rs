//! Turns an msmtprc or a swaksrc into a configuration of this program.

use super::init::quoted;
use crate::args::{ImportArgs, ImportKind};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Terminal;
use std::fmt::Write as _;
use std::path::Path;

/// Prints the configuration that a file of another program amounts to, and warns of what has no counterpart.
pub(super) fn import(args: &ImportArgs, terminal: &mut Terminal) -> Result<()> {
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Error::unreadable("the file", &args.file, &error))?;
    // By the directory too: msmtp's file may be .config/msmtp/config.
    let parent = args.file.parent().and_then(Path::file_name);
    let names = [args.file.file_name(), parent].map(|name| name.unwrap_or_default().to_string_lossy());
    let name = names.join("/").to_lowercase();
    let by_name = match name.as_str() {
        name if name.contains("msmtp") => Some(ImportKind::Msmtprc),
        name if name.contains("swaks") => Some(ImportKind::Swaksrc),
        _ => None,
    };
    let kind = args.kind.or(by_name);
    let home = terminal.variable("HOME");
    let (written, warnings) = match kind {
        Some(ImportKind::Msmtprc) => msmtprc(&text, home.as_deref()),
        Some(ImportKind::Swaksrc) => Ok(swaksrc(&text)),
        None => {
            return Err(Error::usage(format!(
                "{} may be an msmtprc or a swaksrc, say so by --kind",
                args.file.display()
            )));
        }
    }
    .map_err(|(line, why)| {
        Error::new(Exit::CONFIGURATION, format!("{}: line {line}: {why}", args.file.display()))
    })?;
    if written.lines().any(|line| line.starts_with("password = ")) {
        terminal
            .warnings
            .warn("it holds a password: write it to a file that nobody else can read (chmod 600)");
    }
    for (line, what) in warnings {
        terminal.warnings.warn(&format!("{}: line {line}: {what}", args.file.display()));
    }
    terminal.print(&written)
}

/// What was written, and what is to be warned of, each with its line.
type Imported = std::result::Result<(String, Vec<(usize, String)>), (usize, String)>;

/// The settings of one account on their way.
#[derive(Clone, Debug, Default)]
struct Account {
    name: String,
    parents: Vec<String>,
    host: Option<String>,
    port: Option<String>,
    tls: Option<bool>,
    starttls: Option<bool>,
    lmtp: bool,
    /// In the order of the file: key and TOML value.
    settings: Vec<(&'static str, String)>,
}

impl Account {
    fn set(&mut self, key: &'static str, value: String) {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value));
    }

    /// The same settings, upon those of another account.
    fn inherit(&mut self, parent: &Self) {
        let own = std::mem::take(&mut self.settings);
        self.settings.clone_from(&parent.settings);
        for (key, value) in own {
            self.set(key, value);
        }
        self.host = self.host.take().or_else(|| parent.host.clone());
        self.port = self.port.take().or_else(|| parent.port.clone());
        self.tls = self.tls.or(parent.tls);
        self.starttls = self.starttls.or(parent.starttls);
        self.lmtp |= parent.lmtp;
    }

    fn write(&self, header: &str, text: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n[{header}]");
        if let Some(host) = &self.host {
            let _ = writeln!(text, "server = {}", quoted(host));
            let port = self.port.as_deref().unwrap_or(match (self.lmtp, self.tls, self.starttls) {
                (true, ..) => "24",
                (_, Some(true), Some(false)) => "465",
                _ => "25",
            });
            let _ = writeln!(text, "port = {port}");
            let tls = match (self.tls, self.starttls) {
                (Some(true), Some(false)) => "implicit",
                (Some(true), _) => "starttls",
                _ => "none",
            };
            let _ = writeln!(text, "tls = {}", quoted(tls));
            if self.lmtp {
                let _ = writeln!(text, "lmtp = true");
            }
        }
        let is_insecure = self.settings.iter().any(|(key, _)| *key == "insecure");
        // msmtp does not look at it then, and here the two would contradict each other.
        for (key, value) in self.settings.iter().filter(|(key, _)| !(is_insecure && *key == "ca-file")) {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
}

/// `keyword value` in each line; `account NAME : BASE` begins an account, `defaults` what follows for those behind it.
/// A path may begin with `~/`, which stands for `home`.
fn msmtprc(text: &str, home: Option<&str>) -> Imported {
    let mut warnings = Vec::new();
    let mut defaults = Account::default();
    let mut accounts: Vec<Account> = Vec::new();
    let mut current: Option<usize> = None;
    let mut default_account = None;
    let mut log_file: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (keyword, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let value = unquoted(value.trim());
        let path = of_home(value, home);
        let value = if TAKES_PATH.contains(&keyword) { path.as_str() } else { value };
        match keyword {
            "logfile" if value == "-" || value.is_empty() => {
                warnings.push((number, "logfile: a log on standard output is what -v shows".to_string()));
            }
            // Here a log is not the account's.
            "logfile" => {
                if log_file.get_or_insert_with(|| value.to_string()) != value {
                    warnings.push((number, "logfile: all accounts write to the first log".to_string()));
                }
            }
            "defaults" => {
                current = None;
            }
            "account" => {
                let (name, parents) = value.split_once(':').unwrap_or((value, ""));
                let (name, parents) =
                    (name.trim(), parents.split(',').map(str::trim).filter(|name| !name.is_empty()));
                let parents: Vec<String> = parents.map(String::from).collect();
                if name == "default" && parents.len() == 1 {
                    default_account = parents.first().cloned();
                    continue;
                }
                let mut account = Account { name: name.to_string(), parents, ..Account::default() };
                // msmtp's defaults hold for the accounts behind them, so each takes what there is now.
                account.inherit(&defaults);
                for parent in account.parents.clone() {
                    let parent = accounts
                        .iter()
                        .find(|known| known.name == parent)
                        .cloned()
                        .ok_or_else(|| (number, format!("the account {parent:?} is not there")))?;
                    account.inherit(&parent);
                }
                accounts.push(account);
                current = Some(accounts.len() - 1);
            }
            keyword => {
                let account = match current.and_then(|place| accounts.get_mut(place)) {
                    Some(account) => account,
                    None => &mut defaults,
                };
                if let Some(what) = msmtp_setting(account, keyword, value) {
                    warnings.push((number, what));
                }
            }
        }
    }
    let mut written = String::new();
    let only = accounts.first().filter(|_| accounts.len() == 1).map(|account| account.name.clone());
    if let Some(name) = default_account.or_else(|| {
        accounts.iter().find(|account| account.name == "default").map(|account| account.name.clone()).or(only)
    }) {
        let _ = writeln!(written, "default-account = {}", quoted(&name));
    }
    if let Some(path) = log_file {
        let _ = writeln!(written, "log-file = {}", quoted(&path));
    }
    for account in &accounts {
        account.write(&format!("account.{}", quoted_key(&account.name)), &mut written);
    }
    Ok((written.trim_start().to_string(), warnings))
}

/// Keywords of msmtp whose values are paths.
const TAKES_PATH: [&str; 4] = ["logfile", "tls_trust_file", "tls_cert_file", "tls_key_file"];

/// A path as msmtp takes it, where `~` is the user's home; a configuration of this program takes it as it stands.
fn of_home(path: &str, home: Option<&str>) -> String {
    match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ => path.to_string(),
    }
}

/// Takes a setting of msmtp; says what is lost where it has no counterpart.
fn msmtp_setting(account: &mut Account, keyword: &str, value: &str) -> Option<String> {
    let is_on = matches!(value, "on" | "");
    match keyword {
        "host" => account.host = Some(value.to_string()),
        "port" => account.port = Some(value.to_string()),
        "tls" => account.tls = Some(is_on),
        "tls_starttls" => account.starttls = Some(is_on),
        "protocol" => account.lmtp = value == "lmtp",
        "from" if value.contains('*') => account.set("match-from", format!("[{}]", quoted(value))),
        "from" => {
            account.set("from", quoted(value));
            account.set("match-from", format!("[{}]", quoted(value)));
        }
        "user" => account.set("user", quoted(value)),
        "password" => account.set("password", quoted(value)),
        "passwordeval" => account.set("password-command", quoted(value)),
        "domain" => account.set("helo", quoted(value)),
        "tls_trust_file" if value != "system" => account.set("ca-file", quoted(value)),
        "tls_cert_file" => account.set("client-cert", quoted(value)),
        "tls_key_file" => account.set("client-key", quoted(value)),
        "tls_host_override" => account.set("tls-name", quoted(value)),
        "tls_certcheck" if !is_on => {
            account.set("insecure", "true".to_string());
            return Some(
                "tls_certcheck off is insecure = true, under which a password needs allow-plaintext-auth = true as \
                 well; tls-pin is better than both"
                    .to_string(),
            );
        }
        "timeout" if value != "off" => account.set("timeout", quoted(value)),
        "auth" if value == "off" => account.set("auth", quoted("none")),
        "auth" if !is_on => account.set("auth", quoted(value)),
        "dsn_notify" if value != "off" => account.set("notify", format!("[{}]", quoted(value))),
        "dsn_return" if value == "headers" => account.set("ret", quoted("hdrs")),
        "dsn_return" if value != "off" => account.set("ret", quoted(value)),
        // On as it always is, or off as it is here unless asked for.
        "tls_trust_file" | "tls_certcheck" | "timeout" | "auth" | "dsn_notify" | "dsn_return" => {}
        keyword => return Some(format!("{keyword} has no counterpart and was left out")),
    }
    None
}

/// One option in each line, dashes or none before it, the rest of the line its argument.
fn swaksrc(text: &str) -> (String, Vec<(usize, String)>) {
    let mut warnings = Vec::new();
    let mut account = Account { name: "swaks".to_string(), tls: Some(false), ..Account::default() };
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (option, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let option = option.trim_start_matches('-').to_lowercase();
        let value = value.trim();
        match option.as_str() {
            "server" | "s" => account.host = Some(value.to_string()),
            "port" | "p" => account.port = Some(value.to_string()),
            "tls" => account.tls = Some(true),
            "tlsc" | "tls-on-connect" => (account.tls, account.starttls) = (Some(true), Some(false)),
            "from" | "f" => account.set("from", quoted(value)),
            "to" | "t" => account.set("to", format!("[{}]", quoted(value))),
            "cc" => account.set("cc", format!("[{}]", quoted(value))),
            "bcc" => account.set("bcc", format!("[{}]", quoted(value))),
            "auth-user" | "au" => account.set("user", quoted(value)),
            "auth-password" | "ap" => account.set("password", quoted(value)),
            "auth" | "a" if !value.is_empty() => account.set("auth", quoted(value)),
            "auth" | "a" => {}
            "ehlo" | "helo" | "lhlo" | "h" => account.set("helo", quoted(value)),
            "timeout" => account.set("timeout", quoted(value)),
            "tls-ca-path" => account.set("ca-file", quoted(value)),
            "tls-cert" => account.set("client-cert", quoted(value)),
            "tls-key" => account.set("client-key", quoted(value)),
            "h-subject" => account.set("subject", quoted(value)),
            "body" => account.set("body", quoted(value)),
            option => warnings.push((index + 1, format!("{option} has no counterpart and was left out"))),
        }
    }
    let mut written = "default-account = \"swaks\"\n".to_string();
    account.write("account.swaks", &mut written);
    (written, warnings)
}

/// The value without the double quotes around it.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// A name as a key of TOML.
fn quoted_key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if is_bare { name.to_string() } else { quoted(name) }
}

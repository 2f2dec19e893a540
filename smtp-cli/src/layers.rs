//! Provides the layers that settings come from: options over environment variables over account over defaults.
//!
//! All of them speak the language of the options: a setting of a file or an environment variable becomes the option of
//! its name, so that one parser checks every value, whoever wrote it.

use crate::args::{self, Args, GlobalArgs, Parsed};
use crate::config::{Configuration, Found, Value};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::files::InUse;
use crate::log_file::Log;
use crate::terminal::Terminal;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use smtp_core::Secret;
use std::ffi::OsString;

/// The prefix of environment variables that stand for options.
pub(crate) const PREFIX: &str = "SMTP_CLI_";

/// What all layers together say.
#[derive(Debug)]
pub(crate) struct Layers {
    /// The settings, one for each option that any layer gives, in the order of the options.
    pub(crate) settings: Vec<Setting>,
    /// Switches that a layer says to be off, which silences those below it.
    off: Vec<String>,
    /// The password of the account, where it stands in the file itself.
    pub(crate) password: Option<Secret>,
    /// The account that was chosen.
    pub(crate) account: Option<String>,
}

/// An option that has a value, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The option's long name.
    pub(crate) option: String,
    /// Its values; none for what is only on.
    pub(crate) values: Vec<OsString>,
    /// Where they come from.
    pub(crate) source: Source,
}

/// Where a value comes from, the strongest last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A section of a file, and its place among them.
    File(usize, String),
    /// An environment variable.
    Variable(String),
    /// The option itself.
    Option,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(_, section) => f.write_str(section),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Option => f.write_str("option"),
        }
    }
}

impl Source {
    /// Where an option of this source stands, in words after its name.
    fn place(&self) -> String {
        match self {
            Self::Option => String::new(),
            source => format!(" of {source}"),
        }
    }

    /// The place of the layer among all, the strongest last.
    const fn layer(&self) -> usize {
        match self {
            Self::File(layer, _) => *layer,
            Self::Variable(_) => usize::MAX - 1,
            Self::Option => usize::MAX,
        }
    }
}

/// Options of which one excludes the others: what a stronger layer says silences the weaker layers' others.
const EXCLUSIVE: [&[&str]; 12] = [
    &["server", "mx"],
    &["lmtp", "mx"],
    &["server", "dns"],
    &["lmtp", "dns"],
    &["password-env", "password-file", "password-command", "password"],
    &["token-env", "token-command"],
    &["body", "body-file"],
    &["lmtp", "protocol"],
    &["ipv4", "ipv6"],
    &["verbose", "quiet"],
    &["text-from-html", "body"],
    &["text-from-html", "body-file"],
];

/// Options that name what is to be verified. Over `--insecure` of a weaker layer they switch verification on again; under
/// that of a stronger one they still ask for TLS.
const NAMED_TRUST: [&str; 4] = ["ca-file", "client-cert", "tls-name", "tls-pin"];
/// Those of them that say nothing besides, so that `--insecure` beside them contradicts them.
const TRUST_ALONE: [&str; 2] = ["ca-file", "tls-pin"];

/// Options that say how another one is done, and mean nothing without it: in a file they wait for a run that has it.
const DEPENDENT: [(&str, &str); 3] = [("no-fix", "eml"), ("text-from-html", "html-file"), ("dns", "mx")];

/// Options of a message that is composed, which mean nothing for one that exists.
const OF_A_DRAFT: [&str; 10] = [
    "subject",
    "body",
    "body-file",
    "html-file",
    "text-from-html",
    "attach",
    "inline",
    "reply-to",
    "sender",
    "header",
];

/// Settings of a file that belong to its server, also where the file does not name it: with another server they would be
/// wrong, and a password would go to a stranger.
const OF_THE_SERVER: [&str; 8] =
    ["port", "lmtp", "protocol", "tls", "insecure", "auth", "user", "allow-plaintext-auth"];
/// Settings that belong to the server only where the file names one; else they hold for every server, for what they do
/// there is to verify.
const TRUST_OF_THE_SERVER: [&str; 5] = ["ca-file", "client-cert", "client-key", "tls-name", "tls-pin"];
/// The same for the user: another's password is of no use.
const OF_THE_USER: [&str; 6] =
    ["password-env", "password-file", "password-command", "password", "token-env", "token-command"];

impl Layers {
    /// Puts the layers together for a command whose options are `options`, of which `matches` were typed.
    pub(crate) fn new(
        command: &str,
        options: &[Arg],
        matches: &ArgMatches,
        configuration: &Configuration,
        terminal: &Terminal,
    ) -> Result<Self> {
        let undoes = |setting: &Setting| {
            options.iter().any(|arg| arg.get_long() == Some(&setting.option) && args::is_undo(arg))
        };
        let (undone, settings): (Vec<_>, Vec<_>) = typed(options, matches).into_iter().partition(undoes);
        let mut layers = Self {
            settings,
            off: undone.iter().map(|setting| args::negative(&setting.option)).collect(),
            password: None,
            account: None,
        };
        for arg in options.iter().filter(|arg| !args::is_undo(arg)) {
            let Some(option) = arg.get_long() else { continue };
            let name = variable(option);
            if let Some(value) = (terminal.environment)(&name) {
                layers.add(command, arg, Given::Variable(value), Source::Variable(name))?;
            }
        }
        let named = layers.text("account");
        let from = layers.text("from").or_else(|| layers.text("envelope-from"));
        layers.account = configuration.choose(named.as_deref(), from.as_deref())?;
        let found = configuration.settings(layers.account.as_deref())?;
        let server_is_given = layers.has("server") || layers.has("mx");
        let user_is_given = layers.has("user");
        let names_server = |found: &Found| {
            ["server", "mx"].contains(&found.entry.key.as_str()) && found.entry.value != Value::Flag(false)
        };
        let is_other_server = server_is_given && found.iter().any(names_server);
        // The strongest first: what is there already stays.
        for found in found.into_iter().rev() {
            let key = found.entry.key.as_str();
            if layers.has(key)
                || layers.off.iter().any(|off| off == key)
                || (is_other_server && TRUST_OF_THE_SERVER.contains(&key))
                || (server_is_given && (OF_THE_SERVER.contains(&key) || OF_THE_USER.contains(&key)))
                || (user_is_given && OF_THE_USER.contains(&key))
            {
                continue;
            }
            let source = Source::File(found.layer, found.source);
            if key == "password" {
                if layers.password.is_none() && !layers.has_exclusive(key) {
                    let Value::Text(password) = found.entry.value else {
                        return Err(wrong(&source, "password takes a text"));
                    };
                    layers.password = Some(Secret::from(password));
                }
                continue;
            }
            let Some(arg) = options.iter().find(|arg| arg.get_long() == Some(key)) else { continue };
            if found.entry.value == Value::Flag(false) {
                // Said to be off: what a weaker layer says of it no longer counts.
                layers.off.push(key.to_string());
                continue;
            }
            layers.add(command, arg, Given::File(found.entry.value), source)?;
        }
        for (option, base) in DEPENDENT {
            if !layers.has(base) {
                layers
                    .settings
                    .retain(|setting| setting.option != option || setting.source == Source::Option);
            }
        }
        // What leads out of this machine leads to no server on it, and was not said of that one.
        if layers.text("server").is_some_and(|server| server == "mock" || server.starts_with("unix:")) {
            let is_way_out = |setting: &Setting| ["proxy", "bind"].contains(&setting.option.as_str());
            layers.settings.retain(|setting| setting.source == Source::Option || !is_way_out(setting));
        }
        layers.check_trust()?;
        layers.check_needs()?;
        let order = |option: &str| options.iter().position(|arg| arg.get_long() == Some(option));
        layers.settings.sort_by_key(|setting| order(&setting.option));
        Ok(layers)
    }

    /// Checks that no layer says both that any certificate is trusted and which one is.
    fn check_trust(&self) -> Result<()> {
        let find = |option: &str| self.settings.iter().find(|setting| setting.option == option);
        if let Some(insecure) = find("insecure")
            && let Some(other) = TRUST_ALONE
                .into_iter()
                .filter_map(find)
                .find(|other| other.source.layer() == insecure.source.layer())
        {
            return Err(Error::usage(format!(
                "--insecure{} trusts any certificate, and --{} says which; use one of them",
                insecure.source.place(),
                other.option
            )));
        }
        Ok(())
    }

    /// Checks that no setting wants for another without which it means nothing.
    fn check_needs(&self) -> Result<()> {
        for (option, needed) in args::NEEDS {
            let setting = self.settings.iter().find(|setting| setting.option == option);
            let Some(setting) = setting.filter(|_| !self.has(needed)) else { continue };
            let place = setting.source.place();
            return Err(Error::usage(format!("--{option}{place} needs --{needed} as well")));
        }
        Ok(())
    }

    /// The options that were not typed, as arguments.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let untyped = self.settings.iter().filter(|setting| setting.source != Source::Option);
        untyped.flat_map(|setting| words(&setting.option, &setting.values)).collect()
    }

    /// Adds the options that were not typed to the arguments that were.
    fn complete(&self, arguments: &mut Vec<OsString>) {
        let place = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
        arguments.splice(place..place, self.arguments());
    }

    fn has(&self, option: &str) -> bool {
        self.settings.iter().any(|setting| setting.option == option)
    }

    /// Whether an option is given that excludes this one.
    fn has_exclusive(&self, option: &str) -> bool {
        let mut groups = EXCLUSIVE.iter().filter(|group| group.contains(&option));
        groups.any(|group| {
            group.iter().any(|&other| other != option && self.has(other))
                || (group.contains(&"password") && self.password.is_some())
        })
    }

    /// The value of an option that has one.
    fn text(&self, option: &str) -> Option<String> {
        let setting = self.settings.iter().find(|setting| setting.option == option)?;
        setting.values.first().map(|value| value.to_string_lossy().into_owned())
    }

    /// Adds a setting of a weaker layer, checked by the parser of the options.
    fn add(&mut self, command: &str, arg: &Arg, given: Given, source: Source) -> Result<()> {
        let Some(option) = arg.get_long() else { return Ok(()) };
        let is_other_message = (self.has("eml") && OF_A_DRAFT.contains(&option))
            || (option == "eml" && OF_A_DRAFT.iter().any(|other| self.has(other)));
        let is_verified = |setting: &Setting| {
            NAMED_TRUST.contains(&setting.option.as_str()) && setting.source.layer() > source.layer()
        };
        if self.has(option)
            || self.off.iter().any(|off| off == option)
            || self.has_exclusive(option)
            || is_other_message
            || (option == "insecure" && self.settings.iter().any(is_verified))
        {
            return Ok(());
        }
        let Some(values) = values(arg, given).map_err(|why| wrong(&source, &format!("{option} {why}")))?
        else {
            // What a weaker layer says of it no longer counts.
            self.off.push(option.to_string());
            return Ok(());
        };
        let line = ["smtp-cli".into(), command.into()].into_iter().chain(words(option, &values));
        // Alone, so that the error can say where the value stands.
        args::check(line).map_err(|error| wrong(&source, &error.to_string()))?;
        self.settings.push(Setting { option: option.to_string(), values, source });
        Ok(())
    }
}

/// What the arguments mean together with files and environment.
#[derive(Debug)]
pub(crate) struct Settled {
    /// All options, whichever layer they come from.
    pub(crate) args: Box<Args>,
    /// What is no option.
    pub(crate) program: Program,
}

/// What the layers say besides options.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// The password, where it stands in a file itself.
    pub(crate) password: Option<Secret>,
    /// The log, if one is kept.
    pub(crate) log: Option<Log>,
    /// The files that the run reads, which it must not write.
    pub(crate) in_use: InUse,
}

/// Puts the layers of a command together, whose arguments were parsed already.
pub(crate) fn settle(
    mut arguments: Vec<OsString>,
    args: Box<Args>,
    matches: &ArgMatches,
    terminal: &mut Terminal,
) -> Result<Settled> {
    let Some((command, matches)) = matches.subcommand() else {
        return Err(Error::new(Exit::SOFTWARE, "a fault of this program: the command is gone"));
    };
    let configuration = load(&args.global, terminal)?;
    let options = args::options(command);
    let layers = Layers::new(command, &options, matches, &configuration, terminal)?;
    let args = if layers.arguments().is_empty() {
        args
    } else {
        layers.complete(&mut arguments);
        match args::parse(arguments)? {
            Parsed::Args(args, _) => args,
            Parsed::Text(_) => {
                return Err(Error::new(Exit::SOFTWARE, "a fault of this program: settings ask for help"));
            }
        }
    };
    let mut in_use = InUse::default();
    in_use.extend(configuration.files().map(|file| ("the configuration", file)));
    in_use.extend(args.global.inputs());
    in_use.extend(args.command.inputs());
    let program = Program { password: layers.password, log: Log::new(&configuration)?, in_use };
    Ok(Settled { args, program })
}

/// The settings that were typed behind a command.
pub(crate) fn typed_of(matches: &ArgMatches) -> Vec<Setting> {
    let typed = matches.subcommand().map(|(command, matches)| typed(&args::options(command), matches));
    typed.unwrap_or_default()
}

/// The arguments of what was typed before, and of what is typed now over it, which silences what it excludes: with
/// another server, what was said of the one before, and with another user that one's password.
pub(crate) fn arguments_over(before: &[Setting], now: &[Setting]) -> Vec<OsString> {
    let says = |option: &str| now.iter().any(|setting| setting.option == option);
    let is_other_server = says("server") || says("account");
    let is_silent = |option: &str| {
        says(option)
            || says(&args::negative(option))
            || option == "insecure" && NAMED_TRUST.iter().any(|named| says(named))
            || TRUST_ALONE.contains(&option) && says("insecure")
            || EXCLUSIVE.iter().any(|group| group.contains(&option) && group.iter().any(|other| says(other)))
            || is_other_server
                && (["server", "account"].contains(&option)
                    || before.iter().any(|setting| setting.option == "server")
                        && [&OF_THE_SERVER[..], &TRUST_OF_THE_SERVER, &OF_THE_USER]
                            .concat()
                            .contains(&option))
            || says("user") && OF_THE_USER.contains(&option)
    };
    let kept = before.iter().filter(|setting| !is_silent(&setting.option));
    kept.chain(now).flat_map(|setting| words(&setting.option, &setting.values)).collect()
}

/// Reads the configuration: the file that is named, or those that there are.
pub(crate) fn load(global: &GlobalArgs, terminal: &mut Terminal) -> Result<Configuration> {
    let named = global.config.clone().or_else(|| (terminal.environment)(&variable("config")).map(Into::into));
    Configuration::load(named.as_deref(), terminal, keys)
}

/// The keys that a configuration may have: all options of `send` that make sense for more than one run.
pub(crate) fn keys() -> Vec<String> {
    let options = args::options("send").into_iter().filter(|arg| !args::is_undo(arg));
    let names = options.filter_map(|arg| arg.get_long().map(String::from));
    names.filter(|name| !matches!(name.as_str(), "config" | "account")).collect()
}

/// The environment variable of an option.
pub(crate) fn variable(option: &str) -> String {
    format!("{PREFIX}{}", option.to_ascii_uppercase().replace('-', "_"))
}

/// A value as a weaker layer has it.
enum Given {
    Variable(OsString),
    File(Value),
}

/// The values for the option; `None` when it says that the option is off.
fn values(arg: &Arg, given: Given) -> std::result::Result<Option<Vec<OsString>>, &'static str> {
    let takes_values = arg.get_action().takes_values();
    match given {
        Given::Variable(value) if takes_values => Ok(Some(vec![value])),
        Given::Variable(value) => match value.to_str().map(str::to_ascii_lowercase).as_deref() {
            Some("1" | "true" | "yes" | "on") => Ok(Some(Vec::new())),
            Some("0" | "false" | "no" | "off" | "") => Ok(None),
            _ => Err("is on or off, try 1 or 0"),
        },
        Given::File(Value::Flag(flag)) if !takes_values => Ok(flag.then(Vec::new)),
        Given::File(Value::Flag(_)) => Err("takes a text, not true or false"),
        Given::File(_) if !takes_values => Err("is true or false"),
        Given::File(Value::Text(text)) => Ok(Some(vec![text.into()])),
        Given::File(Value::List(texts)) => {
            let repeatable = matches!(arg.get_action(), ArgAction::Append);
            if repeatable || texts.len() == 1 {
                Ok(Some(texts.into_iter().map(OsString::from).collect()))
            } else {
                Err("takes one value, not a list")
            }
        }
    }
}

/// The settings that were typed.
pub(crate) fn typed(options: &[Arg], matches: &ArgMatches) -> Vec<Setting> {
    let mut settings = Vec::new();
    for arg in options {
        let id = arg.get_id().as_str();
        let Some(option) = arg.get_long() else { continue };
        if matches.try_contains_id(id).is_err() || matches.value_source(id) != Some(ValueSource::CommandLine)
        {
            continue;
        }
        let values = if arg.get_action().takes_values() {
            matches.get_raw(id).map(|values| values.map(OsString::from).collect()).unwrap_or_default()
        } else {
            Vec::new()
        };
        settings.push(Setting { option: option.to_string(), values, source: Source::Option });
    }
    settings
}

/// An option with its values as it would be typed.
pub(crate) fn words(option: &str, values: &[OsString]) -> Vec<OsString> {
    if values.is_empty() {
        return vec![format!("--{option}").into()];
    }
    let with_value = |value: &OsString| {
        let mut word = OsString::from(format!("--{option}="));
        word.push(value);
        word
    };
    values.iter().map(with_value).collect()
}

fn wrong(source: &Source, why: &str) -> Error {
    let exit = if matches!(source, Source::Variable(_)) { Exit::USAGE } else { Exit::CONFIGURATION };
    Error::new(exit, format!("{source}: {why}"))
}

#[cfg(test)]
mod tests;

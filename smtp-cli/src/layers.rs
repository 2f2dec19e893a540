//! Provides the layers that settings come from: options over environment variables over account over defaults.
//!
//! All of them speak the language of the options: a setting of a file or an environment variable becomes the option of
//! its name, so that one parser checks every value, whoever wrote it.

use crate::args::{self, Args, GlobalArgs, Parsed};
use crate::config::{Configuration, Value};
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
    /// A section of a file.
    File(String),
    /// An environment variable.
    Variable(String),
    /// The option itself.
    Option,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(section) => f.write_str(section),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Option => f.write_str("option"),
        }
    }
}

/// Options of which one excludes the others: what a stronger layer says silences the weaker layers' others.
const EXCLUSIVE: [&[&str]; 13] = [
    &["server", "mx"],
    &["lmtp", "mx"],
    &["server", "dns"],
    &["lmtp", "dns"],
    &["password-env", "password-file", "password-command", "password"],
    &["token-env", "token-command"],
    &["body", "body-file"],
    &["lmtp", "protocol"],
    &["tls-pin", "insecure"],
    &["ipv4", "ipv6"],
    &["verbose", "quiet"],
    &["text-from-html", "body"],
    &["text-from-html", "body-file"],
];

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

/// Settings of a file that belong to the server that the file names: with another server they would be wrong, and a
/// password would go to a stranger.
const OF_THE_SERVER: [&str; 17] = [
    "port",
    "lmtp",
    "protocol",
    "tls",
    "ca-file",
    "client-cert",
    "client-key",
    "tls-name",
    "tls-pin",
    "insecure",
    "auth",
    "user",
    "password-env",
    "password-file",
    "password-command",
    "password",
    "allow-plaintext-auth",
];
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
        let mut layers = Self { settings: typed(options, matches), password: None, account: None };
        for arg in options {
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
        // The strongest first: what is there already stays.
        let mut silenced: Vec<String> = Vec::new();
        for found in found.into_iter().rev() {
            let key = found.entry.key.as_str();
            if layers.has(key)
                || silenced.iter().any(|silent| silent == key)
                || (server_is_given && (OF_THE_SERVER.contains(&key) || OF_THE_USER.contains(&key)))
                || (user_is_given && OF_THE_USER.contains(&key))
            {
                continue;
            }
            if key == "password" {
                if layers.password.is_none() && !layers.has_exclusive(key) {
                    let Value::Text(password) = found.entry.value else {
                        return Err(wrong(&Source::File(found.source), "password takes a text"));
                    };
                    layers.password = Some(Secret::from(password));
                }
                continue;
            }
            let Some(arg) = options.iter().find(|arg| arg.get_long() == Some(key)) else { continue };
            if found.entry.value == Value::Flag(false) {
                // Said to be off: what a weaker layer says of it no longer counts.
                silenced.push(key.to_string());
                continue;
            }
            layers.add(command, arg, Given::File(found.entry.value), Source::File(found.source))?;
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
        layers.check_needs()?;
        let order = |option: &str| options.iter().position(|arg| arg.get_long() == Some(option));
        layers.settings.sort_by_key(|setting| order(&setting.option));
        Ok(layers)
    }

    /// Checks that no setting wants for another without which it means nothing.
    fn check_needs(&self) -> Result<()> {
        for (option, needed) in args::NEEDS {
            let setting = self.settings.iter().find(|setting| setting.option == option);
            let Some(setting) = setting.filter(|_| !self.has(needed)) else { continue };
            let place = match &setting.source {
                Source::Option => String::new(),
                source => format!(" of {source}"),
            };
            return Err(Error::usage(format!("--{option}{place} needs --{needed} as well")));
        }
        Ok(())
    }

    /// The options that were not typed, as arguments.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let untyped = self.settings.iter().filter(|setting| setting.source != Source::Option);
        untyped.flat_map(|setting| words(&setting.option, &setting.values)).collect()
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
        if self.has(option) || self.has_exclusive(option) || is_other_message {
            return Ok(());
        }
        let Some(values) = values(arg, given).map_err(|why| wrong(&source, &format!("{option} {why}")))?
        else {
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
    let added = layers.arguments();
    let args = if added.is_empty() {
        args
    } else {
        let place = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
        arguments.splice(place..place, added);
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
            || EXCLUSIVE.iter().any(|group| group.contains(&option) && group.iter().any(|other| says(other)))
            || is_other_server
                && (["server", "account"].contains(&option)
                    || before.iter().any(|setting| setting.option == "server")
                        && (OF_THE_SERVER.contains(&option) || OF_THE_USER.contains(&option)))
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
    let names = args::options("send").into_iter().filter_map(|arg| arg.get_long().map(String::from));
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
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The long options of `send` of which clap takes one alone.
    fn conflicts() -> BTreeSet<(String, String)> {
        let command = args::command();
        let send = command.find_subcommand("send").unwrap();
        let long = |id: &str| {
            let arg = send.get_arguments().find(|arg| arg.get_id() == id);
            arg.and_then(Arg::get_long).unwrap().to_string()
        };
        let mut pairs = BTreeSet::new();
        let mut add = |one: String, other: String| {
            if one != other {
                pairs.insert(if one < other { (one, other) } else { (other, one) });
            }
        };
        for arg in send.get_arguments().filter(|arg| arg.get_long().is_some()) {
            for other in send.get_arg_conflicts_with(arg) {
                add(long(arg.get_id().as_str()), long(other.get_id().as_str()));
            }
        }
        for group in send.get_groups().filter(|group| !(*group).clone().is_multiple()) {
            let members: Vec<_> = group.get_args().map(|id| long(id.as_str())).collect();
            for one in &members {
                for other in &members {
                    add(one.clone(), other.clone());
                }
            }
        }
        pairs
    }

    #[test]
    fn what_is_typed_later_silences_what_belonged_to_another() {
        let settings = |text: &str| -> Vec<Setting> {
            let words = text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, "")));
            words
                .map(|(option, value)| Setting {
                    option: option.to_string(),
                    values: if value.is_empty() { Vec::new() } else { vec![value.into()] },
                    source: Source::Option,
                })
                .collect()
        };
        for (before, now, expected) in [
            ("ca-file=x tls=none", "server=mx", "--ca-file=x --tls=none --server=mx"),
            ("server=a tls=none user=u password-env=P helo=h", "server=b", "--helo=h --server=b"),
            ("server=a user=u password-env=P", "user=v", "--server=a --user=v"),
            ("password-env=P insecure", "password-file=f tls-pin=p", "--password-file=f --tls-pin=p"),
            ("server=a port=25", "port=26", "--server=a --port=26"),
            ("server=a tls=none", "account=work", "--account=work"),
        ] {
            let words = arguments_over(&settings(before), &settings(now));
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            assert_eq!(words.join(" "), expected, "{before} / {now}");
        }
    }

    #[test]
    fn what_excludes_each_other_on_the_command_line_does_so_between_layers() {
        let conflicts = conflicts();
        for known in [("ipv4", "ipv6"), ("body", "body-file"), ("eml", "subject"), ("insecure", "tls-pin")] {
            assert!(conflicts.contains(&(known.0.into(), known.1.into())), "{known:?}: {conflicts:?}");
        }
        for (one, other) in conflicts {
            let both = [one.as_str(), other.as_str()];
            let is_settled = EXCLUSIVE.iter().any(|group| both.iter().all(|option| group.contains(option)))
                // `add` keeps a draft and a message that exists apart.
                || ["eml", "no-fix"].iter().any(|eml| {
                    both.contains(eml) && both.iter().any(|option| OF_A_DRAFT.contains(option))
                });
            assert!(is_settled, "{one} and {other}");
        }
    }
}

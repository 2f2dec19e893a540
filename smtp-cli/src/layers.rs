//! Provides the layers that settings come from: options over environment variables over account over defaults.
//!
//! All of them speak the language of the options: a setting of a file or an environment variable becomes the option of
//! its name, so that one parser checks every value, whoever wrote it.

use crate::args::{self, Args, GlobalArgs, Parsed, Row, Rows, Rule};
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
use std::path::PathBuf;

/// The prefix of environment variables that stand for options.
pub(crate) const PREFIX: &str = "SMTP_CLI_";

/// What all layers together say.
#[derive(Debug)]
pub(crate) struct Layers<'r> {
    /// The options of the command.
    rows: &'r Rows,
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

/// The key of a password that stands in a file itself, which is no option.
const PASSWORD: &str = "password";

impl<'r> Layers<'r> {
    /// Puts the layers together for a command whose options are `rows`, of which `matches` were typed.
    pub(crate) fn new(
        command: &str,
        rows: &'r Rows,
        matches: &ArgMatches,
        configuration: &Configuration,
        terminal: &Terminal,
    ) -> Result<Self> {
        let undoes = |setting: &Setting| rows.find(&setting.option).is_some_and(|row| args::is_undo(row.arg));
        let (undone, settings): (Vec<_>, Vec<_>) = typed(rows, matches).into_iter().partition(undoes);
        check_exclusions(rows, &settings)?;
        let off = undone.iter().map(|setting| args::negative(&setting.option)).collect();
        let mut layers = Self { rows, settings, off, password: None, account: None };
        for row in rows.settable() {
            let name = variable(row.name);
            if let Some(value) = (terminal.environment)(&name) {
                layers.add(command, row, Given::Variable(value), Source::Variable(name))?;
            }
        }
        let value = |rule| rows.settable().find_map(|row| layers.text(row).filter(|_| row.has(rule)));
        let (named, from) = (value(Rule::NamesAccount), value(Rule::ChoosesAccount));
        layers.account = configuration.choose(named.as_deref(), from.as_deref())?;
        layers.add_files(command, configuration.settings(layers.account.as_deref())?)?;
        layers.drop_idle();
        layers.check_trust()?;
        layers.check_needs()?;
        let order = |option: &str| rows.iter().position(|row| row.name == option);
        layers.settings.sort_by_key(|setting| order(&setting.option));
        Ok(layers)
    }

    /// Adds what files say, but for what belongs to another server or user than the one that is named.
    fn add_files(&mut self, command: &str, found: Vec<Found>) -> Result<()> {
        let server_is_given = self.given(Rule::NamesServer).next().is_some();
        let user_is_given = self.given(Rule::NamesUser).next().is_some();
        let names_server = |found: &Found| {
            self.rows.has(&found.entry.key, Rule::NamesServer) && found.entry.value != Value::Flag(false)
        };
        let is_other_server = server_is_given && found.iter().any(names_server);
        // The strongest first: what is there already stays.
        for found in found.into_iter().rev() {
            let key = found.entry.key.as_str();
            let source = Source::File(found.layer, found.source);
            if key == PASSWORD {
                let is_given = self.password.is_some() || self.given(Rule::GivesPassword).next().is_some();
                if server_is_given || user_is_given || is_given {
                    continue;
                }
                let Value::Text(password) = found.entry.value else {
                    return Err(wrong(&source, "password takes a text"));
                };
                self.password = Some(Secret::from(password));
                continue;
            }
            let Some(row) = self.rows.find(key) else { continue };
            if self.is_settled(key)
                || (is_other_server && row.has(Rule::OfNamedServer))
                || (server_is_given && (row.has(Rule::OfServer) || row.has(Rule::OfUser)))
                || (user_is_given && row.has(Rule::OfUser))
            {
                continue;
            }
            if found.entry.value == Value::Flag(false) {
                // Said to be off: what a weaker layer says of it no longer counts.
                self.off.push(key.to_string());
                continue;
            }
            self.add(command, row, Given::File(found.entry.value), source)?;
        }
        Ok(())
    }

    /// Drops what means nothing in this run, where it was not typed.
    fn drop_idle(&mut self) {
        let is_here = |server: &str| server == "mock" || server.starts_with("unix:");
        let stays_here = self
            .given(Rule::NamesServer)
            .any(|setting| setting.values.iter().any(|value| is_here(&value.to_string_lossy())));
        let is_idle = |setting: &Setting| {
            let Some(row) = self.rows.find(&setting.option) else { return false };
            setting.source != Source::Option
                && (row.waits_for().is_some_and(|base| !self.has(base))
                    || (stays_here && row.has(Rule::LeadsOut)))
        };
        let kept = self.settings.iter().filter(|setting| !is_idle(setting)).cloned().collect();
        self.settings = kept;
    }

    /// Checks that no layer says both that any certificate is trusted and which one is.
    fn check_trust(&self) -> Result<()> {
        if let Some(any) = self.given(Rule::TrustsAnything).next()
            && let Some(other) =
                self.given(Rule::IsOnlyTrust).find(|other| other.source.layer() == any.source.layer())
        {
            return Err(Error::usage(format!(
                "--{}{} trusts any certificate, and --{} says which; use one of them",
                any.option,
                any.source.place(),
                other.option
            )));
        }
        Ok(())
    }

    /// Checks that no setting wants for another without which it means nothing.
    fn check_needs(&self) -> Result<()> {
        for setting in &self.settings {
            let needed = self.rows.find(&setting.option).and_then(|row| row.needs());
            let Some(needed) = needed.filter(|needed| !self.has(needed)) else { continue };
            let place = setting.source.place();
            return Err(Error::usage(format!("--{}{place} needs --{needed} as well", setting.option)));
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

    /// Whether a stronger layer says something of an option, or that it is off.
    fn is_settled(&self, option: &str) -> bool {
        self.has(option) || self.off.iter().any(|off| off == option)
    }

    /// The settings of options with this rule.
    fn given(&self, rule: Rule) -> impl Iterator<Item = &Setting> {
        self.settings.iter().filter(move |setting| self.rows.has(&setting.option, rule))
    }

    /// The value of an option that has one.
    fn text(&self, row: Row<'_>) -> Option<String> {
        let setting = self.settings.iter().find(|setting| setting.option == row.name)?;
        setting.values.first().map(|value| value.to_string_lossy().into_owned())
    }

    /// Adds a setting of a weaker layer, checked by the parser of the options.
    fn add(&mut self, command: &str, row: Row<'_>, given: Given, source: Source) -> Result<()> {
        let option = row.name;
        let is_verified = |setting: &Setting| setting.source.layer() > source.layer();
        if self.is_settled(option)
            || self.settings.iter().any(|other| self.rows.exclude(option, &other.option))
            || (row.has(Rule::GivesPassword) && self.password.is_some())
            || (row.has(Rule::TrustsAnything) && self.given(Rule::NamesTrust).any(is_verified))
        {
            return Ok(());
        }
        let Some(values) =
            values(row.arg, given).map_err(|why| wrong(&source, &format!("{option} {why}")))?
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
    terminal.obey(&args.global);
    let configuration = load(&args.global, terminal)?;
    let rows = args::rows(command);
    let layers = Layers::new(command, &rows, matches, &configuration, terminal)?;
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
    terminal.obey(&args.global);
    let mut in_use = InUse::default();
    in_use.extend(configuration.files().map(|file| ("the configuration", file)));
    in_use.extend(inputs(&rows, &layers.settings));
    let program = Program { password: layers.password, log: Log::new(&configuration)?, in_use };
    Ok(Settled { args, program })
}

/// The settings that were typed after a command.
pub(crate) fn typed_of(matches: &ArgMatches) -> Vec<Setting> {
    let typed = matches.subcommand().map(|(command, matches)| typed(&args::rows(command), matches));
    typed.unwrap_or_default()
}

/// Refuses options that exclude each other if clap cannot see it, because a positional argument stands for one of them.
fn check_exclusions(rows: &Rows, typed: &[Setting]) -> Result<()> {
    let typed = if rows.iter().any(|row| row.arg.is_positional()) { typed } else { &[] };
    let mut pairs = typed.iter().flat_map(|one| typed.iter().map(move |other| (&one.option, &other.option)));
    match pairs.find(|(one, other)| rows.exclude(one, other)) {
        Some((one, other)) => {
            Err(Error::usage(format!("--{one} and --{other} exclude each other, use one of them")))
        }
        None => Ok(()),
    }
}

/// The files that settings name to be read, each with its option.
pub(crate) fn inputs(rows: &Rows, settings: &[Setting]) -> impl Iterator<Item = (String, PathBuf)> {
    settings.iter().flat_map(|setting| {
        let row = rows.find(&setting.option);
        let paths = setting.values.iter().filter_map(move |value| row?.reads(value));
        paths.map(|path| (format!("--{}", setting.option), path))
    })
}

/// The arguments of what was typed before and of what is typed now over it: a new server drops the old server's settings,
/// and a new user the old one's password.
pub(crate) fn arguments_over(rows: &Rows, before: &[Setting], now: &[Setting]) -> Vec<OsString> {
    let says = |option: &str| now.iter().any(|setting| setting.option == option);
    let any = |settings: &[Setting], rule| settings.iter().any(|setting| rows.has(&setting.option, rule));
    let is_other_server = any(now, Rule::NamesServer) || any(now, Rule::NamesAccount);
    let named_server = any(before, Rule::NamesServer);
    let is_silent = |setting: &&Setting| {
        let option = setting.option.as_str();
        let has = |rule| rows.has(option, rule);
        let is_of_server = || [Rule::OfServer, Rule::OfNamedServer, Rule::OfUser].into_iter().any(has);
        says(option)
            || says(&args::negative(option))
            || now.iter().any(|other| rows.exclude(option, &other.option))
            || has(Rule::TrustsAnything) && any(now, Rule::NamesTrust)
            || has(Rule::IsOnlyTrust) && any(now, Rule::TrustsAnything)
            || has(Rule::OfUser) && any(now, Rule::NamesUser)
            || is_other_server
                && (has(Rule::NamesServer) || has(Rule::NamesAccount) || named_server && is_of_server())
    };
    let kept = before.iter().filter(|setting| !is_silent(setting));
    kept.chain(now).flat_map(|setting| words(&setting.option, &setting.values)).collect()
}

/// Reads the configuration: the file that is named, or those that there are.
pub(crate) fn load(global: &GlobalArgs, terminal: &mut Terminal) -> Result<Configuration> {
    let named = global.config.clone().or_else(|| (terminal.environment)(&variable("config")).map(Into::into));
    Configuration::load(named.as_deref(), terminal, keys)
}

/// The keys that a configuration may have: all options of `send` that make sense for more than one run.
pub(crate) fn keys() -> Vec<String> {
    let rows = args::rows(args::WITH_SETTINGS[0]);
    let keys = rows.settable().filter(|row| !row.has(Rule::NotInFile)).map(|row| row.name.to_string());
    keys.collect()
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
pub(crate) fn typed(rows: &Rows, matches: &ArgMatches) -> Vec<Setting> {
    let mut settings = Vec::new();
    for row in rows.iter() {
        let id = row.arg.get_id().as_str();
        if matches.try_contains_id(id).is_err() || matches.value_source(id) != Some(ValueSource::CommandLine)
        {
            continue;
        }
        let values = if row.arg.get_action().takes_values() {
            matches.get_raw(id).map(|values| values.map(OsString::from).collect()).unwrap_or_default()
        } else {
            Vec::new()
        };
        settings.push(Setting { option: row.name.to_string(), values, source: Source::Option });
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

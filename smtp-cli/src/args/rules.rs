//! Defines [`Rule`], what an option is to the others, and [`Row`], an option with its rules.
//!
//! A rule stands beside the field of its option: `#[arg(long, rules = [Rule::OfServer])]`. What excludes each other is
//! clap's to say, by `conflicts_with` and groups, and is read from there.

use super::{Attachment, switches};
use clap::{Arg, Command, ValueHint};
use std::ffi::OsStr;
use std::path::PathBuf;

/// What an option is to the others, and where it may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Names the server, or the way to find it.
    NamesServer,
    /// Names the user who logs in.
    NamesUser,
    /// Names the account of the configuration.
    NamesAccount,
    /// Chooses the account where none is named.
    ChoosesAccount,
    /// Belongs to the server of its file, even where the file names none: with another server it would be wrong, and a
    /// password would go to a stranger.
    OfServer,
    /// Belongs to the server where its file names one; else it holds for every server, because it verifies.
    OfNamedServer,
    /// Belongs to the user: another's password is of no use.
    OfUser,
    /// Names what is to be verified: over [`TrustsAnything`](Self::TrustsAnything) of a weaker layer it switches
    /// verification on again.
    NamesTrust,
    /// Says nothing but what is to be verified, so that it contradicts [`TrustsAnything`](Self::TrustsAnything) beside it.
    IsOnlyTrust,
    /// Switches verification off.
    TrustsAnything,
    /// Leads out of this machine, which means nothing for a server on it.
    LeadsOut,
    /// May hold a password: its value is not repeated.
    MayHoldPassword,
    /// Says where the password is, as does the key of a file that is one itself.
    GivesPassword,
    /// Names a file that is written; all others that name one read it.
    Writes,
    /// Is no key of a configuration file.
    NotInFile,
    /// Means nothing without that option, wherever each of them stands.
    ///
    /// clap's `requires` would miss what stands in a file or a variable.
    Needs(&'static str),
    /// Says how that option is done: like [`Needs`](Self::Needs), but in a file it waits for a run that has it.
    WaitsFor(&'static str),
    /// A word without an option that stands for that option.
    StandsFor(&'static str),
    /// Has this value where no layer says anything.
    BuiltIn(&'static str),
}

/// Gives an argument its rules.
pub(crate) trait Rules {
    /// The argument with these rules.
    fn rules<const N: usize>(self, rules: [Rule; N]) -> Self;
}

/// What stands between an argument and its rule in the name of a group.
const MARK: &str = " is ";

/// clap lets an argument carry one thing of its user's own, the groups that it is in; a group of one changes nothing.
impl Rules for Arg {
    fn rules<const N: usize>(self, rules: [Rule; N]) -> Self {
        rules.into_iter().fold(self, |arg, rule| {
            let group = format!("{}{MARK}{rule:?}", arg.get_id());
            arg.group(group)
        })
    }
}

/// An option, or a word that stands for one, with its rules.
#[derive(Debug)]
pub(crate) struct Row {
    /// How clap knows it.
    pub(crate) arg: Arg,
    /// Its long name, or that of the option that it stands for.
    pub(crate) name: String,
    rules: Vec<String>,
    excludes: Vec<String>,
}

/// The options of a command.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// Those of a command that is built; the options that ask for help are none.
    pub(crate) fn of(command: &Command) -> Self {
        let asks = |arg: &Arg| {
            use clap::ArgAction::{Help, HelpLong, HelpShort, Version};
            matches!(arg.get_action(), Help | HelpShort | HelpLong | Version)
        };
        let rows = command.get_arguments().filter(|arg| !asks(arg)).filter_map(|arg| {
            let of_arg = format!("{}{MARK}", arg.get_id());
            let groups = command.get_groups().map(|group| group.get_id().as_str());
            let rules = groups.filter_map(|id| id.strip_prefix(&of_arg)).map(String::from).collect();
            let excludes = excluded(command, arg);
            let mut row = Row { arg: arg.clone(), name: String::new(), rules, excludes };
            row.name = arg.get_long().or_else(|| row.other("StandsFor"))?.to_string();
            Some(row)
        });
        Self(rows.collect())
    }

    /// All of them, in the order of the help.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.0.iter()
    }

    /// The option of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Row> {
        self.options().find(|row| row.name == name)
    }

    /// Whether the option of that name has this rule.
    pub(crate) fn has(&self, name: &str, rule: Rule) -> bool {
        self.find(name).is_some_and(|row| row.has(rule))
    }

    /// Whether one of these options excludes the other.
    pub(crate) fn exclude(&self, one: &str, other: &str) -> bool {
        let names =
            |one, other| self.find(one).is_some_and(|row| row.excludes.iter().any(|name| name == other));
        names(one, other) || names(other, one)
    }

    /// Those that are options, and undo none.
    pub(crate) fn settable(&self) -> impl Iterator<Item = &Row> {
        self.options().filter(|row| !switches::is_undo(&row.arg))
    }

    fn options(&self) -> impl Iterator<Item = &Row> {
        self.iter().filter(|row| row.arg.get_long().is_some())
    }
}

impl Row {
    /// Whether it has this rule.
    pub(crate) fn has(&self, rule: Rule) -> bool {
        self.rules.contains(&format!("{rule:?}"))
    }

    /// The file that a value of it names to be read.
    pub(crate) fn reads(&self, value: &OsStr) -> Option<PathBuf> {
        match self.arg.get_value_hint() {
            _ if self.has(Rule::Writes) => None,
            ValueHint::AnyPath => Some(value.into()),
            ValueHint::FilePath => Some(Attachment::parse(value).ok()?.path),
            _ => None,
        }
    }

    /// The option without which it means nothing.
    pub(crate) fn needs(&self) -> Option<&str> {
        self.other("Needs").or_else(|| self.waits_for())
    }

    /// The option that it waits for in a file.
    pub(crate) fn waits_for(&self) -> Option<&str> {
        self.other("WaitsFor")
    }

    /// Its value where no layer says anything.
    pub(crate) fn built_in(&self) -> Option<&str> {
        self.other("BuiltIn")
    }

    /// What the rule of that name says besides.
    fn other(&self, rule: &str) -> Option<&str> {
        self.rules.iter().find_map(|text| text.strip_prefix(rule)?.strip_prefix("(\"")?.strip_suffix("\")"))
    }
}

/// The long names of what an argument names as its opposite, or shares a group with that takes one alone.
fn excluded(command: &Command, arg: &Arg) -> Vec<String> {
    let named = command.get_arg_conflicts_with(arg).into_iter().map(Arg::get_id);
    let alone = command.get_groups().filter(|group| {
        !(*group).clone().is_multiple() && group.get_args().any(|member| member == arg.get_id())
    });
    let others = named.chain(alone.flat_map(clap::ArgGroup::get_args)).filter(|id| *id != arg.get_id());
    let long = |id| command.get_arguments().find(|arg| arg.get_id() == id)?.get_long();
    others.filter_map(long).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use crate::args;

    #[test]
    fn what_clap_takes_alone_excludes_each_other_in_every_layer() {
        let rows = args::rows("send");
        for (one, other) in [
            ("ipv4", "ipv6"),
            ("body", "body-file"),
            ("eml", "subject"),
            ("lmtp", "mx"),
            ("password-env", "password-command"),
            ("quiet", "verbose"),
            ("text-from-html", "body"),
        ] {
            assert!(rows.exclude(one, other) && rows.exclude(other, one), "{one} {other}");
        }
        assert!(!rows.exclude("eml", "dkim-key") && !rows.exclude("subject", "body"));
    }

    #[test]
    fn what_a_rule_names_is_an_option_of_the_same_command() {
        let mut count = 0;
        for name in args::WITH_SETTINGS {
            let rows = args::rows(name);
            for row in rows.iter() {
                for other in row.needs().into_iter().chain(row.other("StandsFor")) {
                    assert!(rows.find(other).is_some(), "{name}: {} {other}", row.name);
                    count += 1;
                }
            }
        }
        assert!(count > 8, "{count}");
    }
}

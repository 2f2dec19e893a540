//! Defines [`Rule`], what an option is to the others, and [`Row`], an option with its rules.
//!
//! A rule stands beside the field of its option: `#[arg(long, rules = [Rule::OfServer])]`. What excludes each other is
//! clap's to say, by `conflicts_with` and groups, and is read from there.

use super::{Attachment, switches};
use clap::{Arg, ArgGroup, Command, ValueHint};
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

/// clap lets an argument carry one thing of its user's own, the groups that it is in; a group of one changes nothing.
impl Rules for Arg {
    fn rules<const N: usize>(self, rules: [Rule; N]) -> Self {
        rules.into_iter().fold(self, |arg, rule| {
            let group = group(&arg, &format!("{rule:?}"));
            arg.group(group)
        })
    }
}

fn group(arg: &Arg, rule: &str) -> String {
    format!("{} is {rule}", arg.get_id())
}

/// The options of a command.
#[derive(Debug)]
pub(crate) struct Rows(pub(crate) Command);

/// An option, or a word that stands for one, with its rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'r> {
    command: &'r Command,
    /// How clap knows it.
    pub(crate) arg: &'r Arg,
    /// Its long name, or that of the option that it stands for.
    pub(crate) name: &'r str,
}

impl Rows {
    /// All of them in the order of the help, but those that ask for help.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let asks = |arg: &&Arg| {
            use clap::ArgAction::{Help, HelpShort, Version};
            matches!(arg.get_action(), Help | HelpShort | Version)
        };
        self.0.get_arguments().filter(move |arg| !asks(arg)).filter_map(|arg| {
            let row = Row { command: &self.0, arg, name: "" };
            Some(Row { name: arg.get_long().or_else(|| row.other("StandsFor"))?, ..row })
        })
    }

    /// The option of that name.
    pub(crate) fn find(&self, name: &str) -> Option<Row<'_>> {
        let arg = self.0.get_arguments().find(|arg| arg.get_long() == Some(name))?;
        Some(Row { command: &self.0, arg, name: arg.get_long()? })
    }

    /// Whether the option of that name has this rule.
    pub(crate) fn has(&self, name: &str, rule: Rule) -> bool {
        self.find(name).is_some_and(|row| row.has(rule))
    }

    /// Whether one of these options excludes the other.
    pub(crate) fn exclude(&self, one: &str, other: &str) -> bool {
        let names = |one, other| self.find(one).is_some_and(|row| row.excludes(other));
        one != other && (names(one, other) || names(other, one))
    }

    /// Those that are options, and undo none.
    pub(crate) fn settable(&self) -> impl Iterator<Item = Row<'_>> {
        self.iter().filter(|row| row.arg.get_long().is_some() && !switches::is_undo(row.arg))
    }
}

impl<'r> Row<'r> {
    /// Whether it has this rule.
    pub(crate) fn has(&self, rule: Rule) -> bool {
        let wanted = group(self.arg, &format!("{rule:?}"));
        self.command.get_groups().any(|group| group.get_id() == wanted.as_str())
    }

    /// The option without which it means nothing.
    pub(crate) fn needs(&self) -> Option<&'r str> {
        self.other("Needs").or_else(|| self.waits_for())
    }

    /// The option that it waits for in a file.
    pub(crate) fn waits_for(&self) -> Option<&'r str> {
        self.other("WaitsFor")
    }

    /// Its value where no layer says anything.
    pub(crate) fn built_in(&self) -> Option<&'r str> {
        self.other("BuiltIn")
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

    /// What the rule of that name says besides.
    fn other(&self, rule: &str) -> Option<&'r str> {
        let begin = group(self.arg, rule);
        let mut groups = self.command.get_groups().map(|group| group.get_id().as_str());
        groups.find_map(|id| id.strip_prefix(&begin)?.strip_prefix("(\"")?.strip_suffix("\")"))
    }

    /// Whether it names an option as its opposite, or shares a group with it that takes one alone.
    fn excludes(&self, other: &str) -> bool {
        let is_other = |arg: &Arg| arg.get_long() == Some(other);
        let shares = |group: &ArgGroup| {
            let has = |id| group.get_args().any(|member| member == id);
            let members = || self.command.get_arguments().filter(|arg| has(arg.get_id()));
            has(self.arg.get_id()) && members().any(is_other) && !group.clone().is_multiple()
        };
        self.command.get_arg_conflicts_with(self.arg).into_iter().any(is_other)
            || self.command.get_groups().any(shares)
    }
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
        for name in args::WITH_SETTINGS {
            let rows = args::rows(name);
            let named: Vec<_> =
                rows.iter().filter_map(|row| row.needs().or_else(|| row.other("StandsFor"))).collect();
            assert!(
                named.len() >= 2 && named.iter().all(|other| rows.find(other).is_some()),
                "{name}: {named:?}"
            );
        }
    }
}

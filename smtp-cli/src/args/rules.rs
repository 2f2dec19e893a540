//! Defines [`Rule`], how an option relates to others, and [`Row`], an option with its rules.
//!
//! An option is one row: its field, with its rules in `#[arg(long, rules = [Rule::OfServer])]`. Which options exclude each
//! other is read from clap's own `conflicts_with` and groups; which commands take it follows from their structures.

use super::{Attachment, switches};
use clap::{Arg, ArgGroup, Command, ValueHint};
use std::ffi::OsStr;
use std::path::PathBuf;

/// How an option relates to others, and where it may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Names the server, or says how to find it.
    NamesServer,
    /// Names the user who logs in.
    NamesUser,
    /// Names the account of the configuration.
    NamesAccount,
    /// Chooses the account if none is named.
    ChoosesAccount,
    /// Belongs to the server of its file, even if the file names none: another server would get the wrong setting, or the
    /// password.
    OfServer,
    /// Belongs to the server if its file names one; otherwise it holds for every server, because it verifies.
    OfNamedServer,
    /// Belongs to the user: another user's password is of no use.
    OfUser,
    /// Names what is verified: it overrides [`TrustsAnything`](Self::TrustsAnything) of a weaker layer.
    NamesTrust,
    /// Names only what is verified, so it contradicts [`TrustsAnything`](Self::TrustsAnything) in the same layer.
    IsOnlyTrust,
    /// Switches verification off.
    TrustsAnything,
    /// Leads out of this machine, so it does not apply to a server on it.
    LeadsOut,
    /// May hold a password, so errors do not repeat its value.
    MayHoldPassword,
    /// Says where the password is; it excludes the key `password` of a file.
    GivesPassword,
    /// Names a file that is written; every other option with a file reads it.
    Writes,
    /// Cannot be set in a configuration file.
    NotInFile,
    /// Needs that option, in whatever layer; clap's `requires` would miss files and variables.
    Needs(&'static str),
    /// Needs that option too, but in a file or a variable it only waits for a run that has it.
    WaitsFor(&'static str),
    /// Is a positional argument that stands for that option.
    StandsFor(&'static str),
    /// Has this value if no layer sets it.
    BuiltIn(&'static str),
}

/// Gives an argument its rules.
pub(crate) trait Rules {
    /// The argument with these rules.
    fn rules<const N: usize>(self, rules: [Rule; N]) -> Self;
}

/// Each rule becomes a group of this one argument: clap keeps it with the argument, and it changes nothing else.
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

/// An option, or a positional argument that stands for one, with its rules.
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

    /// Its value if no layer sets it.
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

    /// The argument of the rule of that name.
    fn other(&self, rule: &str) -> Option<&'r str> {
        let begin = group(self.arg, rule);
        let mut groups = self.command.get_groups().map(|group| group.get_id().as_str());
        groups.find_map(|id| id.strip_prefix(&begin)?.strip_prefix("(\"")?.strip_suffix("\")"))
    }

    /// Whether clap has it conflict with an option, directly or by a group that allows only one member.
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

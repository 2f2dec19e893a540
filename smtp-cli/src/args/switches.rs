//! Provides [`Undo`], which gives each switch of a command an option that undoes it.

use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// What the help says of these options, which it does not list.
pub(crate) const HELP: &str = "Every switch has a --no-SWITCH, like --no-quiet, which undoes it if a file, a variable or an \
                               earlier option sets it.";

/// What the name of an option begins with that undoes a switch; no name of a field does.
const PREFIX: &str = "undo ";

/// Adds an option that undoes it for each switch that is declared before this field; the last one typed counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Undo;

impl Args for Undo {
    fn augment_args(mut command: Command) -> Command {
        let switches: Vec<Arg> = command.get_arguments().filter(|arg| is_switch(arg)).cloned().collect();
        for switch in switches {
            let Some(long) = switch.get_long() else { continue };
            let id = undo_id(long);
            // Options that several structures declare together.
            if command.get_arguments().any(|arg| arg.get_id() == id.as_str()) {
                continue;
            }
            let undo = Arg::new(id)
                .long(negative(long))
                .help(format!("Undo --{long}"))
                .action(ArgAction::SetTrue)
                .overrides_with(switch.get_id())
                .global(switch.is_global_set())
                .hide(true);
            command = command.arg(undo);
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// What was typed is asked of the matches themselves.
impl FromArgMatches for Undo {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether an option is on or off, and none that undoes another.
pub(crate) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue) && arg.get_long().is_some() && !is_undo(arg)
}

/// Whether an option undoes a switch.
pub(crate) fn is_undo(arg: &Arg) -> bool {
    arg.get_id().as_str().starts_with(PREFIX)
}

/// By which name clap knows the option that undoes a switch.
pub(super) fn undo_id(long: &str) -> String {
    format!("{PREFIX}{long}")
}

/// The option that undoes another: `no-mx` of `mx`, `fix` of `no-fix`.
pub(crate) fn negative(long: &str) -> String {
    long.strip_prefix("no-").map_or_else(|| format!("no-{long}"), String::from)
}

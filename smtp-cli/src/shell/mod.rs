//! Provides the command `shell`: a session that is typed, or read from a pipe, command by command.
//!
//! Two loops stand for the two states: [`Shell::run`] has no connection, [`Shell::serve`] has one. What ends a
//! connection leads back from the second to the first.

mod assistant;
mod connecting;
mod dialogue;
mod grammar;
mod input;
mod inquiries;
mod line;
mod message;

use crate::args::{self, GlobalArgs, Rows, Rule, SendArgs, ShellArgs};
use crate::compose;
use crate::error::{Error, Escaped, Result};
use crate::exit::Exit;
use crate::explain;
use crate::interrupt::Interrupt;
use crate::layers::{Program, Setting};
use crate::output::Outputs;
use crate::send::conclude;
use crate::session::Session;
use crate::settings::Destination;
use crate::settings::Settings;
use crate::terminal::Terminal;
use crate::transcript::Recordings;
use dialogue::Stop;
use grammar::{Command, Line, What};
use input::{Input, Typed};
use line::Kind;
use smtp_core::{Cause, Client};
use std::io::Write as _;
use std::path::Path;

/// Reads commands and carries them out until the shell is left.
///
/// `typed` are the options that were typed, over which `connect` lays its own.
pub(crate) fn shell(
    args: &ShellArgs,
    global: &GlobalArgs,
    program: Program,
    typed: Vec<Setting>,
    terminal: &mut Terminal,
) -> Result<Exit> {
    if let Some(log) = &program.log {
        log.check(&program.in_use)?;
    }
    // While a server or a command is waited for, a signal ends the shell.
    terminal.interrupt = Interrupt::default();
    let mut outputs = Outputs::new(&args.files, global, program.log, program.in_use, terminal)?;
    let rows = args::rows("shell");
    // A server that is named is connected to at once.
    let names_server = typed.iter().any(|setting| rows.has(&setting.option, Rule::NamesServer));
    let connect = || Command { what: Ok(What::Connect(Vec::new())), is_bare: false, may_fail: false };
    let mut shell = Shell {
        rows,
        typed,
        recordings: outputs.record(),
        outputs,
        input: Input::new(terminal),
        is_asking: terminal.input_is_terminal,
        is_quiet: global.quiet,
        from: args.from.clone(),
        unsent: None,
        pending: names_server.then(connect),
        delivered: 0,
        complaint: String::new(),
        terminal,
    };
    let left = shell.run();
    let failures = shell.outputs.end();
    let delivered = shell.delivered;
    conclude(left, failures, delivered, terminal)
}

/// A shell.
struct Shell<'t> {
    terminal: &'t mut Terminal,
    input: Input,
    outputs: Outputs,
    recordings: Recordings,
    /// The options of the shell.
    rows: Rows,
    /// Those that it was started with.
    typed: Vec<Setting>,
    /// Whether somebody sits there who can be asked again.
    is_asking: bool,
    is_quiet: bool,
    /// The author, where a message names none.
    from: Option<String>,
    /// The message that could not be sent.
    unsent: Option<Box<SendArgs>>,
    /// A command that was read already.
    pending: Option<Command>,
    /// How many messages were sent.
    delivered: usize,
    /// The last complaint about the connection that there is.
    complaint: String,
}

/// A connection, and what the shell knows of it.
struct Connection<'s> {
    session: Session<'s>,
    settings: &'s Settings,
    /// What the prompt calls the server.
    name: String,
    /// The user who logged in.
    user: Option<String>,
    /// Whether a transaction was begun by hand, which the next one must not lie within.
    has_open_transaction: bool,
}

/// What follows a connection.
enum Next {
    /// Another one, or what needs none.
    On,
    /// The end of the shell.
    Leave(Exit),
}

const NO_CONNECTION: &str = "no connection> ";

impl Shell<'_> {
    /// Carries out commands without a connection.
    fn run(&mut self) -> Result<Exit> {
        if self.is_asking {
            self.say("help lists the commands, exit leaves")?;
        }
        loop {
            let Some(command) = self.next_command(NO_CONNECTION)? else { return Ok(Exit::OK) };
            let done = match command.what {
                Ok(What::Do(Line::Exit)) => return Ok(Exit::OK),
                Ok(What::Connect(settings)) => match self.connect(&settings, command.may_fail) {
                    Ok(Next::Leave(exit)) => return Ok(exit),
                    Ok(Next::On) => Ok(()),
                    Err(stop) => Err(stop),
                },
                Ok(what) => self.do_without_connection(what, command.is_bare),
                Err(error) => Err(Stop::Failed(error)),
            };
            if let Some(exit) = self.settle(done, command.may_fail)? {
                return Ok(exit);
            }
        }
    }

    /// Carries out commands over a connection, until it or the shell ends.
    fn serve(&mut self, mut connection: Connection<'_>) -> Result<Next> {
        loop {
            if let Some(cause) = connection.session.look() {
                self.tell_end(&connection, &cause);
                return Ok(Next::On);
            }
            let Some(command) = self.next_command(&connection.prompt())? else {
                connection.session.leave();
                return Ok(Next::Leave(Exit::OK));
            };
            // What happened while the prompt waited.
            if let Some(cause) = connection.session.look() {
                self.tell_end(&connection, &cause);
                if !matches!(command.what, Ok(What::Do(Line::Quit))) {
                    self.pending = Some(command);
                }
                return Ok(Next::On);
            }
            let done = match command.what {
                Ok(What::Do(Line::Exit)) => {
                    connection.session.leave();
                    return Ok(Next::Leave(Exit::OK));
                }
                Ok(What::Do(Line::Quit)) => self.quit(&mut connection),
                Ok(What::Connect(_)) => Err(Stop::Failed(Error::usage(format!(
                    "there is a connection to {} already, quit breaks it",
                    connection.name
                )))),
                Ok(what) => self.do_with_connection(&mut connection, what, command.is_bare),
                Err(error) => Err(Stop::Failed(error)),
            };
            let exit = self.settle(done, command.may_fail)?;
            let cause = connection.session.look();
            if let Some(cause) = &cause {
                self.tell_end(&connection, cause);
            }
            match exit {
                Some(exit) => {
                    connection.session.leave();
                    return Ok(Next::Leave(exit));
                }
                None if cause.is_some() => return Ok(Next::On),
                None => {}
            }
        }
    }

    fn do_without_connection(&mut self, what: What, is_bare: bool) -> std::result::Result<(), Stop> {
        let missing = |text: &str| Err(Stop::Failed(Error::usage(text)));
        match what {
            What::Text(text) => Ok(self.terminal.print(&text)?),
            What::Do(Line::Explain { codes }) => Ok(self.explain(codes)?),
            What::Compose(args, files) => self.compose(args, &files, is_bare, None),
            What::Do(Line::Save { file }) => Ok(self.save(&file)?),
            What::Do(Line::Status) => Ok(self.say("no connection, connect makes one")?),
            What::Send(..) | What::Do(Line::Resend) => {
                missing("nothing can be sent without a connection, connect first")
            }
            What::Do(Line::Quit) => missing("there is no connection to break"),
            _ => missing("there is no connection, connect first"),
        }
    }

    fn do_with_connection(
        &mut self,
        connection: &mut Connection<'_>,
        what: What,
        is_bare: bool,
    ) -> std::result::Result<(), Stop> {
        match what {
            What::Raw(command) => self.raw(connection, &command),
            What::Send(args, files) => self.send(connection, args, &files, is_bare),
            What::Compose(args, files) => {
                let sender = self.usual_sender(Some(connection));
                self.compose(args, &files, is_bare, sender)
            }
            What::Do(line) => match line {
                Line::Auth { user } => self.auth(connection, user),
                Line::Resend => self.resend(connection),
                Line::Verify { from, addresses } => self.verify(connection, from.as_deref(), &addresses),
                Line::Vrfy { whom } => self.inquire(connection, &whom.join(" "), Client::vrfy),
                Line::Expn { list } => self.inquire(connection, &list.join(" "), Client::expn),
                Line::Rset => {
                    connection.has_open_transaction = false;
                    self.simple(connection, Client::reset)
                }
                Line::Noop => self.simple(connection, Client::noop),
                Line::Status => Ok(self.status(connection)?),
                line => self.do_without_connection(What::Do(line), is_bare),
            },
            what => self.do_without_connection(what, is_bare),
        }
    }

    /// The next command that is not blank; `None` at the end of the input.
    fn next_command(&mut self, prompt: &str) -> Result<Option<Command>> {
        if let Some(command) = self.pending.take() {
            return Ok(Some(command));
        }
        loop {
            let typed = match self.input.read(self.terminal, prompt, Kind::Command) {
                Ok(typed) => typed,
                // A line that cannot be read is a command that fails.
                Err(error) if error.exit() == Exit::USAGE => {
                    return Ok(Some(Command { what: Err(error), is_bare: false, may_fail: false }));
                }
                Err(error) => return Err(error),
            };
            match typed {
                Typed::Line(line) if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                Typed::Line(line) => return Ok(Some(grammar::parse(&line))),
                Typed::Interrupted => self.say("exit leaves the shell")?,
                Typed::Ended => {
                    if self.is_asking {
                        // What follows is not to stand behind the prompt.
                        let _ = self.terminal.error.write_all(b"\n");
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Tells how a command failed; gives the exit status where that ends the shell.
    fn settle(&mut self, done: std::result::Result<(), Stop>, may_fail: bool) -> Result<Option<Exit>> {
        if done.is_err() {
            self.input.forget();
        }
        let exit = match done {
            Ok(()) => return Ok(None),
            Err(Stop::Interrupted) => {
                self.say("given up")?;
                return Ok(None);
            }
            Err(Stop::Failed(error)) => {
                self.complain(&error);
                error.exit()
            }
            Err(Stop::Told(exit)) => exit,
        };
        // Lines that were meant as answers must not be taken for commands.
        Ok(if self.is_asking || may_fail { None } else { Some(exit) })
    }

    /// Tells that a connection ended by itself, unless the last complaint said so.
    fn tell_end(&mut self, connection: &Connection<'_>, cause: &Cause) {
        let is_told = self.complaint.contains(&connection.session.ended(cause).to_string());
        if *cause != Cause::Quit && !is_told {
            let error = connection.session.closed(cause);
            self.complain(&error);
        }
    }

    fn quit(&mut self, connection: &mut Connection<'_>) -> std::result::Result<(), Stop> {
        match connection.session.ask(Client::quit) {
            Ok(reply) => self.show(&reply)?,
            // It is over all the same.
            Err(error) => self.complain(&error),
        }
        Ok(self.say(&format!("the connection to {} is closed", connection.name))?)
    }

    fn explain(&mut self, codes: Vec<String>) -> Result<()> {
        explain::explain(&args::ExplainArgs { codes }, self.terminal).map(drop)
    }

    /// Writes the sessions so far to a file.
    fn save(&mut self, path: &Path) -> Result<()> {
        let count = self.recordings.count();
        if count == 0 {
            return Err(Error::usage("nothing was said to any server yet, so there is nothing to save"));
        }
        self.outputs.save(&self.recordings, path)?;
        let sessions = if count == 1 { "1 session".to_string() } else { format!("{count} sessions") };
        self.say(&format!("{} has {sessions}; smtp-mock run plays it", path.display()))
    }

    /// Says something that is no result, unless only errors are wanted.
    fn say(&mut self, text: &str) -> Result<()> {
        if self.is_quiet { Ok(()) } else { self.terminal.print(&format!("{}\n", Escaped(text))) }
    }

    /// Says what went wrong.
    fn complain(&mut self, error: &Error) {
        // Where even this cannot be written, the exit status is all that is left to say it.
        let _ = writeln!(self.terminal.error, "smtp-cli: {error}");
        self.complaint = error.to_string();
    }

    /// Who sends where nobody is named: the author of the options, or the user who logged in.
    fn usual_sender(&self, connection: Option<&Connection<'_>>) -> Option<String> {
        let user = connection.and_then(|connection| connection.user.as_ref());
        let is_address = |user: &&String| compose::addresses("--user", user).is_ok();
        self.from.clone().or_else(|| user.filter(is_address).cloned())
    }
}

impl Connection<'_> {
    /// The server, whether TLS is up, and who is logged in.
    fn prompt(&self) -> String {
        let tls = if self.session.is_secured() { " TLS" } else { "" };
        let user = self.user.as_ref().map(|user| format!(" {user}")).unwrap_or_default();
        format!("{}> ", Escaped(&format!("{}{tls}{user}", self.name)))
    }
}

/// What the prompt calls a server.
fn name_of(settings: &Settings) -> String {
    match &settings.destination {
        _ if settings.is_mock => "mock".to_string(),
        Destination::Host { name, .. } => name.clone(),
        Destination::Unix(path) => format!("unix:{path}"),
    }
}

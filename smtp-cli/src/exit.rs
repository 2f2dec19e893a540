//! Defines [`Exit`], the exit statuses, and the one place that says which of them a failure has.

use smtp_core::{Cause, Outcome, Reason, Reply, Verb};

/// An exit status: those of BSD's `sysexits.h`, and 79 and 80 for what it has no word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exit(u8);

impl Exit {
    /// Every recipient was accepted and the final reply was positive.
    pub const OK: Self = Self(0);
    /// The command was used in a wrong way.
    pub const USAGE: Self = Self(64);
    /// The message or its sender was refused, or the message is not valid.
    pub const DATA: Self = Self(65);
    /// An input file cannot be read.
    pub const NO_INPUT: Self = Self(66);
    /// Every recipient was refused for good, or one was under `--require-all`.
    pub const NO_USER: Self = Self(67);
    /// The host name does not resolve, or the domain takes no mail.
    pub const NO_HOST: Self = Self(68);
    /// The server does not serve, or does not offer what is required.
    pub const UNAVAILABLE: Self = Self(69);
    /// A fault of this program.
    pub const SOFTWARE: Self = Self(70);
    /// The operating system refused something.
    pub const OS: Self = Self(71);
    /// A file cannot be created.
    pub const CANNOT_CREATE: Self = Self(73);
    /// Local input or output failed.
    pub const IO: Self = Self(74);
    /// It failed for now; the same may be tried again.
    pub const TEMPORARY: Self = Self(75);
    /// The server broke the protocol, or the handshake failed.
    pub const PROTOCOL: Self = Self(76);
    /// Not permitted: login refused, certificate not trusted, a password that would leave in clear.
    pub const NO_PERMISSION: Self = Self(77);
    /// The configuration is wrong.
    pub const CONFIGURATION: Self = Self(78);
    /// Some recipients were accepted and some refused.
    pub const PARTLY: Self = Self(79);
    /// The whole message left and no reply came: it may have been delivered.
    pub const UNKNOWN: Self = Self(80);

    /// What each status means, in a line.
    const MEANINGS: [(Self, &'static str); 17] = [
        (Self::OK, "every recipient was accepted"),
        (Self::USAGE, "usage"),
        (Self::DATA, "the message or sender was refused, or the message is not valid"),
        (Self::NO_INPUT, "an input file cannot be read"),
        (Self::NO_USER, "every recipient was refused for good, or one with --require-all"),
        (Self::NO_HOST, "the host name does not resolve, or the domain takes no mail"),
        (Self::UNAVAILABLE, "the server does not serve, or does not offer what is required"),
        (Self::SOFTWARE, "a fault of this program"),
        (Self::OS, "the operating system refused something, like a thread or a file descriptor"),
        (Self::CANNOT_CREATE, "a file cannot be created"),
        (Self::IO, "local input or output failed"),
        (Self::TEMPORARY, "failed for now: safe to try again"),
        (Self::PROTOCOL, "the server broke the protocol, or the handshake failed"),
        (Self::NO_PERMISSION, "login refused, certificate not trusted, a password that would leave in clear"),
        (Self::CONFIGURATION, "the configuration is wrong"),
        (Self::PARTLY, "some recipients were accepted and some refused"),
        (Self::UNKNOWN, "unknown: it left and no reply came; sending it again may duplicate it"),
    ];

    /// The number that the process ends with.
    #[must_use]
    pub const fn status(self) -> u8 {
        self.0
    }

    /// Whether all went well.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Of a message, by what became of its recipients.
    pub(crate) fn of_outcomes<'a, I>(outcomes: I) -> Self
    where
        I: IntoIterator<Item = &'a Outcome, IntoIter: Clone>,
    {
        let outcomes = outcomes.into_iter();
        let (mut count, mut accepted) = (0, 0);
        for outcome in outcomes.clone() {
            match outcome {
                Outcome::Unconfirmed(_) => return Self::UNKNOWN,
                Outcome::Accepted(_) => accepted += 1,
                Outcome::Refused { .. } | Outcome::Unsent(_) => {}
            }
            count += 1;
        }
        if accepted == count {
            return Self::OK;
        }
        if accepted > 0 {
            return Self::PARTLY;
        }
        let mut statuses = outcomes.filter(|outcome| !is_consequence(outcome)).map(Self::of_outcome);
        let Some(first) = statuses.next() else { return Self::SOFTWARE };
        // One that may succeed later makes the whole worth another try.
        statuses.fold(first, |worst, status| if status == Self::TEMPORARY { status } else { worst })
    }

    fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted(_) => Self::OK,
            Outcome::Refused { verb, reply } => Self::of_refusal(Some(*verb), reply),
            Outcome::Unconfirmed(_) => Self::UNKNOWN,
            Outcome::Unsent(reason) => Self::of_reason(reason),
        }
    }

    /// Of a negative reply to the command `verb`; `None` is the greeting.
    pub(crate) fn of_refusal(verb: Option<Verb>, reply: &Reply) -> Self {
        if reply.is_transient() {
            return Self::TEMPORARY;
        }
        if reply.code().value() == 530 {
            return Self::NO_PERMISSION;
        }
        match verb {
            Some(Verb::Rcpt) => Self::NO_USER,
            Some(Verb::Auth) => Self::NO_PERMISSION,
            Some(Verb::Mail | Verb::Data | Verb::Bdat | Verb::Message) => Self::DATA,
            _ => Self::UNAVAILABLE,
        }
    }

    /// Of what was not sent, or not done.
    pub(crate) fn of_reason(reason: &Reason) -> Self {
        match reason {
            Reason::Refused(reply) => Self::of_refusal(None, reply),
            Reason::NotOffered(_)
            | Reason::NeedsTls(_)
            | Reason::BeyondOffer { .. }
            | Reason::NoMechanism => Self::UNAVAILABLE,
            Reason::LoginRefused { reply, .. } => Self::of_refusal(Some(Verb::Auth), reply),
            Reason::WouldRevealPassword | Reason::Mechanism(_) => Self::NO_PERMISSION,
            Reason::TooLarge { .. } | Reason::AnotherRefused => Self::DATA,
            Reason::TooManyRecipients(_) => Self::TEMPORARY,
            Reason::Aborted => Self::NO_INPUT,
            Reason::Closed(cause) => Self::of_cause(cause),
            _ => Self::SOFTWARE,
        }
    }

    /// Of a connection that ended before all was done.
    pub(crate) fn of_cause(cause: &Cause) -> Self {
        match cause {
            Cause::Refused(reply) | Cause::Unavailable(reply) => Self::of_refusal(None, reply),
            Cause::Lost | Cause::TimedOut(_) | Cause::Quit => Self::TEMPORARY,
            Cause::Aborted => Self::NO_INPUT,
            Cause::Violation(_) => Self::PROTOCOL,
            _ => Self::SOFTWARE,
        }
    }
}

/// The meanings of all statuses, one in a line, between two texts.
pub(crate) fn meanings(before: &str, behind: &str) -> String {
    let lines = Exit::MEANINGS.iter().map(|(exit, meaning)| format!("  {:>2}  {meaning}\n", exit.status()));
    format!("{before}{}{behind}", lines.collect::<String>())
}

/// Whether an outcome only follows from that of another recipient, so that it says nothing by itself.
pub(crate) const fn is_consequence(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::AnotherRefused | Reason::Prerequisite))
}

//! Defines [`Rule`]: when it fires ([`On`], [`When`], counters) and what it does.

use core::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Close, Glob, Reply, Step};

/// The place in a session at which a rule may fire.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum On {
    /// The connection was made: the greeting.
    Connect,
    /// HELO.
    Helo,
    /// EHLO.
    Ehlo,
    /// LHLO (LMTP).
    Lhlo,
    /// STARTTLS.
    Starttls,
    /// A TLS handshake is about to begin, implicit or after STARTTLS.
    Tls,
    /// AUTH, and each response of the client in its exchange.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// The command DATA.
    Data,
    /// The end of the mail data: the final dot, or the last chunk; under LMTP once for each recipient.
    Body,
    /// BDAT, when its octets have come.
    Bdat,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY.
    Vrfy,
    /// EXPN.
    Expn,
    /// HELP.
    Help,
    /// XCLIENT.
    Xclient,
    /// QUIT.
    Quit,
    /// A command that the server does not know.
    Unknown,
    /// Every one of these.
    Any,
}

impl On {
    /// Every hook, in the order of a session.
    pub const ALL: [Self; 21] = [
        Self::Connect,
        Self::Helo,
        Self::Ehlo,
        Self::Lhlo,
        Self::Starttls,
        Self::Tls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Body,
        Self::Bdat,
        Self::Rset,
        Self::Noop,
        Self::Vrfy,
        Self::Expn,
        Self::Help,
        Self::Xclient,
        Self::Quit,
        Self::Unknown,
        Self::Any,
    ];

    /// The word of scenario files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Helo => "helo",
            Self::Ehlo => "ehlo",
            Self::Lhlo => "lhlo",
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Bdat => "bdat",
            Self::Rset => "rset",
            Self::Noop => "noop",
            Self::Vrfy => "vrfy",
            Self::Expn => "expn",
            Self::Help => "help",
            Self::Xclient => "xclient",
            Self::Quit => "quit",
            Self::Unknown => "unknown",
            Self::Any => "any",
        }
    }

    /// Whether the hook has a command line.
    fn has_line(self) -> bool {
        !matches!(self, Self::Connect | Self::Tls | Self::Body)
    }

    /// Whether a transaction may be under way at the hook.
    fn has_envelope(self) -> bool {
        matches!(
            self,
            Self::Mail
                | Self::Rcpt
                | Self::Data
                | Self::Body
                | Self::Bdat
                | Self::Rset
                | Self::Noop
                | Self::Any
        )
    }
}

impl fmt::Display for On {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The guards of a rule: all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct When {
    /// The command line without its line end.
    pub line: Option<Glob>,
    /// A recipient: of RCPT the one that it names, later any that was accepted.
    pub to: Option<Glob>,
    /// The reverse-path, empty for `<>`.
    pub from: Option<Glob>,
    /// A header field of the message, as `Subject: *hello*`; on `body` only.
    pub header: Option<Glob>,
    /// The connection, counted from 1.
    pub connection: Option<u64>,
    /// The message on its connection, counted from 1; MAIL begins the next.
    pub message: Option<u64>,
    /// Whether TLS is up.
    pub secure: Option<bool>,
    /// Whether the client has authenticated.
    pub authenticated: Option<bool>,
    /// The message (on `mail`: its SIZE parameter) has more octets than this.
    pub larger_than: Option<u64>,
}

/// How often a rule must fire for the run to pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// At least this often.
    pub least: u64,
    /// At most this often.
    pub most: u64,
}

impl Times {
    /// Whether `count` is within.
    #[must_use]
    pub fn holds(self, count: u64) -> bool {
        (self.least..=self.most).contains(&count)
    }

    /// Reads `3`, `1..`, `..2` or `1..3` (both ends included).
    ///
    /// # Errors
    /// A text for people, when it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("«{text}» is not a count, try 3, \"1..\", \"..2\" or \"1..3\"");
        let number = |part: &str, missing: u64| {
            if part.is_empty() { Ok(missing) } else { part.parse().map_err(|_| wrong()) }
        };
        let times = match text.split_once("..") {
            None => Self::from(text.parse::<u64>().map_err(|_| wrong())?),
            Some((least, most)) => Self { least: number(least, 0)?, most: number(most, u64::MAX)? },
        };
        if times.least > times.most { Err(wrong()) } else { Ok(times) }
    }
}

impl From<u64> for Times {
    fn from(count: u64) -> Self {
        Self { least: count, most: count }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, most) if least == most => write!(formatter, "exactly {least}"),
            (least, u64::MAX) => write!(formatter, "at least {least}"),
            (0, most) => write!(formatter, "at most {most}"),
            (least, most) => write!(formatter, "{least} to {most}"),
        }
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a count such as 3, \"1..\", \"..2\" or \"1..3\"")]
        enum Form {
            Count(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Count(count) => Ok(count.into()),
            Form::Text(text) => Self::parse(&text).map_err(D::Error::custom),
        }
    }
}

/// What the server does otherwise than a correct one. Of the rules that match, the first that is not spent fires.
///
/// ```
/// use smtp_mock::{On, Rule};
/// let greylist = Rule::on(On::Rcpt).to("bob@*").times(2).reply("450 4.2.0 greylisted").named("greylist");
/// assert_eq!(greylist.name(), Some("greylist"));
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RuleForm")]
pub struct Rule {
    pub(crate) name: Option<String>,
    pub(crate) on: On,
    pub(crate) when: When,
    pub(crate) skip: u64,
    pub(crate) times: Option<u64>,
    pub(crate) chance: Option<f64>,
    pub(crate) expect: Option<Times>,
    pub(crate) then: Vec<Step>,
}

impl Rule {
    /// A rule that fires at `on` and, as long as it has no step, does what the correct server does.
    #[must_use]
    pub fn on(on: On) -> Self {
        Self {
            name: None,
            on,
            when: When::default(),
            skip: 0,
            times: None,
            chance: None,
            expect: None,
            then: Vec::new(),
        }
    }

    /// Names the rule in transcripts and failure texts.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only when the command line matches.
    #[must_use]
    pub fn line(mut self, pattern: impl Into<Glob>) -> Self {
        self.when.line = Some(pattern.into());
        self
    }

    /// Only for this recipient.
    #[must_use]
    pub fn to(mut self, pattern: impl Into<Glob>) -> Self {
        self.when.to = Some(pattern.into());
        self
    }

    /// Only for this reverse-path.
    #[must_use]
    pub fn from(mut self, pattern: impl Into<Glob>) -> Self {
        self.when.from = Some(pattern.into());
        self
    }

    /// Only for messages with such a header field, `Subject: *hello*`.
    #[must_use]
    pub fn header(mut self, pattern: impl Into<Glob>) -> Self {
        self.when.header = Some(pattern.into());
        self
    }

    /// Only on this connection, counted from 1.
    #[must_use]
    pub fn connection(mut self, number: u64) -> Self {
        self.when.connection = Some(number);
        self
    }

    /// Only for this message of a connection, counted from 1.
    #[must_use]
    pub fn message(mut self, number: u64) -> Self {
        self.when.message = Some(number);
        self
    }

    /// Only with, or without, TLS.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.when.secure = Some(secure);
        self
    }

    /// Only after, or before, the client authenticated.
    #[must_use]
    pub fn authenticated(mut self, authenticated: bool) -> Self {
        self.when.authenticated = Some(authenticated);
        self
    }

    /// Only for messages of more octets than this.
    #[must_use]
    pub fn larger_than(mut self, octets: u64) -> Self {
        self.when.larger_than = Some(octets);
        self
    }

    /// Lets the first matches pass.
    #[must_use]
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Fires this often, then is spent.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// Fires with this probability (0 to 1), by the scenario's seed.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = Some(probability);
        self
    }

    /// The run fails unless the rule fired this often.
    #[must_use]
    pub fn expect(mut self, times: impl Into<Times>) -> Self {
        self.expect = Some(times.into());
        self
    }

    /// Adds a step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.then.push(step);
        self
    }

    /// Adds a reply, as a correct server would say it: 421 also closes the connection (RFC 5321 §3.8).
    ///
    /// # Panics
    /// When the text does not begin with a reply code; see [`Reply::parse`].
    #[must_use]
    #[track_caller]
    pub fn reply(self, text: &str) -> Self {
        match Reply::parse(text) {
            Ok(reply) => reply_steps(reply).into_iter().fold(self, Self::step),
            Err(error) => panic!("smtp-mock: {error}"),
        }
    }

    /// Adds what the correct server would do.
    #[must_use]
    pub fn default_reply(self) -> Self {
        self.step(Step::Default)
    }

    /// Adds a wait.
    #[must_use]
    pub fn delay(self, duration: core::time::Duration) -> Self {
        self.step(Step::Delay(duration))
    }

    /// Ends the connection.
    #[must_use]
    pub fn close(self, how: Close) -> Self {
        self.step(Step::Close(how))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Name, hook and guards, as failure texts show them.
    #[must_use]
    pub fn describe(&self) -> String {
        use fmt::Write as _;
        let mut text = match &self.name {
            Some(name) => format!("\"{name}\" (on {}", self.on),
            None => format!("(on {}", self.on),
        };
        let globs = [
            ("line", &self.when.line),
            ("to", &self.when.to),
            ("from", &self.when.from),
            ("header", &self.when.header),
        ];
        for (word, glob) in globs {
            if let Some(glob) = glob {
                let _ = write!(text, ", {word} = {glob}");
            }
        }
        let numbers = [
            ("connection", self.when.connection),
            ("message", self.when.message),
            ("larger-than", self.when.larger_than),
        ];
        for (word, number) in numbers {
            if let Some(number) = number {
                let _ = write!(text, ", {word} = {number}");
            }
        }
        for (word, flag) in [("secure", self.when.secure), ("authenticated", self.when.authenticated)] {
            if let Some(flag) = flag {
                let _ = write!(text, ", {word} = {flag}");
            }
        }
        text.push(')');
        text
    }

    /// Refuses what can never fire or never do anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let on = self.on;
        if self.times == Some(0) {
            return Err("times = 0 never fires, leave the rule out".to_owned());
        }
        if let Some(chance) = self.chance
            && !(chance > 0.0 && chance <= 1.0)
        {
            return Err(format!("chance = {chance} is outside of 0 to 1"));
        }
        if self.then.is_empty() && self.expect.is_none() {
            return Err("the rule does nothing, give it reply, then or expect".to_owned());
        }
        if self.when.line.is_some() && !on.has_line() {
            return Err(format!("on = \"{on}\" has no command line, so when.line can never match"));
        }
        if (self.when.to.is_some() || self.when.from.is_some()) && !on.has_envelope() {
            return Err(format!("on = \"{on}\" has no envelope, so when.to and when.from can never match"));
        }
        if self.when.to.is_some() && on == On::Mail {
            return Err(
                "MAIL comes before any recipient, so when.to can never match, try on = \"rcpt\"".to_owned()
            );
        }
        if self.when.header.is_some() && !matches!(on, On::Body | On::Bdat | On::Any) {
            return Err(format!(
                "on = \"{on}\" has no message yet, so when.header can never match, try on = \"body\""
            ));
        }
        if self.when.larger_than.is_some() && !matches!(on, On::Mail | On::Body | On::Bdat | On::Any) {
            return Err(format!(
                "on = \"{on}\" knows no size, so when.larger-than can never match, try on = \"body\""
            ));
        }
        if self.when.connection == Some(0) || self.when.message == Some(0) {
            return Err("connections and messages are counted from 1".to_owned());
        }
        if let (Some(expect), Some(times)) = (self.expect, self.times)
            && expect.least > times
        {
            return Err(format!(
                "expect = {} can never hold, the rule fires {times} times at most",
                expect.least
            ));
        }
        for (index, step) in self.then.iter().enumerate() {
            step.check()?;
            if step.is_end() && index + 1 < self.then.len() {
                return Err(format!("nothing can come after step {} of the rule, it is the end", index + 1));
            }
        }
        Ok(())
    }
}

/// A reply and, when it is 421, the close that RFC 5321 §3.8 lets follow.
pub(crate) fn reply_steps(reply: Reply) -> Vec<Step> {
    let closes = reply.code() == 421;
    let mut steps = vec![Step::Reply(reply)];
    if closes {
        steps.push(Step::Close(Close::Fin));
    }
    steps
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleForm {
    name: Option<String>,
    on: On,
    #[serde(default)]
    when: When,
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    chance: Option<f64>,
    expect: Option<Times>,
    reply: Option<Reply>,
    #[serde(default)]
    then: Vec<Step>,
}

impl TryFrom<RuleForm> for Rule {
    type Error = String;

    fn try_from(form: RuleForm) -> Result<Self, String> {
        if form.reply.is_some() && !form.then.is_empty() {
            return Err("a rule has either reply or then, try { reply = … } as a step of then".to_owned());
        }
        let then = form.reply.map_or(form.then, reply_steps);
        let rule = Self {
            name: form.name,
            on: form.on,
            when: form.when,
            skip: form.skip,
            times: form.times,
            chance: form.chance,
            expect: form.expect,
            then,
        };
        rule.check()?;
        Ok(rule)
    }
}

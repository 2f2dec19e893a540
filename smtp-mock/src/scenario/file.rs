//! Reads scenario files: TOML through serde, errors with file, line and column.

use core::{fmt, ops::Range};
use std::{fs, path::Path};

use serde::Deserialize;
use toml::Spanned;

use super::{
    AuthSettings, ChaosSettings, Dialogue, ExpectSettings, LimitSettings, Rule, Scenario, ServerSettings,
    TlsMode, TlsSettings, WireSettings, dialogue::DialogueError,
};

/// Why a scenario was refused: file, line, column and what is wrong there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScenarioError {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

impl ScenarioError {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong there.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// An error in a script that stands alone.
    pub(super) fn in_script(file: &str, error: DialogueError) -> Self {
        Self { file: file.to_owned(), line: error.line, column: 1, message: error.message }
    }

    /// An error at an octet of the source.
    fn at(file: &str, source: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = &source.as_bytes()[..offset.min(source.len())];
        let begin = before.iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = String::from_utf8_lossy(&before[begin..]).chars().count() + 1;
        Self { file: file.to_owned(), line, column, message: message.into() }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl core::error::Error for ScenarioError {}

impl Scenario {
    /// Reads a file: a dialogue when its name ends with `.smtp`, else a scenario in TOML.
    ///
    /// # Errors
    /// When the file cannot be read or is refused, as text with file, line and column.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let source = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        let is_dialogue = path.extension().is_some_and(|extension| extension == "smtp");
        let read = if is_dialogue { Self::parse_dialogue } else { Self::parse };
        read(&name, &source).map_err(|error| error.to_string())
    }

    /// Reads a scenario out of TOML; `file` is what errors call it.
    ///
    /// # Errors
    /// An unknown word, an impossible rule or a dialogue that can never finish, with its place.
    pub fn parse(file: &str, source: &str) -> Result<Self, ScenarioError> {
        let form: Form = toml::from_str(source).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            ScenarioError::at(file, source, offset, one_line(error.message()))
        })?;
        let error =
            |span: Range<usize>, message: String| ScenarioError::at(file, source, span.start, message);

        let mut rules: Vec<Rule> = Vec::new();
        for rule in form.rule {
            let span = rule.span();
            let rule = rule.into_inner();
            if let Some(earlier) = rules.iter().find(|earlier| shadows(earlier, &rule)) {
                let message = format!(
                    "this rule can never fire, the rule {} before it takes every {}",
                    earlier.describe(),
                    rule.on
                );
                return Err(error(span, message));
            }
            rules.push(rule);
        }
        let mut dialogues: Vec<Dialogue> = Vec::new();
        for dialogue in form.dialogue {
            let span = dialogue.span();
            let dialogue = dialogue.into_inner();
            if dialogue.connection == Some(0) {
                return Err(error(span, "connections are counted from 1".to_owned()));
            }
            if dialogues.iter().any(|earlier| earlier.connection == dialogue.connection) {
                return Err(error(
                    span,
                    "this dialogue can never be played, another has its connection".to_owned(),
                ));
            }
            let begin = dialogue.script.span().start;
            let script =
                Dialogue::parse(dialogue.connection, dialogue.script.get_ref()).map_err(|error| {
                    // In a literal block (''' or """) the script's lines are the file's lines.
                    let opening =
                        source[begin..].chars().take_while(|letter| matches!(letter, '\'' | '"')).count();
                    let opened = begin + opening;
                    let block = opening >= 3;
                    let skip = usize::from(block && source[opened..].starts_with('\n'));
                    let line_begin = source[opened + skip..]
                        .split_inclusive('\n')
                        .take(if block { error.line - 1 } else { 0 })
                        .map(str::len)
                        .sum::<usize>();
                    ScenarioError::at(file, source, opened + skip + line_begin, error.message)
                })?;
            dialogues.push(script);
        }
        let chaos = form.chaos.map(|chaos| {
            let (span, chaos) = (chaos.span(), chaos.into_inner());
            if !(chaos.chance > 0.0 && chaos.chance <= 1.0) {
                return Err(error(span, format!("chance = {} is outside of 0 to 1", chaos.chance)));
            }
            if chaos.faults.is_empty() {
                return Err(error(
                    span,
                    "chaos without faults does nothing, leave faults out for all of them".to_owned(),
                ));
            }
            Ok(chaos)
        });
        if let Some(tls) = form.tls.as_ref().filter(|tls| tls.get_ref().mode == TlsMode::None)
            && (tls.get_ref().inject.is_some() || tls.get_ref().handshake.is_some() || tls.get_ref().require)
        {
            let message = "inject, handshake and require need TLS, try mode = \"starttls\"";
            return Err(error(tls.span(), message.to_owned()));
        }
        if form
            .auth
            .as_ref()
            .is_some_and(|auth| auth.get_ref().require && auth.get_ref().offered().is_empty())
        {
            let span = form.auth.as_ref().map_or(0..0, Spanned::span);
            return Err(error(
                span,
                "AUTH is required but nothing is offered, try users or mechanisms".to_owned(),
            ));
        }
        Ok(Self {
            name: form.name,
            about: form.about,
            seed: form.seed,
            magic: form.magic,
            sink: form.sink,
            quick_ack: form.quick_ack,
            show_secrets: form.show_secrets,
            server: form.server,
            tls: form.tls.map(Spanned::into_inner).unwrap_or_default(),
            auth: form.auth.map(Spanned::into_inner).unwrap_or_default(),
            wire: form.wire,
            limits: form.limits,
            chaos: chaos.transpose()?,
            rules,
            dialogues,
            expect: form.expect,
        })
    }

    /// Reads a dialogue that stands alone (a `.smtp` file): every connection plays it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_dialogue(file: &str, script: &str) -> Result<Self, ScenarioError> {
        let dialogue =
            Dialogue::parse(None, script).map_err(|error| ScenarioError::in_script(file, error))?;
        Ok(Self { dialogues: vec![dialogue], ..Self::default() })
    }
}

/// Whether `earlier` takes everything that `later` could: then `later` is a mistake.
fn shadows(earlier: &Rule, later: &Rule) -> bool {
    let endless = earlier.times.is_none() && earlier.chance.is_none() && earlier.skip == 0;
    let same_place = earlier.on == later.on || earlier.on == super::On::Any;
    endless && same_place && (earlier.when == super::When::default() || earlier.when == later.when)
}

/// Messages of serde may hold line ends; ours have one line.
fn one_line(message: &str) -> String {
    message.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Form {
    name: Option<String>,
    about: Option<String>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    magic: bool,
    #[serde(default)]
    sink: bool,
    #[serde(default)]
    quick_ack: bool,
    #[serde(default)]
    show_secrets: bool,
    #[serde(default)]
    server: ServerSettings,
    tls: Option<Spanned<TlsSettings>>,
    auth: Option<Spanned<AuthSettings>>,
    #[serde(default)]
    wire: WireSettings,
    #[serde(default)]
    limits: LimitSettings,
    chaos: Option<Spanned<ChaosSettings>>,
    #[serde(default)]
    rule: Vec<Spanned<Rule>>,
    #[serde(default)]
    dialogue: Vec<Spanned<DialogueForm>>,
    #[serde(default)]
    expect: ExpectSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DialogueForm {
    connection: Option<u64>,
    script: Spanned<String>,
}

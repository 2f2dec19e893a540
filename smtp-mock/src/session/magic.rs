//! Reads magic local-parts: `450-4.2.2@…`, `delay-5s@…`, `rst@…`, `body-554@…`.

use super::{Session, command::Command};
use crate::{
    capture::Path,
    scenario::{Action, Step},
};

/// What stands before the word of a recipient that asks for something at the end of the message.
const AT_BODY: &str = "body-";

impl Session {
    /// The steps that a magic recipient asks for: at RCPT, or at the end of the mail data, where under LMTP each has its own.
    pub(super) fn magic_steps(&self, command: &Command) -> Option<Vec<Step>> {
        if !self.scenario().magic {
            return None;
        }
        match command {
            Command::Rcpt(Ok(path)) => {
                let word = word_of(path)?;
                // What is to happen at the end of the message leaves the recipient itself as any other.
                if word.starts_with(AT_BODY) { None } else { steps_of(&word, "recipient") }
            }
            Command::Body | Command::Chunk { last: true } => {
                let recipients = &self.transaction.as_ref()?.recipients;
                let asked = |path: &Path| steps_of(word_of(path)?.strip_prefix(AT_BODY)?, "message");
                match self.recipient {
                    Some(index) => asked(recipients.get(index)?),
                    None => recipients.iter().rev().find_map(asked),
                }
            }
            _ => None,
        }
    }
}

/// The word of a mailbox that may be magic: what follows a plus tells several such addresses apart.
fn word_of(path: &Path) -> Option<String> {
    let (local, _) = path.mailbox.rsplit_once('@')?;
    Some(local.split('+').next().unwrap_or(local).to_ascii_lowercase())
}

/// The steps of one word.
fn steps_of(word: &str, what: &str) -> Option<Vec<Step>> {
    let word = if word == "drop" { "fin" } else { word };
    let step = match Action::find(word) {
        Some(action) => action.magic.then(|| action.step(None).ok())??,
        None => argued(word).or_else(|| reply(word, what))?,
    };
    Some(step.alone())
}

/// An action with its argument after a hyphen.
fn argued(word: &str) -> Option<Step> {
    let mut hyphens = word.match_indices('-').map(|(at, _)| at);
    hyphens.find_map(|at| {
        let action = Action::find(&word[..at]).filter(|action| action.magic)?;
        action.step(Some(&word[at + 1..])).ok()
    })
}

/// A reply code, with an enhanced code after a hyphen or without.
fn reply(word: &str, what: &str) -> Option<Step> {
    let (code, enhanced) = word.split_once('-').map_or((word, None), |(code, rest)| (code, Some(rest)));
    let is_code = code.len() == 3
        && code.starts_with(['2', '4', '5'])
        && code.bytes().all(|octet| octet.is_ascii_digit());
    let is_enhanced = |enhanced: &str| {
        let parts: Vec<_> = enhanced.split('.').collect();
        let is_number =
            |part: &&str| matches!(part.len(), 1..=3) && part.bytes().all(|octet| octet.is_ascii_digit());
        parts.len() == 3 && parts.iter().all(is_number)
    };
    if !is_code || !enhanced.is_none_or(is_enhanced) {
        return None;
    }
    let enhanced = enhanced.map_or_else(|| format!("{}.0.0", &code[..1]), str::to_owned);
    Step::reply(&format!("{code} {enhanced} you said {code} for this {what}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_steps() {
        let reply = |word: &str| match steps_of(word, "recipient").as_deref() {
            Some([Step::Reply(reply), ..]) => String::from_utf8(reply.to_octets()).unwrap(),
            other => format!("{other:?}"),
        };
        assert_eq!(reply("450-4.2.2"), "450 4.2.2 you said 450 for this recipient\r\n");
        assert_eq!(reply("550"), "550 5.0.0 you said 550 for this recipient\r\n");
        assert_eq!(steps_of("421", "recipient").unwrap().len(), 2);
        assert_eq!(steps_of("garbage-64", "recipient").unwrap(), [Step::Garbage(64)]);
        for word in [
            "alice",
            "default",
            "endless-x",
            "split-brothers",
            "stall-now",
            "garbage-man",
            "999",
            "45",
            "450-x",
            "delay-never",
            "450-4.2.2.2",
            "4500",
        ] {
            assert!(steps_of(word, "recipient").is_none(), "{word}");
        }
    }
}

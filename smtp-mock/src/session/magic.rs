//! Reads magic local-parts: `450-4.2.2@…`, `delay-5s@…`, `rst@…`, `body-554@…`.

use super::{Session, command::Command};
use crate::scenario::{Close, Drip, Reply, Step, parse_duration, reply_steps};

impl Session {
    /// The steps that a magic recipient asks for, at RCPT or at the end of the mail data.
    pub(super) fn magic_steps(&mut self, command: &Command) -> Option<Vec<Step>> {
        if !self.scenario().magic {
            return None;
        }
        match command {
            Command::Rcpt(Ok(path)) => {
                let (local, _) = path.mailbox.rsplit_once('@')?;
                // What is behind a plus tells several such addresses apart.
                let word = local.split('+').next().unwrap_or(local).to_ascii_lowercase();
                match word.strip_prefix("body-") {
                    None => steps_of(&word, "recipient"),
                    Some(word) => {
                        let steps = steps_of(word, "message")?;
                        // The recipient itself is taken as any other; what was asked for comes later.
                        self.transaction.as_mut()?.magic = steps;
                        None
                    }
                }
            }
            Command::Body | Command::Chunk { last: true } => {
                let steps = core::mem::take(&mut self.transaction.as_mut()?.magic);
                (!steps.is_empty()).then_some(steps)
            }
            _ => None,
        }
    }
}

/// The steps of one word.
fn steps_of(word: &str, what: &str) -> Option<Vec<Step>> {
    match word {
        "rst" => return Some(vec![Step::Close(Close::Rst)]),
        "fin" | "drop" => return Some(vec![Step::Close(Close::Fin)]),
        "stall" => return Some(vec![Step::Stall]),
        "421-continue" => return Some(vec![Step::UnavailableContinues]),
        _ => {}
    }
    if let Some(duration) = word.strip_prefix("delay-") {
        return Some(vec![Step::Delay(parse_duration(duration).ok()?), Step::Default]);
    }
    if let Some(duration) = word.strip_prefix("drip-") {
        let every = parse_duration(duration).ok()?;
        return Some(vec![Step::Drip(Drip { bytes: 1, every }), Step::Default]);
    }
    let (code, enhanced) = word.split_once('-').map_or((word, None), |(code, rest)| (code, Some(rest)));
    let sound_code = code.len() == 3
        && code.starts_with(['2', '4', '5'])
        && code.bytes().all(|octet| octet.is_ascii_digit());
    let sound_enhanced = enhanced.is_none_or(|enhanced| {
        let parts: Vec<_> = enhanced.split('.').collect();
        parts.len() == 3
            && parts
                .iter()
                .all(|part| matches!(part.len(), 1..=3) && part.bytes().all(|octet| octet.is_ascii_digit()))
    });
    if !sound_code || !sound_enhanced {
        return None;
    }
    let enhanced = enhanced.map_or_else(|| format!("{}.0.0", &code[..1]), str::to_owned);
    let reply = Reply::parse(&format!("{code} {enhanced} you said {code} for this {what}")).ok()?;
    Some(reply_steps(reply))
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
        for word in ["alice", "999", "45", "450-x", "delay-never", "450-4.2.2.2", "4500"] {
            assert!(steps_of(word, "recipient").is_none(), "{word}");
        }
    }
}

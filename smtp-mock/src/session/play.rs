//! Plays a dialogue: sends its replies, and checks the client's lines.

use super::{
    Handshake, LINE_LIMIT, Session,
    answer::Answer,
    body::Body,
    command::{Command, secret_of_auth},
    outbox::Cut,
};
use crate::{
    capture::{Envelope, Kind, Message, Mismatch},
    scenario::{Close, Dialogue, DialogueLine, Glob, Octets, Reply, escape},
    sync::Change,
};

/// A dialogue under way.
#[derive(Debug)]
pub(super) struct Play {
    dialogue: Dialogue,
    at: usize,
    cut: Option<Cut>,
    body: Option<Body>,
    envelope: Envelope,
    /// Octets of a chunk that are still to come, and whether it is the last.
    chunk: Option<(u64, bool)>,
    /// The server said 334: the client's next line is a secret.
    challenged: bool,
}

impl Play {
    pub(super) fn new(dialogue: Dialogue) -> Self {
        Self {
            dialogue,
            at: 0,
            cut: None,
            body: None,
            envelope: Envelope::default(),
            chunk: None,
            challenged: false,
        }
    }
}

impl Session {
    /// Plays the next line; returns whether it could.
    pub(super) fn play(&mut self) -> bool {
        let Some(mut play) = self.play.take() else { return false };
        let moved = self.play_line(&mut play);
        self.play = Some(play);
        moved
    }

    /// The client was silent for too long where the script wants something of it, or where the script is over.
    pub(super) fn end_silence_in_dialogue(&mut self, silence: &str) {
        let Some(play) = self.play.take() else { return };
        let expected = match play.dialogue.line(play.at) {
            _ if play.chunk.is_some() => Some("<chunk>"),
            Some((_, DialogueLine::Line(pattern))) => Some(pattern.as_str()),
            Some((_, DialogueLine::Body)) => Some("<body>"),
            Some((_, DialogueLine::EndOfFile)) => Some("<eof>"),
            _ => None,
        };
        match expected {
            Some(expected) => {
                let got = format!("(the client was silent for {silence})");
                self.leave_dialogue(&play, expected, &got, 0);
            }
            None => self.outbox.close(Close::Fin),
        }
        self.play = Some(play);
    }

    fn play_line(&mut self, play: &mut Play) -> bool {
        if play.chunk.is_some() {
            return self.take_chunk(play);
        }
        let Some((_, line)) = play.dialogue.line(play.at) else { return self.after_script(play) };
        match line.clone() {
            DialogueLine::Send(Octets(octets)) => {
                play.challenged = octets.starts_with(b"334");
                let cut = play.cut.take().unwrap_or_else(|| self.cut_of_wire());
                self.send(octets, &cut, None);
            }
            DialogueLine::Step(step) => {
                let mut cut = self.cut_of_wire();
                self.do_step(&step, &mut cut, None);
                if step.is_cut() {
                    play.cut = Some(cut);
                }
            }
            DialogueLine::Starttls => {
                let tls = &self.scenario().tls;
                let handshake = Handshake { certificate: tls.cert, fault: tls.handshake };
                self.outbox.handshake(handshake);
            }
            DialogueLine::Line(pattern) => return self.expect_line(play, &pattern),
            DialogueLine::Body => return self.expect_body(play),
            DialogueLine::EndOfFile => {
                if !self.rest().is_empty() {
                    let got = escape(&self.rest()[..self.rest().len().min(200)]);
                    return self.leave_dialogue(play, "<eof>", &got, 0);
                }
                if !self.ended {
                    return false;
                }
                self.note("the client closed the connection");
            }
        }
        play.at += 1;
        true
    }

    fn expect_line(&mut self, play: &mut Play, pattern: &Glob) -> bool {
        let Some(line) = self.next_line() else {
            return self.ended && {
                self.note("the client closed the connection");
                self.leave_dialogue(play, pattern.as_str(), "(the client closed the connection)", 0)
            };
        };
        let content =
            line.strip_suffix(b"\n").map_or(line.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line));
        let secret = if play.challenged { Some(0) } else { secret_of_line(content) };
        play.challenged = false;
        self.log(Kind::Command, &line, secret);
        if !pattern.matches(content) {
            let differs = pattern.agrees_up_to(content);
            let shown = match secret {
                Some(from) => format!("{}****", escape(&content[..from])),
                None => escape(content),
            };
            let column = escape(&content[..differs.min(secret.unwrap_or(usize::MAX))]).chars().count();
            return self.leave_dialogue(play, pattern.as_str(), &shown, column);
        }
        match Command::parse(content) {
            Command::Hello { domain, .. } => play.envelope.hello = domain,
            Command::Mail(Ok(path)) => {
                play.envelope.reverse_path = path;
                play.envelope.forward_paths.clear();
            }
            Command::Rcpt(Ok(path)) => play.envelope.forward_paths.push(path),
            Command::Quit { .. } => self.quit = true,
            Command::Bdat(Ok((size, last))) => play.chunk = Some((size, last)),
            _ => {}
        }
        play.at += 1;
        true
    }

    /// Reads the octets after a BDAT line; after the last chunk the message is kept.
    fn take_chunk(&mut self, play: &mut Play) -> bool {
        let Some((left, last)) = play.chunk else { return false };
        let (limit, keep) = (self.size_limit(), self.keep);
        let count = left.min(u64::try_from(self.rest().len()).unwrap_or(u64::MAX));
        let taken = usize::try_from(count).unwrap_or(usize::MAX);
        let body = play.body.get_or_insert_with(|| Body::new(limit, keep, 0));
        body.append(&self.input[self.at..self.at + taken]);
        body.wire += count;
        self.consume(taken);
        if left > count {
            play.chunk = Some((left - count, last));
            return self.ended
                && self.leave_dialogue(play, "<chunk>", "(the client closed the connection)", 0);
        }
        play.chunk = None;
        if last && let Some(body) = play.body.take() {
            self.keep_played(play, body);
        }
        true
    }

    fn expect_body(&mut self, play: &mut Play) -> bool {
        let (limit, keep) = (self.size_limit(), self.keep);
        let body = play.body.get_or_insert_with(|| Body::new(limit, keep, 0));
        let (taken, end) = body.take(&self.input[self.at..]);
        self.consume(taken);
        if !end {
            return self.ended
                && self.leave_dialogue(play, "<body>", "(the client closed the connection)", 0);
        }
        let Some(body) = play.body.take() else { return false };
        play.at += 1;
        self.keep_played(play, body);
        true
    }

    /// Keeps a message of the dialogue, with the code of the reply that the script has for it.
    fn keep_played(&mut self, play: &Play, body: Body) {
        self.log(Kind::MailData(body.wire), b"", None);
        let reply = play.dialogue.lines().skip(play.at).find_map(|(_, line)| match line {
            DialogueLine::Send(Octets(octets)) => Some(Reply::parse(&String::from_utf8_lossy(octets)).ok()),
            DialogueLine::Line(_) | DialogueLine::Body | DialogueLine::EndOfFile => Some(None),
            _ => None,
        });
        let code = reply.flatten().map(|reply| reply.code());
        let mut envelope = play.envelope.clone();
        envelope.secure = self.secured.is_some();
        let message = Message {
            number: 0,
            connection: self.number,
            time: self.now,
            envelope,
            octets: body.into_octets(),
            code,
        };
        if code.is_some_and(|code| code / 100 == 2)
            && let Err(why) = self.server.store(&message)
        {
            // Not even a script acknowledges what is not stored.
            self.note(&why);
            let reply = self.not_stored();
            self.send_reply(&reply);
            return self.outbox.close(Close::Fin);
        }
        self.server.keep_message(message, &mut self.page, &mut self.findings);
    }

    /// The script is played: only the end of the client's stream may follow.
    fn after_script(&mut self, play: &mut Play) -> bool {
        if !self.rest().is_empty() {
            let Some(line) = self.next_line() else { return false };
            self.log(Kind::Command, &line, secret_of_line(&line));
            let shown = if secret_of_line(&line).is_some() {
                "AUTH ****".to_owned()
            } else {
                escape(line.trim_ascii_end())
            };
            return self.leave_dialogue(play, "<eof>", &shown, 0);
        }
        if self.ended {
            self.client_closed();
            return true;
        }
        false
    }

    /// One line with its end, or what is left when the stream has ended, or too much of a line.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let rest = self.rest();
        let end = match memchr::memchr(b'\n', rest) {
            Some(at) => at + 1,
            None if rest.len() > LINE_LIMIT || (self.ended && !rest.is_empty()) => rest.len(),
            None => return None,
        };
        let line = rest[..end].to_vec();
        self.consume(end);
        Some(line)
    }

    fn leave_dialogue(&mut self, play: &Play, expected: &str, got: &str, differs_at: usize) -> bool {
        let last = play.dialogue.lines().last().map_or(0, |(number, _)| number);
        let mismatch = Mismatch {
            connection: self.number,
            entry: self.entry_count,
            line: play.dialogue.line(play.at).map_or(last, |(number, _)| number),
            expected: expected.to_owned(),
            got: got.to_owned(),
            differs_at,
        };
        self.flush_log();
        self.server.record(Change::Milestone, |capture, _| capture.mismatches.push(mismatch));
        if self.ended {
            self.over(Close::Fin);
        } else {
            let text = "4.5.0 this is not what the dialogue expects, see the mock's report";
            self.send_reply(&Answer::line(421, text));
            self.outbox.close(Close::Fin);
        }
        true
    }
}

fn secret_of_line(line: &[u8]) -> Option<usize> {
    let is_auth = line.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH "));
    if is_auth { secret_of_auth(line) } else { None }
}

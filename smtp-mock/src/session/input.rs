//! Reads the input: lines, mail data and chunks.

use super::{
    LINE_LIMIT, Phase, Session,
    apply::expected_size,
    body::Body,
    command::{Command, secret_of_auth},
};
use crate::{
    capture::{Fault, Kind},
    scenario::{Extension, On, escape},
};

impl Session {
    /// Takes one line of the input, if there is one.
    pub(super) fn read_line(&mut self) -> bool {
        let Some(end) = memchr::memchr(b'\n', self.rest()) else {
            if self.rest().len() > LINE_LIMIT {
                self.consume(self.rest().len());
                self.phase = Phase::LongLine;
            } else if self.ended {
                self.client_closed();
                return true;
            }
            return false;
        };
        let mut line = core::mem::take(&mut self.line);
        line.clear();
        line.extend_from_slice(&self.rest()[..=end]);
        self.consume(line.len());
        if matches!(self.phase, Phase::LongLine) || line.len() > LINE_LIMIT {
            self.log(Kind::Note, b"a line beyond every limit was thrown away", None);
            self.find(Fault::LongCommand, "");
            self.phase = Phase::Command;
            let reply = self.answer(500, "5.5.2", "line too long");
            self.send_reply(&reply);
            return true;
        }
        self.take_line(&line);
        if line.capacity() <= 1024 {
            self.line = line;
        }
        true
    }

    fn take_line(&mut self, line: &[u8]) {
        let content = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
        let in_auth = matches!(self.phase, Phase::Auth(_));
        let command = if in_auth { Command::Response(content.to_vec()) } else { Command::parse(content) };
        let secret = match &command {
            Command::Response(_) => Some(0),
            Command::Auth { .. } => secret_of_auth(content),
            _ => None,
        };
        self.log(Kind::Command, line, secret);
        let shown =
            || if secret.is_some() { "AUTH".to_owned() } else { escape(&content[..content.len().min(80)]) };
        if !line.ends_with(b"\r\n") {
            self.find(Fault::BareLineFeed, &shown());
        }
        if memchr::memchr(b'\r', content).is_some() {
            self.find(Fault::BareCarriageReturn, &shown());
        }
        if line.len() > 512 && !matches!(command, Command::Auth { .. } | Command::Response(_)) {
            // MAIL and RCPT may be longer by what their extensions add (RFC 5321 §4.5.3.1.4); no one adds over 512.
            let allowed = if matches!(command, Command::Mail(_) | Command::Rcpt(_)) { 1024 } else { 512 };
            if line.len() > allowed {
                self.find(Fault::LongCommand, &shown());
            }
        }
        if !matches!(command, Command::Bdat(Ok(_))) {
            self.check_pipelining(&command, shown);
        }
        match command {
            // Its octets follow whatever the answer will be (RFC 3030 §2): it is answered when they have come.
            Command::Bdat(Ok((size, last))) if self.knows(Extension::Chunking) => {
                self.phase = Phase::Chunk { left: size, last };
            }
            command => {
                self.perform(command, content);
            }
        }
    }

    /// Notes commands that left before the reply to this one could have come.
    fn check_pipelining(&mut self, command: &Command, shown: impl FnOnce() -> String) {
        if self.rest().is_empty() {
            return;
        }
        if matches!(command, Command::Starttls { .. }) {
            // What follows it is reported when it is discarded.
            return;
        }
        let ends_group = !matches!(
            command,
            Command::Mail(_)
                | Command::Rcpt(_)
                | Command::Rset { .. }
                | Command::Chunk { .. }
                | Command::Body
        );
        if !self.is_offered(Extension::Pipelining) {
            self.find(Fault::PipeliningNotOffered, &shown());
        } else if ends_group {
            self.find(Fault::PipelinedAfterLastInGroup, &shown());
        }
    }

    /// Discards what came in clear after STARTTLS, as RFC 3207 §4.2 requires, and reports it.
    pub(super) fn forget_clear_input(&mut self) {
        if !self.rest().is_empty() {
            let shown = escape(&self.rest()[..self.rest().len().min(80)]);
            self.find(Fault::OctetsAfterStarttls, &shown);
        }
        self.consume(self.rest().len());
    }

    /// Takes what the input begins with and is mail data at once, and tells how much: it need not be kept until it is
    /// looked at. All else waits in its turn.
    pub(super) fn take_mail_data(&mut self, octets: &[u8]) -> usize {
        if !self.rest().is_empty() || !self.outbox.is_idle() {
            return 0;
        }
        match &mut self.phase {
            Phase::Body(body) if !body.ended => body.take(octets).0,
            Phase::Chunk { left, .. } => {
                let count = (*left).min(octets.len() as u64);
                let taken = usize::try_from(count).unwrap_or(octets.len());
                *left -= count;
                self.add_to_chunks(&octets[..taken]);
                taken
            }
            _ => 0,
        }
    }

    pub(super) fn read_body(&mut self) -> bool {
        let Phase::Body(body) = &mut self.phase else { return false };
        if !body.ended {
            let (taken, end) = body.take(&self.input[self.at..]);
            self.consume(taken);
            if !end {
                if self.ended {
                    self.client_closed();
                    return true;
                }
                return false;
            }
        }
        let Phase::Body(body) = core::mem::replace(&mut self.phase, Phase::Command) else { return false };
        self.log(Kind::MailData(body.wire), b"", None);
        self.check_pipelining(&Command::Body, || "the end of the mail data".to_owned());
        self.end_of_message(body);
        true
    }

    /// The whole message has come: the rules for `body` decide, under LMTP for each recipient.
    pub(super) fn end_of_message(&mut self, body: Body) {
        let Some(transaction) = &mut self.transaction else {
            // Mail data that a rule let in without a transaction: there is nothing to keep it for.
            self.perform(Command::Body, b"");
            return;
        };
        transaction.chunks = Some(body);
        if self.speaks_lmtp() {
            self.end_of_message_for_each();
        } else {
            self.perform(Command::Body, b"");
        }
    }

    pub(super) fn read_chunk(&mut self) -> bool {
        let Phase::Chunk { left, last } = self.phase else { return false };
        let count = left.min(self.rest().len() as u64);
        let taken = usize::try_from(count).unwrap_or(usize::MAX);
        let input = core::mem::take(&mut self.input);
        self.add_to_chunks(&input[self.at..self.at + taken]);
        self.input = input;
        self.consume(taken);
        if left > count {
            self.phase = Phase::Chunk { left: left - count, last };
            if self.ended {
                self.client_closed();
                return true;
            }
            return false;
        }
        self.phase = Phase::Command;
        let wire = self.transaction.as_ref().and_then(|transaction| transaction.chunks.as_ref());
        let wire = wire.map_or(0, |chunks| chunks.wire);
        self.log(Kind::MailData(wire), b"", None);
        let command = Command::Chunk { last };
        self.check_pipelining(&command, || "BDAT".to_owned());
        if last && self.speaks_lmtp() {
            self.end_of_message_for_each();
        } else {
            self.perform(command, b"");
        }
        true
    }

    /// Adds octets of a chunk to the message, unless it is refused anyway.
    fn add_to_chunks(&mut self, octets: &[u8]) {
        let limit = self.size_limit();
        if let Some(transaction) = &mut self.transaction
            && !transaction.recipients.is_empty()
            && !transaction.failed
        {
            let path = &transaction.reverse_path;
            let chunks =
                transaction.chunks.get_or_insert_with(|| Body::new(limit, self.keep, expected_size(path)));
            chunks.append(octets);
            chunks.wire += octets.len() as u64;
        }
    }

    /// LMTP: one reply for each recipient that was accepted (RFC 2033 §4.2).
    fn end_of_message_for_each(&mut self) {
        let count = self.transaction.as_ref().map_or(0, |transaction| transaction.recipients.len());
        if count == 0 {
            self.perform(Command::Chunk { last: true }, b"");
            return;
        }
        let chunks = self.transaction.as_ref().and_then(|transaction| transaction.chunks.as_ref());
        let size = chunks.map_or(0, |chunks| chunks.size);
        if let Err(why) = self.server.store_has_room(size) {
            self.note(&why);
            self.transaction = None;
            return self.refuse_unstored(count);
        }
        // The replies decide for whom the message is stored, and leave when it is.
        self.collect_sent();
        let (outbox, page, entries) = (self.outbox.mark(), self.page.mark(), self.entry_count);
        let mut taken = Vec::new();
        for index in 0..count {
            self.recipient = Some(index);
            if self.perform(Command::Body, b"") {
                taken.push(index);
            }
        }
        self.recipient = None;
        if let Err(why) = self.keep_for(&taken) {
            self.outbox.cut_back(outbox);
            self.page.cut_back(page);
            self.entry_count = entries;
            self.note(&why);
            self.refuse_unstored(count);
        }
    }

    /// LMTP: the message is stored for none of its recipients.
    fn refuse_unstored(&mut self, count: usize) {
        for _ in 0..count {
            let reply = self.not_stored();
            self.send_reply(&reply);
        }
    }

    pub(super) fn speaks_lmtp(&self) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.on == On::Lhlo)
    }
}

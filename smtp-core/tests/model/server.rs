//! Provides [`Server`], which follows the RFCs strictly, fails at random, and records what it accepted.
//!
//! It shares no code with the client, so that the two can disagree.

use super::choices::Choices;

/// The behaviour of the server in a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nature {
    pub(crate) is_lmtp: bool,
    pub(crate) has_ehlo: bool,
    pub(crate) has_pipelining: bool,
    pub(crate) has_chunking: bool,
    /// The probability in percent that a command fails.
    pub(crate) faults: usize,
    /// The behaviour after a 421.
    pub(crate) after_421: After421,
    /// Replies with 4yz, 5yz or 421 to MAIL but opens the transaction.
    pub(crate) is_sloppy: bool,
    /// Sends one additional 421 and continues, so that every later reply seems to belong to the previous command.
    pub(crate) sends_stray_421: bool,
}

/// The behaviour after a 421; RFC 5321 §3.8 requires closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum After421 {
    Closes,
    GoesOn,
    Either,
}

/// A message that the server accepted for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcceptedMessage {
    pub(crate) sender: String,
    pub(crate) recipient: String,
    pub(crate) body: Vec<u8>,
}

/// The server's side of a session.
#[derive(Debug)]
pub(crate) struct Server {
    nature: Nature,
    input: Vec<u8>,
    mode: Mode,
    transaction: Option<Transaction>,
    /// Replies that were not read yet.
    pub(crate) output: Vec<u8>,
    /// The number of reply octets up to the end of the first 421, once one was sent.
    pub(crate) first_421: Option<usize>,
    written: usize,
    pub(crate) is_closed: bool,
    pub(crate) accepted: Vec<AcceptedMessage>,
    /// An RSET was refused: the next message may get the previous sender, which is not the client's fault.
    pub(crate) has_refused_reset: bool,
    /// It no longer replies or acts.
    is_stalled: bool,
}

#[derive(Debug)]
enum Mode {
    Command,
    Data,
    Chunk { left: usize, is_last: bool, fate: Fate },
}

#[derive(Debug, Default)]
struct Transaction {
    sender: String,
    recipients: Vec<String>,
    body: Vec<u8>,
    /// A chunk or the end was refused: only RSET helps (RFC 3030 §2).
    has_failed: bool,
}

/// The result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Transient,
    Permanent,
    Unavailable,
    /// It is not done, and the connection ends.
    DroppedBefore,
    /// It is done, and the connection ends before the reply.
    DroppedAfter,
    StalledBefore,
    StalledAfter,
}

impl Server {
    pub(crate) fn new(nature: Nature, choices: &mut Choices<'_>) -> Self {
        let mut server = Self {
            nature,
            input: Vec::new(),
            mode: Mode::Command,
            transaction: None,
            output: Vec::new(),
            first_421: None,
            written: 0,
            is_closed: false,
            accepted: Vec::new(),
            has_refused_reset: false,
            is_stalled: false,
        };
        match server.fate(choices) {
            Fate::Done => server.say("220 model"),
            fate => {
                server.fail(fate, "554 not today", choices);
            }
        }
        server
    }

    /// Returns whether mail data of DATA is expected.
    pub(crate) const fn is_in_data(&self) -> bool {
        matches!(self.mode, Mode::Data)
    }

    /// Handles octets from the client.
    pub(crate) fn receive(&mut self, octets: &[u8], choices: &mut Choices<'_>) {
        self.input.extend_from_slice(octets);
        while !self.is_closed && !self.is_stalled && self.step(choices) {}
    }

    /// Performs the next step, if its input is complete.
    fn step(&mut self, choices: &mut Choices<'_>) -> bool {
        if let Mode::Chunk { left, is_last, fate } = self.mode {
            if self.input.len() < left {
                return false;
            }
            let octets: Vec<u8> = self.input.drain(..left).collect();
            self.mode = Mode::Command;
            self.chunk(&octets, is_last, fate, choices);
            return true;
        }
        let Some(end) = self.input.windows(2).position(|two| two == b"\r\n") else { return false };
        let line: Vec<u8> = self.input.drain(..end + 2).take(end).collect();
        assert!(
            !line.iter().any(|octet| b"\r\n".contains(octet)),
            "a line end of one octet reached the wire"
        );
        if self.is_in_data() {
            self.data_line(&line, choices);
        } else {
            let line = String::from_utf8(line).expect("commands are ASCII");
            self.command(&line, choices);
        }
        true
    }

    fn command(&mut self, line: &str, choices: &mut Choices<'_>) {
        if self.nature.sends_stray_421 && self.first_421.is_none() && choices.happens(5) {
            self.say("421 of my own accord");
            self.first_421 = Some(self.written);
        }
        let verb = line.split(' ').next().unwrap_or_default();
        match verb {
            "EHLO" | "LHLO" if self.nature.has_ehlo => {
                let fate = self.fate(choices);
                if fate != Fate::Done {
                    return self.fail(fate, "550 no", choices);
                }
                self.transaction = None;
                self.say("250-model");
                let offers =
                    [("PIPELINING", self.nature.has_pipelining), ("CHUNKING", self.nature.has_chunking)];
                for (keyword, _) in offers.iter().filter(|(_, is_offered)| *is_offered) {
                    self.say(&format!("250-{keyword}"));
                }
                self.say("250 HELP");
            }
            "EHLO" => self.say("502 who"),
            "HELO" => self.simple(choices, |server| server.transaction = None),
            "NOOP" => self.simple(choices, |_| {}),
            "RSET" => {
                // a server that is wrong about both MAIL and RSET cannot be understood
                let fate = if self.nature.is_sloppy { Fate::Done } else { self.fate(choices) };
                if fate == Fate::Done {
                    self.transaction = None;
                    return self.say("250 reset");
                }
                self.has_refused_reset |= self.transaction.is_some();
                self.fail(fate, "554 no", choices);
            }
            "QUIT" => {
                self.say("221 bye");
                self.is_closed = true;
            }
            "MAIL" => self.mail(line, choices),
            "RCPT" => self.rcpt(line, choices),
            "DATA" => {
                let fate = self.fate(choices);
                match &self.transaction {
                    None => self.say("503 no sender"),
                    Some(transaction) if transaction.recipients.is_empty() && choices.happens(50) => {
                        self.say("554 no valid recipients");
                    }
                    Some(_) if fate == Fate::Done => {
                        self.mode = Mode::Data;
                        self.say("354 go");
                    }
                    Some(_) => self.fail(fate, "554 no", choices),
                }
            }
            "BDAT" => {
                let mut words = line.split(' ').skip(1);
                let left = words.next().and_then(|size| size.parse().ok()).expect("BDAT has a size");
                let is_last = words.next() == Some("LAST");
                self.mode = Mode::Chunk { left, is_last, fate: self.fate(choices) };
            }
            other => panic!("the client sent {other}"),
        }
    }

    fn mail(&mut self, line: &str, choices: &mut Choices<'_>) {
        let fate = self.fate(choices);
        if self.transaction.is_some() {
            return self.say("503 nested MAIL");
        }
        if fate == Fate::Done || self.nature.is_sloppy {
            self.transaction = Some(Transaction { sender: path(line), ..Transaction::default() });
        }
        match fate {
            Fate::Done => self.say("250 sender ok"),
            fate => self.fail(fate, "550 no", choices),
        }
    }

    fn rcpt(&mut self, line: &str, choices: &mut Choices<'_>) {
        // no client can know that a server accepts a recipient that it refused
        let fate = if self.nature.is_sloppy { Fate::Done } else { self.fate(choices) };
        let is_full = choices.happens(5);
        match &mut self.transaction {
            None => self.say("503 no sender"),
            Some(transaction) if transaction.has_failed => self.say("503 reset first"),
            Some(_) if is_full => self.say("452 4.5.3 too many"),
            Some(transaction) if fate == Fate::Done => {
                transaction.recipients.push(path(line));
                self.say("250 recipient ok");
            }
            Some(_) => self.fail(fate, "550 no", choices),
        }
    }

    /// RFC 5321 §4.5.2: removes a doubled dot at the start of a line.
    fn data_line(&mut self, line: &[u8], choices: &mut Choices<'_>) {
        let transaction = self.transaction.as_mut().expect("DATA was accepted in a transaction");
        if line != b"." {
            transaction.body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            transaction.body.extend_from_slice(b"\r\n");
            return;
        }
        self.mode = Mode::Command;
        let transaction = self.transaction.take().expect("it is there");
        if transaction.recipients.is_empty() {
            return self.say("554 no valid recipients");
        }
        self.end(&transaction, choices);
    }

    fn chunk(&mut self, octets: &[u8], is_last: bool, fate: Fate, choices: &mut Choices<'_>) {
        let is_valid =
            |transaction: &Transaction| !transaction.has_failed && !transaction.recipients.is_empty();
        let Some(transaction) = self.transaction.as_mut().filter(|transaction| is_valid(transaction)) else {
            if let Some(transaction) = &mut self.transaction {
                transaction.has_failed |= !transaction.recipients.is_empty();
            }
            return self.say("503 no valid recipients");
        };
        transaction.body.extend_from_slice(octets);
        if !is_last {
            transaction.has_failed = fate != Fate::Done;
            return match fate {
                Fate::Done => self.say("250 chunk ok"),
                fate => self.fail(fate, "554 no", choices),
            };
        }
        let transaction = self.transaction.take().expect("it is there");
        if !self.end(&transaction, choices) {
            self.transaction = Some(Transaction { has_failed: true, ..transaction });
        }
    }

    /// Handles the end of the mail data; returns whether the transaction is over.
    fn end(&mut self, transaction: &Transaction, choices: &mut Choices<'_>) -> bool {
        // RFC 2033 §4.2: one reply for each recipient
        let groups: Vec<Vec<String>> = if self.nature.is_lmtp {
            transaction.recipients.iter().map(|recipient| vec![recipient.clone()]).collect()
        } else {
            vec![transaction.recipients.clone()]
        };
        let mut is_over = false;
        for group in groups {
            if self.is_closed || self.is_stalled {
                break;
            }
            let fate = self.fate(choices);
            if matches!(fate, Fate::Done | Fate::DroppedAfter | Fate::StalledAfter) {
                is_over = true;
                self.accepted.extend(group.into_iter().map(|recipient| AcceptedMessage {
                    sender: transaction.sender.clone(),
                    recipient,
                    body: transaction.body.clone(),
                }));
            }
            match fate {
                Fate::Done => self.say("250 queued"),
                fate => self.fail(fate, "554 no", choices),
            }
        }
        is_over || self.nature.is_lmtp
    }

    fn simple(&mut self, choices: &mut Choices<'_>, act: impl FnOnce(&mut Self)) {
        match self.fate(choices) {
            Fate::Done => {
                act(self);
                self.say("250 ok");
            }
            fate => self.fail(fate, "550 no", choices),
        }
    }

    fn fate(&self, choices: &mut Choices<'_>) -> Fate {
        const ALL: [Fate; 11] = [
            Fate::Transient,
            Fate::Transient,
            Fate::Permanent,
            Fate::Permanent,
            Fate::Unavailable,
            Fate::Unavailable,
            Fate::Unavailable,
            Fate::DroppedBefore,
            Fate::DroppedAfter,
            Fate::StalledBefore,
            Fate::StalledAfter,
        ];
        if !choices.happens(self.nature.faults) {
            return Fate::Done;
        }
        // a client knows nothing but the replies of a sloppy server
        let kinds = match self.nature {
            Nature { is_sloppy: true, .. } => &ALL[..7],
            // an additional reply is recognised once all have been received
            Nature { sends_stray_421: true, .. } => &ALL[..4],
            _ => &ALL[..],
        };
        choices.one_of(kinds)
    }

    fn fail(&mut self, fate: Fate, permanent: &str, choices: &mut Choices<'_>) {
        match fate {
            Fate::Done => unreachable!("it did not fail"),
            Fate::Transient => self.say("450 later"),
            Fate::Permanent => self.say(permanent),
            Fate::Unavailable => {
                self.say("421 closing");
                self.first_421.get_or_insert(self.written);
                self.is_closed = match self.nature.after_421 {
                    After421::Closes => true,
                    After421::GoesOn => false,
                    After421::Either => choices.happens(50),
                };
            }
            Fate::DroppedBefore | Fate::DroppedAfter => {
                self.is_closed = true;
                // a reset discards replies that were not read yet
                let kept = choices.below(self.output.len() + 1);
                self.output.truncate(self.output.len() - kept);
            }
            Fate::StalledBefore | Fate::StalledAfter => self.is_stalled = true,
        }
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.written += line.len() + 2;
    }
}

/// Returns the text between the angle brackets.
fn path(line: &str) -> String {
    let (_, rest) = line.split_once('<').expect("a path has a bracket");
    rest.split_once('>').expect("a path has a closing bracket").0.to_string()
}

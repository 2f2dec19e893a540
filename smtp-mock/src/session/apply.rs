//! Applies the code of a reply to the state of the session, whether the correct server or a rule chose it.

use super::{
    ATTRIBUTES_LIMIT, Hello, Phase, RECIPIENTS_LIMIT, Session, Transaction, Verdict, body::Body,
    command::Command, run::After,
};
use crate::{
    auth::{Context, Exchange},
    capture::{Message, Path},
    scenario::TlsMode,
    sync::Change,
};

/// The most room that is reserved for mail data before it comes: a client may announce more than it sends.
const MOST_ROOM: usize = 1024 * 1024;

impl Session {
    /// The command got this code: the state goes the way that a server which said so would go.
    ///
    /// With `last`, the command is not read afterwards: the state takes its arguments, which are copied otherwise.
    pub(super) fn apply(
        &mut self,
        command: &mut Command,
        code: u16,
        keep: Option<bool>,
        last: bool,
    ) -> After {
        let taken = matches!(code / 100, 2 | 3);
        match command {
            Command::Hello { on, domain } if taken => {
                self.hello = Some(Hello { on: *on, domain: taken_or_copied(domain, last) });
                self.transaction = None;
                self.needs_hello_after_tls = false;
            }
            Command::Starttls { .. } if code == 220 => return self.note_tls(),
            Command::Auth { .. } | Command::Response(_) => self.apply_to_auth(command, code),
            Command::Mail(path) if taken => {
                self.begun += 1;
                let reverse_path = path.as_mut().map(|path| taken_or_copied(path, last)).unwrap_or_default();
                self.transaction = Some(Transaction { reverse_path, ..Transaction::default() });
            }
            Command::Rcpt(path) if taken => {
                let path = path.as_mut().map(|path| taken_or_copied(path, last)).unwrap_or_default();
                let recipients = &mut self.transaction.get_or_insert_default().recipients;
                // A rule may say 250 for ever.
                if recipients.len() < RECIPIENTS_LIMIT {
                    if recipients.is_empty() {
                        // Most messages have one, and are kept.
                        recipients.reserve_exact(1);
                    }
                    recipients.push(path);
                }
            }
            Command::Data { .. } if code == 354 => {
                let transaction = self.transaction.as_ref();
                let room = transaction.map_or(0, |transaction| expected_size(&transaction.reverse_path));
                self.phase = Phase::Body(Body::new(self.size_limit(), self.keep, room));
            }
            // Under LMTP each recipient has its say before anything is kept.
            Command::Body if self.recipient.is_some() => {}
            Command::Body | Command::Chunk { last: true } => {
                if let Err(why) = self.end_transaction(Some(code), taken, keep) {
                    self.note(&why);
                    return After::StoreFailed;
                }
            }
            Command::Chunk { last: false } if !taken => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.failed = true;
                    transaction.chunks = None;
                }
            }
            Command::Rset { .. } if taken => self.transaction = None,
            Command::Xclient(attributes) if code == 220 => {
                let room = ATTRIBUTES_LIMIT.saturating_sub(self.attributes.len());
                self.attributes.extend(attributes.iter().take(room).cloned());
                self.hello = None;
                self.transaction = None;
                self.user = None;
            }
            Command::Quit { .. } if taken => {
                self.quit = true;
                return After::Close;
            }
            Command::Connect if code / 100 == 4 => return After::Close,
            _ => {}
        }
        After::Nothing
    }

    /// No reply decided: the message is lost unless the rule keeps it, everything else stays.
    pub(super) fn leave_undecided(&mut self, command: &Command, keep: Option<bool>) {
        match command {
            Command::Body if self.recipient.is_some() => {}
            Command::Body | Command::Chunk { last: true } => {
                if let Err(why) = self.end_transaction(None, false, keep) {
                    self.note(&why);
                }
            }
            Command::Quit { .. } => self.quit = true,
            Command::Response(_) => self.phase = Phase::Command,
            _ => {}
        }
    }

    /// Keeps the message for the recipients of these indices (LMTP), and ends the transaction; fails when the store would
    /// not take it.
    pub(super) fn keep_for(&mut self, taken: &[usize]) -> Result<(), String> {
        if let Some(transaction) = &mut self.transaction {
            let mut index = 0;
            transaction.recipients.retain(|_| {
                index += 1;
                taken.contains(&(index - 1))
            });
        }
        self.end_transaction(Some(250), !taken.is_empty(), None)
    }

    /// Keeps the message if it is to be kept; fails when the store would not take it.
    fn end_transaction(&mut self, code: Option<u16>, taken: bool, keep: Option<bool>) -> Result<(), String> {
        if matches!(self.phase, Phase::Body(_) | Phase::Chunk { .. }) {
            self.phase = Phase::Command;
        }
        if let Some(transaction) = self.transaction.take()
            && keep.unwrap_or(taken)
        {
            let envelope = self.envelope(transaction.reverse_path, transaction.recipients);
            let octets = transaction.chunks.map(Body::into_octets).unwrap_or_default();
            let message =
                Message { number: 0, connection: self.number, time: self.now, envelope, octets, code };
            self.server.store(&message)?;
            self.accepted += 1;
            if self.keep {
                // The transcript up to here comes first, so that a waiter for the message sees it too.
                self.server.keep_message(message, &mut self.page, &mut self.findings);
            } else {
                self.server.record(Change::Milestone, |capture, _| capture.count_message());
            }
        }
        Ok(())
    }

    fn apply_to_auth(&mut self, command: &Command, code: u16) {
        let verdict = self.verdict.take();
        match code {
            235 => {
                self.user = match verdict {
                    Some(Verdict::Authenticated(user)) => Some(user),
                    // A rule let the client in without a look at what it said.
                    _ => Some("(by a rule)".to_owned()),
                };
                self.phase = Phase::Command;
            }
            334 => match verdict {
                Some(Verdict::Continue(exchange)) => self.phase = Phase::Auth(exchange),
                _ if matches!(self.phase, Phase::Auth(_)) => {}
                _ => {
                    let known = match command {
                        Command::Auth { known, .. } => *known,
                        _ => None,
                    };
                    let exchange = match known {
                        Some(mechanism) => {
                            let context = self.auth_context();
                            Exchange::start(mechanism, None, &context).0
                        }
                        None => Exchange::Scripted,
                    };
                    self.phase = Phase::Auth(exchange);
                }
            },
            _ => self.phase = Phase::Command,
        }
    }

    /// What mechanisms are held against; the nonce is new in each exchange and the same in each run of a seed.
    pub(super) fn auth_context(&self) -> Context<'_> {
        let scenario = self.scenario();
        let mut random =
            crate::random::Random::new(scenario.seed ^ 0x5a51, self.number << 16 | self.exchanges);
        Context {
            settings: &scenario.auth,
            hostname: &scenario.server.hostname,
            end_point: self.secured.as_ref().and_then(|secured| secured.end_point.as_deref()),
            nonce: format!("{:016x}{:016x}", random.next(), random.next()),
        }
    }

    fn note_tls(&mut self) -> After {
        if self.scenario().tls.mode == TlsMode::None {
            // A rule said 220 where there is no TLS: the handshake is attempted all the same, as the client will.
            self.note("TLS begins because a rule said 220");
        }
        After::StartTls
    }
}

/// How many octets the client said that the message has, as far as it is worth to make room for them at once.
pub(super) fn expected_size(reverse_path: &Path) -> usize {
    let size = reverse_path.parameter("SIZE").and_then(|size| size.parse().ok());
    size.unwrap_or(0).min(MOST_ROOM)
}

/// What is not looked at any more need not be copied.
fn taken_or_copied<T: Clone + Default>(value: &mut T, last: bool) -> T {
    if last { core::mem::take(value) } else { value.clone() }
}

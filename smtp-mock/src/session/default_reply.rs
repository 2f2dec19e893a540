//! Provides the replies of a correct server (RFC 5321 and the extensions' RFCs); changes no state.

use std::borrow::Cow;

use super::{
    ATTRIBUTES_LIMIT, Phase, RECIPIENTS_LIMIT, Session, Verdict,
    answer::Answer,
    command::{Command, Syntax, is_domain},
};
use crate::{
    auth::{Exchange, Progress, decode, encode},
    capture::{Fault, Path},
    scenario::{Extension, Mechanism, On, Protocol, Reply, TlsMode},
};

/// Parameters of MAIL and RCPT with the extension that defines them.
const MAIL_PARAMETERS: [(&str, Extension); 12] = [
    ("SIZE", Extension::Size),
    ("BODY", Extension::EightBitMime),
    ("SMTPUTF8", Extension::SmtpUtf8),
    ("RET", Extension::Dsn),
    ("ENVID", Extension::Dsn),
    ("AUTH", Extension::Auth),
    ("REQUIRETLS", Extension::RequireTls),
    ("MT-PRIORITY", Extension::MtPriority),
    ("BY", Extension::DeliverBy),
    ("HOLDFOR", Extension::FutureRelease),
    ("HOLDUNTIL", Extension::FutureRelease),
    ("SOLICIT", Extension::NoSoliciting),
];
const RCPT_PARAMETERS: [(&str, Extension); 3] =
    [("NOTIFY", Extension::Dsn), ("ORCPT", Extension::Dsn), ("RRVS", Extension::Rrvs)];

impl Session {
    /// The reply that a correct server gives to a command in this state.
    pub(super) fn default_reply(&mut self, command: &Command) -> Answer {
        match command {
            Command::Connect => self.reply_to_connect(),
            Command::Hello { on, domain } => self.reply_to_hello(*on, domain),
            Command::Starttls { arguments } => self.reply_to_starttls(*arguments),
            Command::Auth { mechanism, known, initial } => {
                self.reply_to_auth(mechanism, *known, initial.as_deref())
            }
            Command::Response(response) => self.reply_to_response(response),
            Command::Mail(path) => self.reply_to_mail(path),
            Command::Rcpt(path) => self.reply_to_rcpt(path),
            Command::Data { arguments } => self.reply_to_data(*arguments),
            Command::Bdat(Err(_)) if self.knows(Extension::Chunking) => {
                self.answer(501, "5.5.4", "BDAT wants a size")
            }
            Command::Chunk { last } => self.reply_to_chunk(*last),
            Command::Body => self.reply_to_body(),
            Command::Rset { arguments: true } | Command::Quit { arguments: true } => {
                self.answer(501, "5.5.4", "no arguments here")
            }
            Command::Rset { .. } | Command::Noop => self.answer(250, "2.0.0", "ok"),
            Command::Vrfy(name) if name.is_empty() => self.answer(501, "5.5.4", "VRFY wants a name"),
            Command::Vrfy(_) => self.answer(252, "2.5.0", "cannot say, but will take mail for it"),
            Command::Expn(_) => self.answer(502, "5.5.1", "EXPN is not implemented"),
            Command::Help => self.answer(214, "2.0.0", "see RFC 5321"),
            Command::Xclient(attributes) => self.reply_to_xclient(attributes),
            Command::Quit { .. } => self.answer(221, "2.0.0", "bye"),
            Command::Bdat(_) | Command::Unknown => self.reply_to_unknown(),
            // A handshake has no reply; this one is never sent.
            Command::Handshake => Answer::line(220, "go ahead"),
        }
    }

    /// A reply with its enhanced status code, where these are offered (RFC 2034).
    pub(super) fn answer(
        &self,
        code: u16,
        enhanced: &'static str,
        text: impl Into<Cow<'static, str>>,
    ) -> Answer {
        Answer::Own { code, enhanced: self.enhanced(enhanced), text: text.into() }
    }

    /// The enhanced status code, where these are offered.
    fn enhanced(&self, enhanced: &'static str) -> Option<&'static str> {
        self.is_offered(Extension::EnhancedStatusCodes).then_some(enhanced)
    }

    fn reply_to_unknown(&self) -> Answer {
        self.answer(500, "5.5.2", "command not recognized")
    }

    fn reply_to_connect(&self) -> Answer {
        let scenario = self.scenario();
        if self.server.connection_exceeds(self.now) {
            return self.limit_reply("too many connections");
        }
        if let Some(greeting) = &scenario.server.greeting {
            return greeting.clone().into();
        }
        let protocol = if scenario.server.protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
        Answer::line(220, format!("{} {protocol} smtp-mock", scenario.server.hostname))
    }

    pub(super) fn limit_reply(&self, text: &str) -> Answer {
        match &self.scenario().limits.reply {
            Some(own) => own.clone().into(),
            None => Answer::line(421, format!("4.7.0 {text}, try again later")),
        }
    }

    fn reply_to_hello(&mut self, on: On, domain: &str) -> Answer {
        let lmtp = self.scenario().server.protocol == Protocol::Lmtp;
        if lmtp != (on == On::Lhlo) {
            let word = if lmtp { "this is LMTP, try LHLO" } else { "this is not LMTP, try EHLO" };
            return self.answer(500, "5.5.1", word);
        }
        let name = domain.trim();
        if name.is_empty() {
            return self.answer(501, "5.5.4", "a domain or an address literal is wanted");
        }
        let literal = name.starts_with('[') && name.ends_with(']');
        if !literal && !is_domain(name) {
            self.find(Fault::InvalidHello, &crate::scenario::escape(name.as_bytes()));
        }
        let hostname = self.scenario().server.hostname.clone();
        if on == On::Helo {
            return Answer::line(250, hostname);
        }
        let mut lines = vec![format!("{hostname} greets you")];
        lines.extend(self.extension_lines());
        Reply::with_lines(250, lines).into()
    }

    /// The lines of the reply to EHLO after the first.
    fn extension_lines(&self) -> Vec<String> {
        let scenario = self.scenario();
        let named = |keyword: &str| self.scenario().server.extension(keyword).is_some();
        let mut lines: Vec<String> = scenario.server.extensions.clone();
        if scenario.tls.mode == TlsMode::Starttls && self.secured.is_none() && !named("STARTTLS") {
            lines.push("STARTTLS".to_owned());
        }
        let mechanisms = self.mechanisms();
        if !mechanisms.is_empty() && !named("AUTH") {
            let words: Vec<_> = mechanisms.iter().map(|mechanism| mechanism.as_str()).collect();
            lines.push(format!("AUTH {}", words.join(" ")));
        }
        lines.retain(|line| !scenario.server.hides(line.split(' ').next().unwrap_or_default()));
        lines
    }

    /// The mechanisms on offer in this state.
    fn mechanisms(&self) -> Vec<Mechanism> {
        let settings = &self.scenario().auth;
        let secure = self.secured.is_some();
        let bindable = self.secured.as_ref().is_some_and(|secured| secured.end_point.is_some());
        let mut offered = settings.offered();
        offered.retain(|mechanism| {
            (secure || settings.plaintext_ok || !mechanism.reveals_secret())
                && (bindable || !mechanism.binds_channel())
        });
        offered
    }

    fn reply_to_starttls(&self, arguments: bool) -> Answer {
        let offered = self.scenario().tls.mode == TlsMode::Starttls;
        if !offered {
            return self.reply_to_unknown();
        }
        if arguments {
            return self.answer(501, "5.5.4", "STARTTLS takes no arguments");
        }
        if self.secured.is_some() {
            return self.answer(503, "5.5.1", "TLS is up already");
        }
        if self.hello.is_none() {
            return self.answer(503, "5.5.1", "say EHLO first");
        }
        self.answer(220, "2.0.0", "ready to start TLS")
    }

    fn reply_to_auth(&mut self, name: &str, known: Option<Mechanism>, initial: Option<&[u8]>) -> Answer {
        self.verdict = None;
        if self.scenario().auth.offered().is_empty() && !self.knows(Extension::Auth) {
            return self.reply_to_unknown();
        }
        if self.hello.is_none() {
            return self.answer(503, "5.5.1", "say EHLO first");
        }
        if self.user.is_some() || self.transaction.is_some() {
            return self.answer(503, "5.5.1", "AUTH is not allowed here");
        }
        if name.is_empty() {
            return self.answer(501, "5.5.4", "AUTH wants a mechanism");
        }
        if let Some(mechanism) = known
            && mechanism.reveals_secret()
            && self.secured.is_none()
        {
            self.find(Fault::SecretInClear, mechanism.as_str());
        }
        if self.scenario().tls.require && self.secured.is_none() {
            return self.answer(530, "5.7.0", "say STARTTLS first");
        }
        let Some(mechanism) = known.filter(|mechanism| self.mechanisms().contains(mechanism)) else {
            let offered = known.is_some_and(|mechanism| self.scenario().auth.offered().contains(&mechanism));
            return if offered {
                self.answer(538, "5.7.11", "encryption is required for this mechanism")
            } else {
                self.answer(504, "5.5.4", "this mechanism is not offered")
            };
        };
        let initial = match initial {
            None => None,
            Some(b"=") => Some(Vec::new()),
            Some(text) => match decode(text) {
                Some(octets) => Some(octets),
                None => return self.answer(501, "5.5.2", "this is not base64"),
            },
        };
        self.exchanges += 1;
        let (exchange, progress) = Exchange::start(mechanism, initial.as_deref(), &self.auth_context());
        self.tell_progress(exchange, progress)
    }

    fn reply_to_response(&mut self, response: &[u8]) -> Answer {
        self.verdict = None;
        if response == b"*" {
            return self.answer(501, "5.7.0", "authentication was cancelled");
        }
        let Some(octets) = decode(response) else { return self.answer(501, "5.5.2", "this is not base64") };
        let Phase::Auth(mut exchange) = core::mem::replace(&mut self.phase, Phase::Command) else {
            return self.reply_to_unknown();
        };
        let progress = exchange.respond(&octets, &self.auth_context());
        self.tell_progress(exchange, progress)
    }

    fn tell_progress(&mut self, exchange: Exchange, progress: Progress) -> Answer {
        match progress {
            Progress::Challenge(octets) => {
                self.verdict = Some(Verdict::Continue(exchange));
                Answer::line(334, encode(&octets))
            }
            Progress::Success(user) => {
                self.verdict = Some(Verdict::Authenticated(user));
                self.answer(235, "2.7.0", "authenticated")
            }
            Progress::Refused => self.answer(535, "5.7.8", "these credentials are not valid"),
            Progress::Broken(why) => self.answer(501, "5.5.2", why),
        }
    }

    fn reply_to_mail(&mut self, path: &Result<Path, Syntax>) -> Answer {
        if self.needs_hello_after_tls {
            self.find(Fault::MissingHelloAfterTls, "MAIL");
        }
        if self.hello.is_none() {
            return self.answer(503, "5.5.1", "say EHLO first");
        }
        let scenario = self.scenario();
        if scenario.tls.require && self.secured.is_none() {
            return self.answer(530, "5.7.0", "say STARTTLS first");
        }
        if scenario.auth.require && self.user.is_none() {
            return self.answer(530, "5.7.0", "authentication is required");
        }
        if self.transaction.is_some() {
            return self.answer(503, "5.5.1", "a transaction is under way");
        }
        let path = match path {
            Ok(path) => path,
            Err(syntax) => return self.syntax_reply(*syntax, "MAIL FROM:<mailbox>", "5.1.7"),
        };
        if let Some(reply) = self.refuse_parameters(path, &MAIL_PARAMETERS) {
            return reply;
        }
        if let Some(size) = path.parameter("SIZE") {
            match size.parse::<u64>() {
                Err(_) => return self.answer(501, "5.5.4", "SIZE wants a number"),
                Ok(size) if size > self.size_limit() => {
                    return self.answer(
                        552,
                        "5.3.4",
                        format!("at most {} octets are taken", self.size_limit()),
                    );
                }
                Ok(_) => {}
            }
        }
        let body = path.parameter("BODY").unwrap_or("7BIT");
        let is = |word: &str| body.eq_ignore_ascii_case(word);
        let sound =
            is("7BIT") || is("8BITMIME") || (is("BINARYMIME") && self.is_offered(Extension::BinaryMime));
        if !sound {
            return self.answer(501, "5.5.4", "BODY wants 7BIT, 8BITMIME or BINARYMIME");
        }
        if let Some(ret) = path.parameter("RET")
            && !["FULL", "HDRS"].iter().any(|word| ret.eq_ignore_ascii_case(word))
        {
            return self.answer(501, "5.5.4", "RET wants FULL or HDRS");
        }
        if !path.mailbox.is_ascii() && path.parameter("SMTPUTF8").is_none() {
            return self.answer(553, "5.6.7", "this address needs SMTPUTF8");
        }
        if self.server.message_exceeds(self.now, self.begun) {
            return self.limit_reply("too many messages");
        }
        self.answer(250, "2.1.0", "sender ok")
    }

    fn reply_to_rcpt(&mut self, path: &Result<Path, Syntax>) -> Answer {
        let Some(transaction) = &self.transaction else {
            return self.answer(503, "5.5.1", "say MAIL first");
        };
        let path = match path {
            Ok(path) => path,
            Err(syntax) => return self.syntax_reply(*syntax, "RCPT TO:<mailbox>", "5.1.3"),
        };
        if !path.mailbox.is_ascii() && transaction.reverse_path.parameter("SMTPUTF8").is_none() {
            return self.answer(553, "5.6.7", "this address needs SMTPUTF8");
        }
        if transaction.chunks.is_some() {
            return self.answer(503, "5.5.1", "the mail data has begun");
        }
        let most = self.scenario().limits.recipients.unwrap_or(RECIPIENTS_LIMIT).min(RECIPIENTS_LIMIT);
        if transaction.recipients.len() >= most {
            return self.answer(452, "4.5.3", "too many recipients");
        }
        if let Some(reply) = self.refuse_parameters(path, &RCPT_PARAMETERS) {
            return reply;
        }
        if let Some(notify) = path.parameter("NOTIFY") {
            let words: Vec<_> = notify.split(',').map(str::to_ascii_uppercase).collect();
            let never = words.iter().any(|word| word == "NEVER");
            let sound =
                words.iter().all(|word| matches!(word.as_str(), "NEVER" | "SUCCESS" | "FAILURE" | "DELAY"));
            if !sound || (never && words.len() > 1) {
                return self.answer(
                    501,
                    "5.5.4",
                    "NOTIFY wants NEVER, or a list of SUCCESS, FAILURE and DELAY",
                );
            }
        }
        self.answer(250, "2.1.5", "recipient ok")
    }

    fn syntax_reply(&mut self, syntax: Syntax, wanted: &str, mailbox_code: &'static str) -> Answer {
        match syntax {
            Syntax::Space => {
                self.find(Fault::SpaceBeforePath, wanted);
                self.answer(501, "5.5.4", format!("no space here, try {wanted}"))
            }
            Syntax::Mailbox => self.answer(501, mailbox_code, "this is not a mailbox"),
            Syntax::Long => self.answer(501, mailbox_code, "64 octets for a local-part, 255 for a domain"),
            Syntax::Parameter => self.answer(501, "5.5.4", "a parameter is malformed"),
            Syntax::Path | Syntax::Chunk => self.answer(501, "5.5.4", format!("try {wanted}")),
        }
    }

    /// 555 for a parameter whose extension was not offered (RFC 5321 §4.1.1.11).
    fn refuse_parameters(&mut self, path: &Path, known: &[(&str, Extension)]) -> Option<Answer> {
        for parameter in &path.parameters {
            let extension = known.iter().find(|(keyword, _)| parameter.keyword.eq_ignore_ascii_case(keyword));
            let offered = extension.is_some_and(|(_, extension)| match *extension {
                Extension::Auth => {
                    !self.scenario().auth.offered().is_empty() || self.is_offered(Extension::Auth)
                }
                Extension::EightBitMime => {
                    self.is_offered(Extension::EightBitMime) || self.is_offered(Extension::BinaryMime)
                }
                extension => self.is_offered(extension),
            });
            if offered {
                continue;
            }
            self.find(Fault::ParameterNotOffered, &parameter.keyword);
            let works = extension.is_some_and(|(_, extension)| self.knows(*extension));
            if !works {
                return Some(self.answer(555, "5.5.4", format!("{} is not known here", parameter.keyword)));
            }
        }
        None
    }

    fn reply_to_data(&self, arguments: bool) -> Answer {
        let Some(transaction) = &self.transaction else {
            return self.answer(503, "5.5.1", "say MAIL first");
        };
        if arguments {
            return self.answer(501, "5.5.4", "DATA takes no arguments");
        }
        if transaction.recipients.is_empty() {
            return self.answer(554, "5.5.1", "no valid recipients");
        }
        if transaction.chunks.is_some() || transaction.failed {
            return self.answer(503, "5.5.1", "DATA does not mix with BDAT");
        }
        if transaction
            .reverse_path
            .parameter("BODY")
            .is_some_and(|body| body.eq_ignore_ascii_case("BINARYMIME"))
        {
            return self.answer(503, "5.6.1", "BINARYMIME needs BDAT");
        }
        Answer::line(354, "end with a dot on a line by itself")
    }

    fn reply_to_chunk(&self, last: bool) -> Answer {
        let Some(transaction) = &self.transaction else {
            return self.answer(503, "5.5.1", "say MAIL first");
        };
        if transaction.failed {
            return self.answer(503, "5.5.1", "a chunk was refused, say RSET");
        }
        if transaction.recipients.is_empty() {
            return self.answer(554, "5.5.1", "no valid recipients");
        }
        let size = transaction.chunks.as_ref().map_or(0, |chunks| chunks.size);
        if size > self.size_limit() {
            return self.answer(552, "5.3.4", format!("at most {} octets are taken", self.size_limit()));
        }
        if last { self.reply_to_body() } else { self.answer(250, "2.0.0", format!("{size} octets so far")) }
    }

    fn reply_to_body(&self) -> Answer {
        let Some(transaction) = &self.transaction else {
            return self.answer(503, "5.5.1", "there was no transaction");
        };
        let size = transaction.chunks.as_ref().map_or(0, |body| body.size);
        if size > self.size_limit() {
            return self.answer(552, "5.3.4", format!("at most {} octets are taken", self.size_limit()));
        }
        Answer::Queued {
            enhanced: self.enhanced("2.0.0"),
            connection: self.number,
            message: self.accepted + 1,
        }
    }

    fn reply_to_xclient(&self, attributes: &[(String, String)]) -> Answer {
        let Some(line) = self.scenario().server.extension("XCLIENT") else { return self.reply_to_unknown() };
        if self.transaction.is_some() {
            return self.answer(503, "5.5.1", "a transaction is under way");
        }
        let known: Vec<_> = line.split_ascii_whitespace().skip(1).collect();
        let stranger = attributes.iter().find(|(name, value)| {
            value.is_empty() || !known.iter().any(|word| word.eq_ignore_ascii_case(name))
        });
        match stranger {
            Some((name, _)) => self.answer(
                501,
                "5.5.4",
                format!("{} is not known here", crate::scenario::escape(name.as_bytes())),
            ),
            None if attributes.is_empty() => self.answer(501, "5.5.4", "XCLIENT wants attributes"),
            None if self.attributes.len() + attributes.len() > ATTRIBUTES_LIMIT => {
                self.answer(452, "4.5.3", format!("at most {ATTRIBUTES_LIMIT} attributes are taken"))
            }
            None => self.reply_to_connect(),
        }
    }
}

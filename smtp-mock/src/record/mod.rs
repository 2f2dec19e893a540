//! Provides [`Recording`], which writes what a client and a server said as a scenario that replays it.

#[cfg(feature = "program")]
pub(crate) mod relay;

use core::fmt::Write as _;

use crate::scenario::Reply;

/// A session written down while it happens, octets of either side as they come; secrets and mail data stay out.
///
/// ```
/// use smtp_mock::{Recording, Scenario};
/// let mut recording = Recording::new();
/// recording.server(b"220 mx.test ESMTP\r\n");
/// recording.client(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n");
/// recording.server(b"235 2.7.0 ok\r\n");
/// recording.client_closed();
/// let file = Recording::to_toml("login", &[recording]);
/// assert!(file.contains("C: AUTH PLAIN *") && !file.contains("AGFs"));
/// Scenario::parse("login.toml", &file).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recording {
    script: String,
    from_server: Vec<u8>,
    from_client: Vec<u8>,
    expects: Expects,
    tls: Option<&'static str>,
    challenged: Option<String>,
}

/// What the client's next octets are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Expects {
    #[default]
    Line,
    /// The server said 334: a secret.
    Response,
    /// The server said 354: mail data, of which only the last octets are kept, to find its end.
    Body,
    /// BDAT: this many octets.
    Chunk(u64),
}

impl Recording {
    /// A session that begins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// TLS comes before everything.
    pub fn implicit_tls(&mut self) {
        self.tls = Some("implicit");
    }

    /// Takes octets of the server.
    pub fn server(&mut self, octets: &[u8]) {
        self.from_server.extend_from_slice(octets);
        while let Some(at) = memchr::memchr(b'\n', &self.from_server) {
            let line: Vec<u8> = self.from_server.drain(..=at).collect();
            self.server_line(&line);
        }
    }

    /// Takes octets of the client.
    pub fn client(&mut self, octets: &[u8]) {
        self.from_client.extend_from_slice(octets);
        loop {
            match self.expects {
                Expects::Line | Expects::Response => {
                    let Some(at) = memchr::memchr(b'\n', &self.from_client) else { return };
                    let line: Vec<u8> = self.from_client.drain(..=at).collect();
                    self.client_line(&line);
                }
                Expects::Body => {
                    let Some(at) = memchr::memmem::find(&self.from_client, END_OF_BODY) else {
                        // Only the beginning of an end may still matter; a message can be large.
                        let past = self.from_client.len().saturating_sub(END_OF_BODY.len() - 1);
                        self.from_client.drain(..past);
                        return;
                    };
                    self.from_client.drain(..at + END_OF_BODY.len());
                    self.script.push_str("C: <body>\n");
                    self.expects = Expects::Line;
                }
                Expects::Chunk(left) => {
                    let available = u64::try_from(self.from_client.len()).unwrap_or(u64::MAX);
                    let count = left.min(available);
                    self.from_client.drain(..usize::try_from(count).unwrap_or(usize::MAX));
                    if left > count {
                        self.expects = Expects::Chunk(left - count);
                        return;
                    }
                    self.expects = Expects::Line;
                }
            }
        }
    }

    /// The TLS handshake after STARTTLS was done.
    pub fn starttls(&mut self) {
        self.flush();
        self.tls = Some("starttls");
        self.script.push_str("!starttls\n");
    }

    /// The client ended its stream.
    pub fn client_closed(&mut self) {
        self.flush();
        self.script.push_str("C: <eof>\n");
    }

    /// The server ended its stream.
    pub fn server_closed(&mut self) {
        self.flush();
        self.script.push_str("!close fin\n");
    }

    /// The mechanism of a login whose replies depend on a nonce or challenge, so that no other login can replay them:
    /// CRAM-MD5 and SCRAM.
    #[must_use]
    pub fn challenged(&self) -> Option<&str> {
        self.challenged.as_deref()
    }

    /// The script of the session so far.
    #[must_use]
    pub fn script(&self) -> &str {
        &self.script
    }

    /// Several sessions as one scenario file, in the order of their connections.
    #[must_use]
    pub fn to_toml(name: &str, sessions: &[Self]) -> String {
        let mut text = String::new();
        if let Some(mechanism) = sessions.iter().find_map(Self::challenged) {
            let _ = write!(
                text,
                "# the login by {mechanism} cannot be replayed, its replies hold for one nonce or challenge alone:\n\
                 # take its lines out of the script and have the client not log in, or record a login by PLAIN\n"
            );
        }
        let _ = writeln!(text, "name = {}", quote(name));
        if let Some(mode) = sessions.iter().find_map(|session| session.tls) {
            let _ = write!(text, "\n[tls]\nmode = \"{mode}\"\n");
        }
        for (index, session) in sessions.iter().enumerate() {
            let script = if session.script.is_empty() { "C: <eof>\n" } else { &session.script };
            // A literal block shows the script as it is; it cannot hold three quotes, so those fall back to a basic one.
            let block = if script.contains("'''") { quote(script) } else { format!("'''\n{script}'''") };
            let _ = write!(text, "\n[[dialogue]]\nconnection = {}\nscript = {block}\n", index + 1);
        }
        text
    }

    /// What is left without a line end is said all the same.
    fn flush(&mut self) {
        if !self.from_server.is_empty() {
            let rest = core::mem::take(&mut self.from_server);
            let _ = writeln!(self.script, "S> {}", crate::scenario::escape(&rest));
        }
    }

    fn server_line(&mut self, line: &[u8]) {
        let plain = line
            .strip_suffix(b"\r\n")
            .filter(|text| text.iter().all(|&octet| octet >= b' ' && octet != 0x7f));
        let plain =
            plain.and_then(|text| core::str::from_utf8(text).ok()).filter(|text| Reply::parse(text).is_ok());
        match plain {
            Some(text) => {
                let _ = writeln!(self.script, "S: {text}");
            }
            None => {
                let _ = writeln!(self.script, "S> {}", crate::scenario::escape(line));
            }
        }
        // The last line of a reply decides what comes next from the client.
        if line.get(3).is_none_or(|&mark| mark != b'-') {
            match line.get(..3) {
                Some(b"334") => self.expects = Expects::Response,
                Some(b"354") => {
                    self.expects = Expects::Body;
                    // A lone dot at once ends the mail data too: the line end before it is that of DATA.
                    self.from_client.splice(..0, *b"\r\n");
                }
                _ if self.expects == Expects::Response => self.expects = Expects::Line,
                _ => {}
            }
        }
    }

    fn client_line(&mut self, line: &[u8]) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if self.expects == Expects::Response {
            // A cancel is no secret, and the replay must tell it from a response.
            self.script.push_str(if text == b"*" { "C: ?\n" } else { "C: *\n" });
            self.expects = Expects::Line;
            return;
        }
        let words: Vec<_> = text.split(|&octet| octet == b' ').filter(|word| !word.is_empty()).collect();
        let is_auth = words.first().is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH"));
        if let Some(name) = words.get(1).filter(|name| is_auth && is_challenging(name)) {
            self.challenged = Some(String::from_utf8_lossy(name).to_ascii_uppercase());
        }
        if words.len() > 2 && is_auth {
            let mechanism = crate::scenario::escape(words[1]);
            let _ = writeln!(self.script, "C: AUTH {mechanism} *");
            return;
        }
        if words.first().is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT"))
            && let Some(size) = words
                .get(1)
                .and_then(|word| core::str::from_utf8(word).ok())
                .and_then(|word| word.parse().ok())
        {
            let last = if words.len() > 2 { " LAST" } else { "" };
            // The size depends on dates and identifiers in the message, so the replay takes any.
            let _ = writeln!(self.script, "C: BDAT *{last}");
            self.expects = Expects::Chunk(size);
            return;
        }
        let shown = String::from_utf8_lossy(text).replace(|letter: char| letter.is_control(), "?");
        let _ = writeln!(self.script, "C: {}", mask_size(&shown));
    }
}

/// Whether the server's challenges of this mechanism are different in each login, or answer the client's nonce.
fn is_challenging(mechanism: &[u8]) -> bool {
    mechanism.eq_ignore_ascii_case(b"CRAM-MD5")
        || mechanism.get(..6).is_some_and(|family| family.eq_ignore_ascii_case(b"SCRAM-"))
            && mechanism.len() > 6
}

/// Where mail data ends (RFC 5321 §4.1.1.4).
const END_OF_BODY: &[u8] = b"\r\n.\r\n";

/// `SIZE=123` becomes `SIZE=*`: it depends on dates and identifiers in the message.
fn mask_size(line: &str) -> String {
    let words: Vec<_> = line
        .split(' ')
        .map(|word| match word.get(..5) {
            Some(keyword) if keyword.eq_ignore_ascii_case("SIZE=") => format!("{keyword}*"),
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_session_becomes_a_dialogue_without_secrets_and_mail() {
        let mut recording = Recording::new();
        recording.server(b"220 mx.test ES");
        recording.server(b"MTP\r\n");
        recording.client(b"AUTH LOGIN\r\n");
        recording.server(b"334 VXNlcm5hbWU6\r\n");
        recording.client(b"YWxpY2U=\r\n");
        recording.server(b"235 ok\r\n");
        recording.client(b"MAIL FROM:<a@b.test> SIZE=123\r\nRCPT TO:<c@d.test>\r\nDATA\r\n");
        recording.server(b"250 ok\r\n250 ok\r\n354 go\r\n");
        recording.client(b"private\r\n.\r");
        recording.client(b"\nBDAT 7 LAST\r\nprivate");
        recording.server(b"250 queued\r\n250 bare\n");
        recording.client(b"QUIT\r\n");
        recording.server_closed();
        assert_eq!(
            recording.script(),
            "S: 220 mx.test ESMTP\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 235 ok\n\
             C: MAIL FROM:<a@b.test> SIZE=*\nC: RCPT TO:<c@d.test>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n\
             C: <body>\nC: BDAT * LAST\nS: 250 queued\nS> 250 bare\\n\nC: QUIT\n!close fin\n"
        );
        let file = Recording::to_toml("it's", &[recording]);
        assert!(!file.contains("private") && !file.contains("YWxp"));
        assert_eq!(Scenario::parse("r.toml", &file).unwrap().dialogues.len(), 1);
    }

    #[test]
    fn mail_data_is_passed_over_in_any_cut_and_not_kept() {
        let session = b".\r\nDATA\r\na\r\n..\r\n.\r\nQUIT\r\n";
        for cut in 0..=session.len() {
            let mut recording = Recording::new();
            recording.server(b"354 go\r\n");
            for part in [&session[..cut], &session[cut..]] {
                // The second 354 comes behind the second DATA, wherever that ends.
                for octet in part {
                    recording.client(&[*octet]);
                    if recording.script.ends_with("DATA\n") && recording.expects == Expects::Line {
                        recording.server(b"354 go\r\n");
                    }
                }
            }
            let script = "S: 354 go\nC: <body>\nC: DATA\nS: 354 go\nC: <body>\nC: QUIT\n";
            assert_eq!(recording.script(), script, "cut at {cut}");
        }
        let mut recording = Recording::new();
        recording.server(b"354 go\r\n");
        for _ in 0..1000 {
            recording.client(&[b'x'; 1000]);
            assert!(recording.from_client.len() < END_OF_BODY.len());
        }
    }

    #[test]
    fn a_login_that_cannot_be_replayed_is_named() {
        for (command, expected) in [
            ("auth scram-sha-256 biws", Some("SCRAM-SHA-256")),
            ("AUTH CRAM-MD5", Some("CRAM-MD5")),
            ("AUTH SCRAM-", None),
            ("AUTH PLAIN AGEAYg==", None),
            ("NOOP SCRAM-SHA-1", None),
        ] {
            let mut recording = Recording::new();
            recording.server(b"220 mx.test ESMTP\r\n");
            recording.client(format!("{command}\r\n").as_bytes());
            recording.client_closed();
            assert_eq!(recording.challenged(), expected, "{command}");
            let file = Recording::to_toml("login", &[recording]);
            assert_eq!(file.contains("cannot be replayed"), expected.is_some(), "{file}");
            assert_eq!(Scenario::parse("r.toml", &file).unwrap().name.as_deref(), Some("login"));
        }
    }

    #[test]
    fn odd_text_still_makes_a_file() {
        let mut recording = Recording::new();
        recording.server(b"220 '''\x01\r\n");
        recording.client(b"X\x00Y\r\n");
        recording.client_closed();
        let file = Recording::to_toml("a \"b\"", &[recording, Recording::new()]);
        assert_eq!(Scenario::parse("r.toml", &file).unwrap().dialogues.len(), 2);
    }
}

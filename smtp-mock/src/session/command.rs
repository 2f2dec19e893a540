//! Reads the client's command lines. Nothing here is shared with the client core, on purpose.

use crate::{
    capture::{Parameter, Path},
    scenario::{Mechanism, On},
};

/// A command with its arguments, or what is wrong with them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Hello {
        on: On,
        domain: String,
    },
    Starttls {
        arguments: bool,
    },
    Auth {
        mechanism: String,
        known: Option<Mechanism>,
        initial: Option<Vec<u8>>,
    },
    Mail(Result<Path, Syntax>),
    Rcpt(Result<Path, Syntax>),
    Data {
        arguments: bool,
    },
    Bdat(Result<(u64, bool), Syntax>),
    Rset {
        arguments: bool,
    },
    Noop,
    Vrfy(String),
    Expn(String),
    Help,
    Xclient(Vec<(String, String)>),
    Quit {
        arguments: bool,
    },
    Unknown,
    /// The end of the mail data.
    Body,
    /// A chunk's octets have come; it was the last or not.
    Chunk {
        last: bool,
    },
    /// The connection was made.
    Connect,
    /// The TLS handshake is due.
    Handshake,
    /// A response of the client within AUTH.
    Response(Vec<u8>),
}

/// What is wrong with an argument: the reply says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Syntax {
    /// Not `FROM:<…>` or `TO:<…>`.
    Path,
    /// A space stands before the path.
    Space,
    /// The mailbox is none.
    Mailbox,
    /// A part is longer than RFC 5321 §4.5.3.1 allows.
    Long,
    /// A parameter is malformed.
    Parameter,
    /// BDAT without a size.
    Chunk,
}

/// STARTTLS; what is longer is no verb.
const LONGEST_VERB: usize = 8;

impl Command {
    /// The hook that the command reaches.
    pub(super) fn on(&self) -> On {
        match self {
            Self::Hello { on, .. } => *on,
            Self::Starttls { .. } => On::Starttls,
            Self::Auth { .. } | Self::Response(_) => On::Auth,
            Self::Mail(_) => On::Mail,
            Self::Rcpt(_) => On::Rcpt,
            Self::Data { .. } => On::Data,
            Self::Bdat(_) | Self::Chunk { .. } => On::Bdat,
            Self::Rset { .. } => On::Rset,
            Self::Noop => On::Noop,
            Self::Vrfy(_) => On::Vrfy,
            Self::Expn(_) => On::Expn,
            Self::Help => On::Help,
            Self::Xclient(_) => On::Xclient,
            Self::Quit { .. } => On::Quit,
            Self::Unknown => On::Unknown,
            Self::Body => On::Body,
            Self::Connect => On::Connect,
            Self::Handshake => On::Tls,
        }
    }

    /// Reads a line without its line end.
    pub(super) fn parse(line: &[u8]) -> Self {
        let line = line.trim_ascii_end();
        let (verb, rest) = match line.iter().position(|&octet| octet == b' ') {
            Some(at) => (&line[..at], line[at + 1..].trim_ascii_start()),
            None => (line, &line[line.len()..]),
        };
        let text = || String::from_utf8_lossy(rest).into_owned();
        let arguments = !rest.is_empty();
        let mut letters = [0; LONGEST_VERB];
        let upper = letters.get_mut(..verb.len()).unwrap_or_default();
        upper.iter_mut().zip(verb).for_each(|(upper, letter)| *upper = letter.to_ascii_uppercase());
        match &*upper {
            b"HELO" => Self::Hello { on: On::Helo, domain: text() },
            b"EHLO" => Self::Hello { on: On::Ehlo, domain: text() },
            b"LHLO" => Self::Hello { on: On::Lhlo, domain: text() },
            b"STARTTLS" => Self::Starttls { arguments },
            b"AUTH" => parse_auth(rest),
            b"MAIL" => Self::Mail(parse_path(rest, b"FROM:", true)),
            b"RCPT" => Self::Rcpt(parse_path(rest, b"TO:", false)),
            b"DATA" => Self::Data { arguments },
            b"BDAT" => Self::Bdat(parse_chunk(rest)),
            b"RSET" => Self::Rset { arguments },
            b"NOOP" => Self::Noop,
            b"VRFY" => Self::Vrfy(text()),
            b"EXPN" => Self::Expn(text()),
            b"HELP" => Self::Help,
            b"XCLIENT" => Self::Xclient(parse_attributes(rest)),
            b"QUIT" => Self::Quit { arguments },
            _ => Self::Unknown,
        }
    }
}

/// Where a secret begins in an AUTH line: after the mechanism.
pub(super) fn secret_of_auth(line: &[u8]) -> Option<usize> {
    let mut words = 0;
    let mut in_word = false;
    for (at, octet) in line.iter().enumerate() {
        let blank = octet.is_ascii_whitespace();
        if !blank && !in_word {
            words += 1;
            if words == 3 {
                return Some(at);
            }
        }
        in_word = !blank;
    }
    None
}

fn parse_auth(rest: &[u8]) -> Command {
    let mut words = rest.splitn(2, |&octet| octet == b' ');
    let mechanism = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
    let initial = words.next().map(|word| word.trim_ascii().to_vec()).filter(|word| !word.is_empty());
    Command::Auth { known: Mechanism::from_name(&mechanism), mechanism, initial }
}

fn parse_chunk(rest: &[u8]) -> Result<(u64, bool), Syntax> {
    let text = core::str::from_utf8(rest).map_err(|_| Syntax::Chunk)?;
    let mut words = text.split_ascii_whitespace();
    let digits =
        words.next().filter(|word| word.bytes().all(|octet| octet.is_ascii_digit())).ok_or(Syntax::Chunk)?;
    let size = digits.parse().map_err(|_| Syntax::Chunk)?;
    match (words.next(), words.next()) {
        (None, _) => Ok((size, false)),
        (Some(word), None) if word.eq_ignore_ascii_case("LAST") => Ok((size, true)),
        _ => Err(Syntax::Chunk),
    }
}

fn parse_attributes(rest: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(rest);
    text.split_ascii_whitespace()
        .map(|word| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            (name.to_ascii_uppercase(), value.to_owned())
        })
        .collect()
}

/// Reads `FROM:<path> parameters`; the empty path is for reverse-paths alone.
fn parse_path(rest: &[u8], prefix: &[u8], reverse: bool) -> Result<Path, Syntax> {
    let after = rest
        .get(..prefix.len())
        .filter(|beginning| beginning.eq_ignore_ascii_case(prefix))
        .map(|_| &rest[prefix.len()..])
        .ok_or(Syntax::Path)?;
    if after.first() == Some(&b' ') {
        return Err(Syntax::Space);
    }
    if after.first() != Some(&b'<') {
        return Err(Syntax::Path);
    }
    let end = path_end(after).ok_or(Syntax::Path)?;
    let mailbox = core::str::from_utf8(&after[1..end]).map_err(|_| Syntax::Mailbox)?;
    // A source route (RFC 5321 appendix C) must be accepted and should be ignored.
    let mailbox = match mailbox.strip_prefix('@') {
        Some(route) => route.split_once(':').ok_or(Syntax::Mailbox)?.1,
        None => mailbox,
    };
    check_mailbox(mailbox, reverse)?;
    let rest = &after[end + 1..];
    let mut parameters = Vec::new();
    if !rest.is_empty() {
        if rest[0] != b' ' {
            return Err(Syntax::Path);
        }
        let rest = core::str::from_utf8(rest).map_err(|_| Syntax::Parameter)?;
        for word in rest.split_ascii_whitespace() {
            // They are kept with the message: no more room than they need.
            parameters.reserve_exact(1);
            parameters.push(parse_parameter(word)?);
        }
    }
    Ok(Path { mailbox: mailbox.to_owned(), parameters })
}

/// The `>` that ends a path, those in a quoted local-part apart.
fn path_end(after: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'>', after)?;
    if memchr::memchr(b'"', &after[..end]).is_none() {
        return Some(end);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, &octet) in after.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn check_mailbox(mailbox: &str, reverse: bool) -> Result<(), Syntax> {
    if mailbox.is_empty() {
        return if reverse { Ok(()) } else { Err(Syntax::Mailbox) };
    }
    if !reverse && mailbox.eq_ignore_ascii_case("postmaster") {
        return Ok(());
    }
    let at = memchr::memrchr(b'@', mailbox.as_bytes()).ok_or(Syntax::Mailbox)?;
    let (local, domain) = (&mailbox[..at], &mailbox[at + 1..]);
    let length_limits = [(local.len(), 64), (domain.len(), 255), (mailbox.len() + 2, 256)];
    if length_limits.iter().any(|(length, limit)| length > limit) {
        return Err(Syntax::Long);
    }
    let sound_local = if let Some(quoted) = local.strip_prefix('"') {
        quoted.strip_suffix('"').is_some_and(is_quoted_content)
    } else {
        is_dot_string(local)
    };
    let sound_domain = if domain.starts_with('[') {
        domain.ends_with(']') && domain.len() > 2 && !domain.contains(' ')
    } else {
        is_domain(domain)
    };
    if sound_local && sound_domain { Ok(()) } else { Err(Syntax::Mailbox) }
}

/// Whether a name is a domain (RFC 5321 §4.1.2), letters of other scripts included (RFC 6531).
pub(super) fn is_domain(name: &str) -> bool {
    // A label has a letter or digit at its beginning and its end.
    let mut before = b'.';
    for octet in name.bytes() {
        let sound = match octet {
            b'.' => !matches!(before, b'.' | b'-'),
            b'-' => before != b'.',
            _ => octet.is_ascii_alphanumeric() || !octet.is_ascii(),
        };
        if !sound {
            return false;
        }
        before = octet;
    }
    !matches!(before, b'.' | b'-')
}

/// Whether a local-part is atoms with dots between them (RFC 5321 §4.1.2), letters of other scripts included.
fn is_dot_string(local: &str) -> bool {
    let mut before = b'.';
    for octet in local.bytes() {
        let sound = match octet {
            b'.' => before != b'.',
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~' => true,
            _ => octet.is_ascii_alphanumeric() || !octet.is_ascii(),
        };
        if !sound {
            return false;
        }
        before = octet;
    }
    before != b'.'
}

fn is_quoted_content(text: &str) -> bool {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return false,
            letter if letter.is_ascii_control() => return false,
            '\\' if letters.next().is_none() => return false,
            _ => {}
        }
    }
    true
}

fn parse_parameter(word: &str) -> Result<Parameter, Syntax> {
    let (keyword, value) = match memchr::memchr(b'=', word.as_bytes()) {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    };
    let sound_keyword = keyword.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric())
        && keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let sound_value = value.is_none_or(|value| {
        !value.is_empty() && !value.bytes().any(|octet| octet == b'=' || octet.is_ascii_control())
    });
    if sound_keyword && sound_value {
        Ok(Parameter { keyword: keyword.to_owned(), value: value.map(str::to_owned) })
    } else {
        Err(Syntax::Parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters() {
        let Command::Mail(Ok(path)) = Command::parse(b"mail from:<a@b.test> SIZE=3 BODY=8BITMIME SMTPUTF8")
        else {
            panic!("a path")
        };
        assert_eq!(path.mailbox, "a@b.test");
        assert_eq!(path.parameter("size"), Some("3"));
        assert_eq!(path.parameter("SMTPUTF8"), Some(""));
        assert_eq!(path.parameter("RET"), None);
        for (line, mailbox) in [
            (&b"MAIL FROM:<>"[..], ""),
            (b"MAIL FROM:<\"a >\\\" b\"@c.test>", "\"a >\\\" b\"@c.test"),
            (b"MAIL FROM:<@relay.test,@other.test:a@b.test>", "a@b.test"),
            (b"MAIL FROM:<a@[127.0.0.1]>", "a@[127.0.0.1]"),
        ] {
            let Command::Mail(Ok(path)) = Command::parse(line) else { panic!("{}", line.escape_ascii()) };
            assert_eq!(path.mailbox, mailbox);
        }
    }

    #[test]
    fn what_is_no_path_is_told() {
        for (line, syntax) in [
            (&b"RCPT TO:<>"[..], Syntax::Mailbox),
            (b"RCPT TO: <a@b>", Syntax::Space),
            (b"RCPT TO:a@b", Syntax::Path),
            (b"RCPT <a@b>", Syntax::Path),
            (b"RCPT TO:<a@b", Syntax::Path),
            (b"RCPT TO:<a@b>x", Syntax::Path),
            (b"RCPT TO:<a>", Syntax::Mailbox),
            (b"RCPT TO:<a..b@c>", Syntax::Mailbox),
            (b"RCPT TO:<a b@c>", Syntax::Mailbox),
            (b"RCPT TO:<\xff@c>", Syntax::Mailbox),
            (b"RCPT TO:<a@b> =x", Syntax::Parameter),
            (b"RCPT TO:<a@b> X=", Syntax::Parameter),
        ] {
            assert_eq!(Command::parse(line), Command::Rcpt(Err(syntax)), "{}", line.escape_ascii());
        }
        let long = format!("RCPT TO:<{}@b.test>", "x".repeat(65));
        assert_eq!(Command::parse(long.as_bytes()), Command::Rcpt(Err(Syntax::Long)));
        assert_eq!(
            Command::parse(b"RCPT TO:<postmaster>"),
            Command::Rcpt(Ok(Path { mailbox: "postmaster".to_owned(), parameters: Vec::new() }))
        );
    }

    #[test]
    fn domains_and_dot_strings_of_every_octet() {
        for octet in 0..128_u8 {
            let letter = char::from(octet);
            let known = letter.is_ascii_alphanumeric();
            let atom = known || "!#$%&'*+-/=?^_`{|}~".contains(letter);
            assert_eq!(is_dot_string(&format!("a{letter}b")), atom || letter == '.', "{letter:?}");
            assert_eq!(is_domain(&format!("a{letter}b")), known || matches!(letter, '-' | '.'), "{letter:?}");
        }
        for sound in ["a", "a.b", "a-b.c", "é.b", "1.2"] {
            assert!(is_domain(sound) && is_dot_string(sound), "{sound}");
        }
        for broken in ["", ".", "a.", ".a", "a..b"] {
            assert!(!is_domain(broken) && !is_dot_string(broken), "{broken}");
        }
        for broken in ["-", "-a", "a-", "a.-b", "a-.b"] {
            assert!(!is_domain(broken), "{broken}");
        }
    }

    #[test]
    fn chunks_and_secrets() {
        assert_eq!(Command::parse(b"BDAT 12 last"), Command::Bdat(Ok((12, true))));
        for line in [&b"BDAT"[..], b"BDAT -1", b"BDAT 1 FIRST", b"BDAT 99999999999999999999999"] {
            assert_eq!(Command::parse(line), Command::Bdat(Err(Syntax::Chunk)));
        }
        assert_eq!(secret_of_auth(b"AUTH PLAIN AGE="), Some(11));
        assert_eq!(secret_of_auth(b"AUTH  LOGIN"), None);
    }
}

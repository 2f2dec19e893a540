//! Writes messages to disk, as eml files, a Maildir or an mbox, up to a limit.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, macros::format_description};

use super::Message;

/// How a store writes messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreFormat {
    /// `000001.eml` with the exact octets, and the envelope in `000001.envelope`.
    Eml,
    /// A Maildir; the exact octets.
    Maildir,
    /// One file `mbox` in the «mboxrd» form, line ends of the local system.
    Mbox,
}

/// A directory that messages are written to before they are acknowledged.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    format: StoreFormat,
    most_messages: u64,
    most_octets: u64,
    messages: u64,
    octets: u64,
    /// The next name to try.
    next: u64,
}

impl Store {
    /// Opens a store; the directory is made when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: impl Into<PathBuf>, format: StoreFormat) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        if format == StoreFormat::Maildir {
            for name in ["tmp", "new", "cur"] {
                fs::create_dir_all(directory.join(name))?;
            }
        }
        Ok(Self {
            directory,
            format,
            most_messages: u64::MAX,
            most_octets: u64::MAX,
            messages: 0,
            octets: 0,
            next: 1,
        })
    }

    /// Takes no more than so many messages and octets; what is beyond is refused with 452.
    #[must_use]
    pub fn limit(mut self, messages: u64, octets: u64) -> Self {
        self.most_messages = messages;
        self.most_octets = octets;
        self
    }

    /// Tells whether a message of so many octets would be within the limits.
    ///
    /// # Errors
    /// A text for people that names the limit.
    pub fn has_room(&self, size: u64) -> Result<(), String> {
        if self.messages >= self.most_messages {
            return Err(format!("the store is full, its limit is {} messages", self.most_messages));
        }
        if self.octets.saturating_add(size) > self.most_octets {
            return Err(format!("the store is full, its limit is {} octets", self.most_octets));
        }
        Ok(())
    }

    /// Writes a message.
    ///
    /// # Errors
    /// A text for people, when a limit is reached or the disk refuses.
    pub fn write(&mut self, message: &Message) -> Result<(), String> {
        let size = message.octets.len() as u64;
        self.has_room(size)?;
        let written = match self.format {
            StoreFormat::Eml => self.write_eml(message),
            StoreFormat::Maildir => self.write_maildir(message),
            StoreFormat::Mbox => self.write_mbox(message),
        };
        written
            .map_err(|error| format!("cannot store the message in {}: {error}", self.directory.display()))?;
        self.messages += 1;
        self.octets += size;
        Ok(())
    }

    fn write_eml(&mut self, message: &Message) -> io::Result<()> {
        let (mut file, name) = self.create_new(|number| format!("{number:06}.eml"))?;
        file.write_all(&message.octets)?;
        fs::write(name.with_extension("envelope"), envelope_text(message))
    }

    /// A file of a name that nobody has taken, in the directory.
    fn create_new(&mut self, name: impl Fn(u64) -> String) -> io::Result<(File, PathBuf)> {
        loop {
            let path = self.directory.join(name(self.next));
            self.next += 1;
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write_maildir(&mut self, message: &Message) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique = format!("{}.M{}P{}Q", now.as_secs(), now.subsec_micros(), std::process::id());
        let (mut file, path) = self.create_new(|number| format!("tmp/{unique}{number}.smtp-mock"))?;
        file.write_all(&message.octets)?;
        // Readers look in `new` only: the message appears there whole or not at all.
        let name = path.file_name().map_or_else(|| Path::new("message"), Path::new);
        fs::rename(&path, self.directory.join("new").join(name))
    }

    fn write_mbox(&self, message: &Message) -> io::Result<()> {
        let format = format_description!(
            "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
        );
        let date = OffsetDateTime::now_utc().format(&format).unwrap_or_default();
        let sender = if message.from().is_empty() { "MAILER-DAEMON" } else { message.from() };
        let sender: String =
            sender.chars().map(|letter| if letter.is_whitespace() { '_' } else { letter }).collect();
        let mut text = format!("From {sender} {date}\n").into_bytes();
        for line in message.octets.split_inclusive(|&octet| octet == b'\n') {
            let line = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
            let quotes = line.iter().take_while(|&&octet| octet == b'>').count();
            if line[quotes..].starts_with(b"From ") {
                text.push(b'>');
            }
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text.push(b'\n');
        // One write, so that a reader meets whole messages.
        OpenOptions::new().create(true).append(true).open(self.directory.join("mbox"))?.write_all(&text)
    }
}

fn envelope_text(message: &Message) -> String {
    use core::fmt::Write as _;
    let envelope = &message.envelope;
    let mut text = String::new();
    let _ = writeln!(text, "hello {}", envelope.hello);
    for (word, path) in core::iter::once(("from", &envelope.reverse_path))
        .chain(envelope.forward_paths.iter().map(|path| ("to", path)))
    {
        let _ = write!(text, "{word} <{}>", path.mailbox);
        for parameter in &path.parameters {
            let _ = write!(text, " {}", parameter.keyword);
            if let Some(value) = &parameter.value {
                let _ = write!(text, "={value}");
            }
        }
        text.push('\n');
    }
    if let Some(user) = &envelope.user {
        let _ = writeln!(text, "user {user}");
    }
    let _ = writeln!(text, "tls {}", envelope.secure);
    text
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::capture::{Envelope, Path as MailPath};

    fn message(octets: &[u8]) -> Message {
        let path = |mailbox: &str| MailPath { mailbox: mailbox.to_owned(), parameters: Vec::new() };
        Message {
            number: 1,
            connection: 1,
            time: Duration::ZERO,
            envelope: Envelope {
                hello: "x.test".to_owned(),
                reverse_path: path("a@b.test"),
                forward_paths: vec![path("c@d.test")],
                ..Envelope::default()
            },
            octets: octets.to_vec(),
            code: Some(250),
        }
    }

    #[test]
    fn eml_files_hold_the_exact_octets_and_never_overwrite() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut store = Store::open(directory.path(), StoreFormat::Eml).unwrap();
            store.write(&message(b"Subject: x\r\n\r\n\0\xff")).unwrap();
        }
        assert_eq!(fs::read(directory.path().join("000002.eml")).unwrap(), b"Subject: x\r\n\r\n\0\xff");
        let envelope = fs::read_to_string(directory.path().join("000001.envelope")).unwrap();
        assert_eq!(envelope, "hello x.test\nfrom <a@b.test>\nto <c@d.test>\ntls false\n");
    }

    #[test]
    fn a_maildir_has_whole_messages_in_new() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), StoreFormat::Maildir).unwrap();
        store.write(&message(b"one\r\n")).unwrap();
        store.write(&message(b"two\r\n")).unwrap();
        assert_eq!(fs::read_dir(directory.path().join("new")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn an_mbox_quotes_what_looks_like_its_border() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), StoreFormat::Mbox).unwrap();
        store.write(&message(b"a\r\n\r\nFrom here\r\n>From there\r\nFromage")).unwrap();
        let text = fs::read_to_string(directory.path().join("mbox")).unwrap();
        assert!(text.starts_with("From a@b.test "), "{text}");
        assert!(text.ends_with("\na\n\n>From here\n>>From there\nFromage\n\n"), "{text}");
    }

    #[test]
    fn a_full_store_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), StoreFormat::Eml).unwrap().limit(1, 100);
        assert!(store.write(&message(&[b'x'; 101])).unwrap_err().contains("100 octets"));
        store.write(&message(b"x")).unwrap();
        assert!(store.write(&message(b"x")).unwrap_err().contains("1 messages"));
    }
}

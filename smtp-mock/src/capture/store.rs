//! Writes messages to disk, as eml files, a Maildir or an mbox, up to a limit: each message whole or not at all.

use core::fmt;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, macros::format_description};

use super::Message;

/// How a store writes messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreFormat {
    /// `000001.eml` with the exact octets, and the envelope in `000001.envelope`. A file whose name ends with `.part` is
    /// not whole: the program was killed while it wrote.
    Eml,
    /// A Maildir; the exact octets.
    Maildir,
    /// One file `mbox` in the «mboxrd» form, line ends of the local system. A message that cannot be written whole is cut
    /// off again.
    Mbox,
}

/// Why a store did not take a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// It holds as much as [`Store::limit`] allows, in words.
    Full(String),
    /// The system refused, in words.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(why) | Self::Failed(why) => formatter.write_str(why),
        }
    }
}

impl core::error::Error for StoreError {}

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
    /// The length that the mbox is still to be cut back to, where that failed.
    cut: Option<u64>,
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
            cut: None,
        })
    }

    /// Accepts at most this many messages and octets; the rest is refused with 452.
    #[must_use]
    pub fn limit(mut self, messages: u64, octets: u64) -> Self {
        self.most_messages = messages;
        self.most_octets = octets;
        self
    }

    /// Whether a message of this many octets would be within the limits.
    ///
    /// # Errors
    /// [`StoreError::Full`], which names the limit.
    pub fn has_room(&self, size: u64) -> Result<(), StoreError> {
        let full = |most: u64, what: &str| {
            Err(StoreError::Full(format!("the store is full, its limit is {most} {what}")))
        };
        if self.messages >= self.most_messages {
            return full(self.most_messages, "messages");
        }
        if self.octets.saturating_add(size) > self.most_octets {
            return full(self.most_octets, "octets");
        }
        Ok(())
    }

    /// Writes a message, whole or not at all.
    ///
    /// # Errors
    /// When a limit is reached or the system refuses.
    pub fn write(&mut self, message: &Message) -> Result<(), StoreError> {
        let size = message.octets.len() as u64;
        self.has_room(size)?;
        let written = match self.format {
            StoreFormat::Eml => self.write_eml(message),
            StoreFormat::Maildir => self.write_maildir(message),
            StoreFormat::Mbox => self.write_mbox(message),
        };
        written.map_err(|error| {
            let directory = self.directory.display();
            StoreError::Failed(format!("cannot store the message in {directory}: {error}"))
        })?;
        self.messages += 1;
        self.octets += size;
        Ok(())
    }

    fn write_eml(&mut self, message: &Message) -> io::Result<()> {
        loop {
            let target = |kind: &str| self.directory.join(format!("{:06}.{kind}", self.next));
            let part = |kind: &str| self.directory.join(format!("{:06}.{kind}.part", self.next));
            if let Some(mut octets) = Draft::create(part("eml"), target("eml"))?
                && let Some(mut envelope) = Draft::create(part("envelope"), target("envelope"))?
            {
                octets.file.write_all(&message.octets)?;
                envelope.file.write_all(envelope_text(message).as_bytes())?;
                // Where there is a message, its envelope is there too.
                envelope.place()?;
                octets.place().inspect_err(|_| {
                    // An envelope without a message means nothing, should it stay.
                    let _ = fs::remove_file(target("envelope"));
                })?;
                self.next += 1;
                return Ok(());
            }
            self.next += 1;
        }
    }

    fn write_maildir(&mut self, message: &Message) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique = format!("{}.M{}P{}Q", now.as_secs(), now.subsec_micros(), std::process::id());
        loop {
            let name = format!("{unique}{}.smtp-mock", self.next);
            self.next += 1;
            let in_directory = |directory: &str| self.directory.join(directory).join(&name);
            // Readers look in `new` only.
            if let Some(mut octets) = Draft::create(in_directory("tmp"), in_directory("new"))? {
                octets.file.write_all(&message.octets)?;
                return octets.place();
            }
        }
    }

    fn write_mbox(&mut self, message: &Message) -> io::Result<()> {
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
        let path = self.directory.join("mbox");
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        append(&mut file, &text, &mut self.cut)
    }
}

/// A file that gets its name when it is whole, and is removed when it never is.
struct Draft {
    file: File,
    part: PathBuf,
    target: PathBuf,
    placed: bool,
}

impl Draft {
    /// A new file; `None` when somebody has the name, or is about to have it.
    fn create(part: PathBuf, target: PathBuf) -> io::Result<Option<Self>> {
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Ok(file) => {
                let draft = Self { file, part, target, placed: false };
                // Others look in this order too: none can take the name while we have the part of it.
                Ok((!draft.target.try_exists()?).then_some(draft))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives it its name.
    fn place(mut self) -> io::Result<()> {
        fs::rename(&self.part, &self.target)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // Its name tells that it is not whole, should it stay.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// An mbox as it is written.
trait Mailbox: Read + Seek + Write {
    /// Cuts off what is beyond this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Mailbox for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Appends a message, after a blank line, in one write, so that a reader meets whole messages. What was written of one that
/// failed is cut off: at once or, where that fails, before the next.
fn append(mailbox: &mut impl Mailbox, text: &[u8], cut: &mut Option<u64>) -> io::Result<()> {
    if let Some(length) = *cut {
        mailbox.cut(length)?;
        *cut = None;
    }
    let length = mailbox.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'; 2];
    let known = usize::try_from(length.min(2)).unwrap_or(2);
    mailbox.seek(SeekFrom::End(-i64::try_from(known).unwrap_or(0)))?;
    mailbox.read_exact(&mut last[2 - known..])?;
    // Of a message that another program left without its end.
    let border: &[u8] = match last {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    };
    mailbox.write_all(&[border, text].concat()).inspect_err(|_| {
        *cut = mailbox.cut(length).is_err().then_some(length);
    })
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
        let full = |told: &str| Err(StoreError::Full(format!("the store is full, its limit is {told}")));
        assert_eq!(store.write(&message(&[b'x'; 101])), full("100 octets"));
        store.write(&message(b"x")).unwrap();
        assert_eq!(store.write(&message(b"x")), full("1 messages"));
    }

    #[test]
    fn what_cannot_get_its_name_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), StoreFormat::Maildir).unwrap();
        fs::remove_dir(directory.path().join("new")).unwrap();
        assert!(matches!(store.write(&message(b"x")), Err(StoreError::Failed(_))));
        assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_name_whose_envelope_or_part_is_there_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["000001.envelope", "000002.eml.part", "000003.envelope.part", "000004.eml"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let mut store = Store::open(directory.path(), StoreFormat::Eml).unwrap();
        store.write(&message(b"x")).unwrap();
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let before = ["000001.envelope", "000002.eml.part", "000003.envelope.part", "000004.eml"];
        assert_eq!(names, [&before[..], &["000005.eml", "000005.envelope"]].concat());
    }

    /// An mbox on a disk of so many octets, which may refuse to cut as well.
    struct Disk {
        mailbox: io::Cursor<Vec<u8>>,
        size: usize,
        cuts: bool,
    }

    impl Read for Disk {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.mailbox.read(buffer)
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
            self.mailbox.seek(position)
        }
    }

    impl Write for Disk {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let room = self.size - self.mailbox.get_ref().len();
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.mailbox.write(&octets[..octets.len().min(room)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Mailbox for Disk {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.mailbox.get_mut().truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    #[test]
    fn an_mbox_on_a_full_disk_is_cut_back_to_whole_messages() {
        let text = b"From a@b.test\nx\n\n";
        for size in text.len()..2 * text.len() {
            for cuts in [true, false] {
                let mut disk = Disk { mailbox: io::Cursor::default(), size, cuts };
                let mut cut = None;
                append(&mut disk, text, &mut cut).unwrap();
                let error = append(&mut disk, text, &mut cut).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{size}");
                if !cuts {
                    // Nothing is added to what is still to be cut off.
                    assert_eq!(cut, Some(text.len() as u64));
                    let error = append(&mut disk, text, &mut cut).unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                    disk.cuts = true;
                }
                disk.size = 3 * text.len();
                append(&mut disk, text, &mut cut).unwrap();
                assert_eq!(*disk.mailbox.get_ref(), text.repeat(2), "{size}");
            }
        }
    }

    #[test]
    fn a_message_is_not_glued_to_one_without_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let mbox = directory.path().join("mbox");
        for (there, then) in [
            ("", "From a@b.test "),
            ("From x\n\n", "From x\n\nFrom a@b.test "),
            ("From x\n\nhalf", "From x\n\nhalf\n\nFrom a@b.test "),
            ("From x\n\nline\n", "From x\n\nline\n\nFrom a@b.test "),
        ] {
            fs::write(&mbox, there).unwrap();
            Store::open(directory.path(), StoreFormat::Mbox).unwrap().write(&message(b"x")).unwrap();
            let text = fs::read_to_string(&mbox).unwrap();
            assert!(text.starts_with(then), "{there:?} gives {text:?}");
        }
    }
}

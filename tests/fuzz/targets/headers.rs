//! Any octets are refused or are a message whose header section can be read and edited: what leaves is a message again,
//! with the changes that were asked for and no others.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_mime::{Context, Date, Error, ExistingMessage, Lint, Message, Source};

fuzz_target!(|input: &[u8]| {
    // the message, and behind an octet of 255 the name and the value of a field to be added
    let mut parts = input.splitn(3, |&octet| octet == 255);
    let octets = parts.next().unwrap_or_default();
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
    let added = text().zip(text());
    // addresses by themselves, which a command line may hold
    if let Ok(text) = std::str::from_utf8(octets) {
        addresses(text);
    }
    let Ok(existing) = ExistingMessage::open(Source::from(octets.to_vec())) else { return };
    let context = Context::new(Date::from_unix(1_795_196_578, 0).expect("a date"), [7; Context::SEED]);
    // a lint of foreign octets must only not fail
    let _ = Lint::new().source(&Source::from(octets.to_vec()));

    let as_it_is = existing.message().expect("octets in memory can be read");
    let written = lines_hold(&as_it_is);
    let again = open(&written);
    assert_eq!(existing.recipients().ok(), again.recipients().ok());
    assert_eq!(existing.sender().ok(), again.sender().ok());
    if let Ok(recipients) = existing.recipients() {
        assert_eq!(recipients, as_it_is.recipients());
    }
    assert_eq!(lines_hold(&again.message().expect("readable")), written, "what is written stays as it is");

    let edit = match existing.edit().complete(&context) {
        Ok(edit) => edit,
        Err(error) => {
            says_why(&error);
            // a Message-ID needs a sender, and of its domain the form in ASCII, which not every domain has
            let sender = existing.sender().ok().flatten();
            assert!(sender.is_none_or(|sender| !sender.is_ascii()), "a sender has a domain");
            return;
        }
    };
    let edit = edit.remove("Bcc");
    let without = ["Subject", "To", "Received", "Content-Type"];
    let edited = match added.map(|(name, value)| edit.clone().add(name, value)) {
        Some(Ok(edited)) => {
            let (name, value) = added.expect("something is added");
            assert!(!name.contains(['\r', '\n', ':']) && !value.contains(['\r', '\n', '\0']));
            let written = lines_hold(&edited.build().expect("readable"));
            // a Bcc takes the place of those that were removed
            if !name.eq_ignore_ascii_case("Bcc") && !name.eq_ignore_ascii_case("Resent-Bcc") {
                let is_completed =
                    ["Date", "Message-ID"].iter().any(|known| known.eq_ignore_ascii_case(name));
                let before = existing.values(name).count();
                let before = if is_completed { before.max(1) } else { before };
                assert_eq!(open(&written).values(name).count(), before + 1);
            }
            written
        }
        Some(Err(_)) | None => lines_hold(&edit.clone().build().expect("readable")),
    };
    let edited = open(&edited);
    for name in ["Date", "Message-ID"] {
        assert!(edited.values(name).next().is_some(), "{name} is missing");
    }
    let is_added = |name: &str| added.is_some_and(|(added, _)| added.eq_ignore_ascii_case(name));
    for name in ["Bcc", "Resent-Bcc"] {
        assert!(is_added(name) || edited.values(name).next().is_none(), "{name} is left");
    }
    for name in without {
        if !is_added(name) {
            assert!(edited.values(name).eq(existing.values(name)), "{name} has changed");
        }
    }

    match edit.build_seven_bit() {
        Ok(message) => {
            let written = lines_hold(&message);
            let body = &written[message.header_section().len()..];
            assert!(body.is_ascii(), "what needs 7 bits has 8");
            // its own header section stays as it is, and then the server must offer SMTPUTF8
            assert!(written.is_ascii() || message.needs_smtputf8());
        }
        Err(error) => says_why(&error),
    }
});

fn open(octets: &[u8]) -> ExistingMessage {
    ExistingMessage::open(Source::from(octets.to_vec())).expect("what was written can be read")
}

/// The message as it leaves: its size is known, and no CR or LF stands alone.
fn lines_hold(message: &Message) -> Vec<u8> {
    let mut octets = Vec::new();
    message.write_to(&mut octets).expect("octets in memory can be read");
    assert_eq!(octets.len() as u64, message.encoded_len());
    assert!(octets.starts_with(message.header_section()));
    let mut previous = 0;
    for &octet in &octets {
        assert_eq!(octet == b'\n', previous == b'\r', "a CR or LF stands alone");
        previous = octet;
    }
    assert_ne!(previous, b'\r');
    octets
}

fn says_why(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.ends_with('.') && !text.contains(['\r', '\n', '\u{1b}']), "{text:?}");
}

fn addresses(text: &str) {
    if let Ok(list) = text.parse::<smtp_mime::AddressList>() {
        for mailbox in list.mailboxes() {
            assert!(!mailbox.as_str().contains(['\r', '\n', '\0']));
        }
    }
    if let Ok(id) = text.parse::<smtp_mime::MessageId>() {
        assert_eq!(id.as_str().parse().ok(), Some(id));
    }
    if let Ok(date) = text.parse::<Date>() {
        assert_eq!(
            date.to_string().parse::<Date>().ok().map(|date| date.to_unix()),
            Some(date.to_unix()),
            "{date}"
        );
    }
}

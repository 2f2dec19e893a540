//! Messages whose octets cannot be had, or only slowly.

use crate::face::{Boxed, Face, both};
use crate::tools::{Failing, Recorder, SOON, assert_accepted, copies, message, options, options_for, titled};
use smtp_core::Envelope;
use smtp_core::mailer::{BoxError, ErrorKind, RawMessage, Repeat, Source, Submission};
use smtp_mock::Mock;
use std::error::Error as _;

both!(
    a_source_that_fails_at_any_octet_leaves_no_end_of_mail_data,
    a_source_that_fails_does_not_harm_the_other_messages_of_a_batch,
    a_source_that_cannot_be_opened_is_told_and_the_next_message_is_sent,
    a_message_without_an_envelope_is_told_and_nothing_is_sent,
    a_source_that_gives_one_octet_at_a_time_arrives_whole,
);

fn a_source_that_fails_at_any_octet_leaves_no_end_of_mail_data<F: Face>() {
    let whole = message(&["b@example.net"]);
    let length = "Subject: hello\r\n\r\nIt works.\r\n".len();
    for extensions in [&["PIPELINING", "CHUNKING"][..], &["PIPELINING"], &["8BITMIME"]] {
        let extensions: &'static [&'static str] = Box::leak(extensions.into());
        let server = Recorder::start(extensions);
        let mailer = F::new(options_for(server.address));
        for after in 0..=length {
            let error = mailer.send(&Failing { message: whole.clone(), after }).unwrap_err();
            assert_eq!((error.kind(), error.repeat()), (&ErrorKind::Unreadable, Repeat::Pointless));
            assert_eq!(error.source().expect("what failed is kept").to_string(), "the disk is gone");
            assert_accepted(&mailer.send(&titled("whole")));
        }
        mailer.close(SOON);
        // Where a part of the message left, its connection was closed; else the next message went over the same.
        let (mut ends, mut wholes) = (0, 0);
        while wholes <= length {
            let octets = server.ended();
            let seen = String::from_utf8_lossy(&octets);
            let count = seen.lines().filter(|line| *line == "." || line.ends_with(" LAST")).count();
            let whole = seen.matches("Subject: whole\r\n\r\nIt works.\r\n").count();
            assert_eq!(count, whole, "a message that failed has an end: {seen}");
            if !seen.ends_with("QUIT\r\n") {
                assert!(seen.lines().filter(|line| line.starts_with("MAIL")).count() > whole, "{seen}");
            }
            (ends, wholes) = (ends + count, wholes + whole);
        }
        assert_eq!(ends, length + 1);
    }
}

fn a_source_that_fails_does_not_harm_the_other_messages_of_a_batch<F: Face>() {
    for chunking in [true, false] {
        let mock = Mock::start();
        let mailer = F::new(options(&mock).chunking(chunking).connections(2).in_flight(3));
        let messages = (0..12).map(|number| {
            let message = titled(&format!("number {number}"));
            if number % 4 == 1 {
                Box::new(Failing { message, after: 20 }) as Boxed
            } else {
                Box::new(message)
            }
        });
        for (index, result) in mailer.send_all(messages.collect()) {
            if index % 4 == 1 {
                assert_eq!(*result.unwrap_err().kind(), ErrorKind::Unreadable);
            } else {
                assert_accepted(&result);
            }
            assert_eq!(copies(&mock, &format!("number {index}")), usize::from(index % 4 != 1));
        }
    }
}

/// A message that has no octets.
struct Unopened(RawMessage);

impl Submission for Unopened {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        self.0.envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Err("the file is gone".into())
    }
}

fn a_source_that_cannot_be_opened_is_told_and_the_next_message_is_sent<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).connections(1));
    let error = mailer.send(&Unopened(titled("gone"))).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unreadable);
    assert_eq!(error.source().unwrap().to_string(), "the file is gone");
    assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
    assert_eq!((copies(&mock, "gone"), copies(&mock, "next")), (0, 1));
}

/// A message that nobody sends to nobody.
struct Nowhere;

impl Submission for Nowhere {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        Err("no recipient".into())
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        titled("nowhere").open()
    }
}

fn a_message_without_an_envelope_is_told_and_nothing_is_sent<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock));
    let error = mailer.send(&Nowhere).unwrap_err();
    assert_eq!((error.kind(), error.repeat()), (&ErrorKind::Unsuitable, Repeat::Pointless));
    assert_eq!(error.source().unwrap().to_string(), "no recipient");
    let error = mailer.send(&message(&[])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Envelope(_)), "{error:?}");
    let results = mailer.send_all(vec![Box::new(Nowhere), Box::new(titled("sent")), Box::new(Nowhere)]);
    assert!(results.iter().map(|(index, _)| *index).eq(0..3));
    assert_accepted(&results[1].1);
    assert_eq!(*results[2].1.as_ref().unwrap_err().kind(), ErrorKind::Unsuitable);
    assert_eq!(mock.messages().len(), 1);
}

/// A message that is read octet by octet, and may wait for each.
struct Slow(RawMessage);

struct SlowSource(Box<dyn Source>);

impl Submission for Slow {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        self.0.envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(SlowSource(self.0.open()?)))
    }
}

impl Source for SlowSource {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        self.0.read(&mut buffer[..1])
    }
}

fn a_source_that_gives_one_octet_at_a_time_arrives_whole<F: Face>() {
    for chunking in [true, false] {
        let mock = Mock::start();
        let mailer = F::new(options(&mock).chunking(chunking));
        assert_accepted(&mailer.send(&Slow(titled("slow"))));
        assert_eq!(mock.messages()[0].octets, b"Subject: slow\r\n\r\nIt works.\r\n");
    }
}

use std::{fs, io::BufRead as _};

use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;
use crate::{AddressList, ContentType, Context, Date, Entity, NameAddr, Source};

fn context() -> Context {
    Context::new(Date::from_unix(1_795_196_578, 0).unwrap(), *b"octets of no randomness.")
}

fn list(text: &str) -> AddressList {
    text.parse().unwrap()
}

fn plain() -> MessageBuilder {
    Message::builder()
        .from("You <you@example.org>".parse::<NameAddr>().unwrap())
        .to(list("friend@example.net"))
        .subject("Hello")
}

fn octets(message: &Message) -> Vec<u8> {
    let mut octets = Vec::new();
    let written = message.write_to(&mut octets).unwrap();
    assert_eq!(written, message.encoded_len());
    assert_eq!(octets.len() as u64, message.encoded_len());
    assert!(octets.ends_with(b"\r\n"));
    assert!(octets.starts_with(message.header_section()));
    octets
}

fn text(message: &Message) -> String {
    String::from_utf8(octets(message)).unwrap()
}

#[test]
fn a_plain_message_follows_the_rfcs() {
    let message = plain().text("It works.").build(&context()).unwrap();
    assert_eq!(
        text(&message),
        "From: You <you@example.org>\r\n\
         To: friend@example.net\r\n\
         Subject: Hello\r\n\
         Date: Fri, 20 Nov 2026 17:42:58 +0000\r\n\
         Message-ID: <totajm.3cbikz5cyktbassyfe7@example.org>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         It works.\r\n"
    );
}

#[test]
fn a_written_message_id_is_parsed_on_request() {
    for (from, domain) in [
        ("a@example.org", "example.org"),
        ("a@bücher.example", "xn--bcher-kva.example"),
        ("a@[192.0.2.1]", "[192.0.2.1]"),
        ("a@[tag:b@c]", "[tag:b@c]"),
    ] {
        let message = Message::builder().from(list(from)).to(list("b@c")).build(&context()).unwrap();
        let written = format!("<totajm.3cbikz5cyktbassyfe7@{domain}>");
        assert_eq!(message.message_id().unwrap().as_str(), written);
        assert!(text(&message).contains(&format!("\r\nMessage-ID: {written}\r\n")));
    }
    let given = MessageId::new("a@b").unwrap();
    let message = plain().message_id(given.clone()).build(&context()).unwrap();
    assert_eq!(message.message_id(), Some(given));
}

#[test]
fn the_only_author_is_the_sender_and_two_have_one() {
    let sender = |from: &str| {
        let message = Message::builder().from(list(from)).to(list("b@c")).build(&context()).unwrap();
        assert_eq!(message.sender().unwrap().as_str(), "a@example.org");
        text(&message).contains("\r\nSender: ")
    };
    assert!(!sender("A <a@example.org>"));
    assert!(sender("A <a@example.org>, b@example.org"));
    assert!(sender("a@example.org, A <a@example.org>"));
}

#[test]
fn octets_are_the_same_from_memory_and_from_files_in_steps_of_any_size() {
    use std::io::Read as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.bin");
    for size in [0, 1, 56, 57, 58, 4_096, 4_097, 57 * 256 - 1, 57 * 256, 57 * 256 + 1, 57 * 1024 + 1, 200_000]
    {
        let attached: Vec<u8> = (0..=255).cycle().step_by(7).take(size).collect();
        fs::write(&path, &attached).unwrap();
        let of = |source: Source| {
            let attachment = Entity::attachment("a.bin", source).unwrap();
            plain().text("It is attached.\n").attach(attachment).build(&context()).unwrap()
        };
        let message = of(attached.into());
        let whole = octets(&message);
        assert!(octets(&of(Source::file(&path).unwrap())) == whole, "{size}");
        for step in [1, 77, 8_191] {
            let mut reader = message.reader();
            let mut read = Vec::new();
            while reader.remaining() > 0 {
                let before = read.len();
                (&mut reader).take(step).read_to_end(&mut read).unwrap();
                assert_eq!(reader.remaining(), (whole.len() - read.len()) as u64);
                assert!(read.len() > before);
            }
            assert!(read == whole, "{size} {step}");
        }
    }
}

#[test]
fn an_attachment_arrives_octet_for_octet() {
    let attached: Vec<u8> = (0..=255).cycle().step_by(7).take(100_000).collect();
    let message = plain()
        .text("Grüße\nund mehr")
        .attach(Entity::attachment("naïve, file.bin", attached.clone()).unwrap())
        .build(&context())
        .unwrap();
    let octets = octets(&message);
    let parsed = MessageParser::default().parse(&octets).unwrap();
    assert_eq!(parsed.body_text(0).unwrap(), "Grüße\r\nund mehr\r\n");
    let attachment = parsed.attachment(0).unwrap();
    assert_eq!(attachment.attachment_name(), Some("naïve, file.bin"));
    assert!(attachment.contents() == attached);
}

#[test]
fn bcc_is_in_the_recipients_but_not_in_the_message() {
    let message = plain().bcc(list("hidden@example.com, friend@EXAMPLE.net")).build(&context()).unwrap();
    let recipients: Vec<_> = message.recipients().iter().map(Mailbox::as_str).collect();
    assert_eq!(recipients, ["friend@example.net", "hidden@example.com"]);
    assert!(!text(&message).to_lowercase().contains("hidden"));
    assert!(!text(&message).to_lowercase().contains("bcc"));
}

#[test]
fn only_bcc_makes_an_empty_group() {
    let message = Message::builder()
        .from(list("you@example.org"))
        .bcc(list("a@example.net"))
        .build(&context())
        .unwrap();
    assert!(text(&message).contains("\r\nTo: undisclosed-recipients:;\r\n"));
}

#[test]
fn the_structure_has_only_necessary_levels() {
    let image = || {
        Entity::attachment("a.png", &b"png"[..])
            .unwrap()
            .with_disposition(crate::Disposition::Inline)
            .with_content_id(MessageId::new("image@example.org").unwrap())
    };
    let file = || Entity::attachment("a.bin", &b"bin"[..]).unwrap();
    let types = |builder: MessageBuilder| {
        let text = text(&builder.build(&context()).unwrap());
        text.lines()
            .filter_map(|line| line.strip_prefix("Content-Type: "))
            .map(|value| value.split(';').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(types(plain()), "text/plain");
    assert_eq!(types(plain().html("<p>")), "text/html");
    assert_eq!(types(plain().text("a").html("<p>")), "multipart/alternative text/plain text/html");
    assert_eq!(types(plain().html("<p>").inline(image())), "multipart/related text/html image/png");
    assert_eq!(types(plain().attach(file())), "application/octet-stream");
    assert_eq!(
        types(plain().text("a").html("<p>").inline(image()).attach(file())),
        "multipart/mixed multipart/alternative text/plain multipart/related text/html image/png \
         application/octet-stream"
    );
    assert_eq!(types(plain().text("a").inline(image())), "multipart/mixed text/plain image/png");
    let related = text(&plain().html("<p>").inline(image()).build(&context()).unwrap());
    assert!(related.contains("multipart/related; type=\"text/html\";"), "{related}");
}

#[test]
fn line_ends_in_values_are_refused_by_the_name_of_the_field() {
    for bad in ["a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\0b"] {
        let error = plain().subject(bad).build(&context()).unwrap_err();
        assert!(error.to_string().starts_with("Subject: the subject must not contain '"), "{error}");
        for name in ["X-Mine", "To", "Date", "References", "List-Help", "Subject"] {
            let error = plain().header(name, bad).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{name}: ")), "{error}");
        }
        assert!(plain().header(bad, "x").is_err());
        assert!(Entity::text("").with_file_name(bad).is_err());
        assert!(Entity::text("").with_description(bad).is_err());
        assert!(NameAddr::new(bad, Mailbox::try_from("a@example.org").unwrap()).is_err());
    }
}

#[test]
fn the_error_names_the_missing_field() {
    let build = |builder: MessageBuilder| builder.build(&context()).unwrap_err().to_string();
    assert_eq!(
        build(Message::builder().to(list("a@example.org"))),
        "From: every message must have it (RFC 5322 §3.6)"
    );
    assert_eq!(
        build(Message::builder().from(list("a@example.org"))),
        "the message has no recipient: give one in To, Cc or Bcc"
    );
    assert!(Message::builder().from(list("a@example.org")).without_recipients().build(&context()).is_ok());
    let group = Message::builder().from(list("G: a@example.org;")).to(list("a@example.org"));
    assert!(build(group).starts_with("From: "));
    let not_text = plain().text(&[0xff, 0xfe][..]);
    assert!(build(not_text).ends_with("the text is not UTF-8: convert it, or attach it as a file"));
}

#[test]
fn fields_that_others_set_are_reserved() {
    for name in ["MIME-Version", "content-type", "Return-Path", "DKIM-Signature", "Resent-Bcc"] {
        assert!(matches!(plain().header(name, "x"), Err(Error::Reserved { .. })), "{name}");
    }
}

#[test]
fn several_authors_have_a_sender() {
    let message = plain().from(list("Other <other@example.org>")).build(&context()).unwrap();
    assert!(text(&message).contains("\r\nSender: You <you@example.org>\r\n"));
    let message =
        plain().sender("You <you@example.org>".parse::<NameAddr>().unwrap()).build(&context()).unwrap();
    assert!(!text(&message).contains("Sender:"));
}

#[test]
fn a_local_part_outside_ascii_needs_smtputf8() {
    let message = plain().to(list("Jörg <jörg@bücher.example>")).build(&context()).unwrap();
    assert!(message.needs_smtputf8());
    assert!(text(&message).contains("Jörg <jörg@bücher.example>"));
    let message = plain().to(list("Jörg <joerg@bücher.example>")).build(&context()).unwrap();
    assert!(!message.needs_smtputf8());
    assert!(text(&message).contains("=?utf-8?Q?J=C3=B6rg?=\r\n <joerg@xn--bcher-kva.example>"));
    assert_eq!(message.recipients()[1].as_str(), "joerg@xn--bcher-kva.example");
}

#[test]
fn the_fields_of_a_part_stay_ascii_under_smtputf8() {
    let part = Entity::attachment("grün.bin", &b"x"[..]).unwrap().with_description("grüne Daten").unwrap();
    let message = plain().smtputf8(true).attach(part).build(&context()).unwrap();
    assert!(!message.needs_smtputf8() && text(&message).is_ascii());
}

#[test]
fn eight_bit_only_on_request_and_declared_by_every_multipart() {
    let builder = || plain().text("Grüße\n").html("<p>Grüße</p>\n");
    assert!(!builder().build(&context()).unwrap().needs_8bitmime());
    let message = builder().body_type(BodyType::EightBitMime).build(&context()).unwrap();
    assert!(message.needs_8bitmime());
    assert_eq!(text(&message).matches("Content-Transfer-Encoding: 8bit\r\n").count(), 3);
}

#[test]
fn a_forwarded_message_is_sent_unchanged() {
    let inner = "From: a@example.org\nSubject: x\n\nbody\n";
    let message = plain().text("see below").attach(Entity::message(inner)).build(&context()).unwrap();
    assert!(text(&message).contains(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nFrom: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"
    ));
    let message = plain().attach(Entity::message("Subject: é\n\n")).build(&context()).unwrap();
    assert!(message.needs_8bitmime());
    assert!(text(&message).contains("multipart/mixed"));
    let long = plain().attach(Entity::message("x".repeat(999)));
    assert!(long.build(&context()).is_err());
}

#[test]
fn a_message_that_contains_its_boundary_gets_another_one() {
    let boundary = context().boundary(0);
    let inner = format!("Subject: x\r\n\r\n--{boundary}.0=\r\n");
    let message = plain().text("a").attach(Entity::message(inner)).build(&context()).unwrap();
    let text = text(&message);
    assert_eq!(text.matches(&format!("--{boundary}")).count(), 1);
    assert!(text.contains(&format!("boundary=\"{}", context().boundary(1))));
}

#[test]
fn the_reader_agrees_with_write_to() {
    let message = plain()
        .text("It works.")
        .attach(Entity::attachment("a.bin", vec![7; 200_000]).unwrap())
        .build(&context())
        .unwrap();
    let whole = octets(&message);
    let mut reader = message.reader();
    let mut pieces = Vec::new();
    assert_eq!(reader.remaining(), message.encoded_len());
    loop {
        let chunk = reader.fill_buf().unwrap();
        if chunk.is_empty() {
            break;
        }
        let taken = chunk.len().min(1000);
        pieces.extend_from_slice(&chunk[..taken]);
        reader.consume(taken);
        assert_eq!(reader.remaining() + pieces.len() as u64, message.encoded_len());
    }
    assert!(pieces == whole);
}

#[test]
fn a_file_truncated_while_it_is_read_never_ends_the_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("big.bin");
    fs::write(&path, vec![1; 500_000]).unwrap();
    let message = plain().text("a").attach(Entity::file(&path).unwrap()).build(&context()).unwrap();
    let mut reader = message.reader();
    for _ in 0..2 {
        assert!(!reader.chunk().unwrap().is_empty());
    }
    fs::write(&path, vec![1; 300_000]).unwrap();
    let error = loop {
        match reader.chunk() {
            Ok(chunk) => assert!(!chunk.is_empty(), "the message ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("big.bin"), "{error}");
    assert!(reader.chunk().is_err());
    assert!(message.write_to(&mut Vec::new()).is_err());
}

#[test]
fn optional_fields_have_the_form_of_their_kind() {
    let message = plain()
        .header("X-Mine", "Größe  zwei")
        .unwrap()
        .header("References", "<a@example.org>  <b@example.org>")
        .unwrap()
        .header("reply-to", "Büro <office@example.org>")
        .unwrap()
        .list_id("Neues", "news.example.org")
        .unwrap()
        .list_unsubscribe(&["mailto:leave@example.org", "https://example.org/leave?x=1"], true)
        .unwrap()
        .auto_submitted(AutoSubmitted::AutoGenerated)
        .importance(Importance::High)
        .build(&context())
        .unwrap();
    let text = text(&message);
    for line in [
        "Reply-To: =?utf-8?Q?B=C3=BCro?= <office@example.org>",
        "References: <a@example.org> <b@example.org>",
        "List-Id: Neues <news.example.org>",
        "List-Unsubscribe: <mailto:leave@example.org>, <https://example.org/leave?x=1>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "X-Mine: =?utf-8?Q?Gr=C3=B6=C3=9Fe__zwei?=",
        "Auto-Submitted: auto-generated",
        "Importance: high",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")) || text.contains(line), "{line}\n{text}");
    }
    assert!(plain().list_unsubscribe(&["mailto:a@example.org"], true).is_err());
    assert!(plain().list_unsubscribe(&["https://example.org/> x"], false).is_err());
    assert!(plain().list_unsubscribe(&[], false).is_err());
}

#[test]
fn flowed_text_is_stuffed_and_declared() {
    let message = plain().body(Entity::flowed("one \n two\n  three\n")).build(&context()).unwrap();
    let text = text(&message);
    assert!(text.contains("Content-Type: text/plain; format=flowed; charset=utf-8\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\none=20\r\n  two\r\n   three\r\n"), "{text}");
}

#[test]
fn signed_content_is_in_the_message_octet_for_octet() {
    let content = Entity::mixed(vec![
        Entity::text("Grüße\n-- \nme"),
        Entity::attachment("a.bin", vec![7; 100_000]).unwrap(),
    ]);
    let prepared = content.prepare(&context()).unwrap();
    let mut signed = Vec::new();
    io::Read::read_to_end(&mut prepared.reader(), &mut signed).unwrap();
    assert_eq!(signed.len() as u64, prepared.encoded_len());
    assert!(signed.is_ascii() && !signed.windows(3).any(|window| window == b" \r\n"));
    let signature = crate::Signature::Pgp { micalg: "pgp-sha512".to_owned(), armour: "-----BEGIN\n".into() };
    let entity = Entity::signed(prepared, signature).unwrap();
    let octets = octets(&plain().body(entity).build(&context()).unwrap());
    let at = memchr::memmem::find(&octets, &signed).unwrap();
    assert!(octets[..at].ends_with(b"\r\n") && octets[at + signed.len()..].starts_with(b"\r\n--=_"));
    let text = String::from_utf8(octets).unwrap();
    assert!(
        text.contains("multipart/signed; protocol=\"application/pgp-signature\";\r\n micalg=pgp-sha512;")
    );
    assert!(text.contains("Content-Type: application/pgp-signature\r\nContent-Transfer-Encoding: 7bit\r\n"));
    // The multiparts have different boundaries, though both were built with one context.
    let boundaries: std::collections::HashSet<_> =
        text.split("boundary=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(boundaries.len(), 2);
    assert!(Entity::message("Subject: é\n\n").prepare(&context()).is_err());
}

#[test]
fn encrypted_content_has_its_multipart() {
    let message =
        plain().body(Entity::encrypted_pgp("-----BEGIN PGP MESSAGE-----\n")).build(&context()).unwrap();
    let armoured = text(&message);
    assert!(armoured.contains("multipart/encrypted; protocol=\"application/pgp-encrypted\";"));
    assert!(armoured.contains(
        "Content-Type: application/pgp-encrypted\r\nContent-Transfer-Encoding: 7bit\r\n\r\nVersion: 1\r\n"
    ));
    let der = Entity::encrypted_smime("enveloped-data", &[0x30_u8, 0x80][..]).unwrap();
    let enveloped = text(&plain().body(der).build(&context()).unwrap());
    assert!(enveloped.contains("Content-Type: application/pkcs7-mime; smime-type=enveloped-data;\r\n name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=smime.p7m\r\n\r\nMIA=\r\n"), "{enveloped}");
}

#[test]
fn fields_that_are_set_are_in_the_message() {
    let id = |text: &str| text.parse::<MessageId>().unwrap();
    let list = |text: &str| text.parse::<AddressList>().unwrap();
    let message = plain()
        .date("Fri, 20 Nov 2026 17:42:58 +0100".parse().unwrap())
        .message_id(id("<one@example.org>"))
        .in_reply_to(id("<two@example.org>"))
        .auto_submitted(AutoSubmitted::AutoReplied)
        .importance(Importance::High)
        .importance(Importance::Low)
        .disposition_notification_to(list("back@example.org"))
        .build(&context())
        .unwrap();
    let text = text(&message);
    for line in [
        "Date: Fri, 20 Nov 2026 17:42:58 +0100",
        "Message-ID: <one@example.org>",
        "In-Reply-To: <two@example.org>",
        "Auto-Submitted: auto-replied",
        "Importance: low",
        "Disposition-Notification-To: back@example.org",
    ] {
        assert_eq!(text.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}\n{text}");
    }
    let text = self::text(&plain().importance(Importance::Normal).build(&context()).unwrap());
    assert!(text.contains("\r\nImportance: normal\r\n"), "{text}");
}

#[test]
fn a_value_that_breaks_the_rule_of_its_field_is_refused() {
    let long = format!("<{}>", "a".repeat(2000));
    let refused = [
        plain().list_id("News", "not a domain").err(),
        plain().list_id("News", "größe.example.org").err(),
        plain().list_id("News\r\nBcc: x@example.org", "news.example.org").err(),
        plain().list_unsubscribe(&[], false).err(),
        plain().list_unsubscribe(&["leave"], false).err(),
        plain().list_unsubscribe(&[&format!("https://example.org/{}", "a".repeat(2000))], false).err(),
        plain().header("Sender", "a@example.org, b@example.org").err(),
        plain().header("Precedence", "größer").err(),
        plain().header("Precedence", " ").err(),
        plain().header("Received", &long).err(),
        plain().header("Resent-Bcc", "a@example.org").err(),
        plain().header("DKIM-Signature", "v=1").err(),
        plain().header("Return-Path", "<a@example.org>").err(),
        plain().header("MIME-Version", "1.0").err(),
    ];
    for (number, error) in refused.iter().enumerate() {
        let text = error.as_ref().unwrap_or_else(|| panic!("case {number} was accepted")).to_string();
        assert!(!text.is_empty() && !text.ends_with('.') && !text.contains(['\r', '\n']), "{number}: {text}");
    }
}

#[test]
fn an_entity_accepts_only_suitable_content_types() {
    let content_type = |text: &str| text.parse::<ContentType>().unwrap();
    let octets = || Entity::octets(content_type("application/pdf"), "octets");
    assert!(Entity::text_of(content_type("text/markdown"), "*x*").is_ok());
    assert!(Entity::text_of(content_type("text/plain; charset=latin1"), "x").is_err());
    assert!(Entity::text_of(content_type("image/png"), "x").is_err());
    assert!(Entity::multipart(content_type("multipart/digest"), vec![octets()]).is_ok());
    assert!(Entity::multipart(content_type("multipart/mixed; boundary=x"), vec![octets()]).is_err());
    assert!(Entity::multipart(content_type("text/plain"), vec![octets()]).is_err());
    assert!(octets().with_content_type(content_type("image/png")).is_ok());
    assert!(octets().with_content_type(content_type("message/rfc822")).is_ok());
    assert!(octets().with_content_type(content_type("multipart/mixed")).is_err());
    assert!(Entity::text("x").with_content_type(content_type("text/markdown")).is_ok());
    assert!(Entity::text("x").with_content_type(content_type("image/png")).is_err());
    assert!(Entity::mixed(vec![octets()]).with_content_type(content_type("image/png")).is_err());
    assert!(octets().with_file_name("").is_err());
    assert!(octets().with_file_name("a\u{7}b").is_err());
    assert_eq!(octets().with_file_name("a/b\\c.pdf").unwrap().file_name(), Some("c.pdf"));
}

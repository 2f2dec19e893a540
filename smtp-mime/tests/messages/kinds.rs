//! Provides messages of many kinds, by name.

use smtp_mime::{
    AddressList, AutoSubmitted, Context, Date, Disposition, Entity, Importance, Message, MessageBuilder,
    MessageId, NameAddr,
};

/// A message composed through the public interface.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) message: Message,
}

/// The time at which all are composed.
pub(crate) fn now() -> Date {
    Date::try_from(std::time::SystemTime::now()).unwrap()
}

fn list(text: &str) -> AddressList {
    text.parse().unwrap()
}

fn basic() -> MessageBuilder {
    Message::builder()
        .from("Anna Lindqvist <anna@example.org>".parse::<NameAddr>().unwrap())
        .to(list("Bernd Holm <bernd@example.net>"))
        .subject("Minutes of the meeting on Thursday")
        .text(ENGLISH)
}

const ENGLISH: &str = "Hello Bernd,\n\nthank you for coming on Thursday. We agreed that the new pump is tested in the first week of\nJune, and that Clara writes to the supplier about the missing gaskets.\n\nPlease tell me if I forgot anything.\n\nKind regards\nAnna\n\n-- \nAnna Lindqvist, Workshop 4\n";
const GERMAN: &str = "Hallo Bernd,\n\nschöne Grüße aus Köln! Die Maße der Tür stimmen, die Höhe prüfen wir nächste Woche noch einmal.\n\nViele Grüße\nAnna\n";
const RUSSIAN: &str = "Здравствуйте, Иван!\n\nСпасибо за письмо. Встреча состоится в четверг в десять часов утра, как мы и договорились.\nПожалуйста, возьмите с собой чертежи.\n\nС уважением,\nАнна\n";
const CHINESE: &str =
    "您好，\n\n感谢您的来信。会议定于星期四上午十点举行，请带上图纸。\n\n此致\n敬礼\n安娜\n";
const ARABIC: &str =
    "مرحبا،\n\nشكرا على رسالتكم. يعقد الاجتماع يوم الخميس في الساعة العاشرة صباحا.\n\nمع أطيب التحيات\n";
const HEBREW: &str = "שלום,\n\nתודה על מכתבך. הפגישה תתקיים ביום חמישי בשעה עשר בבוקר.\n\nבברכה\nאנה\n";
const HINDI: &str = "नमस्ते,\n\nआपके पत्र के लिए धन्यवाद। बैठक गुरुवार को सुबह दस बजे होगी।\n\nसादर\n";
const JAPANESE: &str = "お世話になっております。\n\n木曜日の会議は午前十時からです。図面をお持ちください。\n\nよろしくお願いいたします。\n";
const KOREAN: &str = "안녕하세요,\n\n편지 감사합니다. 회의는 목요일 오전 열 시에 열립니다.\n\n감사합니다.\n";
const EMOJI: &str =
    "Hi Bernd,\n\nthe party was great 🎉🎉 thanks for the cake 🎂 and see you soon 👨‍👩‍👧‍👦\n\nAnna\n";

fn html(text: &str) -> String {
    let paragraphs: String = text
        .trim_end()
        .split("\n\n")
        .flat_map(|paragraph| ["<p>", paragraph, "</p>\n"])
        .collect::<String>()
        .replace("<p>-- \n", "<p>");
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Message</title></head>\n<body>\n{paragraphs}</body></html>\n"
    )
}

fn file(name: &str, octets: impl AsRef<[u8]>) -> Entity {
    Entity::attachment(name, octets.as_ref()).unwrap()
}

/// The smallest picture that viewers accept.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0,
    0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63,
    0xfc, 0xcf, 0xc0, 0x50, 0x0f, 0, 4, 0x85, 1, 0x80, 0x84, 0xa9, 0x8c, 0x21, 0, 0, 0, 0, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];

fn pdf() -> Vec<u8> {
    let mut octets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    octets.extend((0..=255_u8).cycle().take(20_000));
    octets.extend_from_slice(b"\n%%EOF\n");
    octets
}

const INVITATION: &str = "BEGIN:VCALENDAR\r\nPRODID:-//Example//Calendar//EN\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\nDTSTAMP:20261120T174258Z\r\nDTSTART:20261126T090000Z\r\nDTEND:20261126T100000Z\r\nSUMMARY:Meeting\r\nORGANIZER:mailto:anna@example.org\r\nATTENDEE:mailto:bernd@example.net\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
const FORWARDED: &str = "From: Clara Vogt <clara@example.com>\r\nTo: anna@example.org\r\nSubject: Gaskets\r\nDate: Thu, 19 Nov 2026 09:00:00 +0100\r\nMessage-ID: <gaskets.1@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nThe gaskets arrive on Monday.\r\n";

fn in_language(subject: &str, name: &str, text: &str) -> MessageBuilder {
    Message::builder()
        .from(NameAddr::new(name.to_owned(), "anna@example.org".try_into().unwrap()).unwrap())
        .to(list("bernd@example.net"))
        .subject(subject.to_owned())
        .text(text)
}

/// Returns all kinds; each has a practical use.
pub(crate) fn kinds() -> Vec<Kind> {
    let picture = |id: &str| {
        file("logo.png", PNG)
            .with_disposition(Disposition::Inline)
            .with_content_id(MessageId::new(id).unwrap())
    };
    let invitation =
        || Entity::text_of("text/calendar; method=REQUEST".parse().unwrap(), INVITATION).unwrap();
    let shown = html(ENGLISH).replace("</body>", "<img src=\"cid:logo@example.org\" alt=\"logo\"></body>");
    let many: Vec<_> = (0..60).map(|index| format!("Person {index} <person{index}@example.net>")).collect();
    let builders: Vec<(&str, MessageBuilder)> = vec![
        ("plain ascii", basic()),
        ("latin", in_language("Grüße aus Köln", "Anna Größling", GERMAN)),
        ("cyrillic", in_language("Встреча в четверг", "Анна Линдквист", RUSSIAN)),
        ("chinese", in_language("关于星期四的会议", "安娜", CHINESE)),
        ("japanese", in_language("木曜日の会議について", "山田 花子", JAPANESE)),
        ("korean", in_language("목요일 회의", "김안나", KOREAN)),
        ("arabic", in_language("اجتماع يوم الخميس", "آنا", ARABIC)),
        ("hebrew", in_language("פגישה ביום חמישי", "אנה", HEBREW)),
        ("hindi", in_language("गुरुवार की बैठक", "अन्ना", HINDI)),
        ("emoji", in_language("Thanks for the party 🎉", "Anna 🌻", EMOJI)),
        ("text and html", basic().html(html(ENGLISH))),
        ("cyrillic text and html", in_language("Встреча", "Анна", RUSSIAN).html(html(RUSSIAN))),
        ("html only", Message::builder().from(list("Anna Lindqvist <anna@example.org>")).to(list("bernd@example.net")).subject("Minutes").html(html(ENGLISH))),
        ("pdf attached", basic().attach(file("minutes.pdf", pdf()))),
        ("ascii text attached, crlf", basic().attach(file("notes.txt", ENGLISH.replace("-- \n", "--\n").replace('\n', "\r\n")))),
        ("ascii text attached, lf", basic().attach(file("notes.txt", ENGLISH))),
        ("utf-8 text attached", basic().attach(file("größe.txt", GERMAN))),
        ("cyrillic text attached", basic().attach(file("заметки.txt", RUSSIAN))),
        ("csv attached", basic().attach(file("table.csv", "a,b,c\n1,2,3\n".repeat(200)))),
        ("several attached", basic().attach(file("a.pdf", pdf())).attach(file("b.png", PNG)).attach(file("c.txt", GERMAN))),
        ("odd file names", basic().attach(file("a b,c;d'e.pdf", pdf())).attach(file("漢字 и кириллица.pdf", pdf())).attach(file(&format!("{}.pdf", "long name ".repeat(18)), pdf()))),
        ("inline image", basic().html(shown.clone()).inline(picture("logo@example.org"))),
        ("everything", basic().html(shown).inline(picture("logo@example.org")).attach(file("minutes.pdf", pdf()))),
        ("forwarded", basic().attach(Entity::message(FORWARDED))),
        ("invitation", basic().html(html(ENGLISH)).alternative(invitation()).attach(file("invite.ics", INVITATION))),
        ("newsletter", basic().html(html(ENGLISH)).list_id("Workshop news", "news.example.org").unwrap().list_unsubscribe(&["https://example.org/leave?id=1", "mailto:leave@example.org?subject=leave"], true).unwrap()),
        ("automatic", basic().auto_submitted(AutoSubmitted::AutoGenerated)),
        ("important", basic().importance(Importance::High)),
        ("answer", basic().subject("Re: Gaskets").in_reply_to(MessageId::new("<gaskets.1@example.com>").unwrap()).reference(MessageId::new("<gaskets.0@example.com>").unwrap()).reference(MessageId::new("<gaskets.1@example.com>").unwrap())),
        ("long subject", basic().subject("Minutes of the meeting on Thursday about the pump, the gaskets, the supplier, the drawings and the week in June")),
        ("long cyrillic subject", in_language("Протокол встречи в четверг о насосе, прокладках, поставщике, чертежах и неделе в июне", "Анна", RUSSIAN)),
        ("many recipients", basic().to(list(&many.join(", ")))),
        ("only bcc", Message::builder().from(list("Anna Lindqvist <anna@example.org>")).bcc(list("bernd@example.net")).subject("Minutes").text(ENGLISH)),
        ("group", basic().cc(list("Workshop: clara@example.com, dora@example.com;"))),
        ("idn sender", Message::builder().from(list("Anna <anna@bücher.example>")).to(list("bernd@example.net")).subject("Minutes").text(ENGLISH)),
        ("odd names", basic().to(list("\"Holm, Bernd (Ltd.)\" <b.holm@example.net>, \"O'Neill \\\"Red\\\"\" <oneill@example.net>, Müller & Söhne <mueller@example.net>"))),
        ("reply-to and sender", basic().reply_to(list("Workshop <workshop@example.org>")).sender("Office <office@example.org>".parse::<NameAddr>().unwrap())),
        ("several authors", basic().from(list("Clara Vogt <clara@example.org>"))),
        ("long lines", basic().text(format!("{}\n", "a sentence that goes on and on, ".repeat(60)))),
        ("short", basic().text("Yes.\n")),
        ("empty text with attachment", basic().text("").attach(file("minutes.pdf", pdf()))),
        ("attachment alone", Message::builder().from(list("anna@example.org")).to(list("bernd@example.net")).subject("Minutes").attach(file("minutes.pdf", pdf()))),
    ];
    builders
        .into_iter()
        .enumerate()
        .map(|(index, (name, builder))| {
            let mut seed = [0; Context::SEED];
            // Every message of a program has its own seed.
            seed.iter_mut()
                .enumerate()
                .for_each(|(at, octet)| *octet = (at * 37 + index * 11 % 251).to_le_bytes()[0]);
            let message =
                builder.build(&Context::new(now(), seed)).unwrap_or_else(|error| panic!("{name}: {error}"));
            Kind { name, message }
        })
        .collect()
}

/// Returns the bytes of a message.
pub(crate) fn octets(message: &Message) -> Vec<u8> {
    let mut octets = Vec::new();
    message.write_to(&mut octets).unwrap();
    octets
}

mod checks {
    use super::*;
    use crate::strict::{Allowed, violations};
    use smtp_mime::{BodyType, Lint};

    #[test]
    fn every_kind_is_strictly_valid() {
        for kind in kinds() {
            let found = violations(&octets(&kind.message), Allowed::default());
            assert!(found.is_empty(), "{}: {found:?}", kind.name);
            assert_eq!(kind.message.body_type(), BodyType::SevenBit, "{}", kind.name);
        }
    }

    #[test]
    fn lint_finds_only_html_without_text() {
        for kind in kinds() {
            let findings = Lint::new().at(now()).message(&kind.message).unwrap();
            let rules: Vec<_> = findings.iter().map(smtp_mime::Finding::rule).collect();
            let expected: &[&str] = if kind.name == "html only" { &["html-without-text"] } else { &[] };
            assert_eq!(rules, expected, "{}", kind.name);
        }
    }
}

//! Tests the parameters of extensions: sent exactly when offered and requested, missing ones detected before MAIL.

use crate::pair::*;
use proptest::prelude::*;
use smtp_core::*;

/// Makes a client in TLS that sends a hello and one message; `|` separates the server's extensions.
fn sending(offer: &str, envelope: &Envelope) -> Pair {
    let mut config = Config::default();
    config.implicit_tls = true;
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    pair.client.send(envelope.clone()).unwrap();
    pair.settle();
    pair.client.handle(Input::Secured);
    pair.settle();
    pair.say("220 mx\r\n");
    assert_eq!(pair.written(), "EHLO client.example\r\n");
    pair.say(&format!("250-mx\r\n250-{}\r\n250 PIPELINING\r\n", offer.replace('|', "\r\n250-")));
    pair
}

/// Returns MAIL and RCPT as sent with that offer.
fn written(offer: &str, envelope: &Envelope) -> String {
    sending(offer, envelope).written().trim_end_matches("DATA\r\n").into()
}

/// Returns the reason why nothing is sent.
fn unsent(offer: &str, envelope: &Envelope) -> Reason {
    let mut pair = sending(offer, envelope);
    assert_eq!(pair.written(), "", "an octet left");
    match pair.ends().pop() {
        Some(End::Delivered(outcomes)) => match &outcomes[..] {
            [Outcome::Unsent(reason)] => reason.clone(),
            outcomes => panic!("{outcomes:?}"),
        },
        end => panic!("{end:?}"),
    }
}

fn plain() -> Envelope {
    envelope(&["bob@example.net"])
}

fn with_mail(parameter: impl Into<Parameter>) -> Envelope {
    let mut envelope = plain();
    envelope.parameters.push(parameter.into());
    envelope
}

fn with_rcpt(parameter: impl Into<Parameter>) -> Envelope {
    let mut envelope = plain();
    envelope.recipients[0].parameters.push(parameter.into());
    envelope
}

fn date(text: &str) -> DateTime {
    text.parse().unwrap()
}

/// Returns every extension: its keyword, an offer, an envelope that needs it, and the octets then sent.
fn every_extension() -> Vec<(&'static str, &'static str, Envelope, &'static str)> {
    let mailbox: Mailbox = "e+mc2@example.com".parse().unwrap();
    let other: Mailbox = "jürgen@bücher.example".parse().unwrap();
    let by = |seconds, mode| DeliverBy::new(seconds, mode).unwrap();

    vec![
        ("DSN", "DSN", with_mail(Ret::Headers), " RET=HDRS"),
        ("DSN", "DSN", with_mail(Ret::Full), " RET=FULL"),
        ("DSN", "DSN", with_mail(EnvelopeId::new("QQ 314+159").unwrap()), " ENVID=QQ+20314+2B159"),
        ("DSN", "DSN", with_rcpt(Notify::default()), "> NOTIFY=NEVER"),
        (
            "DSN",
            "DSN",
            with_rcpt(Notify { success: true, failure: true, delay: true }),
            "> NOTIFY=SUCCESS,FAILURE,DELAY",
        ),
        (
            "DSN",
            "DSN",
            with_rcpt(OriginalRecipient::try_from(&mailbox).unwrap()),
            "> ORCPT=rfc822;e+2Bmc2@example.com",
        ),
        (
            "DSN",
            "DSN",
            with_rcpt(OriginalRecipient::try_from(&other).unwrap()),
            "> ORCPT=utf-8;j\\x{FC}rgen@b\\x{FC}cher.example",
        ),
        ("AUTH", "AUTH PLAIN", with_mail(AuthParameter::unknown()), " AUTH=<>"),
        ("AUTH", "AUTH PLAIN", with_mail(AuthParameter::new(mailbox).unwrap()), " AUTH=e+2Bmc2@example.com"),
        ("REQUIRETLS", "REQUIRETLS", with_mail(RequireTls), " REQUIRETLS"),
        ("DELIVERBY", "DELIVERBY", with_mail(by(-30, ByMode::Notify)), " BY=-30;N"),
        ("DELIVERBY", "DELIVERBY 120", with_mail(by(120, ByMode::Return).with_trace()), " BY=120;RT"),
        ("FUTURERELEASE", "FUTURERELEASE", with_mail(FutureRelease::hold_for(60).unwrap()), " HOLDFOR=60"),
        (
            "FUTURERELEASE",
            "FUTURERELEASE 86400 2026-12-01T00:00:00Z",
            with_mail(FutureRelease::hold_until(date("2026-11-21T08:00:00Z"))),
            " HOLDUNTIL=2026-11-21T08:00:00Z",
        ),
        ("MT-PRIORITY", "MT-PRIORITY MIXER", with_mail(MtPriority::new(-9).unwrap()), " MT-PRIORITY=-9"),
        (
            "RRVS",
            "RRVS",
            with_rcpt(Rrvs::new(date("2014-04-03T23:01:00Z")).with_action(RrvsAction::Continue)),
            "> RRVS=2014-04-03T23:01:00Z;C",
        ),
    ]
}

#[test]
fn a_parameter_is_sent_if_requested_and_offered() {
    for (_, offer, envelope, expected) in every_extension() {
        let (mail, rcpt) = match expected.strip_prefix('>') {
            Some(of_rcpt) => ("", of_rcpt),
            None => (expected, ""),
        };
        assert_eq!(
            written(offer, &envelope),
            format!("MAIL FROM:<alice@example.org>{mail}\r\nRCPT TO:<bob@example.net>{rcpt}\r\n")
        );
    }
}

#[test]
fn a_requested_extension_that_is_not_offered_is_named_before_mail() {
    for (keyword, _, envelope, expected) in every_extension() {
        assert_eq!(unsent("X-OTHER", &envelope), Reason::NotOffered(keyword), "{expected}");
    }
}

#[test]
fn an_offered_parameter_that_is_not_requested_is_not_sent() {
    let offer: Vec<&str> = every_extension().into_iter().map(|(_, offer, ..)| offer).collect();
    assert_eq!(
        written(&offer.join("|"), &plain()),
        "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n"
    );
}

#[test]
fn a_plain_parameter_is_checked_too_and_an_unknown_one_is_left_to_the_server() {
    for (text, keyword) in [
        ("BODY=8BITMIME", "8BITMIME"),
        ("BODY=BINARYMIME", "BINARYMIME"),
        ("SMTPUTF8", "SMTPUTF8"),
        ("SIZE=1", "SIZE"),
        ("SUBMITTER=a@example.org", "SUBMITTER"),
        ("SOLICIT=org.example:ADV", "NO-SOLICITING"),
        ("MTRK=QUFB", "MTRK"),
        ("TRANSID=<1@example.org>", "CHECKPOINT"),
        ("CONPERM", "CONPERM"),
    ] {
        let envelope = with_mail(Parameter::try_from(text).unwrap());
        assert_eq!(unsent("X-OTHER", &envelope), Reason::NotOffered(keyword));
        assert!(
            written(keyword, &envelope).starts_with(&format!("MAIL FROM:<alice@example.org> {text}\r\n"))
        );
    }
    let unknown = with_mail(Parameter::new("X-ODD", Some("1")).unwrap());
    assert!(written("X-OTHER", &unknown).starts_with("MAIL FROM:<alice@example.org> X-ODD=1\r\n"));
}

#[test]
fn a_parameter_beyond_the_servers_limit_is_not_sent() {
    let hold_for = |seconds| with_mail(FutureRelease::hold_for(seconds).unwrap());
    let hold_until = |time| with_mail(FutureRelease::hold_until(date(time)));
    let by = |seconds, mode| with_mail(DeliverBy::new(seconds, mode).unwrap());
    let release = "FUTURERELEASE 86400 2026-12-01T00:00:00Z";
    for (offer, envelope, is_beyond) in [
        (release, hold_for(86400), false),
        (release, hold_for(86401), true),
        (release, hold_until("2026-12-01T00:00:00Z"), false),
        (release, hold_until("2026-12-01T00:00:01Z"), true),
        ("FUTURERELEASE", hold_for(999_999_999), false),
        ("FUTURERELEASE nonsense too", hold_for(999_999_999), false),
        ("DELIVERBY 240", by(240, ByMode::Return), false),
        ("DELIVERBY 240", by(239, ByMode::Return), true),
        ("DELIVERBY 240", by(1, ByMode::Notify), false),
        ("DELIVERBY", by(1, ByMode::Return), false),
    ] {
        if is_beyond {
            let parameter = envelope.parameters[0].clone();
            let extension = if offer.starts_with('F') { "FUTURERELEASE" } else { "DELIVERBY" };
            assert_eq!(unsent(offer, &envelope), Reason::BeyondOffer { parameter, extension });
        } else {
            assert!(written(offer, &envelope).starts_with("MAIL FROM:<alice@example.org> "), "{offer}");
        }
    }
}

#[test]
fn requiretls_offered_in_clear_is_ignored() {
    let mut pair = Pair::new(Config::default());
    pair.client.hello(domain()).unwrap();
    pair.client.send(with_mail(RequireTls)).unwrap();
    let run = pair.play(&[
        say("220 mx\r\n"),
        say("250-mx\r\n250 REQUIRETLS\r\n"),
        expect("EHLO client.example\r\n"),
    ]);
    let unsent = Outcome::Unsent(Reason::NeedsTls("REQUIRETLS"));
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![unsent]));
}

#[test]
fn a_check_declares_the_same_parameters_as_a_message() {
    let mut pair = Pair::new(Config::default());
    pair.client.hello(domain()).unwrap();
    pair.client.check(with_rcpt(Notify::default())).unwrap();
    let run = pair.play(&[say("220 mx\r\n"), say("250 mx\r\n"), expect("EHLO client.example\r\n")]);
    let unsent = Outcome::Unsent(Reason::NotOffered("DSN"));
    assert_eq!(ends(&run.events)[1], End::Checked(vec![unsent]));
}

#[test]
fn a_repeated_parameter_is_rejected() {
    let mut client = Client::new(Config::default());
    client.hello(domain()).unwrap();
    let mut send = |envelope: &dyn Fn(&mut Envelope)| {
        let mut made = plain();
        envelope(&mut made);
        client.send(made)
    };
    let twice = Err(Misuse::RepeatedParameter);
    let parameter = |text: &str| Parameter::try_from(text).unwrap();
    assert_eq!(send(&|made| made.parameters.extend([Ret::Full.into(), Ret::Headers.into()])), twice);
    assert_eq!(
        send(&|made| made.recipients[0].parameters.extend([parameter("X=1"), parameter("x=2")])),
        twice
    );
    let holds = ["HOLDFOR=1", "HOLDUNTIL=2026-12-01T00:00:00Z"];
    assert_eq!(send(&|made| made.parameters.extend(holds.map(parameter))), twice);
    assert_eq!(
        send(&|made| {
            made.size = Some(1);
            made.parameters.push(parameter("SIZE=2"));
        }),
        twice
    );
    assert_eq!(
        send(&|made| {
            made.body = BodyType::EightBitMime;
            made.parameters.push(parameter("BODY=7BIT"));
        }),
        twice
    );
    assert!(send(&|made| made.parameters.extend([parameter("BODY=7BIT"), parameter("SIZE=2")])).is_ok());
}

#[test]
fn a_binary_message_is_sent_unchanged() {
    let body = b"Content-Type: application/octet-stream\n\n\r.\r\n.\n\0\xff\rno end";
    let start = |offer: &'static str| {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        let mut envelope = plain();
        envelope.body = BodyType::Binary;
        pair.client.send(envelope).unwrap();
        pair.bodies.push_back(Body::Whole(body.to_vec()));
        pair.play(&[say("220 mx\r\n"), say(offer)])
    };
    let run = start("250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
    let length = body.len();
    let body = String::from_utf8_lossy(body);
    assert_eq!(
        run.writes[1..].concat(),
        format!(
            "MAIL FROM:<alice@example.org> BODY=BINARYMIME\r\nRCPT TO:<bob@example.net>\r\nBDAT {length} LAST\r\n{body}"
        )
    );
    for (offer, missing) in [
        ("250-mx\r\n250 CHUNKING\r\n", "BINARYMIME"),
        ("250-mx\r\n250-8BITMIME\r\n250 BINARYMIME\r\n", "CHUNKING"),
    ] {
        let run = start(offer);
        assert_eq!(run.writes.len(), 1, "only EHLO leaves");
        assert_eq!(ends(&run.events)[1], End::Delivered(vec![Outcome::Unsent(Reason::NotOffered(missing))]));
    }
}

#[test]
fn a_large_binary_message_is_only_divided_into_chunks() {
    let body: Vec<u8> = (0..100u8).flat_map(|number| [number, b'\n', b'\r', b'.']).collect();
    let mut config = Config::default();
    config.limits.chunk = 64;
    let mut pair = Pair::new(config).with_cuts(Cuts::Octets);
    pair.client.hello(domain()).unwrap();
    let mut envelope = plain();
    envelope.body = BodyType::Binary;
    pair.client.send(envelope).unwrap();
    pair.bodies.push_back(Body::Whole(body.clone()));
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say("250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
    pair.say("250 ok\r\n250 ok\r\n");
    let wire = pair.written();
    let mut wire = wire.as_bytes();
    let mut found = Vec::new();
    let start = wire.windows(5).position(|octets| octets == b"BDAT ").unwrap();
    wire = &wire[start..];
    while !wire.is_empty() {
        let end = wire.iter().position(|&octet| octet == b'\n').unwrap();
        let line = std::str::from_utf8(&wire[..=end]).unwrap();
        let length: usize = line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(length <= 64, "{line}");
        found.extend_from_slice(&wire[end + 1..end + 1 + length]);
        wire = &wire[end + 1 + length..];
    }
    assert_eq!(found, body);
}

mod xclient {
    use super::*;

    fn attributes() -> Vec<XclientAttribute> {
        vec![
            XclientAttribute::Name(Some("spike.porcupine.org".parse().unwrap())),
            XclientAttribute::Address(Some("168.100.189.2".parse().unwrap())),
        ]
    }

    fn start() -> Pair {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        pair.client.xclient(&attributes()).unwrap();
        assert_eq!(pair.client.send(plain()), Err(Misuse::HelloFirst));
        pair.client.hello("spike.porcupine.org".parse().unwrap()).unwrap();
        pair.client.send(plain()).unwrap();
        pair
    }

    #[test]
    fn xclient_resets_the_session() {
        play(
            start,
            &[
                say("220 server.example.com ESMTP\r\n"),
                expect("EHLO client.example\r\n"),
                say("250-server.example.com\r\n250-PIPELINING\r\n250 XCLIENT NAME ADDR PROTO HELO\r\n"),
                expect("XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2\r\n"),
                say("220 server.example.com ESMTP\r\n"),
                expect("EHLO spike.porcupine.org\r\n"),
                // the earlier offer no longer counts
                say("250 server.example.com\r\n"),
                expect("MAIL FROM:<alice@example.org>\r\n"),
            ],
        );
    }

    #[test]
    fn starttls_not_offered_refused_or_wrongly_answered_fails() {
        for (offer, reason) in
            [("250 mx\r\n", "XCLIENT"), ("250-mx\r\n250 XCLIENT NAME PORT\r\n", "XCLIENT ADDR")]
        {
            let run = play(start, &[say("220 mx\r\n"), say(offer), expect("EHLO client.example\r\n")]);
            let found = ends(&run.events);
            assert_eq!(found[1], End::Undone(Reason::NotOffered(reason)));
            assert_eq!(found[2], End::Undone(Reason::Prerequisite));
            assert_eq!(found[3], End::Delivered(vec![Outcome::Unsent(Reason::Prerequisite)]));
        }
        let refuse = |text: &'static str| {
            play(start, &[say("220 mx\r\n"), say("250-mx\r\n250 XCLIENT NAME ADDR\r\n"), Step::Say(text)])
        };
        assert_eq!(
            ends(&refuse("550 5.7.0 no\r\n").events)[1],
            End::Undone(Reason::Refused(reply("550 5.7.0 no")))
        );
        for odd in ["250 ok\r\n", "334 x\r\n"] {
            let run = refuse(odd);
            assert!(matches!(
                run.events.last(),
                Some(Event::Closed(Cause::Violation(Violation::UnexpectedReply(_))))
            ));
        }
    }

    #[test]
    fn a_login_is_possible_again() {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        let external = || vec![Box::new(External::new()) as Box<dyn Mechanism>];
        pair.client.authenticate(external()).unwrap();
        pair.client.xclient(&attributes()).unwrap();
        pair.client.hello(domain()).unwrap();
        pair.client.authenticate(external()).unwrap();
        pair.settle();
        for text in [
            "220 mx\r\n",
            "250-mx\r\n250-AUTH EXTERNAL\r\n250 XCLIENT NAME ADDR\r\n",
            "235 ok\r\n",
            "220 mx\r\n",
        ] {
            pair.say(text);
        }
        assert!(!pair.client.is_authenticated());
        pair.say("250-mx\r\n250 AUTH EXTERNAL\r\n");
        pair.say("235 ok\r\n");
        assert!(pair.client.is_authenticated());
    }

    #[test]
    fn attributes_that_xclient_cannot_transmit_are_rejected() {
        let mut client = Client::new(Config::default());
        assert_eq!(client.xclient(&attributes()), Err(Misuse::HelloFirst));
        client.hello(domain()).unwrap();
        assert_eq!(client.xclient(&[]), Err(Misuse::NoAttribute));
        let name = XclientAttribute::Name(Some("bücher.example".parse().unwrap()));
        assert_eq!(client.xclient(&[name]), Err(Misuse::NotAscii));
        let login = XclientAttribute::Login(Some(XclientLogin::new(&"+".repeat(160)).unwrap()));
        assert_eq!(client.xclient(&[login.clone(), login]), Err(Misuse::CommandTooLong { limit: 512 }));
    }
}

/// Prints a value, parses it, and parses it again in lower case.
fn round_trips<T>(value: &T) -> Result<(), TestCaseError>
where
    T: Clone + PartialEq + std::fmt::Debug + for<'a> TryFrom<&'a Parameter, Error = SyntaxError>,
    Parameter: From<T>,
{
    let parameter = Parameter::from(value.clone());
    let again: Parameter = parameter.as_str().parse().unwrap();
    prop_assert_eq!(&T::try_from(&again).unwrap(), value);
    let (keyword, rest) = parameter.as_str().split_at(parameter.keyword().len());
    let lower: Parameter = format!("{}{rest}", keyword.to_ascii_lowercase()).parse().unwrap();
    prop_assert_eq!(&T::try_from(&lower).unwrap(), value);
    Ok(())
}

fn any_date() -> impl Strategy<Value = DateTime> {
    (0u32..10000, 1u32..13, 1u32..29, 0u32..24, 0u32..60, 0u32..61).prop_map(
        |(year, month, day, hour, minute, second)| {
            date(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
        },
    )
}

proptest! {
    #[test]
    fn printed_values_parse_to_the_same_value(
        flags in any::<[bool; 3]>(),
        envid in "[ -~]{1,30}",
        kind in "[a-zA-Z0-9-]{1,8}",
        address in "[ -~]{1,40}",
        international in "\\PC{1,20}",
        seconds in 1i32..=999_999_999,
        priority in -9i8..=9,
        time in any_date(),
        local_part in "[a-z+=]{1,20}",
    ) {
        round_trips(&if flags[0] { Ret::Full } else { Ret::Headers })?;
        round_trips(&Notify { success: flags[0], failure: flags[1], delay: flags[2] })?;
        round_trips(&EnvelopeId::new(&envid).unwrap())?;
        round_trips(&OriginalRecipient::new(&kind, &address).unwrap())?;
        if let Ok(recipient) = OriginalRecipient::new("utf-8", &international) {
            round_trips(&recipient)?;
        }
        round_trips(&AuthParameter::unknown())?;
        let mailbox: Mailbox = format!("{local_part}@example.org").parse().unwrap();
        round_trips(&AuthParameter::new(mailbox).unwrap())?;
        round_trips(&RequireTls)?;
        let mode = if flags[0] { ByMode::Notify } else { ByMode::Return };
        let by = DeliverBy::new(if flags[0] && flags[1] { -seconds } else { seconds }, mode).unwrap();
        round_trips(&if flags[2] { by.with_trace() } else { by })?;
        round_trips(&FutureRelease::hold_for(u32::try_from(seconds).unwrap()).unwrap())?;
        round_trips(&FutureRelease::hold_until(time.clone()))?;
        round_trips(&MtPriority::new(priority).unwrap())?;
        let rrvs = Rrvs::new(time);
        let action = if flags[0] { RrvsAction::Reject } else { RrvsAction::Continue };
        round_trips(&if flags[1] { rrvs.with_action(action) } else { rrvs })?;
    }

    #[test]
    fn parsed_values_survive_printing_and_parsing(
        keyword in prop::sample::select(vec!["RET", "ENVID", "NOTIFY", "ORCPT", "AUTH", "REQUIRETLS", "BY", "HOLDFOR", "HOLDUNTIL", "MT-PRIORITY", "RRVS"]),
        value in prop::option::of("[!-<>-~]{1,24}|[0-9+-]{1,12}(;[NRTCnrtc]{0,3})?|[a-z0-9-]{1,6};[ -<>-~]{1,12}"),
    ) {
        let Ok(parameter) = Parameter::new(keyword, value.as_deref()) else { return Ok(()) };
        if let Ok(value) = Ret::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = EnvelopeId::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = Notify::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = OriginalRecipient::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = AuthParameter::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = RequireTls::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = DeliverBy::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = FutureRelease::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = MtPriority::try_from(&parameter) { round_trips(&value)?; }
        if let Ok(value) = Rrvs::try_from(&parameter) { round_trips(&value)?; }
    }
}

#[test]
fn values_out_of_bounds_cannot_be_made() {
    assert!(EnvelopeId::new("").is_err() && EnvelopeId::new(&"x".repeat(101)).is_err());
    assert!(EnvelopeId::new(&"+".repeat(34)).is_err() && EnvelopeId::new(&"+".repeat(33)).is_ok());
    assert!(EnvelopeId::new("a\r\nb").is_err() && EnvelopeId::new("ä").is_err());
    assert!(OriginalRecipient::new("rfc822", &"x".repeat(494)).is_err());
    assert!(OriginalRecipient::new("rfc822", &"x".repeat(493)).is_ok());
    assert!(OriginalRecipient::new("rfc822", "ä@example.org").is_err());
    assert!(OriginalRecipient::new("utf-8", "ä\n@example.org").is_err());
    assert!(OriginalRecipient::new("a;b", "x").is_err() && OriginalRecipient::new("rfc822", "").is_err());
    assert!(DeliverBy::new(0, ByMode::Return).is_err() && DeliverBy::new(0, ByMode::Notify).is_ok());
    assert!(DeliverBy::new(1_000_000_000, ByMode::Notify).is_err());
    assert!(FutureRelease::hold_for(0).is_err() && FutureRelease::hold_for(1_000_000_000).is_err());
    assert!(MtPriority::new(10).is_err() && MtPriority::new(-10).is_err());
    for (text, read) in [
        ("MT-PRIORITY=+3", false),
        ("MT-PRIORITY=03", false),
        ("MT-PRIORITY=-0", false),
        ("MT-PRIORITY=-3", true),
        ("MT-PRIORITY=10", false),
    ] {
        assert_eq!(MtPriority::try_from(&text.parse().unwrap()).is_ok(), read, "{text}");
    }
    let long: Mailbox = format!("{}@example.org", "+".repeat(64)).parse().unwrap();
    assert!(AuthParameter::new(long).is_ok());
    assert!(AuthParameter::new("jürgen@example.org".parse().unwrap()).is_err());
    assert!(Notify::try_from(&"NOTIFY=NEVER,SUCCESS".parse().unwrap()).is_err());
}

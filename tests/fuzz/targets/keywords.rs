//! Any parameters behind any EHLO keyword are read without a fault; what is read as the parameter of an extension is
//! printed and read back; and what a server does not offer it is not asked for.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use smtp_core::{
    AuthParameter, Client, Config, DateTime, DeliverBy, End, Envelope, EnvelopeId, Event, FutureRelease,
    Input, Instant, MtPriority, Notify, OriginalRecipient, Outcome, Output, Parameter, RequireTls, Ret, Rrvs,
    Transmit,
};

/// Parameters, and the EHLO keyword of the extension that each belongs to.
const NEEDS: [(&str, &str); 11] = [
    ("RET", "DSN"),
    ("ENVID", "DSN"),
    ("NOTIFY", "DSN"),
    ("ORCPT", "DSN"),
    ("AUTH", "AUTH"),
    ("BY", "DELIVERBY"),
    ("HOLDFOR", "FUTURERELEASE"),
    ("HOLDUNTIL", "FUTURERELEASE"),
    ("MT-PRIORITY", "MT-PRIORITY"),
    ("RRVS", "RRVS"),
    ("REQUIRETLS", "REQUIRETLS"),
];

fuzz_target!(|text: &str| {
    // a line with a plus before it is a parameter, any other a line of the reply to EHLO
    let (parameters, keywords): (Vec<&str>, Vec<&str>) =
        text.split('\n').take(64).partition(|line| line.starts_with('+'));
    let is_of_recipient = text.len() % 2 == 1;
    let parameters: Vec<Parameter> =
        parameters.iter().filter_map(|line| line[1..].parse().ok()).take(8).collect();
    for parameter in &parameters {
        read_back(parameter);
    }
    for text in keywords.iter().flat_map(|line| line.split(' ')) {
        if let Ok(time) = text.parse::<DateTime>() {
            assert_eq!(time.to_string().parse::<DateTime>().ok(), Some(time));
        }
    }
    session(&keywords, parameters, is_of_recipient);
});

fn read_back(parameter: &Parameter) {
    holds::<AuthParameter>(parameter);
    holds::<DeliverBy>(parameter);
    holds::<EnvelopeId>(parameter);
    holds::<FutureRelease>(parameter);
    holds::<MtPriority>(parameter);
    holds::<Notify>(parameter);
    holds::<OriginalRecipient>(parameter);
    holds::<RequireTls>(parameter);
    holds::<Ret>(parameter);
    holds::<Rrvs>(parameter);
}

fn holds<T>(parameter: &Parameter)
where
    T: for<'a> TryFrom<&'a Parameter> + PartialEq + Debug + Clone,
    Parameter: From<T>,
{
    let Ok(value) = T::try_from(parameter) else { return };
    let printed = Parameter::from(value.clone());
    assert_eq!(printed.keyword(), parameter.keyword());
    assert_eq!(T::try_from(&printed).ok(), Some(value), "{printed:?}");
    assert_eq!(printed.as_str().parse::<Parameter>().ok(), Some(printed));
}

/// A message with these parameters to a server that offers these keywords.
fn session(keywords: &[&str], parameters: Vec<Parameter>, is_of_recipient: bool) {
    let mut hello = String::from("250-mx\r\n");
    for keyword in keywords {
        hello.push_str("250-");
        hello.push_str(&keyword.replace('\r', " "));
        hello.push_str("\r\n");
    }
    hello.push_str("250 HELP\r\n");
    let to = "<bob@example.net>".parse().expect("a path");
    let mut envelope = Envelope::new("<alice@example.org>".parse().expect("a path"), [to]);
    if is_of_recipient {
        envelope.recipients[0].parameters.clone_from(&parameters);
    } else {
        envelope.parameters.clone_from(&parameters);
    }

    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello("client.example".parse().expect("a domain")).expect("taken");
    // parameters that cannot stand together are turned down at once
    let Ok(_) = client.send(envelope) else { return };
    let mut replies = ["220 mx\r\n", hello.as_str()].into_iter();
    loop {
        match client.poll(Instant::EPOCH, &mut transmit) {
            Output::Write { .. } => {
                let octets = transmit.octets().to_vec();
                let text = String::from_utf8(octets).expect("ASCII, or UTF-8 where it was offered");
                for line in text.split_terminator("\r\n") {
                    assert!(!line.contains(['\r', '\n', '\0']));
                    let verb = if is_of_recipient {
                        "RCPT TO:<bob@example.net>"
                    } else {
                        "MAIL FROM:<alice@example.org>"
                    };
                    let Some(behind) = line.strip_prefix(verb) else { continue };
                    for parameter in &parameters {
                        let extensions = client.extensions();
                        let keyword = parameter.keyword();
                        let needed = NEEDS.iter().find(|(name, _)| *name == keyword);
                        assert!(needed.is_none_or(|(_, extension)| extensions.has(extension)), "{line}");
                        assert!(behind.split(' ').any(|word| word == parameter.as_str()), "{line}");
                    }
                }
                client.handle(Input::Sent);
            }
            Output::Read { .. } => match replies.next() {
                Some(text) => client.handle(Input::Received(text.as_bytes())),
                None => break,
            },
            Output::Event(Event::Done { end: End::Delivered(outcomes), .. }) => {
                assert!(matches!(outcomes[..], [Outcome::Unsent(_)]), "{outcomes:?}");
            }
            // with CHUNKING the message rides along
            Output::Body(_) => client.end_of_body(),
            Output::Event(Event::Closed(_)) | Output::Idle | Output::Closed => break,
            Output::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let extensions = client.extensions();
    let limits = extensions.session_limits();
    assert!([limits.mail, limits.recipients, limits.recipient_domains].iter().all(|limit| *limit != Some(0)));
    for extension in extensions.iter() {
        if let Some(explanation) = extension.explanation() {
            assert!(!explanation.is_empty());
        }
    }
}

//! Sends, and what became of each recipient.

use crate::face::{Face, both};
use smtp_core::Envelope;
use smtp_core::mailer::{Options, RawMessage};
use smtp_mock::{Mock, On, Rule};

both!(one_refused_recipient_does_not_stop_the_others, many_messages_go_over_one_connection);

pub(crate) fn message(to: &[&str]) -> RawMessage {
    let to = to.iter().map(|address| format!("<{address}>").parse().unwrap());
    let envelope = Envelope::new("<a@example.org>".parse().unwrap(), to);
    RawMessage::new(envelope, "Subject: hello\r\n\r\nIt works.\r\n")
}

pub(crate) fn options(mock: &Mock) -> Options {
    Options::from_url(&format!("smtp://{}", mock.addr())).unwrap()
}

fn one_refused_recipient_does_not_stop_the_others<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("c@*").reply("550 5.1.1 no such user")).start();
    let mailer = F::new(options(&mock));
    let report = mailer.send(&message(&["b@example.net", "c@example.net", "d@example.net"])).unwrap();
    let words: Vec<_> = report.recipients().iter().map(ToString::to_string).collect();
    assert!(words[0].starts_with("b@example.net: accepted: 250"), "{words:?}");
    assert!(words[1].starts_with("c@example.net: refused at RCPT: 550 5.1.1 no such user"), "{words:?}");
    assert!(words[2].starts_with("d@example.net: accepted: 250"), "{words:?}");
    let messages = mock.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].to(), ["b@example.net", "d@example.net"]);
}

fn many_messages_go_over_one_connection<F: Face>() {
    let mock = Mock::builder().start();
    let mailer = F::new(options(&mock));
    for _ in 0..5 {
        assert!(mailer.send(&message(&["b@example.net"])).unwrap().is_accepted());
    }
    let results = mailer.send_all((0..20).map(|_| Box::new(message(&["b@example.net"])) as _).collect());
    assert!(results.iter().map(|(index, _)| *index).eq(0..20), "{}", F::NAME);
    assert!(results.iter().all(|(_, result)| result.as_ref().unwrap().is_accepted()), "{results:?}");
    assert_eq!(mock.messages().len(), 25);
}

//! Sends, and what became of each recipient.

use crate::face::{Boxed, Face, both};
use crate::tools::{assert_accepted, envelope, message, options};
use smtp_mock::{Mock, On, Rule};

both!(
    many_messages_go_over_one_connection,
    a_check_asks_for_each_recipient_and_sends_no_message,
    verify_opens_a_connection_that_the_next_send_uses,
    many_threads_use_clones_of_one_mailer_at_once,
);

fn many_messages_go_over_one_connection<F: Face>() {
    let mock = Mock::builder().start();
    let mailer = F::new(options(&mock));
    for _ in 0..5 {
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
    }
    assert_eq!(mock.connections(), 1);
    let results = mailer.send_all((0..20).map(|_| Box::new(message(&["b@example.net"])) as Boxed).collect());
    assert!(results.iter().map(|(index, _)| *index).eq(0..20), "{}", F::NAME);
    results.iter().for_each(|(_, result)| assert_accepted(result));
    assert_eq!(mock.messages().len(), 25);
}

fn a_check_asks_for_each_recipient_and_sends_no_message<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("c@*").reply("550 5.1.1 no such user")).start();
    let mailer = F::new(options(&mock));
    let report = mailer.check(&envelope(&["b@example.net", "c@example.net"])).unwrap();
    let accepted: Vec<_> = report.recipients().iter().map(|recipient| recipient.fate.is_accepted()).collect();
    assert_eq!(accepted, [true, false]);
    assert_eq!(mock.messages().len(), 0);
    // The connection serves the next message, whose transaction is its own.
    assert_accepted(&mailer.send(&message(&["d@example.net"])));
    assert_eq!(mock.messages()[0].to(), ["d@example.net"]);
    assert_eq!(mock.connections(), 1);
}

fn verify_opens_a_connection_that_the_next_send_uses<F: Face>() {
    let mock = Mock::builder().start();
    let mailer = F::new(options(&mock));
    mailer.verify().unwrap();
    mailer.verify().unwrap();
    assert_eq!(mock.connections(), 1);
    assert_accepted(&mailer.send(&message(&["b@example.net"])));
    assert_eq!((mock.connections(), mock.messages().len()), (1, 1));
}

fn many_threads_use_clones_of_one_mailer_at_once<F: Face>() {
    let mock = Mock::builder().start();
    let mailer = F::new(options(&mock).connections(3));
    let threads: Vec<_> = (0..12)
        .map(|_| {
            let mailer = mailer.clone();
            std::thread::spawn(move || mailer.send(&message(&["b@example.net"])))
        })
        .collect();
    for thread in threads {
        assert_accepted(&thread.join().unwrap());
    }
    assert_eq!(mock.messages().len(), 12);
    assert!(mock.connections() <= 3, "{} connections", mock.connections());
}

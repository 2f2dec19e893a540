//! What became of a message, and what an application may conclude from it.

use crate::face::{Boxed, Face, both};
use crate::tools::{
    assert_accepted, copies, envelope, has_mail_data, limits, message, options, outcome_of, titled,
};
use smtp_core::mailer::{ErrorKind, Fate, RawMessage, Repeat};
use smtp_core::{Outcome, Reason};
use smtp_mock::{Certificate, Close, Mock, On, Rule, Step};
use std::time::{Duration, Instant};

both!(
    one_refused_recipient_does_not_stop_the_others,
    where_all_recipients_are_refused_no_message_leaves,
    all_or_nothing_sends_to_none_where_one_is_refused,
    what_follows_an_accepted_message_does_not_change_its_fate,
    an_unanswered_quit_does_not_delay_the_result,
    a_message_lost_after_its_end_is_unconfirmed_and_repeated_by_nothing,
    a_message_lost_before_its_end_is_not_sent_and_safe_to_repeat,
    every_fate_and_error_answers_whether_it_is_safe_to_repeat,
    transient_refusals_go_into_the_next_round_for_their_recipients_alone,
    the_reply_and_the_server_are_kept,
);

fn one_refused_recipient_does_not_stop_the_others<F: Face>() {
    for chunking in [true, false] {
        let rule = Rule::on(On::Rcpt).to("c@*").reply("550 5.1.1 no such user");
        let mock = Mock::builder().rule(rule).start();
        let mailer = F::new(options(&mock).chunking(chunking));
        let report = mailer.send(&message(&["b@example.net", "c@example.net", "d@example.net"])).unwrap();
        let words: Vec<_> = report.recipients().iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), 3);
        assert!(words[0].starts_with("b@example.net: accepted: 250"), "{words:?}");
        assert_eq!(words[1], "c@example.net: refused at RCPT: 550 5.1.1 no such user");
        assert!(words[2].starts_with("d@example.net: accepted: 250"), "{words:?}");
        let replies: Vec<_> =
            report.recipients().iter().map(|recipient| recipient.fate.reply().unwrap()).collect();
        assert_eq!(replies[1].text(), "5.1.1 no such user");
        assert_eq!(report.failed().count(), 1);
        let messages = mock.messages();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].to(), ["b@example.net", "d@example.net"]);
    }
}

fn where_all_recipients_are_refused_no_message_leaves<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).reply("550 5.1.1 no such user")).start();
    let mailer = F::new(options(&mock).chunking(false));
    let report = mailer.send(&message(&["b@example.net", "c@example.net"])).unwrap();
    assert_eq!(report.failed().count(), 2);
    assert!(report.recipients().iter().all(|recipient| recipient.fate.repeat() == Repeat::Pointless));
    // A server that accepted DATA in the same group got a lone dot, which is no message.
    let transcript = mock.transcript();
    let octets: u64 = transcript
        .entries()
        .iter()
        .filter_map(|entry| match entry.kind {
            smtp_mock::Kind::MailData(octets) => Some(octets),
            _ => None,
        })
        .sum();
    assert_eq!(octets, 0, "{:?}", transcript.lines());
    assert_eq!(mock.messages().len(), 0);
    // The next message is not disturbed.
    mock.set(Rule::on(On::Rcpt).default_reply());
    assert_accepted(&mailer.send(&titled("next")));
    assert_eq!(copies(&mock, "next"), 1);
}

fn all_or_nothing_sends_to_none_where_one_is_refused<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("c@*").reply("550 5.1.1 no such user")).start();
    let mailer = F::new(options(&mock));
    let mut envelope = envelope(&["b@example.net", "c@example.net", "d@example.net"]);
    envelope.all_or_nothing = true;
    let report = mailer.send(&RawMessage::new(envelope, "Subject: all\r\n\r\nIt works.\r\n")).unwrap();
    assert_eq!(report.failed().count(), 3);
    assert!(!has_mail_data(&mock.transcript()));
    for (at, recipient) in report.recipients().iter().enumerate() {
        let Fate::Decided { outcome, .. } = &recipient.fate else { panic!("{recipient:?}") };
        match at {
            1 => assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}"),
            _ => assert_eq!(*outcome, Outcome::Unsent(Reason::AnotherRefused)),
        }
    }
    assert_accepted(&mailer.send(&titled("next")));
    assert_eq!(mock.messages().len(), 1);
}

fn what_follows_an_accepted_message_does_not_change_its_fate<F: Face>() {
    let accepted = || Rule::on(On::Body).message(1).default_reply();
    let cases = [
        vec![Rule::on(On::Quit).reply("500 5.5.1 what?")],
        vec![Rule::on(On::Quit).reply("421 4.3.2 gone")],
        vec![Rule::on(On::Quit).close(Close::Fin)],
        vec![Rule::on(On::Quit).close(Close::Rst)],
        vec![Rule::on(On::Rset).reply("500 5.5.1 what?")],
        vec![Rule::on(On::Rset).close(Close::Rst)],
        vec![accepted().close(Close::Fin)],
        vec![accepted().close(Close::Rst)],
        vec![accepted().reply("421 4.3.2 gone")],
        vec![accepted().step(Step::Garbage(100)).close(Close::Fin)],
    ];
    for rules in cases {
        for (is_secured, messages) in [(false, 1), (false, 100), (true, 1), (true, 100)] {
            let builder =
                if is_secured { Mock::builder().starttls(Certificate::Good) } else { Mock::builder() };
            let words: Vec<_> = rules.iter().map(Rule::describe).collect();
            let mock = rules.iter().cloned().fold(builder, smtp_mock::Builder::rule).start();
            let pool = limits(|limits| {
                limits.messages = messages;
                limits.unproven = Duration::ZERO;
            });
            let mailer = F::new(options(&mock).pool(pool));
            for number in 0..3 {
                let result = mailer.send(&titled(&format!("number {number}")));
                assert!(
                    result.as_ref().is_ok_and(smtp_core::mailer::Report::is_accepted),
                    "{words:?}: {result:?}"
                );
            }
            let batch = (3..6).map(|number| Box::new(titled(&format!("number {number}"))) as Boxed);
            // By BDAT the end of a message of a batch leaves with its commands, and may be lost with them.
            let mailer = F::new(options(&mock).pool(pool).chunking(false));
            for (_, result) in mailer.send_all(batch.collect()) {
                assert!(
                    result.as_ref().is_ok_and(smtp_core::mailer::Report::is_accepted),
                    "{words:?}: {result:?}"
                );
            }
            for number in 0..6 {
                assert_eq!(copies(&mock, &format!("number {number}")), 1, "{words:?}");
            }
        }
    }
}

fn an_unanswered_quit_does_not_delay_the_result<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Quit).step(Step::Stall)).start();
    let begin = Instant::now();
    let spent = F::new(options(&mock).pool(limits(|limits| limits.messages = 1)));
    for _ in 0..3 {
        assert_accepted(&spent.send(&titled("spent")));
    }
    let old = F::new(options(&mock).pool(limits(|limits| limits.lifetime = Duration::ZERO)));
    for _ in 0..3 {
        assert_accepted(&old.send(&titled("old")));
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!((copies(&mock, "spent"), copies(&mock, "old")), (3, 3));
}

fn a_message_lost_after_its_end_is_unconfirmed_and_repeated_by_nothing<F: Face>() {
    for close in [Close::Fin, Close::Rst] {
        for is_kept in [true, false] {
            for chunking in [true, false] {
                let rule = Rule::on(On::Body).step(Step::Capture(is_kept)).close(close);
                let mock = Mock::builder().rule(rule).start();
                let mailer = F::new(options(&mock).chunking(chunking).connections(2).retries(2));
                let report = mailer.send(&titled("single")).unwrap();
                let fate = &report.recipients()[0].fate;
                assert!(matches!(fate, Fate::Decided { outcome: Outcome::Unconfirmed(_), .. }), "{fate:?}");
                assert_eq!(fate.repeat(), Repeat::MayDuplicate);
                let batch = (0..4).map(|number| Box::new(titled(&format!("number {number}"))) as Boxed);
                for (index, result) in mailer.send_all(batch.collect()) {
                    let Ok(report) = result else { continue };
                    assert_eq!(report.recipients()[0].fate.repeat(), Repeat::MayDuplicate);
                    assert!(copies(&mock, &format!("number {index}")) <= 1);
                }
                assert_eq!(copies(&mock, "single"), usize::from(is_kept));
            }
        }
    }
}

fn a_message_lost_before_its_end_is_not_sent_and_safe_to_repeat<F: Face>() {
    for at in [On::Mail, On::Rcpt, On::Data] {
        for close in [Close::Fin, Close::Rst] {
            let mock = Mock::builder().rule(Rule::on(at).close(close)).start();
            let mailer = F::new(options(&mock).chunking(false));
            let error = mailer.send(&titled("lost")).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error:?}");
            assert_eq!(error.repeat(), Repeat::Safe);
            assert_eq!(error.server(), Some(&*mock.addr().to_string()));
            assert_eq!(mock.connections(), 1);
        }
    }
}

fn every_fate_and_error_answers_whether_it_is_safe_to_repeat<F: Face>() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Rcpt).to("later@*").reply("450 4.2.0 greylisted"))
        .rule(Rule::on(On::Rcpt).to("never@*").reply("550 5.1.1 no such user"))
        .start();
    let mailer = F::new(options(&mock));
    let report = mailer.send(&message(&["b@example.net", "later@example.net", "never@example.net"])).unwrap();
    let answers: Vec<_> = report.recipients().iter().map(|recipient| recipient.fate.repeat()).collect();
    assert_eq!(answers, [Repeat::Unneeded, Repeat::Safe, Repeat::Pointless]);
    for (rule, repeat) in [
        (Rule::on(On::Connect).reply("421 4.3.2 later"), Repeat::Safe),
        (Rule::on(On::Connect).reply("554 5.7.1 not you"), Repeat::Pointless),
        (Rule::on(On::Mail).reply("421 4.3.2 later"), Repeat::Safe),
        (Rule::on(On::Ehlo).close(Close::Fin), Repeat::Safe),
        (Rule::on(On::Mail).reply("250 2.1.0 ok").reply("250 2.1.0 again"), Repeat::Pointless),
    ] {
        let words = format!("{} {rule:?}", rule.describe());
        let mock = Mock::builder().rule(rule).start();
        let error = F::new(options(&mock).pipelining(false)).send(&titled("x")).unwrap_err();
        assert_eq!(error.repeat(), repeat, "{words}: {error:?}");
        assert_eq!(error.is_transient(), repeat == Repeat::Safe);
    }
}

fn transient_refusals_go_into_the_next_round_for_their_recipients_alone<F: Face>() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Rcpt).to("later@*").times(1).reply("450 4.2.0 greylisted"))
        .rule(Rule::on(On::Rcpt).to("never@*").reply("550 5.1.1 no such user"))
        .start();
    let mailer = F::new(options(&mock).retries(1));
    let report = mailer.send(&message(&["b@example.net", "later@example.net", "never@example.net"])).unwrap();
    let accepted: Vec<_> = report.recipients().iter().map(|recipient| recipient.fate.is_accepted()).collect();
    assert_eq!(accepted, [true, true, false]);
    let to: Vec<_> = mock.messages().iter().map(|message| message.to().join(" ")).collect();
    assert_eq!(to, ["b@example.net", "later@example.net"]);
}

fn the_reply_and_the_server_are_kept<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Body).reply("250 2.0.0 Ok: queued as 4bZk9C")).start();
    let report = F::new(options(&mock)).send(&titled("kept")).unwrap();
    let Fate::Decided { outcome: Outcome::Accepted(reply), server } = &report.recipients()[0].fate else {
        panic!("{report:?}")
    };
    assert_eq!((reply.text(), &**server), ("2.0.0 Ok: queued as 4bZk9C", &*mock.addr().to_string()));
    assert_eq!(report.queue_id(), Some("4bZk9C"));
    let outcome = outcome_of(Ok(report));
    assert!(matches!(outcome, Outcome::Accepted(_)));
}

//! What follows the outcomes of a transaction, without a socket: deliveries, batches, attempts and results.

use crate::tools::{envelope, message};
use smtp_core::mailer::{
    After, Attempts, Batch, Delivery, Error, ErrorKind, Fate, Policy, Progress, RawMessage, Reach, Work,
    ends_rounds, settled,
};
use smtp_core::{Cause, Code, Outcome, Reason, Reply, Verb};

fn delivery(recipients: usize) -> Delivery<RawMessage> {
    numbered(recipients, 0)
}

fn numbered(recipients: usize, index: usize) -> Delivery<RawMessage> {
    let to: Vec<_> = (0..recipients).map(|index| format!("r{index}@example.net")).collect();
    Delivery::new(message(&to.iter().map(String::as_str).collect::<Vec<_>>()), index).unwrap()
}

fn accepted() -> Outcome {
    Outcome::Accepted(Reply::new(Code::OK, "ok"))
}

fn refused(code: u16) -> Outcome {
    Outcome::Refused { verb: Verb::Rcpt, reply: Reply::new(Code::new(code).unwrap(), "no") }
}

fn too_many() -> Outcome {
    Outcome::Unsent(Reason::TooManyRecipients(Reply::new(Code::INSUFFICIENT_STORAGE, "too many")))
}

fn lost() -> Outcome {
    Outcome::Unsent(Reason::Closed(Cause::Lost))
}

fn unconfirmed() -> Outcome {
    Outcome::Unconfirmed(Cause::Lost)
}

/// One round, in which a message that had not begun moves once.
fn once() -> Policy {
    Policy::new(false, 0, 1)
}

/// The same with another round to follow.
fn more() -> Policy {
    Policy::new(true, 0, 1)
}

fn recipients(delivery: &Delivery<RawMessage>) -> Vec<String> {
    delivery.transaction().recipients.iter().map(|recipient| recipient.to.to_string()).collect()
}

#[test]
fn too_many_recipients_go_into_a_further_transaction_until_one_accepts_none() {
    let mut message = delivery(3);
    let after = message.settle(vec![accepted(), too_many(), too_many()], once(), Progress::Begun);
    assert_eq!(after, After::Again);
    assert_eq!(recipients(&message), ["<r1@example.net>", "<r2@example.net>"]);
    assert_eq!(message.settle(vec![too_many(), too_many()], once(), Progress::Begun), After::Finished);
    assert_eq!(message.outcomes(), [Some(accepted()), Some(too_many()), Some(too_many())]);
}

#[test]
fn only_what_failed_transiently_is_tried_later() {
    let mut message = delivery(4);
    let outcomes = vec![accepted(), refused(450), refused(550), unconfirmed()];
    assert_eq!(message.settle(outcomes, more(), Progress::Begun), After::Later);
    message.begin_round();
    assert_eq!(recipients(&message), ["<r1@example.net>"]);
    assert_eq!(message.settle(vec![refused(450)], once(), Progress::Begun), After::Finished);
}

#[test]
fn all_or_none_are_tried_later_only_if_all_may_succeed() {
    let companion = || Outcome::Unsent(Reason::AnotherRefused);
    let mut message = delivery(2);
    assert_eq!(message.settle(vec![companion(), refused(450)], more(), Progress::Begun), After::Later);
    message.begin_round();
    assert_eq!(recipients(&message).len(), 2);
    assert_eq!(message.settle(vec![companion(), refused(550)], more(), Progress::Begun), After::Finished);
}

#[test]
fn a_message_of_a_broken_session_moves_as_often_as_it_may() {
    let policy = Policy::new(false, 1, 1);
    let mut message = delivery(1);
    assert_eq!(message.settle(vec![lost()], policy, Progress::Waiting), After::Again);
    assert_eq!(message.settle(vec![lost()], policy, Progress::Begun), After::Again);
    assert_eq!(message.settle(vec![lost()], policy, Progress::Begun), After::Finished);
}

#[test]
fn a_message_that_had_not_begun_moves_once_and_one_that_is_unconfirmed_never() {
    let mut message = delivery(1);
    assert_eq!(message.settle(vec![lost()], once(), Progress::TurnedAway), After::Again);
    assert_eq!(message.settle(vec![lost()], once(), Progress::TurnedAway), After::Finished);
    for progress in [Progress::Begun, Progress::TurnedAway, Progress::Waiting] {
        let policy = Policy::new(true, 9, 9);
        assert_eq!(
            delivery(1).settle(vec![unconfirmed()], policy, progress),
            After::Finished,
            "{progress:?}"
        );
    }
}

#[test]
fn a_message_that_cannot_be_read_does_not_move() {
    let mut message = delivery(1);
    message.fail(ErrorKind::Unreadable.into());
    assert_eq!(message.settle(vec![lost()], Policy::new(false, 9, 9), Progress::Begun), After::Finished);
}

#[test]
fn where_one_recipient_was_decided_on_the_result_is_a_report() {
    // The first was not attempted, the second was accepted: an error would hide that a copy arrived.
    let mut message = delivery(2);
    assert_eq!(message.settle(vec![refused(450), accepted()], more(), Progress::Begun), After::Later);
    message.begin_round();
    message.leave(ErrorKind::Cancelled.into());
    let report = settled(&message, "mx:25", None).unwrap();
    let [first, second] = report.recipients() else { panic!("{report:?}") };
    assert_eq!(first.fate, Fate::NotAttempted(ErrorKind::Cancelled.into()));
    assert!(second.fate.is_accepted());
}

#[test]
fn where_nothing_was_decided_the_result_is_the_error() {
    let refused: Error = ErrorKind::MailerClosed.into();
    assert_eq!(settled(&delivery(2), "mx:25", Some(&refused)).unwrap_err(), refused);
    let mut message = delivery(1);
    let ending: Error = ErrorKind::DeadlinePassed.into();
    message.set_ending(Some(ending.clone()));
    assert_eq!(message.settle(vec![lost()], once(), Progress::Begun), After::Finished);
    assert_eq!(settled(&message, "mx:25", None).unwrap_err(), ending.with_server("mx:25"));
    // A message that may have arrived is a report.
    let mut message = delivery(1);
    assert_eq!(message.settle(vec![unconfirmed()], once(), Progress::Begun), After::Finished);
    assert!(settled(&message, "mx:25", None).is_ok());
}

#[test]
fn an_envelope_without_recipients_has_its_own_error() {
    let mut message = Delivery::new(RawMessage::new(envelope(&[]), "x"), 0).unwrap();
    message.leave(ErrorKind::Envelope(smtp_core::Misuse::NoRecipients).into());
    let error = settled(&message, "mx:25", None).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Envelope(smtp_core::Misuse::NoRecipients));
}

#[test]
fn messages_of_a_batch_that_come_back_keep_their_order_and_wait_for_their_round() {
    let mut batch = Batch::default();
    assert!(batch.is_empty());
    for (index, after) in [(2, After::Again), (0, After::Again), (3, After::Later), (1, After::Again)] {
        assert!(batch.settle(numbered(1, index), after).is_none());
    }
    assert!(batch.settle(numbered(1, 4), After::Finished).is_some_and(|finished| finished.index() == 4));
    let taken: Vec<_> = std::iter::from_fn(|| batch.take()).map(|delivery| delivery.index()).collect();
    assert_eq!(taken, [0, 1, 2]);
    assert!(batch.is_empty());
    assert!(batch.begin_round());
    assert_eq!(batch.take().unwrap().index(), 3);
    assert!(!batch.begin_round());
    batch.put(numbered(1, 5));
    assert!(batch.settle(numbered(1, 6), After::Later).is_none());
    assert_eq!(batch.drain().count(), 2);
    assert!(batch.is_empty() && !batch.begin_round());
}

#[test]
fn sessions_that_end_without_a_reply_to_a_message_are_not_opened_for_ever() {
    let work = Work::<RawMessage>::new(Reach::Message, Policy::default());
    assert!(Attempts::new(1, true).ended(&work), "one session");
    let mut attempts = Attempts::new(2, true);
    assert_eq!([attempts.ended(&work), attempts.ended(&work), attempts.ended(&work)], [false, false, true]);
}

#[test]
fn rounds_end_where_the_next_one_fails_alike() {
    for (kind, ends) in [
        (ErrorKind::DeadlinePassed, true),
        (ErrorKind::MailerClosed, true),
        (ErrorKind::Secret, true),
        (ErrorKind::Connect(smtp_core::mailer::ConnectFault::Refused), false),
        (ErrorKind::System, false),
    ] {
        assert_eq!(ends_rounds(&kind.clone().into()), ends, "{kind:?}");
    }
}

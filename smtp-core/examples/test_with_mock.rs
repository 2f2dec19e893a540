//! Tests an application against a server that fails: `smtp_mock` listens on a free port of loopback, so the application
//! only gets another URL.
//!
//! ```text
//! cargo test -p smtp-core --features blocking --example test_with_mock
//! ```

use smtp_core::blocking::Mailer;
use smtp_core::mailer::Repeat;
use smtp_mime::{AddressList, Context, Message, NameAddr};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mailer = Mailer::from_url("smtp://127.0.0.1:2525")?;
    println!("{:?}", remind(&mailer, "b@example.net")?);
    Ok(())
}

/// What the application notes in its database.
#[derive(Debug, PartialEq, Eq)]
enum Reminder {
    Sent,
    /// It is due again later.
    Later,
    /// It may have arrived: a person decides.
    Unclear,
    /// The address is wrong.
    Rejected,
}

/// Reminds a customer, the function under test.
fn remind(mailer: &Mailer, address: &str) -> Result<Reminder, Box<dyn std::error::Error>> {
    let message = Message::builder()
        .from("shop@example.org".parse::<NameAddr>()?)
        .to(address.parse::<AddressList>()?)
        .subject("Your basket")
        .text("It is still full.\n")
        .build(&Context::system()?)?;
    let repeat = match mailer.send(&message) {
        Ok(report) => report.recipients()[0].fate.repeat(),
        Err(error) => error.repeat(),
    };
    Ok(match repeat {
        Repeat::Unneeded => Reminder::Sent,
        Repeat::Safe => Reminder::Later,
        Repeat::MayDuplicate => Reminder::Unclear,
        Repeat::Pointless => Reminder::Rejected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::{Builder, Close, Mock, On, Rule, Step};

    fn remind_by(server: Builder) -> (Reminder, Mock) {
        let server = server.start();
        let mailer = Mailer::from_url(&format!("smtp://{}", server.addr())).unwrap();
        let reminder = remind(&mailer, "b@example.net").unwrap();
        (reminder, server)
    }

    #[test]
    fn a_message_that_is_accepted_is_sent() {
        let (reminder, server) = remind_by(Mock::builder());
        assert_eq!(reminder, Reminder::Sent);
        assert_eq!(server.messages()[0].subject().as_deref(), Some("Your basket"));
    }

    #[test]
    fn greylisting_is_tried_later() {
        let greylist = Rule::on(On::Rcpt).reply("450 4.2.0 greylisted");
        assert_eq!(remind_by(Mock::builder().rule(greylist)).0, Reminder::Later);
    }

    #[test]
    fn an_unknown_user_is_rejected() {
        let unknown = Rule::on(On::Rcpt).reply("550 5.1.1 no such user");
        assert_eq!(remind_by(Mock::builder().rule(unknown)).0, Reminder::Rejected);
    }

    #[test]
    fn a_lost_reply_to_the_message_leaves_it_unclear_and_nothing_is_sent_twice() {
        // The server keeps the message, and the connection ends before its reply.
        let lost = Rule::on(On::Body).step(Step::Capture(true)).close(Close::Rst);
        let (reminder, server) = remind_by(Mock::builder().rule(lost));
        assert_eq!(reminder, Reminder::Unclear);
        assert_eq!(server.messages().len(), 1);
    }

    #[test]
    fn a_server_that_is_down_is_tried_later() {
        let server = Mock::builder().start();
        let mailer = Mailer::from_url(&format!("smtp://{}", server.addr())).unwrap();
        drop(server);
        assert_eq!(remind(&mailer, "b@example.net").unwrap(), Reminder::Later);
    }
}

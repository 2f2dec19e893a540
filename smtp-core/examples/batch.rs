//! Sends a batch over several connections, and reports which messages may be sent again.
//!
//! ```text
//! cargo run -p smtp-core --features blocking --example batch -- smtp://127.0.0.1:2525 b@example.net c@example.net
//! ```

use smtp_core::blocking::Mailer;
use smtp_core::mailer::{Options, Repeat};
use smtp_mime::{AddressList, Context, Message, NameAddr};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, to @ ..] = arguments.as_slice() else { return Err("usage: batch URL ADDRESS...".into()) };
    let mailer = Mailer::new(Options::from_url(url)?.connections(4).retries(2));
    let summary = send_all(&mailer, to)?;
    println!("{} sent", summary.sent);
    for address in &summary.again {
        println!("{address}: not sent, try again later");
    }
    for address in &summary.unclear {
        println!("{address}: perhaps sent, ask before you send again");
    }
    for address in &summary.refused {
        println!("{address}: refused, correct it first");
    }
    Ok(())
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Summary {
    sent: usize,
    again: Vec<String>,
    unclear: Vec<String>,
    refused: Vec<String>,
}

/// Sends each address a message of its own.
fn send_all(mailer: &Mailer, to: &[String]) -> Result<Summary, Box<dyn Error>> {
    let messages = to.iter().map(|address| newsletter(address)).collect::<Result<Vec<_>, _>>()?;
    let mut summary = Summary::default();
    // One result for each message, as it finishes; `index` is the place of the message in the batch.
    for sent in mailer.send_all(messages)? {
        let address = to[sent.index].clone();
        let repeat = match &sent.result {
            Ok(report) => {
                println!("{}", report.recipients()[0]);
                report.recipients()[0].fate.repeat()
            }
            Err(error) => {
                println!("{address}: {error}");
                error.repeat()
            }
        };
        match repeat {
            Repeat::Unneeded => summary.sent += 1,
            Repeat::Safe => summary.again.push(address),
            Repeat::MayDuplicate => summary.unclear.push(address),
            Repeat::Pointless => summary.refused.push(address),
        }
    }
    Ok(summary)
}

fn newsletter(to: &str) -> Result<Message, Box<dyn Error>> {
    Ok(Message::builder()
        .from("News <news@example.org>".parse::<NameAddr>()?)
        .to(to.parse::<AddressList>()?)
        .subject("The news of the week")
        .text("There is none.\n")
        .build(&Context::system()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::{Close, Mock, On, Rule};

    #[test]
    fn the_summary_tells_what_may_be_sent_again() {
        let server = Mock::builder()
            .rule(Rule::on(On::Rcpt).to("busy@*").reply("450 4.2.0 try later"))
            .rule(Rule::on(On::Rcpt).to("nobody@*").reply("550 5.1.1 no such user"))
            .rule(Rule::on(On::Body).to("lost@*").close(Close::Fin))
            .start();
        let mailer = Mailer::from_url(&format!("smtp://{}", server.addr())).unwrap();
        let to: Vec<String> = ["b", "busy", "nobody", "lost", "c", "d"]
            .iter()
            .map(|name| format!("{name}@example.net"))
            .collect();
        let summary = send_all(&mailer, &to).unwrap();
        assert_eq!(summary.sent, 3, "{summary:?}");
        assert_eq!(summary.again, ["busy@example.net"]);
        assert_eq!(summary.unclear, ["lost@example.net"]);
        assert_eq!(summary.refused, ["nobody@example.net"]);
    }
}

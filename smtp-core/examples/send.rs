//! Sends one message: the shortest program.
//!
//! ```text
//! cargo run -p smtp-core --features blocking --example send
//! ```

use smtp_core::blocking::Mailer;
use smtp_mime::{AddressList, Context, Message, NameAddr};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    send("smtp://127.0.0.1:2525")
}

fn send(url: &str) -> Result<(), Box<dyn Error>> {
    let message = Message::builder()
        .from("a@example.org".parse::<NameAddr>()?)
        .to("b@example.net".parse::<AddressList>()?)
        .subject("s")
        .text("It works.\n")
        .build(&Context::system()?)?;
    let mailer = Mailer::from_url(url)?;
    let report = mailer.send(&message)?;
    for recipient in report.recipients() {
        println!("{recipient}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::Mock;

    #[test]
    fn the_message_arrives() {
        let server = Mock::builder().start();
        send(&format!("smtp://{}", server.addr())).unwrap();
        let [message] = &server.messages()[..] else { panic!("one message") };
        assert_eq!((message.from(), message.to()), ("a@example.org", vec!["b@example.net"]));
        assert!(message.octets.ends_with(b"\r\n\r\nIt works.\r\n"));
    }
}

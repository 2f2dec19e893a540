//! Sends a mail in five lines.

use smtp_core::tokio::Mailer;
use smtp_mime::{AddressList, Context, Message, NameAddr};

#[rustfmt::skip]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let message = Message::builder().from("a@example.org".parse::<NameAddr>()?).to("b@example.net".parse::<AddressList>()?).subject("s").text("It works.\n").build(&Context::system()?)?;
    let mailer = Mailer::from_url("smtp://127.0.0.1:2525")?;
    let report = mailer.send(&message).await?;
    for recipient in report.recipients() { println!("{recipient}"); }
    Ok(())
}

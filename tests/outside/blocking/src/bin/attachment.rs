//! Sends a mail with an attachment by STARTTLS with a login: `attachment URL AUTHORITY PASSWORD FILE`.

use smtp_core::blocking::{Mailer, Options};
use smtp_mime::{AddressList, Context, Entity, Message, NameAddr, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, authority, password, file] = arguments.as_slice() else {
        return Err("usage: attachment URL AUTHORITY PASSWORD FILE".into());
    };
    let message = Message::builder()
        .from("you@example.org".parse::<NameAddr>()?)
        .to("friend@example.net, nobody@example.net".parse::<AddressList>()?)
        .subject("With an attachment")
        .text("It is attached.\n")
        .attach(Entity::attachment("noise.bin", Source::file(file)?)?)
        .build(&Context::system()?)?;
    let options = Options::from_url(url)?.password(password.as_str()).authorities(std::fs::read(authority)?);
    let mailer = Mailer::new(options);
    for recipient in mailer.send(&message)?.recipients() {
        println!("{recipient}");
    }
    Ok(())
}

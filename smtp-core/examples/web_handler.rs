//! A handler of web requests that sends: one mailer for the program, a deadline, and a status for each kind of failure.
//!
//! ```text
//! cargo run -p smtp-core --features tokio --example web_handler -- smtp://127.0.0.1:2525
//! curl --data 'I like it.' http://127.0.0.1:8080/feedback
//! ```

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use smtp_core::mailer::{Error, ErrorKind, Options, Repeat};
use smtp_core::tokio::Mailer;
use smtp_mime::{AddressList, Context, Message, NameAddr};
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: web_handler URL")?;
    // A mailer for the whole program: its clones share up to four connections. Whoever fills the form waits no longer
    // than ten seconds.
    let options = Options::from_url(&url)?.connections(4).deadline(Duration::from_secs(10));
    let mailer = Mailer::new(options);
    // Wrong settings show now, and not with the first request.
    mailer.verify().await?;
    axum::serve(TcpListener::bind("127.0.0.1:8080").await?, application(mailer)).await?;
    Ok(())
}

fn application(mailer: Mailer) -> Router {
    Router::new().route("/feedback", post(feedback)).with_state(mailer)
}

/// Sends what was entered to the team.
async fn feedback(State(mailer): State<Mailer>, text: String) -> (StatusCode, String) {
    let message = match compose(text) {
        Ok(message) => message,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    // A client that goes away drops this future, which closes the connection: no half message passes for whole.
    match mailer.send(&message).await {
        Ok(report) => {
            let recipient = &report.recipients()[0];
            let status = match recipient.fate.repeat() {
                Repeat::Unneeded => StatusCode::OK,
                // It may have arrived: the user should not send it again without need.
                Repeat::MayDuplicate => StatusCode::ACCEPTED,
                Repeat::Safe => StatusCode::SERVICE_UNAVAILABLE,
                Repeat::Pointless => StatusCode::BAD_GATEWAY,
            };
            (status, format!("{recipient}\n"))
        }
        Err(error) => (status_of(&error), format!("{error}\n")),
    }
}

/// The status of a message that was not sent.
fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::DeadlinePassed => StatusCode::GATEWAY_TIMEOUT,
        _ if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
        // The settings are wrong, like a login that is refused.
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn compose(text: String) -> Result<Message, Box<dyn std::error::Error>> {
    Ok(Message::builder()
        .from("site@example.org".parse::<NameAddr>()?)
        .to("team@example.net".parse::<AddressList>()?)
        .subject("Feedback")
        .text(text)
        .build(&Context::system()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_mock::{Builder, Close, Mock, On, Rule, Step};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    /// The status that a request gets while this is the server.
    async fn status_with(server: &Mock) -> u16 {
        let options = Options::from_url(&format!("smtp://{}", server.addr())).unwrap();
        let mailer = Mailer::new(options.deadline(Duration::from_millis(500)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, application(mailer)).await });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "POST /feedback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                       Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nI like it.";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serving.abort();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    async fn status(server: Builder) -> u16 {
        status_with(&server.start()).await
    }

    #[tokio::test]
    async fn feedback_arrives() {
        let server = Mock::builder().start();
        assert_eq!(status_with(&server).await, 200);
        let [message] = &server.messages()[..] else { panic!("one message") };
        assert_eq!(message.to(), ["team@example.net"]);
        assert!(message.octets.ends_with(b"\r\n\r\nI like it.\r\n"));
    }

    #[tokio::test]
    async fn each_kind_of_failure_has_its_status() {
        let busy = Rule::on(On::Mail).reply("451 4.3.0 try later");
        assert_eq!(status(Mock::builder().rule(busy)).await, 503);
        let unknown = Rule::on(On::Rcpt).reply("550 5.1.1 no such user");
        assert_eq!(status(Mock::builder().rule(unknown)).await, 502);
        let lost = Rule::on(On::Body).step(Step::Capture(true)).close(Close::Rst);
        assert_eq!(status(Mock::builder().rule(lost)).await, 202);
    }

    #[tokio::test]
    async fn a_server_that_is_silent_costs_no_more_than_the_deadline() {
        let silent = Rule::on(On::Ehlo).delay(Duration::from_mins(1)).default_reply();
        assert_eq!(status(Mock::builder().rule(silent)).await, 504);
    }
}

//! What leaves in one write (RFC 2920), and that only what may.

use smtp_core::{Client, Config, End, Envelope, Event, Outcome};
use smtp_mock::{On, Pair, Rule, Scenario};
use smtp_tests::joined::{Joined, join};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nIt works.\r\n";
const END: &str = "Subject: x\r\n\r\nIt works.\r\n.\r\n";

#[test]
fn mail_rcpt_and_data_leave_in_one_write() {
    let mut pair = join(client(&["a@example.net", "b@example.net"]), MESSAGE, offering(&["PIPELINING"]));
    pair.run();
    let envelope =
        "MAIL FROM:<you@example.org>\r\nRCPT TO:<a@example.net>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n";
    assert_eq!(writes(&pair), ["EHLO client.example\r\n", envelope, &format!("{END}QUIT\r\n")]);
    assert_eq!(outcomes(&mut pair), ["accepted", "accepted"]);
}

#[test]
fn without_pipelining_each_command_waits_for_the_reply_before() {
    let mut pair = join(client(&["a@example.net", "b@example.net"]), MESSAGE, offering(&[]));
    pair.run();
    let expected = [
        "EHLO client.example\r\n",
        "MAIL FROM:<you@example.org>\r\n",
        "RCPT TO:<a@example.net>\r\n",
        "RCPT TO:<b@example.net>\r\n",
        "DATA\r\n",
        END,
        "QUIT\r\n",
    ];
    assert_eq!(writes(&pair), expected);
    assert_eq!(outcomes(&mut pair), ["accepted", "accepted"]);
}

#[test]
fn data_that_was_taken_with_no_recipient_is_ended_by_a_lone_dot() {
    // RFC 2920 §3.1: some servers say 354 all the same
    let mut scenario = offering(&["PIPELINING"]);
    scenario.rules.push(Rule::on(On::Rcpt).reply("550 5.1.1 no such user"));
    scenario.rules.push(Rule::on(On::Data).reply("354 go ahead"));
    let mut pair = join(client(&["a@example.net"]), MESSAGE, scenario);
    pair.run();
    assert_eq!(writes(&pair)[2..].concat(), ".\r\nQUIT\r\n");
    assert_eq!(outcomes(&mut pair), ["refused"]);
}

fn client(to: &[&str]) -> Client {
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse().unwrap()).unwrap();
    let to = to.iter().map(|to| format!("<{to}>").parse().unwrap());
    client.send(Envelope::new("<you@example.org>".parse().unwrap(), to)).unwrap();
    client.quit().unwrap();
    client
}

fn offering(extensions: &[&str]) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.server.extensions = extensions.iter().map(ToString::to_string).collect();
    scenario
}

fn writes(pair: &Pair<Joined>) -> Vec<String> {
    pair.writes().iter().map(|octets| String::from_utf8(octets.clone()).unwrap()).collect()
}

fn outcomes(pair: &mut Pair<Joined>) -> Vec<&'static str> {
    let events = pair.client().events();
    let delivered = events.iter().find_map(|(_, event)| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => Some(outcomes),
        _ => None,
    });
    let name = |outcome: &Outcome| match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused { .. } => "refused",
        Outcome::Unconfirmed(_) => "unknown",
        Outcome::Unsent(_) => "unsent",
    };
    delivered.unwrap_or_else(|| panic!("nothing was delivered: {events:?}")).iter().map(name).collect()
}

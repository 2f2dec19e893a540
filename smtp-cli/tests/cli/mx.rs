//! `--mx`: which hosts are tried, in what order, and what is said where none takes the message.

use crate::dns_server::{DnsServer, Entry};
use crate::support::{Ran, Run, smtp_cli};
use Entry::{Alias, Fail, Host, Mx, Silent, Truncated};
use smtp_cli::Exit;
use smtp_mock::{Builder, Certificate, Close, Mock, On, Rule};
use std::collections::BTreeSet;

/// Mail exchangers at 127.0.0.11, 127.0.0.12 and so on, all of one port, each as `builders` has it.
fn exchangers<const N: usize>(builders: [fn(Builder) -> Builder; N]) -> ([Mock; N], String) {
    'port: for _ in 0..64 {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut mocks = Vec::new();
        for (number, builder) in builders.iter().enumerate() {
            let address = ([127, 0, 0, 11 + u8::try_from(number).unwrap()], free).into();
            match builder(Mock::builder().listen(address)).try_start() {
                Ok(mock) => mocks.push(mock),
                Err(_) => continue 'port,
            }
        }
        return (mocks.try_into().unwrap(), free.to_string());
    }
    panic!("no port is free at several addresses")
}

fn good(builder: Builder) -> Builder {
    builder
}

fn busy(builder: Builder) -> Builder {
    builder.rule(Rule::on(On::Connect).reply("421 4.3.2 too busy"))
}

fn send(dns: &DnsServer, port: &str) -> Run {
    smtp_cli(["send", "--mx", "--dns", &dns.option(), "--port", port, "--helo", "client.example"]).with([
        "--from",
        "you@example.org",
        "--subject",
        "Hello",
        "--body",
        "It works.",
    ])
}

/// The addresses that were connected to, in order.
fn tried(ran: &Ran) -> Vec<String> {
    let lines = ran.error.lines().filter_map(|line| line.strip_prefix("=== connecting to "));
    lines.map(|address| address.rsplit_once(':').unwrap().0.to_string()).collect()
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.output).unwrap_or_else(|error| panic!("{error}: {}", ran.output))
}

#[test]
fn the_best_host_takes_the_message_of_its_domain_and_each_domain_has_a_transaction() {
    let (mocks, port) = exchangers([good, good, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(20, "mx2.example.net")),
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("mx2.example.net", Host("127.0.0.12")),
        ("example.com", Mx(10, "mx.example.com")),
        ("mx.example.com", Alias("host.example.com")),
        ("host.example.com", Host("127.0.0.13")),
    ]);
    let ran = send(&dns, &port)
        .with(["--to", "a@example.net", "--to", "b@example.com", "--cc", "c@EXAMPLE.net", "-v"])
        .exits(Exit::OK);
    assert_eq!(tried(&ran), ["127.0.0.11", "127.0.0.13"]);
    assert!(
        ran.error
            .contains("=== the mail exchangers of example.net: mx1.example.net (10), mx2.example.net (20)")
    );
    let recipients = |mock: &Mock| {
        let messages = mock.messages();
        assert_eq!(messages.len(), 1);
        messages[0].to().into_iter().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(recipients(&mocks[0]), ["a@example.net", "c@EXAMPLE.net"]);
    assert!(mocks[1].messages().is_empty());
    assert_eq!(recipients(&mocks[2]), ["b@example.com"]);
    // One message, whoever gets it.
    let ids: BTreeSet<_> =
        [&mocks[0], &mocks[2]].map(|mock| mock.messages()[0].header("Message-ID").unwrap()).into();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.output);
    assert!(lines[0].starts_with("accepted  a@example.net"), "{}", lines[0]);
    assert!(lines[0].ends_with(&format!("(mx1.example.net:{port} [127.0.0.11])")), "{}", lines[0]);
    assert!(lines[1].contains(&format!("(mx.example.com:{port} [127.0.0.13])")), "{}", lines[1]);
}

#[test]
fn a_host_that_is_not_there_or_busy_leads_to_the_next_and_each_of_its_addresses_is_tried() {
    let (mut mocks, port) = exchangers([good, busy, good, good]);
    mocks[0].pause();
    let dns = DnsServer::start(&[
        ("example.net", Mx(5, "gone.example.net")),
        ("example.net", Mx(10, "mx1.example.net")),
        ("example.net", Mx(20, "mx2.example.net")),
        ("example.net", Mx(30, "mx3.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("mx1.example.net", Host("127.0.0.12")),
        ("mx2.example.net", Host("127.0.0.13")),
        ("mx3.example.net", Host("127.0.0.14")),
    ]);
    let ran = send(&dns, &port).with(["--to", "a@example.net", "--format", "json", "-v"]).exits(Exit::OK);
    let mut tried = tried(&ran);
    assert_eq!(tried.pop().unwrap(), "127.0.0.13");
    // A host's own addresses come in the order that the DNS server gives them.
    assert_eq!(tried, ["127.0.0.11", "127.0.0.12"]);
    assert!(
        ran.error.contains("gone.example.net, a mail exchanger of example.net, does not exist"),
        "{}",
        ran.error
    );
    assert_eq!(mocks[2].messages().len(), 1);
    assert!(mocks[3].messages().is_empty());
    let recipient = &json(&ran)["messages"][0]["recipients"][0];
    assert_eq!(recipient["outcome"], "accepted");
    assert_eq!(recipient["server"], format!("mx2.example.net:{port} [127.0.0.13]"));
}

#[test]
fn a_connection_that_breaks_before_the_server_has_decided_leads_to_the_next() {
    fn breaks(builder: Builder) -> Builder {
        builder.rule(Rule::on(On::Mail).reply("421 4.3.0 going down"))
    }
    let (mocks, port) = exchangers([breaks, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("example.net", Mx(20, "mx2.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("mx2.example.net", Host("127.0.0.12")),
    ]);
    send(&dns, &port).with(["--to", "a@example.net"]).exits(Exit::OK);
    assert_eq!((mocks[0].messages().len(), mocks[1].messages().len()), (0, 1));
}

#[test]
fn what_a_server_has_refused_is_not_asked_of_another() {
    fn refuses(builder: Builder) -> Builder {
        builder
            .rule(Rule::on(On::Rcpt).to("none@*").reply("550 5.1.1 no such user"))
            .rule(Rule::on(On::Rcpt).to("later@*").reply("450 4.2.0 greylisted"))
    }
    let (mocks, port) = exchangers([refuses, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("example.net", Mx(20, "mx2.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("mx2.example.net", Host("127.0.0.12")),
    ]);
    let ran = send(&dns, &port)
        .with(["--to", "a@example.net", "--to", "none@example.net", "--to", "later@example.net"])
        .exits(Exit::PARTLY);
    ran.complains(["2 of 3", "none@example.net at RCPT: 550", "later@example.net at RCPT: 450"]);
    send(&dns, &port).with(["--to", "none@example.net"]).exits(Exit::NO_USER);
    assert_eq!(mocks[1].connections(), 0);
}

#[test]
fn a_message_that_may_have_been_delivered_goes_to_no_other_host() {
    fn lost(builder: Builder) -> Builder {
        builder.rule(Rule::on(On::Body).close(Close::Fin))
    }
    let (mocks, port) = exchangers([lost, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("example.net", Mx(20, "mx2.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("mx2.example.net", Host("127.0.0.12")),
    ]);
    send(&dns, &port)
        .with(["--to", "a@example.net", "--retry", "2"])
        .exits(Exit::UNKNOWN)
        .complains(["unknown", "duplicate"]);
    assert_eq!(mocks[1].connections(), 0);
}

#[test]
fn hosts_of_equal_preference_come_in_any_order() {
    let (_mocks, port) = exchangers([good, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("example.net", Mx(10, "mx2.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("mx2.example.net", Host("127.0.0.12")),
    ]);
    let mut first = BTreeSet::new();
    for random in 0..2 {
        let run = send(&dns, &port).with(["--to", "a@example.net", "-v"]).random(random);
        first.insert(tried(&run.exits(Exit::OK)).remove(0));
    }
    assert_eq!(first.len(), 2, "{first:?}");
}

#[test]
fn a_null_mx_and_a_domain_that_is_not_there_take_no_mail() {
    let dns = DnsServer::start(&[
        ("null.example", Mx(0, "")),
        ("bare.example", Mx(10, "nowhere.example")),
        ("empty.example", Alias("other.example")),
        ("other.example", Host("::1")),
    ]);
    for (to, words) in [
        ("a@null.example", "takes no mail: it says so by a null MX (RFC 7505)"),
        ("a@none.example", "the domain none.example does not exist"),
        ("a@bare.example", "nowhere.example, a mail exchanger of bare.example, does not exist"),
    ] {
        let ran = send(&dns, "2525").with(["--to", to, "--format", "json"]).exits(Exit::NO_HOST);
        ran.complains([words]);
        let recipient = &json(&ran)["messages"][0]["recipients"][0];
        assert_eq!(recipient["outcome"], "unsent");
        assert!(recipient["reason"].as_str().unwrap().contains(words), "{recipient}");
    }
    // It has an address, but none of the family that is wanted.
    send(&dns, "2525")
        .with(["--to", "a@empty.example", "-4"])
        .exits(Exit::NO_HOST)
        .complains(["neither a mail exchanger nor an address that the options allow"]);
}

#[test]
fn one_domain_that_fails_does_not_keep_another_from_its_mail() {
    let (mocks, port) = exchangers([good]);
    let dns = DnsServer::start(&[
        ("null.example", Mx(0, "")),
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("broken.example", Fail),
    ]);
    let ran = send(&dns, &port)
        .with(["--to", "a@null.example", "--to", "b@example.net", "--to", "c@broken.example"])
        .exits(Exit::PARTLY);
    ran.complains(["2 of 3", "a@null.example null.example takes no mail", "cannot be looked up for now"]);
    assert_eq!(mocks[0].messages().len(), 1);
    // What may succeed later makes the whole worth another try.
    let ran = send(&dns, &port).with(["--to", "a@null.example,c@broken.example"]).exits(Exit::TEMPORARY);
    ran.complains(["no recipient was accepted", "null MX", "its name servers fail (server failure)"]);
}

#[test]
fn a_domain_without_mail_exchangers_takes_mail_at_its_own_address() {
    let (mocks, port) = exchangers([good]);
    let dns = DnsServer::start(&[("example.net", Host("127.0.0.11"))]);
    let ran = send(&dns, &port).with(["--to", "a@example.net", "-v"]).exits(Exit::OK);
    assert!(ran.error.contains("lists no mail exchanger"), "{}", ran.error);
    assert_eq!(mocks[0].messages().len(), 1);
}

#[test]
fn where_the_host_is_ourselves_it_and_what_is_no_better_is_left_out() {
    let (mocks, port) = exchangers([good, good, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("example.net", Mx(20, "Client.Example")),
        ("example.net", Mx(30, "mx3.example.net")),
        ("only.example", Mx(10, "client.example")),
        ("bound.example", Mx(10, "mx3.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("client.example", Host("127.0.0.12")),
        ("mx3.example.net", Host("127.0.0.13")),
    ]);
    send(&dns, &port).with(["--to", "a@example.net"]).exits(Exit::OK);
    assert_eq!(mocks[0].messages().len(), 1);
    send(&dns, &port).with(["--to", "a@only.example"]).exits(Exit::UNAVAILABLE).complains([
        "mail for only.example would come back",
        "client.example is this machine",
        "--server",
    ]);
    send(&dns, &port)
        .with(["--to", "a@bound.example", "--bind", "127.0.0.13"])
        .exits(Exit::UNAVAILABLE)
        .complains(["would come back"]);
    assert_eq!((mocks[1].connections(), mocks[2].connections()), (0, 0));
    // Where the better one fails, the worse ones are no way out.
    let [first, ..] = mocks;
    drop(first);
    let ran = send(&dns, &port).with(["--to", "a@example.net", "-v"]).exits(Exit::TEMPORARY);
    assert_eq!(tried(&ran), ["127.0.0.11"]);
    assert!(ran.error.contains("from preference 20 on are left out"), "{}", ran.error);
}

#[test]
fn an_address_literal_needs_no_look_up_and_a_u_label_is_asked_for_as_an_a_label() {
    let (mocks, port) = exchangers([good]);
    let dns = DnsServer::start(&[
        ("xn--bcher-kva.example", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
    ]);
    send(&dns, &port).with(["--to", "a@[127.0.0.11]"]).exits(Exit::OK);
    assert!(dns.asked().is_empty());
    send(&dns, &port).with(["--to", "a@bücher.example"]).exits(Exit::OK);
    assert_eq!(dns.asked()[0], "MX xn--bcher-kva.example");
    assert_eq!(mocks[0].messages().len(), 2);
}

#[test]
fn a_long_answer_comes_over_tcp() {
    let (_mocks, port) = exchangers([good]);
    let dns = DnsServer::start(&[
        ("example.net", Truncated),
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
    ]);
    send(&dns, &port).with(["--to", "a@example.net"]).exits(Exit::OK);
    assert!(dns.asked().contains(&"tcp MX example.net".to_string()), "{:?}", dns.asked());
}

#[test]
fn a_dns_server_that_is_silent_is_given_up_at_the_connect_timeout() {
    let dns = DnsServer::start(&[("example.net", Silent)]);
    send(&dns, "2525")
        .with(["--to", "a@example.net", "--timeout", "connect=300ms"])
        .exits(Exit::TEMPORARY)
        .complains(["example.net", "in time", "--timeout connect="]);
}

#[test]
fn what_failed_for_now_is_tried_again_and_nothing_else() {
    fn greylists(builder: Builder) -> Builder {
        builder.rule(Rule::on(On::Rcpt).to("late@*").times(1).reply("450 4.2.0 greylisted"))
    }
    let (mocks, port) = exchangers([greylists, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("example.com", Mx(10, "mx.example.com")),
        ("mx.example.com", Host("127.0.0.12")),
    ]);
    let ran = send(&dns, &port)
        .with(["--to", "late@example.net", "--to", "a@example.net", "--to", "b@example.com", "--retry", "3"])
        .exits(Exit::OK);
    assert_eq!(ran.waits.len(), 1);
    let to: Vec<_> = mocks[0].messages().iter().map(|message| message.envelope.forward_paths.len()).collect();
    assert_eq!((to, mocks[1].messages().len()), (vec![1, 1], 1));
}

#[test]
fn tls_is_a_wish_unless_it_is_asked_for() {
    fn secured(builder: Builder) -> Builder {
        builder.starttls(Certificate::SelfSigned)
    }
    let (mocks, port) = exchangers([secured, good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("clear.example", Mx(10, "mx2.example.net")),
        ("mx2.example.net", Host("127.0.0.12")),
    ]);
    send(&dns, &port).with(["--to", "a@example.net,b@clear.example"]).exits(Exit::OK);
    assert!(mocks[0].messages()[0].envelope.secure && !mocks[1].messages()[0].envelope.secure);
    send(&dns, &port)
        .with(["--to", "a@example.net", "--tls", "starttls"])
        .exits(Exit::NO_PERMISSION)
        .complains(["not trusted"]);
    send(&dns, &port)
        .with(["--to", "a@clear.example", "--tls", "starttls"])
        .exits(Exit::UNAVAILABLE)
        .complains(["STARTTLS"]);
}

#[test]
fn recipients_can_be_asked_for_alone_and_sessions_recorded() {
    let (mocks, port) = exchangers([good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
        ("null.example", Mx(0, "")),
    ]);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let ran = send(&dns, &port)
        .with(["--to", "a@example.net,b@null.example", "--until", "rcpt"])
        .with(["--transcript", &path("t.txt"), "--record", &path("r.toml")])
        .exits(Exit::PARTLY);
    assert!(ran.output.contains("would be taken"), "{}", ran.output);
    assert!(mocks[0].messages().is_empty());
    let transcript = std::fs::read_to_string(path("t.txt")).unwrap();
    assert!(
        transcript.contains("mail exchangers of example.net")
            && transcript.contains("RCPT TO:<a@example.net>")
    );
    let recorded = smtp_mock::Scenario::parse("r.toml", &std::fs::read_to_string(path("r.toml")).unwrap());
    assert_eq!(recorded.unwrap().dialogues.len(), 1);
}

#[test]
fn a_repeated_message_goes_to_each_domain_as_often() {
    let (mocks, port) = exchangers([good]);
    let dns = DnsServer::start(&[
        ("example.net", Mx(10, "mx1.example.net")),
        ("mx1.example.net", Host("127.0.0.11")),
    ]);
    send(&dns, &port).with(["--to", "a@example.net", "--repeat", "3"]).exits(Exit::OK);
    assert_eq!(mocks[0].messages().len(), 3);
    // The answer is known from the first time.
    assert_eq!(dns.asked().iter().filter(|line| line.starts_with("MX")).count(), 1);
}

#[test]
fn what_cannot_be_done_with_mail_exchangers_is_refused() {
    let base = || {
        smtp_cli([
            "send",
            "--mx",
            "--from",
            "you@example.org",
            "--to",
            "a@example.net",
            "--subject",
            "s",
            "--body",
            "b",
        ])
    };
    for (arguments, word) in [
        (&["--connections", "2"][..], "--connections"),
        (&["--in-flight", "2"], "--in-flight"),
        (&["--until", "hello"], "--until rcpt"),
        (&["--user", "you"], "no login"),
        (&["--protocol", "lmtp"], "lmtp"),
        (&["--server", "mx"], "--server"),
        (&["--lmtp"], "--lmtp"),
        (&["--require-all", "--to", "b@example.com"], "--require-all"),
    ] {
        base().with_all(arguments).exits(Exit::USAGE).complains([word]);
    }
    smtp_cli(["send", "--server", "mx", "--dns", "127.0.0.1"]).exits(Exit::USAGE).complains(["--dns"]);
    smtp_cli(["send", "--mx", "--dns", "dns.example"])
        .exits(Exit::USAGE)
        .complains(["no address of a DNS server"]);
    let ran = base().with(["--dry-run"]).exits(Exit::OK);
    assert!(ran.output.starts_with("=== the mail exchangers of each domain, port 25, TLS opportunistic\n"));
}

//! One delivery in every cut of the octets of either side: what is delivered is the same.

use smtp_core::{Client, Config, End, Envelope, Event, Outcome};
use smtp_mock::{Cuts, Ending, Scenario, Server};
use smtp_tests::joined::join_to;

/// More than either side says.
const LONGEST: u64 = 500;

#[test]
fn a_delivery_is_the_same_in_every_cut() {
    for hidden in [&[][..], &["CHUNKING"], &["CHUNKING", "PIPELINING"]] {
        let whole = deliver(hidden, Cuts::Whole, Cuts::Whole);
        for cut in 1..LONGEST {
            assert_eq!(deliver(hidden, Cuts::At(vec![cut]), Cuts::Whole), whole, "the client cut at {cut}");
            assert_eq!(deliver(hidden, Cuts::Whole, Cuts::At(vec![cut])), whole, "the server cut at {cut}");
        }
        assert_eq!(deliver(hidden, Cuts::Every(1), Cuts::Every(1)), whole, "octet by octet");
    }
}

/// What a server that hides these extensions takes, and what the client says of it.
fn deliver(hidden: &[&str], client_cuts: Cuts, server_cuts: Cuts) -> (Vec<u8>, Vec<Outcome>) {
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse().unwrap()).unwrap();
    let to = ["<friend@example.net>".parse().unwrap(), "<other@example.net>".parse().unwrap()];
    client.send(Envelope::new("<you@example.org>".parse().unwrap(), to)).unwrap();
    client.quit().unwrap();

    let mut scenario = Scenario::new();
    scenario.server.hide = hidden.iter().map(|word| (*word).to_owned()).collect();
    let server = Server::new(scenario);
    let pair = join_to(client, b"Subject: x\n\n.It works.\n", server.session());
    let mut pair = pair.cut_client(client_cuts).cut_server(server_cuts);
    assert_eq!(pair.run(), Ending::Closed);
    let delivered = |(_, event): &(_, Event)| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => Some(outcomes.clone()),
        _ => None,
    };
    let outcomes = pair.client().events().iter().find_map(delivered).expect("a delivery that ended");
    (server.messages()[0].octets.clone(), outcomes)
}

//! Any reply to EHLO is read without a fault, and what is offered can be asked for in any case.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_core::{Client, Config, Input, Instant, Output, Transmit};

fuzz_target!(|text: &str| {
    let lines: Vec<&str> = text.split(['\r', '\n']).collect();
    let mut reply = String::from("220 mx\r\n");
    for (index, line) in lines.iter().enumerate() {
        reply.push_str(if index + 1 == lines.len() { "250 " } else { "250-" });
        reply.push_str(line);
        reply.push_str("\r\n");
    }
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello("client.example".parse().expect("a domain")).expect("taken");
    let (greeting, hello) = reply.split_at(8);
    for octets in [greeting, hello] {
        client.handle(Input::Received(octets.as_bytes()));
        while let Output::Event(_) | Output::Write { .. } = client.poll(Instant::EPOCH, &mut transmit) {
            client.handle(Input::Sent);
        }
    }
    let extensions = client.extensions();
    for extension in extensions.iter() {
        assert!(!extension.keyword.is_empty());
        assert!(extensions.has(&extension.keyword.to_ascii_lowercase()));
        assert_eq!(extensions.parameters(&extension.keyword), Some(extension.parameters.as_str()));
    }
    assert!(extensions.size_limit() != Some(0));
    assert!(extensions.mechanisms().all(|name| !name.is_empty()));
});

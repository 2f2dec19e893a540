//! The client against a strict server whose faults the fuzzer chooses: no outcome lies.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unused_imports)] // the tests count outcomes
#[path = "../../../smtp-core/tests/model/mod.rs"]
mod play;

fuzz_target!(|octets: &[u8]| {
    play::play(&mut play::Choices::Octets(octets));
});

//! Measures the memory for composing the same two messages with this crate, mail-builder and lettre.
//!
//! Run `cargo bench -p smtp-mime --bench compose_memory`.

use std::hint::black_box;

mod composers;

use composers::{COMPOSERS, Large, context, messages};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() {
    let (context, large) = (context(), Large::new());
    for (message, large) in messages(&large) {
        for (name, compose) in COMPOSERS {
            // Data that is made once for all messages does not count.
            black_box(compose(&context, large));
            let profiler = dhat::Profiler::builder().testing().build();
            black_box(compose(&context, large));
            let heap = dhat::HeapStats::get();
            drop(profiler);
            println!(
                "{message:<6} {name:<13} {:>9} octets at peak {:>6} allocations",
                heap.max_bytes, heap.total_blocks
            );
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What several tasks and completions do to the same counters, in every order.
//!
//! The files that count are the engine's own, at the paths that they have in the
//! module, with the atomics of a model checker in the place of the real ones: it
//! runs each test once for every order in which threads may come to their
//! atomics, and for every value that a relaxed load may see. Other memory, the
//! folio's data say, is played by relaxed atomics: who reads it sees what is old,
//! unless something that the engine does tells it otherwise.
//!
//! What surrounds the counters in the kernel, folios, bios and wake-ups, is
//! played by the tests.

#[path = "../../../iomap-rs/folio_state"]
#[allow(dead_code, reason = "tests/ has the rest")]
mod folio_state {
    pub mod bits;
    pub mod pending;
}

#[path = "../../../iomap-rs/direct"]
mod direct {
    pub mod refs;
}

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicI32, AtomicU8, AtomicUsize, Ordering};
}

mod data;
mod read;
mod request;
mod writeback;

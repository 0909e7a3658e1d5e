// SPDX-License-Identifier: GPL-2.0

//! A folio that is written back: bytes in flight, and the submitter counted with
//! them.

use loom::sync::{
    atomic::{AtomicBool, Ordering::Relaxed},
    Arc,
};
use loom::thread;

use crate::data::Data;
use crate::folio_state::pending::Writing;

const BLOCK: usize = 512;

/// A folio under writeback. The last part of its data is the submitter's.
struct Folio {
    writing: Writing,
    data: Data,
    failed: AtomicBool,
}

impl Folio {
    fn new(pieces: usize) -> Arc<Self> {
        let folio = Self {
            writing: Writing::new(),
            data: Data::new(pieces + 1),
            failed: AtomicBool::new(false),
        };
        assert!(folio.writing.begin());
        Arc::new(folio)
    }

    /// The end of a piece, as `finish_ioend()` and `write_ended()` have it.
    fn ended(&self, piece: usize, ok: bool) {
        if !ok {
            self.failed.store(true, Relaxed);
        }
        self.data.fill(piece);
        if self.writing.sub(BLOCK) {
            self.data.end();
        }
    }

    /// The submitter is through, as `WritebackFolio` has it when it is dropped.
    fn submitted(&self, pieces: usize) {
        self.data.fill(pieces);
        if self.writing.end() {
            self.data.end();
        }
    }
}

/// Has a piece written: its end comes on a thread of its own.
fn submit(folio: &Arc<Folio>, piece: usize, ok: bool) -> thread::JoinHandle<()> {
    folio.writing.add(BLOCK);
    let folio = folio.clone();
    thread::spawn(move || folio.ended(piece, ok))
}

/// WB-6, WB-17: whoever is last, the submitter or a completion, ends writeback,
/// once, after all that the others did.
#[test]
fn writeback_ends_once_and_sees_all() {
    loom::model(|| {
        let folio = Folio::new(2);
        let first = submit(&folio, 0, true);
        let second = submit(&folio, 1, true);
        folio.submitted(2);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(folio.data.ends(), 1);
        assert_eq!(folio.writing.count(), 0);
    });
}

/// WB-3, WB-17: an error is known to whoever finds writeback ended, as `fsync()`
/// does.
#[test]
fn an_error_is_seen_when_writeback_has_ended() {
    loom::model(|| {
        let folio = Folio::new(2);
        let first = submit(&folio, 0, true);
        let second = submit(&folio, 1, false);
        folio.submitted(2);
        first.join().unwrap();
        second.join().unwrap();
        assert!(folio.failed.load(Relaxed));
        assert_eq!(folio.data.ends(), 1);
    });
}

/// WB-6: all that was submitted has ended before the submitter goes on.
#[test]
fn pieces_that_end_at_once_do_not_end_writeback() {
    loom::model(|| {
        let folio = Folio::new(2);
        submit(&folio, 0, true).join().unwrap();
        assert_eq!(folio.data.ends(), 0);
        let second = submit(&folio, 1, true);
        folio.submitted(2);
        second.join().unwrap();
        assert_eq!(folio.data.ends(), 1);
    });
}

/// WB-19: ioends that were merged are ended one after the other by one task, while
/// another ioend of the same folio comes back by itself.
#[test]
fn merged_ioends_and_others_share_a_folio() {
    loom::model(|| {
        let folio = Folio::new(3);
        for _ in 0..2 {
            folio.writing.add(BLOCK);
        }
        let merged = folio.clone();
        let merged = thread::spawn(move || {
            merged.ended(0, true);
            merged.ended(1, true);
        });
        let other = submit(&folio, 2, true);
        folio.submitted(3);
        merged.join().unwrap();
        other.join().unwrap();
        assert_eq!(folio.data.ends(), 1);
    });
}

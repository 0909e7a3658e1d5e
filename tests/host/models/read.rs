// SPDX-License-Identifier: GPL-2.0

//! A folio of three blocks that is read: bytes in flight and uptodate bits under
//! the lock of its state.

use loom::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    Arc, Mutex,
};
use loom::thread;

use crate::data::Data;
use crate::folio_state::{
    bits::{Bits, BitsMut},
    pending::Reading,
};

const BLOCK: usize = 512;

/// A locked folio with its state.
struct Folio {
    blocks: usize,
    /// What is under the lock of the state besides the bits.
    reading: Mutex<Reading>,
    bits: [AtomicUsize; 1],
    data: Data,
    /// 1 + whether it was uptodate when its read ended.
    ended_with: AtomicUsize,
}

impl Folio {
    fn new(blocks: usize) -> Arc<Self> {
        Arc::new(Self {
            blocks,
            reading: Mutex::new(Reading::NONE),
            bits: [AtomicUsize::new(0)],
            data: Data::new(blocks),
            ended_with: AtomicUsize::new(0),
        })
    }

    fn all_uptodate(&self) -> bool {
        Bits::new(&self.bits).all_set(0, self.blocks)
    }

    /// The submitter counts a block before it is in the way of a bio that is
    /// going to be submitted, as `FolioReader::queue()` does.
    fn count(&self) {
        self.reading.lock().unwrap().add(BLOCK);
    }

    /// The submitter has zeroed a block instead.
    fn zero(&self, block: usize) {
        self.data.fill(block);
        let guard = self.reading.lock().unwrap();
        BitsMut::new(&self.bits).set(block, block + 1);
        drop(guard);
    }

    /// The end of a piece, as `read_ended()` has it.
    fn ended(&self, block: usize, ok: bool) {
        self.data.fill(block);
        let mut guard = self.reading.lock().unwrap();
        if ok {
            BitsMut::new(&self.bits).set(block, block + 1);
        }
        let uptodate = ok && self.all_uptodate();
        let finished = guard.sub(BLOCK);
        drop(guard);
        if finished {
            self.data.end();
            self.ended_with.store(1 + usize::from(uptodate), Relaxed);
        }
    }
}

/// A bio with a block: its end comes on a thread of its own.
fn submit(folio: &Arc<Folio>, block: usize, ok: bool) -> thread::JoinHandle<()> {
    let folio = folio.clone();
    thread::spawn(move || folio.ended(block, ok))
}

/// RD-16, RD-19: two bios and a block of zeros. One end is the last, sees all that
/// was read and zeroed, and finds the folio uptodate unless a piece failed.
fn two_bios(first_ok: bool, second_ok: bool) {
    loom::model(move || {
        let folio = Folio::new(3);
        folio.count();
        // In the way of the second block.
        folio.count();
        let first = submit(&folio, 0, first_ok);
        // The second is in the open bio: the folio cannot end under this.
        folio.zero(2);
        let second = submit(&folio, 1, second_ok);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(folio.data.ends(), 1);
        let uptodate = folio.ended_with.load(Relaxed) == 2;
        assert_eq!(uptodate, first_ok && second_ok);
    });
}

#[test]
fn a_read_ends_once_and_sees_all() {
    two_bios(true, true);
}

#[test]
fn a_failed_piece_leaves_the_folio_not_uptodate() {
    two_bios(false, true);
    two_bios(true, false);
    two_bios(false, false);
}

/// RD-14: no bio for the second piece. The submitter itself may be the last.
#[test]
fn the_submitter_ends_what_it_cannot_submit() {
    loom::model(|| {
        let folio = Folio::new(2);
        folio.count();
        folio.count();
        let first = submit(&folio, 0, true);
        folio.ended(1, false);
        first.join().unwrap();
        assert_eq!(folio.data.ends(), 1);
        assert_eq!(folio.ended_with.load(Relaxed), 1);
    });
}

/// RD-16: blocks whose bits are in one word come in at once, and none is lost;
/// nor is one seen too early by the submitter, which has no lock.
#[test]
fn no_block_is_lost() {
    loom::model(|| {
        let folio = Folio::new(2);
        folio.count();
        folio.count();
        let first = submit(&folio, 0, true);
        let second = submit(&folio, 1, false);
        assert!(!Bits::new(&folio.bits).all_set(1, 2));
        first.join().unwrap();
        second.join().unwrap();
        assert!(Bits::new(&folio.bits).all_set(0, 1));
        assert!(!folio.all_uptodate());
    });
}

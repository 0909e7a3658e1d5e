// SPDX-License-Identifier: GPL-2.0

//! A request of direct I/O, which its submitter and its bios share.

use loom::sync::{
    atomic::{AtomicBool, Ordering},
    Arc,
};
use loom::thread;

use crate::data::Data;
use crate::direct::refs::{FirstError, Refs, Waits};

/// A request of two bios. The last part of its data is what the submitter puts
/// down before it drops its reference.
struct Request {
    refs: Refs,
    waits: Waits,
    error: FirstError,
    /// Whether the submitter's task is to go on sleeping. Put in its place before
    /// `waits` says so.
    asleep: AtomicBool,
    data: Data,
}

const BIOS: usize = 2;

impl Request {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            refs: Refs::new(),
            waits: Waits::no(),
            error: FirstError::none(),
            asleep: AtomicBool::new(false),
            data: Data::new(BIOS + 1),
        })
    }

    /// As `Dio::end_io()` and `InFlight::put()`.
    fn bio_ended(&self, bio: usize, errno: i32) {
        if errno != 0 {
            self.error.set(errno);
        }
        self.data.fill(bio);
        if !self.refs.put() {
            return;
        }
        if self.waits.is_set() {
            // As `iomap_rs_wake()`. What lies in the request is not touched
            // afterwards: the submitter may have freed it.
            assert!(self.asleep.load(Ordering::Relaxed));
            self.asleep.store(false, Ordering::Release);
        } else {
            self.data.end();
        }
    }

    /// As `Submission::release()`.
    fn release(&self) {
        self.data.fill(BIOS);
        if self.refs.put() {
            self.data.end();
        }
    }

    /// As `Submission::wait()` with `iomap_rs_wait()`.
    fn wait(&self) {
        self.data.fill(BIOS);
        self.asleep.store(true, Ordering::Relaxed);
        self.waits.set();
        if !self.refs.put() {
            while self.asleep.load(Ordering::Acquire) {
                thread::yield_now();
            }
        }
        self.data.end();
    }
}

/// A bio that comes back on a thread of its own.
fn submit(request: &Arc<Request>, bio: usize, errno: i32) -> thread::JoinHandle<()> {
    request.refs.share();
    let request = request.clone();
    thread::spawn(move || request.bio_ended(bio, errno))
}

/// DIO-27, DIO-29: whoever drops the last reference ends the request, and sees all
/// that was done under the others.
#[test]
fn an_asynchronous_request_ends_once() {
    loom::model(|| {
        let request = Request::new();
        let first = submit(&request, 0, 0);
        let second = submit(&request, 1, 0);
        request.release();
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(request.data.ends(), 1);
    });
}

/// DIO-27, DIO-30: the submitter ends it, after all bios, and whoever wakes it
/// knows that it is there to be woken.
#[test]
fn a_submitter_that_waits_ends_the_request() {
    loom::model(|| {
        let request = Request::new();
        let first = submit(&request, 0, 0);
        let second = submit(&request, 1, 0);
        request.wait();
        assert_eq!(request.data.ends(), 1);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(request.data.ends(), 1);
    });
}

/// DIO-26: one of the errors, and the last owner sees it.
#[test]
fn one_of_the_errors_is_kept() {
    loom::model(|| {
        let request = Request::new();
        let first = submit(&request, 0, -5);
        let second = submit(&request, 1, -28);
        request.wait();
        let error = request.error.get();
        assert!(error == -5 || error == -28, "{error}");
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(request.error.get(), error);
    });
}

// SPDX-License-Identifier: GPL-2.0

//! The request of direct I/O, laid out as in C.
//!
//! When engines are switched in a running kernel, a request that one has begun
//! may be ended by the other, in either direction: by a bio's completion, or by
//! a filesystem that calls the engine by name. So the layout, what the fields
//! mean, and who drops the last reference how are those of 6.12's
//! `struct iomap_dio`.

use super::{
    in_flight::{Ending, Shared},
    IocbRef,
};
use crate::{
    direct::{
        plan::State,
        refs::{FirstError, Refs},
    },
    operations::DioCovers,
    sys as bindings,
};
use core::{
    mem::offset_of,
    sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed},
};
use kernel::prelude::*;

/// A direct I/O request. C: `struct iomap_dio`.
///
/// `size` and `state` are the submitter's until it drops its reference, and the
/// last owner's afterwards: the reference count orders the accesses, so that
/// relaxed ones will do. Completions also look at [`State::DIRTIES_PAGES`], which is set
/// before the first bio and stays. `error` is everybody's, the first one wins.
#[repr(C)]
pub struct Dio<H> {
    pub(crate) iocb: IocbRef,
    /// A pointer to C's table, for C filesystems.
    pub(crate) hooks: H,
    /// File size when the request began, in bytes.
    pub(crate) i_size: i64,
    size: AtomicI64,
    refs: Refs,
    state: AtomicU32,
    error: FirstError,
    /// Bytes that the filesystem transferred before, for the same iocb.
    pub(crate) done_before: usize,
    ending: Ending,
}

/// Each field lies where C has it.
macro_rules! same_place {
    ($($field:ident == $c:ident;)*) => {
        $(const _: () = assert!(
            offset_of!(Dio<*const ()>, $field) == offset_of!(bindings::iomap_dio, $c)
        );)*
    };
}

same_place! {
    iocb == iocb;
    hooks == dops;
    i_size == i_size;
    size == size;
    refs == ref_;
    state == flags;
    error == error;
    done_before == done_before;
    ending == wait_for_completion;
}

const _: () = assert!(
    offset_of!(Dio<*const ()>, ending) + Ending::WAITER
        == offset_of!(bindings::iomap_dio, __bindgen_anon_1.submit.waiter)
        && offset_of!(Dio<*const ()>, ending) + Ending::WORK
            == offset_of!(bindings::iomap_dio, __bindgen_anon_1.aio.work)
        && size_of::<Dio<*const ()>>() == size_of::<bindings::iomap_dio>()
);

// SAFETY: The fields are what the methods return, and this file does not touch
// them.
unsafe impl<H> Shared for Dio<H> {
    const ENDING: usize = offset_of!(Self, ending);

    #[inline]
    fn refs(&self) -> &Refs {
        &self.refs
    }

    #[inline]
    fn ending(&self) -> &Ending {
        &self.ending
    }
}

impl<H> Dio<H> {
    /// A request that has done nothing yet.
    #[inline]
    pub(crate) fn new(
        refs: Refs,
        iocb: IocbRef,
        hooks: H,
        done_before: usize,
        state: State,
    ) -> Self {
        let i_size = iocb.inode().size();
        Self {
            iocb,
            hooks,
            i_size,
            size: AtomicI64::new(0),
            refs,
            state: AtomicU32::new(state.bits()),
            error: FirstError::none(),
            done_before,
            ending: Ending::new(),
        }
    }

    /// Whether it transfers to the device.
    #[inline]
    pub(crate) fn is_write(&self) -> bool {
        self.state().contains(State::WRITE)
    }

    /// Bytes submitted, or copied.
    #[inline]
    pub(crate) fn size(&self) -> i64 {
        self.size.load(Relaxed)
    }

    /// Counts bytes as submitted, or copied.
    #[inline]
    pub(crate) fn add_size(&self, bytes: u64) {
        self.size
            .store(self.size().wrapping_add(bytes as i64), Relaxed);
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        State::from_bits(self.state.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state.bits(), Relaxed);
    }

    #[inline]
    pub(crate) fn add_state(&self, state: State) {
        self.set_state(self.state().with(state));
    }

    /// What `end_io` is told.
    #[inline]
    pub(crate) fn covers(&self) -> DioCovers {
        let covers = DioCovers::UNWRITTEN.with(DioCovers::COW);
        DioCovers::from_bits(self.state.load(Relaxed) & covers.bits())
    }

    /// The first error, as a negative errno; 0 if there is none.
    #[inline]
    pub(crate) fn error(&self) -> i32 {
        self.error.get()
    }

    /// Records an error, unless there is one. Submitter and completions race.
    #[cold]
    pub(crate) fn set_error(&self, error: Error) {
        self.error.set(error.to_errno());
    }

    /// Gives back what is needed when all is done.
    #[inline]
    pub(crate) fn into_iocb(self) -> IocbRef {
        self.iocb
    }
}

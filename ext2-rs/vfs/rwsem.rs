// SPDX-License-Identifier: GPL-2.0

//! Locks that readers share.

use crate::sys as bindings;
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};
use kernel::{init::PinInit, prelude::*, str::CStr, types::Opaque};

/// What lockdep tells locks by. C: `struct lock_class_key`.
#[repr(transparent)]
pub struct LockClass(Opaque<bindings::lock_class_key>);

// SAFETY: Only lockdep looks at it, which synchronises itself.
unsafe impl Sync for LockClass {}

impl LockClass {
    /// A class of its own, for a static.
    pub const fn new_static() -> Self {
        Self(Opaque::uninit())
    }
}

/// A lock that many hold for reading, or one for changing. Sleeps.
/// C: `struct rw_semaphore`.
#[pin_data]
pub struct RwSem<T> {
    #[pin]
    semaphore: Opaque<bindings::rw_semaphore>,
    value: UnsafeCell<T>,
}

// SAFETY: The value goes along.
unsafe impl<T: Send> Send for RwSem<T> {}
// SAFETY: Readers share the value, a writer has it to itself.
unsafe impl<T: Send + Sync> Sync for RwSem<T> {}

impl<T> RwSem<T> {
    /// A lock around `value`, which lockdep calls `name`.
    pub fn new(value: T, name: &'static CStr, class: &'static LockClass) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The slot is valid, name and class are static.
            semaphore <- Opaque::ffi_init(|slot| unsafe {
                bindings::fs_rs_init_rwsem(slot, name.as_char_ptr(), class.0.get());
            }),
            value: UnsafeCell::new(value),
        })
    }

    /// Locks for reading. C: `down_read()`.
    pub fn read(&self) -> ReadGuard<'_, T> {
        // SAFETY: Initialised.
        unsafe { bindings::down_read(self.semaphore.get()) };
        // INVARIANT: Just locked.
        ReadGuard(self, PhantomData)
    }

    /// Locks for changing. C: `down_write()`.
    pub fn write(&self) -> WriteGuard<'_, T> {
        // SAFETY: Initialised.
        unsafe { bindings::down_write(self.semaphore.get()) };
        // INVARIANT: Just locked.
        WriteGuard(self, PhantomData)
    }
}

/// Keeps a guard with the task that has taken the lock: a semaphore notes its owner, who
/// alone may give it back.
pub(super) type NotSend = PhantomData<*mut ()>;

/// Shared access; dropping it unlocks.
///
/// # Invariants
///
/// The lock is held for reading.
pub struct ReadGuard<'a, T>(&'a RwSem<T>, NotSend);

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Nobody changes it, by the type invariant.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::up_read(self.0.semaphore.get()) }
    }
}

/// Exclusive access; dropping it unlocks.
///
/// # Invariants
///
/// The lock is held for writing.
pub struct WriteGuard<'a, T>(&'a RwSem<T>, NotSend);

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: One's own, by the type invariant.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: One's own, by the type invariant.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::up_write(self.0.semaphore.get()) }
    }
}

/// A lock as `RwSem::new` makes it, with a class of its own.
#[macro_export]
macro_rules! new_rwsem {
    ($value:expr, $name:expr) => {{
        static CLASS: $crate::vfs::LockClass = $crate::vfs::LockClass::new_static();
        $crate::vfs::RwSem::new($value, ::kernel::c_str!($name), &CLASS)
    }};
}

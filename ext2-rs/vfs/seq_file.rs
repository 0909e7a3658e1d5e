// SPDX-License-Identifier: GPL-2.0

//! Files of text that the kernel makes, such as `/proc/mounts`.

use crate::sys as bindings;
use core::fmt;
use kernel::types::Opaque;

/// A text that is being written. C: `struct seq_file`.
///
/// # Invariants
///
/// A reference is to an open one that nobody else uses meanwhile.
#[repr(transparent)]
pub struct SeqFile(Opaque<bindings::seq_file>);

impl SeqFile {
    /// Borrows a C one.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut bindings::seq_file) -> &'a mut Self {
        // SAFETY: Transparent wrapper; valid and exclusive by the contract.
        unsafe { &mut *ptr.cast() }
    }
}

impl fmt::Write for SeqFile {
    /// What does not fit is left out; the reader asks again with more room.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: By the type invariant; the text is as long as said.
        unsafe { bindings::seq_write(self.0.get(), text.as_ptr().cast(), text.len()) };
        Ok(())
    }
}

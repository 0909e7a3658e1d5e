// SPDX-License-Identifier: GPL-2.0

//! Names in directories, and where they are listed.

use crate::sys as bindings;
use core::{marker::PhantomData, slice};
use kernel::str::CStr;

/// A name in a directory. C: `struct qstr`.
///
/// # Invariants
///
/// Points to a name that is valid for `'a`.
pub struct Name<'a>(*const bindings::qstr, PhantomData<&'a ()>);

impl<'a> Name<'a> {
    /// The name of a dentry.
    ///
    /// # Safety
    ///
    /// `dentry` is valid for `'a`, and its name does not change: the directory is
    /// locked.
    pub(super) unsafe fn of(dentry: *mut bindings::dentry) -> Self {
        // INVARIANT: By the contract.
        // SAFETY: By the contract.
        Self(unsafe { &raw const (*dentry).d_name }, PhantomData)
    }

    pub(super) fn as_qstr(&self) -> *const bindings::qstr {
        self.0
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        // SAFETY: By the type invariant.
        unsafe {
            let len = (*self.0).__bindgen_anon_1.__bindgen_anon_1.len;
            slice::from_raw_parts((*self.0).name, len as usize)
        }
    }
}

/// The text without the zero at its end. As `CStr::as_bytes()`, but for that cannot be
/// compiled without a panic.
#[inline]
pub(super) fn bytes_of(text: &CStr) -> &[u8] {
    let all = text.as_bytes_with_nul();
    all.split_last().map_or(&[], |(_, bytes)| bytes)
}

/// Where the entries of a directory go. C: `struct dir_context`.
pub struct DirContext<'a>(pub(super) &'a mut bindings::dir_context);

impl DirContext<'_> {
    /// Where to go on, as the filesystem set it; 0 at first.
    pub fn pos(&self) -> u64 {
        self.0.pos as u64
    }

    /// Sets where to go on.
    pub fn set_pos(&mut self, pos: u64) {
        self.0.pos = pos.min(i64::MAX as u64) as i64;
    }

    /// Reports an entry; `false` if there is no room. May touch user memory.
    /// `kind` is one of the `DT_*` constants. C: `dir_emit()`.
    pub fn emit(&mut self, name: &[u8], ino: u32, kind: u8) -> bool {
        let len = name.len().min(i32::MAX as usize) as i32;
        // SAFETY: Valid by the type; the name has that length.
        unsafe {
            bindings::fs_rs_dir_emit(self.0, name.as_ptr().cast(), len, ino.into(), kind.into())
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Calls that many workloads make, besides reading and writing.

use std::io;

use rustix::fs::{fadvise, fallocate, Advice, FallocateFlags};

use crate::compare::calls::{Calls, Handle};
use crate::sys::sync_range;

impl Calls<'_> {
    pub fn fsync(&mut self, handle: &Handle) {
        let text = format!("fsync({})", handle.name);
        self.plain(&text, || handle.file.sync_all());
    }

    pub fn fdatasync(&mut self, handle: &Handle) {
        let text = format!("fdatasync({})", handle.name);
        self.plain(&text, || handle.file.sync_data());
    }

    pub fn sync_range(&mut self, handle: &Handle, offset: usize, length: usize) {
        let text = format!("sync_file_range({}, {offset}, {length})", handle.name);
        self.plain(&text, || {
            sync_range::write_and_wait(&handle.file, offset, length)
        });
    }

    pub fn truncate(&mut self, handle: &Handle, length: usize) {
        let text = format!("ftruncate({}, {length})", handle.name);
        self.plain(&text, || handle.file.set_len(length as u64));
    }

    pub fn allocate(
        &mut self,
        handle: &Handle,
        flags: FallocateFlags,
        offset: usize,
        length: usize,
    ) {
        let name = &handle.name;
        let text = format!("fallocate({name}, {:#x}, {offset}, {length})", flags.bits());
        self.plain(&text, || {
            fallocate(&handle.file, flags, offset as u64, length as u64)
        });
    }

    pub fn advise(&mut self, handle: &Handle, advice: Advice, offset: usize, length: usize) {
        let text = format!("fadvise({}, {advice:?}, {offset}, {length})", handle.name);
        let length = std::num::NonZeroU64::new(length as u64);
        self.plain(&text, || {
            fadvise(&handle.file, offset as u64, length, advice)
        });
    }

    /// Writes the file back and takes its pages out of memory.
    pub fn evict(&mut self, handle: &Handle) {
        self.fsync(handle);
        self.advise(handle, Advice::DontNeed, 0, 0);
    }

    /// Writes a range in pieces, the last of which may be shorter.
    pub fn fill(&mut self, handle: &Handle, length: usize, piece: usize) {
        for offset in (0..length).step_by(piece) {
            self.write(handle, offset, piece.min(length - offset));
        }
    }

    /// Reads a range in pieces.
    pub fn scan(&mut self, handle: &Handle, length: usize, piece: usize) {
        for offset in (0..length).step_by(piece) {
            self.read(handle, offset, piece.min(length - offset));
        }
    }

    /// A call that returns a number.
    pub fn number(&mut self, text: &str, work: impl FnOnce() -> io::Result<u64>) {
        self.call(text, |_| work());
    }
}

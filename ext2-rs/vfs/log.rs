// SPDX-License-Identifier: GPL-2.0

//! What the kernel's log is told.

use super::{FileSystem, SuperBlock};
use crate::sys as bindings;
use core::fmt::{self, Write};

/// How bad it is what the log is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
    /// The filesystem is damaged.
    Error,
}

impl<F: FileSystem> SuperBlock<F> {
    /// Writes a line to the kernel's log.
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        let mut line = Line {
            text: [0; 200],
            len: 0,
        };
        // It is cut where it does not fit.
        let _ = line.write_fmt(message);
        // SAFETY: By the type invariant; the length is that of the text.
        unsafe {
            bindings::fs_rs_log(
                self.as_ptr(),
                F::NAME.as_char_ptr(),
                level as i32,
                line.text.as_ptr().cast(),
                line.len,
            );
        }
    }

    /// Stops the machine, for `errors=panic`.
    pub fn panic(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_panic(self.as_ptr(), F::NAME.as_char_ptr()) }
    }
}

/// A line of the log.
struct Line {
    text: [u8; 200],
    len: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for byte in piece.bytes() {
            let Some(place) = self.text.get_mut(self.len) else {
                return Err(fmt::Error);
            };
            *place = byte;
            self.len = self.len.wrapping_add(1);
        }
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The processor's time stamp counter, and marks for who watches from outside.

use std::arch::{asm, x86_64::_rdtsc};

/// Ticks since the machine was switched on. Where QEMU counts instructions
/// (`-icount shift=0`), an instruction is a tick.
pub fn now() -> u64 {
    // SAFETY: every x86-64 processor has it, and Linux lets programs read it.
    unsafe { _rdtsc() }
}

/// What a QEMU plugin may look for in the stream of instructions. To the
/// processor they are long NOPs with a number in them that nothing else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// What counts begins.
    Begin,
    /// It pauses.
    Pause,
    /// The workload is over.
    End,
}

/// Passes the mark.
pub fn mark(mark: Mark) {
    // SAFETY: a NOP does nothing.
    unsafe {
        match mark {
            Mark::Begin => asm!("nopl 0x696f6d31(%rax)", options(att_syntax, nomem, nostack)),
            Mark::Pause => asm!("nopl 0x696f6d32(%rax)", options(att_syntax, nomem, nostack)),
            Mark::End => asm!("nopl 0x696f6d33(%rax)", options(att_syntax, nomem, nostack)),
        }
    }
}

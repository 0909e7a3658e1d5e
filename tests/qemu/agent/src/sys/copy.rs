// SPDX-License-Identifier: GPL-2.0

//! Copying memory as the kernel does.

use std::arch::asm;

/// Copies as much as both have, by `rep movsb`: what the kernel uses on processors with
/// fast string instructions. A library's `memcpy()` uses other instructions.
pub fn copy(from: &[u8], to: &mut [u8]) {
    let length = from.len().min(to.len());
    // SAFETY: `length` bytes of both are valid, and a reference that may be written
    // through overlaps no other. The direction flag is clear wherever Rust code runs.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") length => _,
            inout("rsi") from.as_ptr() => _,
            inout("rdi") to.as_mut_ptr() => _,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_both_have_is_copied() {
        let mut to = [0; 4];
        copy(&[1, 2, 3], &mut to);
        assert_eq!(to, [1, 2, 3, 0]);
    }
}

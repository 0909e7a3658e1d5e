// SPDX-License-Identifier: GPL-2.0

//! Bitmaps of a group: which blocks or inodes are in use.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `ext2_find_next_zero_bit()`, `find_next_usable_block()` and the part of
//! `ext2_free_blocks()` that looks for what was free before. Callers hold the
//! lock of the bitmap.
//!
//! Bit 0 is the lowest of byte 0. Bits behind the end of a bitmap are in use.

use core::ops::Range;

/// A bit that was already what it was to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Already(pub u32);

/// 64 bits from bit `64 * word` on.
fn word(bitmap: &[u8], word: u32) -> u64 {
    let tail = bitmap.get(word as usize * 8..).unwrap_or(&[]);
    if let Some(bytes) = tail.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0xff; 8];
    for (to, from) in bytes.iter_mut().zip(tail) {
        *to = *from;
    }
    u64::from_le_bytes(bytes)
}

/// The first bit of `within` that is set, or is not.
fn find(bitmap: &[u8], within: Range<u32>, set: bool) -> Option<u32> {
    let flip = if set { 0 } else { u64::MAX };
    let mut from = within.start;
    while from < within.end {
        let bits = (word(bitmap, from / 64) ^ flip) >> (from % 64);
        if bits != 0 {
            let found = from.checked_add(bits.trailing_zeros())?;
            return (found < within.end).then_some(found);
        }
        from = (from / 64 + 1).checked_mul(64)?;
    }
    None
}

/// The first bit of `within` that is not in use.
pub fn find_zero(bitmap: &[u8], within: Range<u32>) -> Option<u32> {
    find(bitmap, within, false)
}

/// How many of the first `bits` bits are not in use.
pub fn count_zeros(bitmap: &[u8], bits: u32) -> u32 {
    let whole = bits / 64;
    let zeros: u32 = (0..whole).map(|nth| word(bitmap, nth).count_zeros()).sum();
    let left = u64::MAX.checked_shl(bits % 64).unwrap_or(0);
    zeros + (word(bitmap, whole) | left).count_zeros()
}

/// The free bits from the first one in `within` on, up to `wanted` of them.
fn next_run(bitmap: &[u8], within: Range<u32>, wanted: u32) -> Option<Range<u32>> {
    let start = find(bitmap, within.clone(), false)?;
    let limit = start.saturating_add(wanted).min(within.end);
    Some(start..find(bitmap, start..limit, true).unwrap_or(limit))
}

/// Finds up to `wanted` bits, at least one, that are free and follow each other.
///
/// If the bit at `goal` is free they are those from there on, however few, since
/// that is where the file goes on. Else the first run behind the goal that is long
/// enough, else the first one before it, else the longest one there is. None if no
/// bit in `within` is free, or none is wanted.
pub fn find_run(bitmap: &[u8], within: Range<u32>, goal: u32, wanted: u32) -> Option<Range<u32>> {
    if wanted == 0 {
        return None;
    }
    let goal = if within.contains(&goal) {
        goal
    } else {
        within.start
    };
    let limit = goal.saturating_add(wanted).min(within.end);
    let end = find(bitmap, goal..limit, true).unwrap_or(limit);
    if end > goal {
        return Some(goal..end);
    }
    let mut best: Option<Range<u32>> = None;
    for part in [goal..within.end, within.start..goal] {
        let mut from = part.start;
        while let Some(run) = next_run(bitmap, from..part.end, wanted) {
            if run.len() == wanted as usize {
                return Some(run);
            }
            from = run.end;
            if best.as_ref().is_none_or(|best| run.len() > best.len()) {
                best = Some(run);
            }
        }
    }
    best
}

/// The bits of word `word` that are in `range`, as a mask.
fn mask(range: &Range<u32>, word: u32) -> u64 {
    let first = u64::from(word) * 64;
    let below = |bit: u32| {
        let bits = u64::from(bit).saturating_sub(first);
        !u64::MAX.checked_shl(bits as u32).unwrap_or(0)
    };
    below(range.end) & !below(range.start)
}

/// Sets or clears all bits of `range`, or none if one of them is so already.
fn change(bitmap: &mut [u8], range: Range<u32>, set: bool) -> Result<(), Already> {
    let first = range.start / 64;
    if range.start < range.end && (range.end - 1) / 64 == first {
        // Mostly all of them are in one word.
        let tail = bitmap.get_mut(first as usize * 8..).unwrap_or_default();
        if let Some(bytes) = tail.first_chunk_mut() {
            let mask = mask(&range, first);
            let word = u64::from_le_bytes(*bytes);
            let wrong = if set { word & mask } else { !word & mask };
            if wrong != 0 {
                return Err(Already(first * 64 + wrong.trailing_zeros()));
            }
            *bytes = (word ^ mask).to_le_bytes();
            return Ok(());
        }
    }
    if let Some(wrong) = find(bitmap, range.clone(), set) {
        return Err(Already(wrong));
    }
    let end = u64::from(range.end);
    if end > bitmap.len() as u64 * 8 {
        // Not in the bitmap: neither free nor to be freed.
        return Err(Already(range.start.max((bitmap.len() * 8) as u32)));
    }
    for at in range.start / 64..range.end.div_ceil(64) {
        let mask = mask(&range, at);
        let tail = bitmap.get_mut(at as usize * 8..).unwrap_or_default();
        if let Some(bytes) = tail.first_chunk_mut() {
            let word = u64::from_le_bytes(*bytes);
            let word = if set { word | mask } else { word & !mask };
            *bytes = word.to_le_bytes();
            continue;
        }
        for (byte, mask) in tail.iter_mut().zip(mask.to_le_bytes()) {
            *byte = if set { *byte | mask } else { *byte & !mask };
        }
    }
    Ok(())
}

/// Marks all bits of `range` in use. An error, which names the first one that was
/// so before, leaves the bitmap as it was.
pub fn set(bitmap: &mut [u8], range: Range<u32>) -> Result<(), Already> {
    change(bitmap, range, true)
}

/// Marks all bits of `range` free. An error, which names the first one that was so
/// before, leaves the bitmap as it was.
pub fn clear(bitmap: &mut [u8], range: Range<u32>) -> Result<(), Already> {
    change(bitmap, range, false)
}

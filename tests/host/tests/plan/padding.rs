// SPDX-License-Identifier: GPL-2.0

//! Alignment, and the zeros around the data of a write: a map of the bytes that are written.

use iomap_rs::direct::plan::{head_pad, is_aligned, tail_pad};
use proptest::prelude::*;

/// What a piece of a write does to each byte of a small file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    Untouched,
    Zero,
    Data,
}

/// A piece, of which `data` bytes from `start` are transferred.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    block: u32,
    start: usize,
    data: usize,
    i_size: usize,
    zero: bool,
}

impl Transfer {
    /// Writes as many zeros and data as the engine says. Panics if a byte is
    /// written twice: bios for the same byte may end in any order.
    fn engine(&self, size: usize) -> Vec<Byte> {
        let mut map = vec![Byte::Untouched; size];
        let mut write = |from: usize, len: usize, what| {
            for byte in &mut map[from..from + len] {
                assert_eq!(*byte, Byte::Untouched, "{self:?}");
                *byte = what;
            }
        };
        let end = self.start + self.data;
        if self.zero {
            let pad = head_pad(self.start as i64, self.block) as usize;
            write(self.start - pad, pad, Byte::Zero);
        }
        write(self.start, self.data, Byte::Data);
        let (end, i_size) = (end as i64, self.i_size as i64);
        let pad = tail_pad(self.zero, end, i_size, self.block);
        write(end as usize, pad as usize, Byte::Zero);
        map
    }

    /// What a byte must be, looking at its block.
    fn model(&self, at: usize) -> Byte {
        let end = self.start + self.data;
        if (self.start..end).contains(&at) {
            return Byte::Data;
        }
        let block = self.block as usize;
        let of_block = at / block * block..(at / block + 1) * block;
        // The block has a byte before the end of the data and one from its
        // start on: data, or the place where it ran out.
        let touched = of_block.start < end && of_block.end > self.start;
        // Behind data that reaches the file's end nothing is of use, either.
        let at_eof = at >= end && end >= self.i_size;
        if touched && (self.zero || at_eof) {
            Byte::Zero
        } else {
            Byte::Untouched
        }
    }
}

/// DIO-17. Includes pieces none of whose data could be transferred.
#[test]
fn every_small_transfer_zeroes_what_the_map_says() {
    const SIZE: usize = 40;
    for block in [1, 2, 4, 8, 16] {
        for start in 0..18 {
            for data in 0..20 {
                for i_size in (0..SIZE).step_by(if block == 8 { 1 } else { 3 }) {
                    for zero in [false, true] {
                        let transfer = Transfer {
                            block,
                            start,
                            data,
                            i_size,
                            zero,
                        };
                        let model: Vec<_> = (0..SIZE + 16).map(|at| transfer.model(at)).collect();
                        assert_eq!(transfer.engine(SIZE + 16), model, "{transfer:?}");
                    }
                }
            }
        }
    }
}

/// DIO-17.
#[test]
fn a_sector_in_a_new_block_is_padded_on_both_sides() {
    assert_eq!(head_pad(4096 + 1536, 4096), 1536);
    assert_eq!(tail_pad(true, 4096 + 2048, 1 << 20, 4096), 2048);
    // Whole blocks need nothing.
    assert_eq!(head_pad(8192, 4096), 0);
    assert_eq!(tail_pad(true, 8192, 0, 4096), 0);
}

/// DIO-17: whether the block is new or not.
#[test]
fn a_write_up_to_the_end_of_the_file_is_padded_behind() {
    for (i_size, pad) in [(0, 3584), (511, 3584), (512, 3584), (513, 0)] {
        assert_eq!(tail_pad(false, 512, i_size, 4096), pad, "{i_size}");
    }
}

/// DIO-11: sectors of the device count, blocks of the filesystem do not.
#[test]
fn position_and_length_are_multiples_of_the_sector() {
    for sector in [1, 2, 4, 8] {
        for pos in 0..40 {
            for len in 0..40 {
                let aligned = pos % i64::from(sector) == 0 && len % u64::from(sector) == 0;
                assert_eq!(
                    is_aligned(pos, len, sector),
                    aligned,
                    "{pos} {len} {sector}"
                );
            }
        }
    }
    assert!(is_aligned(512, 1024, 512));
    assert!(!is_aligned(512, 4096, 4096));
    assert!(!is_aligned(4096, 512, 4096));
}

proptest! {
    /// Blocks of any size up to 64 KiB and beyond, anywhere in a file.
    #[test]
    fn pads_fill_blocks_up(
        pos in 0..=i64::MAX,
        shift in 0u32..21,
        beyond in prop_oneof![any::<i64>(), -2i64..=2],
    ) {
        let i_size = pos.saturating_sub(beyond).max(0);
        let block = 1 << shift;
        let into_block = (pos % i64::from(block)) as u32;
        prop_assert_eq!(head_pad(pos, block), into_block);
        let rest = (block - into_block) % block;
        prop_assert_eq!(tail_pad(true, pos, i_size, block), rest);
        let at_eof = if pos >= i_size { rest } else { 0 };
        prop_assert_eq!(tail_pad(false, pos, i_size, block), at_eof);
    }

    #[test]
    fn alignment_is_divisibility(
        sectors in 0i64..1 << 40,
        count in 0u64..1 << 40,
        pos_off in prop_oneof![Just(0), 0i64..4096],
        len_off in prop_oneof![Just(0), 0u64..4096],
        shift in 9u32..17,
    ) {
        let sector = 1u32 << shift;
        let pos = sectors * i64::from(sector) + pos_off;
        let len = count * u64::from(sector) + len_off;
        let aligned = pos % i64::from(sector) == 0 && len % u64::from(sector) == 0;
        prop_assert_eq!(is_aligned(pos, len, sector), aligned);
    }
}

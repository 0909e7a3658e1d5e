// SPDX-License-Identifier: GPL-2.0

//! `format/superblock.rs`, `format/features.rs` and `format/layout.rs` by example.

use ext2_rs::format::layout::Place;
use ext2_rs::format::superblock::{
    Access, RawSuperblock, Superblock, SuperblockError as Bad, RESERVED_BLOCKS, SIZE,
};

/// A superblock of three groups of 8192 blocks, the last one of 1000.
pub fn sound() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    let fields: [(usize, u32); 12] = [
        (0, 3 * 512),
        (4, 1 + 2 * 8192 + 1000),
        (8, 900),
        (20, 1),
        (32, 8192),
        (36, 8192),
        (40, 512),
        (54, 0xffff | 0xef53 << 16),
        (58, 1 | 1 << 16),
        (76, 1),
        (84, 11),
        (88, 128),
    ];
    for (at, value) in fields {
        set(&mut bytes, at, value);
    }
    bytes
}

fn set(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn parse(bytes: &[u8]) -> Result<Superblock, Bad> {
    Superblock::try_from(RawSuperblock::new(bytes).unwrap())
}

/// A sound superblock but for 32-bit fields.
fn with(fields: &[(usize, u32)]) -> Result<Superblock, Bad> {
    let mut bytes = sound();
    for &(at, value) in fields {
        set(&mut bytes, at, value);
    }
    parse(&bytes)
}

#[test]
fn a_sound_one_is_taken() {
    let superblock = with(&[]).unwrap();
    assert_eq!(superblock.groups(), 3);
    assert_eq!(superblock.block_size(), 1024);
    assert_eq!(superblock.access(), Access::ReadWrite);
    assert_eq!(superblock.inode_table_blocks(), 64);
    assert_eq!(superblock.descriptor_blocks(), 1);
    assert_eq!(superblock.group_blocks(1), 8192);
    assert_eq!(superblock.group_blocks(2), 1000);
    assert_eq!(superblock.group_blocks(3), 0);
}

#[test]
fn each_field_is_checked() {
    let mut bytes = sound();
    bytes[56] = 0;
    assert_eq!(parse(&bytes), Err(Bad::Magic(0xef00)));

    assert_eq!(with(&[(24, 3)]), Err(Bad::BlockSize(3)));
    assert_eq!(with(&[(24, u32::MAX)]), Err(Bad::BlockSize(u32::MAX)));
    assert_eq!(with(&[(28, 1)]), Err(Bad::FragmentSize(1)));
    for size in [0, 64, 127, 129, 192, 2048, 65535] {
        assert_eq!(
            with(&[(88, size)]),
            Err(Bad::InodeSize(size as u16)),
            "{size}"
        );
    }
    for inodes in [0, 1, 7, 513, 8193, u32::MAX] {
        assert_eq!(
            with(&[(40, inodes)]),
            Err(Bad::InodesPerGroup(inodes)),
            "{inodes}"
        );
    }
    for blocks in [0, 66, 67, 8193, u32::MAX] {
        assert_eq!(
            with(&[(32, blocks)]),
            Err(Bad::BlocksPerGroup(blocks)),
            "{blocks}"
        );
    }
    for first in [0, 2, u32::MAX] {
        assert_eq!(with(&[(20, first)]), Err(Bad::FirstDataBlock(first)));
    }
    for blocks in [0, 1] {
        assert_eq!(with(&[(4, blocks)]), Err(Bad::BlocksCount(blocks)));
    }
    let groups = 3 * 512;
    for says in [0, groups as u32 + 1] {
        assert_eq!(with(&[(0, says)]), Err(Bad::InodesCount { says, groups }));
    }
    // A block more is a group more.
    let blocks = 1 + 3 * 8192;
    assert!(with(&[(4, blocks)]).is_ok());
    let (says, groups) = (groups as u32, groups + 512);
    assert_eq!(
        with(&[(4, blocks + 1)]),
        Err(Bad::InodesCount { says, groups })
    );
    for first in [0, 2, 10, 3 * 512 + 1] {
        assert_eq!(with(&[(84, first)]), Err(Bad::FirstInode(first)));
    }
    // The first revision has neither field.
    assert!(with(&[(76, 0), (84, 0), (88, 0)]).is_ok());
}

#[test]
fn numbers_do_not_overflow() {
    // As many groups as there can be.
    let most = (u32::MAX - 1).div_ceil(68);
    let fields = [
        (32, 68),
        (4, u32::MAX),
        (40, 512),
        (0, most.wrapping_mul(512)),
    ];
    let groups = u64::from(most) * 512;
    let says = most.wrapping_mul(512);
    assert_eq!(with(&fields), Err(Bad::InodesCount { says, groups }));

    let groups = (u32::MAX - 1).div_ceil(8192);
    let superblock = with(&[(4, u32::MAX), (0, groups * 512)]).unwrap();
    let last = superblock.groups() - 1;
    assert_eq!(
        superblock.group_first_block(last) + superblock.group_blocks(last),
        u32::MAX
    );
    assert!(!superblock.is_data(u32::MAX, u32::MAX));
    assert!(superblock.is_data(u32::MAX - 1, 1));
    assert!(!superblock.is_data(u32::MAX - 1, 2));
    assert_eq!(superblock.descriptor_place(u32::MAX, last), None);
    assert!(superblock.overhead() > 0);
}

#[test]
fn reserved_blocks_are_where_they_are_looked_for() {
    let mut bytes = sound();
    let place = RESERVED_BLOCKS * size_of::<u32>();
    bytes[place..place + 4].copy_from_slice(&901u32.to_le_bytes());
    let raw = RawSuperblock::new(&bytes).unwrap();
    assert_eq!(raw.reserved_blocks_count(), 901);
}

#[test]
fn the_device_must_be_large_enough() {
    let superblock = with(&[]).unwrap();
    let blocks = 1 + 2 * 8192 + 1000;
    let bytes = u64::from(blocks) * 1024;
    assert_eq!(superblock.check_device(bytes), Ok(()));
    let device = u64::from(blocks) - 1;
    assert_eq!(
        superblock.check_device(bytes - 1),
        Err(Bad::Device { blocks, device })
    );
}

#[test]
fn features_say_what_may_be_done() {
    // Filetype and meta_bg; sparse_super, large_file and btree_dir; any compatible one.
    let known = [(96, 0x12), (100, 0x7), (92, !0x200)];
    assert_eq!(with(&known).unwrap().access(), Access::ReadWrite);
    for bit in (0..32).filter(|bit| ![1, 4].contains(bit)) {
        let Err(Bad::Features(unknown)) = with(&[(96, 1 << bit)]) else {
            panic!("feature {bit} is taken");
        };
        assert_eq!(unknown.bits(), 1 << bit);
        // A filesystem of the first revision may have features nevertheless.
        assert!(with(&[(96, 1 << bit), (76, 0)]).is_err());
    }
    for bit in 3..32 {
        let access = with(&[(100, 1 << bit)]).unwrap().access();
        assert!(matches!(access, Access::Features(unknown) if unknown.bits() == 1 << bit));
    }
    assert_eq!(with(&[(76, 2)]).unwrap().access(), Access::Revision(2));
}

#[test]
fn unknown_features_are_named() {
    let error = with(&[(96, 0x42 | 0x800 | 1 << 31)])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "unsupported optional features: extent 0x800 0x80000000 (0x80000840)"
    );
    let Access::Features(unknown) = with(&[(100, 0x408)]).unwrap().access() else {
        panic!("taken");
    };
    assert_eq!(unknown.to_string(), "huge_file metadata_csum");
}

/// Groups with a copy of the superblock, of the first hundred.
fn copies(fields: &[(usize, u32)]) -> Vec<u32> {
    let superblock = with(fields).unwrap();
    (0..100)
        .filter(|&group| superblock.has_superblock(group))
        .collect()
}

#[test]
fn copies_of_the_superblock_are_sparse() {
    let sparse = [0, 1, 3, 5, 7, 9, 25, 27, 49, 81];
    assert_eq!(copies(&[(100, 1)]), sparse);
    assert_eq!(copies(&[]).len(), 100);
    assert_eq!(copies(&[(92, 0x200), (588, 1), (592, 40)]), [0, 1, 40]);
}

#[test]
fn places_are_as_counted_by_hand() {
    let superblock = with(&[]).unwrap();
    assert_eq!(superblock.block_group(0), None);
    assert_eq!(superblock.block_group(1), Some((0, 0)));
    assert_eq!(superblock.block_group(8193), Some((1, 0)));
    assert_eq!(superblock.block_group(2 * 8192 + 1000), Some((2, 999)));
    assert_eq!(superblock.block_group(2 * 8192 + 1001), None);
    assert_eq!(superblock.inode_group(0), None);
    assert_eq!(superblock.inode_group(513), Some((1, 0)));
    assert_eq!(superblock.inode_number(1, 0), Some(513));
    assert_eq!(superblock.inode_group(3 * 512 + 1), None);
    assert_eq!(superblock.inode_number(3, 0), None);
    let place = |block, offset| Some(Place { block, offset });
    assert_eq!(superblock.descriptor_place(1, 2), place(2, 64));
    assert_eq!(superblock.descriptor_place(8193, 2), place(8194, 64));
    assert_eq!(superblock.descriptor_place(1, 3), None);
    for (inode, usable) in [(0, false), (1, false), (2, true), (10, false), (11, true)] {
        assert_eq!(superblock.is_file_inode(inode), usable);
    }
    assert!(superblock.is_file_inode(1536) && !superblock.is_file_inode(1537));
    assert!(!superblock.is_data(1, 1) && superblock.is_data(2, 1) && !superblock.is_data(2, 0));
}

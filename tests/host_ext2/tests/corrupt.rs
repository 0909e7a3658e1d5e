// SPDX-License-Identifier: GPL-2.0

//! Real structures with each of their bits changed: what is still taken leads
//! nowhere outside of the filesystem, and all else is refused. That none of it
//! panics, in a build that checks arithmetic and indices, is half of the test.

use ext2_rs::format::dirent::{entries, Rules};
use ext2_rs::format::group::{Group, RawGroup};
use ext2_rs::format::inode::{Content, Inode, RawInode};
use ext2_rs::format::superblock::{RawSuperblock, Superblock, ROOT_INODE};

use crate::image::{Image, SUPERBLOCK};
use crate::mkfs;

/// Calls `check` for the bytes with each bit changed, one at a time, and with each
/// byte 0 and 0xff.
fn each_change(bytes: &mut [u8], mut check: impl FnMut(&[u8])) {
    for at in 0..bytes.len() {
        let was = bytes[at];
        for value in (0..8).map(|bit| was ^ 1 << bit).chain([0, 0xff]) {
            bytes[at] = value;
            check(bytes);
        }
        bytes[at] = was;
    }
}

/// All that a mount computes lies in the filesystem.
fn exercise(superblock: &Superblock) {
    let blocks = superblock.blocks_count();
    let groups = superblock.groups();
    assert!(groups > 0 && superblock.inode_table_blocks() > 0);
    let last = groups - 1;
    for group in [0, 1, last / 2, last, groups, u32::MAX] {
        let first = superblock.group_first_block(group);
        let length = superblock.group_blocks(group);
        assert!(first.checked_add(length).is_some_and(|end| end <= blocks));
        assert_eq!(length > 0, group < groups);
        for own in [0, 1, blocks, u32::MAX] {
            let place = superblock.descriptor_place(own, group);
            assert!(place.is_none_or(
                |place| place.block < blocks && place.offset + 32 <= superblock.block_size()
            ));
        }
    }
    assert_eq!(superblock.block_group(blocks), None);
    let (group, _) = superblock.block_group(blocks - 1).unwrap();
    assert_eq!(group, last);
    let inodes = superblock.inodes_count();
    let (group, index) = superblock.inode_group(inodes).unwrap();
    assert_eq!(superblock.inode_number(group, index), Some(inodes));
    assert_eq!(group, last);
    if groups < 100_000 {
        assert!(superblock.overhead() >= groups);
    }
}

#[test]
fn superblocks() {
    for image in mkfs::all("bad-super") {
        let mut bytes = image.bytes[SUPERBLOCK..][..1024].to_vec();
        let (mut taken, mut refused) = (0, 0);
        each_change(&mut bytes, |bytes| {
            match Superblock::try_from(RawSuperblock::new(bytes).unwrap()) {
                Ok(superblock) => {
                    taken += 1;
                    exercise(&superblock);
                    let _ = superblock.check_device(8 << 20);
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        });
        // Most of a superblock says nothing that mounting needs.
        assert!(refused > 150 && taken > 5000, "{refused} {taken}");
    }
}

#[test]
fn descriptors() {
    for image in mkfs::all("bad-group") {
        let superblock = image.superblock();
        let own = Image::superblock_block(&superblock);
        for index in [0, superblock.groups() - 1] {
            let place = superblock.descriptor_place(own, index).unwrap();
            let mut bytes = image.at(&superblock, place)[..32].to_vec();
            let mut refused = 0;
            each_change(&mut bytes, |bytes| {
                let raw = RawGroup::new(bytes).unwrap();
                let Ok(group) = Group::parse(&superblock, index, raw) else {
                    refused += 1;
                    return;
                };
                let first = superblock.group_first_block(index);
                let inside = first..first + superblock.group_blocks(index);
                for block in [
                    group.block_bitmap(),
                    group.inode_bitmap(),
                    group.inode_table(),
                ] {
                    assert!(inside.contains(&block));
                }
                let last = superblock.inodes_per_group() - 1;
                let place = group.inode_place(&superblock, last).unwrap();
                assert!(inside.contains(&place.block));
                assert_eq!(group.inode_place(&superblock, last + 1), None);
                assert!(group.block_bitmap() != group.inode_bitmap());
            });
            assert!(refused > 30, "{refused}");
        }
    }
}

#[test]
fn block_bitmaps() {
    for image in mkfs::all("bad-bitmap") {
        let superblock = image.superblock();
        let group = image.group(&superblock, 0);
        let first = superblock.group_first_block(0);
        let mut bitmap = image.block(&superblock, group.block_bitmap()).to_vec();
        for bit in 0..superblock.group_blocks(0) {
            let (byte, mask) = (bit as usize / 8, 1 << (bit % 8));
            let was = bitmap[byte];
            bitmap[byte] &= !mask;
            let metadata = group.overlaps(&superblock, first + bit, 1);
            assert_eq!(group.check_bitmap(&superblock, &bitmap).is_err(), metadata);
            bitmap[byte] = was;
        }
        // A bitmap that is cut off has nothing in use.
        assert!(group.check_bitmap(&superblock, &[]).is_err());
    }
}

#[test]
fn inodes() {
    for image in mkfs::all("bad-inode") {
        let superblock = image.superblock();
        for inode in [
            ROOT_INODE,
            superblock.first_inode(),
            superblock.first_inode() + 3,
        ] {
            let place = image.inode_place(&superblock, inode);
            let mut bytes = image.at(&superblock, place)[..128].to_vec();
            each_change(&mut bytes, |bytes| {
                let raw = RawInode::new(bytes).unwrap();
                let Ok(inode) = Inode::parse(raw, &superblock, false) else {
                    return;
                };
                assert!(inode.size <= i64::MAX as u64);
                assert!(inode.file_acl == 0 || superblock.is_data(inode.file_acl, 1));
                let mut again = bytes.to_vec();
                inode.store(&mut again, false, false).unwrap();
                let reread = Inode::parse(RawInode::new(&again).unwrap(), &superblock, false);
                assert_eq!(reread, Ok(inode));
                if let Content::Link(link) = inode.content {
                    assert!(link.target().len() < 60);
                }
            });
        }
    }
}

#[test]
fn directories() {
    for image in mkfs::all("bad-dir") {
        let superblock = image.superblock();
        let rules = Rules::of(&superblock);
        let size = superblock.block_size() as usize;
        let root = image.data(&superblock, &image.inode(&superblock, ROOT_INODE));
        let mut block = root[..size].to_vec();
        let mut refused = 0;
        each_change(&mut block, |block| {
            let mut end = 0;
            for entry in entries(block, rules) {
                let Ok(entry) = entry else {
                    refused += 1;
                    return;
                };
                assert_eq!(entry.offset, end);
                end = entry.end();
                assert!(entry.inode <= superblock.inodes_count());
            }
            assert_eq!(end, size);
        });
        assert!(refused > 200, "{refused}");
    }
}

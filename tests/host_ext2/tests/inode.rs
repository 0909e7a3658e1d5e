// SPDX-License-Identifier: GPL-2.0

//! `format/inode.rs` and `format/device.rs`.

use ext2_rs::format::device::Device;
use ext2_rs::format::inode::{Content, FastLink, Inode, InodeError, Kind, RawInode};
use ext2_rs::format::superblock::{RawSuperblock, Superblock};
use proptest::prelude::*;

use crate::superblock::sound;

fn superblock() -> Superblock {
    let bytes = sound();
    Superblock::try_from(RawSuperblock::new(&bytes).unwrap()).unwrap()
}

fn parse(slot: &[u8], short_ids: bool) -> Result<Inode, InodeError> {
    Inode::parse(RawInode::new(slot).unwrap(), &superblock(), short_ids)
}

/// A regular file of one name.
fn slot() -> Vec<u8> {
    let mut slot = vec![0; 256];
    slot[..2].copy_from_slice(&0o100644u16.to_le_bytes());
    slot[26] = 1;
    slot
}

/// [`slot`] with other fields of 16 or 32 bits.
fn with(shorts: &[(usize, u16)], longs: &[(usize, u32)]) -> Result<Inode, InodeError> {
    let mut slot = slot();
    for &(at, value) in shorts {
        slot[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    for &(at, value) in longs {
        slot[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    parse(&slot, false)
}

#[test]
fn deleted_ones_are_told_from_broken_ones() {
    assert!(with(&[], &[]).is_ok());
    assert_eq!(with(&[(26, 0), (0, 0)], &[]), Err(InodeError::Deleted));
    assert_eq!(with(&[(26, 0)], &[(20, 5)]), Err(InodeError::Deleted));
    assert_eq!(with(&[(26, 0)], &[]), Err(InodeError::NoLinks(0o100644)));
    // One in use may have been deleted and restored.
    assert_eq!(with(&[], &[(20, 5)]).unwrap().dtime, 0);
}

#[test]
fn each_type_is_known_or_refused() {
    let known = [1, 2, 4, 6, 8, 10, 12];
    for file_type in 0..16 {
        let mode = file_type << 12 | 0o7777;
        let inode = with(&[(0, mode)], &[]);
        if known.contains(&file_type) {
            let kind = inode.unwrap().kind().unwrap();
            assert_eq!(Kind::from_dirent_type(kind.dirent_type()), Some(kind));
        } else {
            assert_eq!(inode, Err(InodeError::Mode(mode)));
        }
    }
    assert_eq!(Kind::from_dirent_type(0), None);
    assert_eq!(Kind::from_dirent_type(8), None);
}

#[test]
fn sizes_are_checked_by_type() {
    let (directory, link) = (0o040755, 0o120777);
    let size =
        |mode, low, high| with(&[(0, mode)], &[(4, low), (108, high)]).map(|inode| inode.size);
    assert_eq!(size(0o100644, 5, 1), Ok(1 << 32 | 5));
    assert_eq!(
        size(0o100644, u32::MAX, i32::MAX as u32),
        Ok(i64::MAX as u64)
    );
    assert_eq!(size(0o100644, 0, 1 << 31), Err(InodeError::Size(1 << 63)));
    // Of directories the high bits are something else.
    assert_eq!(size(directory, 2048, 1), Ok(2048));
    assert_eq!(size(directory, 2049, 0), Err(InodeError::Size(2049)));
    assert_eq!(size(link, 59, 0), Ok(59));
    assert_eq!(size(link, 60, 0), Err(InodeError::Size(60)));
    // With a block, the link is in there; a block of attributes is none.
    let slow = |size| with(&[(0, link)], &[(4, size), (28, 2)]).map(|inode| inode.size);
    assert_eq!(slow(1024), Ok(1024));
    assert_eq!(slow(1025), Err(InodeError::Size(1025)));
    let attributes = with(&[(0, link)], &[(4, 5), (28, 2), (104, 700)]).unwrap();
    assert!(matches!(attributes.content, Content::Link(_)));
    let both = with(&[(0, link)], &[(4, 5), (28, 4), (104, 700)]).unwrap();
    assert!(matches!(both.content, Content::Blocks(_)));
}

#[test]
fn blocks_of_attributes_are_checked() {
    for block in [1, 1 + 2 * 8192 + 1000, u32::MAX] {
        assert_eq!(with(&[], &[(104, block)]), Err(InodeError::FileAcl(block)));
    }
    assert_eq!(with(&[], &[(104, 2)]).unwrap().file_acl, 2);
}

#[test]
fn large_files_are_regular_ones() {
    assert!(!with(&[], &[(4, i32::MAX as u32)]).unwrap().is_large());
    assert!(with(&[], &[(4, 1 << 31)]).unwrap().is_large());
    assert!(!with(&[(0, 0o040755)], &[(4, 1 << 31)]).unwrap().is_large());
}

#[test]
fn fast_links_end_where_they_should() {
    assert_eq!(FastLink::new(&[b'x'; 59]).unwrap().target(), [b'x'; 59]);
    assert_eq!(FastLink::new(&[b'x'; 60]), None);
    assert_eq!(FastLink::new(b"a\0b"), None);
    // Bytes behind the size are not the target's, nor those behind a NUL.
    let mut slot = slot();
    slot[1] = 0o120777u16.to_le_bytes()[1];
    slot[4] = 4;
    slot[40..100].fill(b'y');
    let target = |slot: &[u8]| match parse(slot, false).unwrap().content {
        Content::Link(link) => link.target().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(target(&slot), b"yyyy");
    slot[42] = 0;
    assert_eq!(target(&slot), b"yy");
}

#[test]
fn devices_are_encoded_as_by_c() {
    let encode = |major, minor| Device { major, minor }.encode();
    assert_eq!(encode(8, 17), [0x811, 0]);
    assert_eq!(encode(255, 255), [0xffff, 0]);
    assert_eq!(encode(256, 0), [0, 0x10000]);
    assert_eq!(encode(8, 256), [0, 0x0010_0800]);
    assert_eq!(encode(0xfff, 0xf_ffff), [0, 0xffff_ffff]);
    for (major, minor) in [(0, 0), (8, 17), (300, 7), (7, 70_000), (4095, 1_048_575)] {
        let device = Device { major, minor };
        let [first, second] = device.encode();
        assert_eq!(Device::decode(first, second), device);
    }
}

fn inodes() -> impl Strategy<Value = Inode> {
    let content = prop_oneof![
        2 => any::<[u32; 15]>().prop_map(Content::Blocks),
        1 => (0u32..4096, 0u32..1 << 20)
            .prop_map(|(major, minor)| Content::Device(Device { major, minor })),
        1 => "[a-z/.]{1,59}".prop_map(|target| Content::Link(FastLink::new(target.as_bytes()).unwrap())),
        1 => Just(Content::Nothing),
    ];
    let ids = (any::<u32>(), any::<u32>(), 1u16.., any::<u32>());
    let times = any::<[i32; 3]>();
    let rest = (any::<u32>(), any::<u32>(), 0u16..4096, any::<bool>());
    (content, ids, times, rest).prop_map(|(content, ids, times, rest)| {
        let (uid, gid, links, size) = ids;
        let (flags, generation, rights, other) = rest;
        let (file_type, size): (u16, u64) = match &content {
            Content::Blocks(_) if other => (0o04, u64::from(size & !1023)),
            Content::Blocks(_) => (0o10, u64::from(size) << 9),
            Content::Device(_) => (if other { 0o02 } else { 0o06 }, 0),
            Content::Link(link) => (0o12, link.target().len() as u64),
            Content::Nothing => (if other { 0o01 } else { 0o14 }, 0),
        };
        let attributes = other && size > 0;
        Inode {
            mode: file_type << 12 | rights,
            uid,
            gid,
            links,
            size,
            atime: times[0],
            ctime: times[1],
            mtime: times[2],
            dtime: 0,
            sectors: if attributes { 2 } else { 0 },
            flags,
            generation,
            file_acl: if attributes { 700 } else { 0 },
            content,
        }
    })
}

proptest! {
    #[test]
    fn what_is_stored_is_read(
        inode in inodes(), old in proptest::collection::vec(any::<u8>(), 256), fresh: bool,
    ) {
        let mut slot = old.clone();
        inode.store(&mut slot, false, fresh).unwrap();
        prop_assert_eq!(parse(&slot, false), Ok(inode));
        // What this driver does not know stays, or goes.
        for unknown in [36..40, 118..120, 124..256] {
            let expected = if fresh { vec![0; unknown.len()] } else { old[unknown.clone()].to_vec() };
            prop_assert_eq!(&slot[unknown], &expected[..]);
        }
    }

    #[test]
    fn short_ids_are_cut(inode in inodes(), old in proptest::collection::vec(any::<u8>(), 128)) {
        let mut slot = old;
        inode.store(&mut slot, true, false).unwrap();
        prop_assert_eq!(&slot[120..124], &[0; 4]);
        let expected = Inode {
            uid: if inode.uid > 65535 { 65534 } else { inode.uid },
            gid: if inode.gid > 65535 { 65534 } else { inode.gid },
            ..inode
        };
        prop_assert_eq!(parse(&slot, true), Ok(expected));
        // The high bits are not even looked at.
        slot[120..124].fill(0xff);
        prop_assert_eq!(parse(&slot, true), Ok(expected));
        prop_assert_ne!(parse(&slot, false), Ok(expected));
    }

    #[test]
    fn any_bytes_are_read_or_refused(slot in proptest::collection::vec(any::<u8>(), 128)) {
        if let Ok(inode) = parse(&slot, false) {
            prop_assert!(inode.size <= i64::MAX as u64 && inode.links > 0);
            if let Content::Link(link) = inode.content {
                prop_assert!(link.target().len() as u64 <= inode.size);
            }
        }
    }
}

#[test]
fn deleted_ones_keep_no_high_ids() {
    let mut slot = slot();
    let mut inode = parse(&slot, false).unwrap();
    (inode.uid, inode.gid, inode.dtime, inode.links) = (70_000, 80_000, 5, 0);
    inode.store(&mut slot, false, false).unwrap();
    assert_eq!(slot[120..124], [0; 4]);
    assert_eq!(parse(&slot, false), Err(InodeError::Deleted));
    assert_eq!(inode.store(&mut [0; 127], false, true), None);
}

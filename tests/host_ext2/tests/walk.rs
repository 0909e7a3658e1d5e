// SPDX-License-Identifier: GPL-2.0

//! Whole filesystems, made by mke2fs, read by the files under test: all of it is
//! there, and each block in use is used once.

use std::collections::BTreeSet;
use std::ops::Range;

use ext2_rs::format::device::Device;
use ext2_rs::format::dirent::{dot_dot, entries, is_empty, Rules};
use ext2_rs::format::group::{Counts, Group, RawGroup};
use ext2_rs::format::inode::{Content, Inode, Kind};
use ext2_rs::format::superblock::{Superblock, ROOT_INODE};
use ext2_rs::format::xattr::{self, entry_hash, Block};
use ext2_rs::plan::bitmap::{count_zeros, find_zero};

use crate::image::Image;
use crate::mkfs::{self, File, Tree};

/// Reads a directory and all below.
fn read(image: &Image, superblock: &Superblock, inode: u32, path: &str, into: &mut Tree) {
    let directory = image.inode(superblock, inode);
    assert_eq!(directory.kind(), Some(Kind::Directory));
    let rules = Rules::of(superblock);
    let data = image.data(superblock, &directory);
    for block in data.chunks(superblock.block_size() as usize) {
        for entry in entries(block, rules) {
            let entry = entry.unwrap();
            let name = std::str::from_utf8(entry.name).unwrap();
            if entry.inode == 0 || name == "." || name == ".." || name == "lost+found" {
                continue;
            }
            let path = format!("{path}{name}");
            let file = image.inode(superblock, entry.inode);
            if rules.filetype {
                assert_eq!(
                    Kind::from_dirent_type(entry.file_type),
                    file.kind(),
                    "{path}"
                );
            } else {
                assert_eq!(entry.file_type, 0, "{path}");
            }
            match file.kind().unwrap() {
                Kind::Directory => {
                    into.insert(path.clone(), File::Directory);
                    read(image, superblock, entry.inode, &format!("{path}/"), into);
                }
                Kind::Regular => {
                    into.insert(path, File::Data(image.data(superblock, &file)));
                }
                Kind::Symlink => {
                    let target = match &file.content {
                        Content::Link(link) => link.target().to_vec(),
                        _ => image.data(superblock, &file),
                    };
                    assert_eq!(target.len() as u64, file.size);
                    let target = String::from_utf8(target).unwrap();
                    into.insert(path, File::Link(target));
                }
                kind => assert!(path.starts_with("node_"), "{path}: {kind:?}"),
            }
        }
    }
}

/// The file of that name in the root.
fn lookup(image: &Image, superblock: &Superblock, path: &str) -> Inode {
    let rules = Rules::of(superblock);
    let mut inode = image.inode(superblock, ROOT_INODE);
    for name in path.split('/') {
        let data = image.data(superblock, &inode);
        let size = superblock.block_size() as usize;
        let entry = data.chunks(size).find_map(|block| {
            ext2_rs::format::dirent::find(block, rules, name.as_bytes()).unwrap()
        });
        inode = image.inode(superblock, entry.unwrap().inode);
    }
    inode
}

#[test]
fn what_mke2fs_wrote_is_read() {
    for image in mkfs::all("walk") {
        let superblock = image.superblock();
        let mut found = Tree::new();
        read(&image, &superblock, ROOT_INODE, "", &mut found);
        let expected = mkfs::tree();
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        for (path, file) in &expected {
            assert!(found[path] == *file, "{path} differs: {superblock:?}");
        }
    }
}

#[test]
fn nodes_and_owners_are_read() {
    for image in mkfs::all("nodes") {
        let superblock = image.superblock();
        let content = |path| lookup(&image, &superblock, path).content;
        let device = |major, minor| Content::Device(Device { major, minor });
        assert_eq!(content("node_c"), device(5, 1));
        assert_eq!(content("node_b"), device(300, 60000));
        assert_eq!(content("node_p"), Content::Nothing);
        let file = lookup(&image, &superblock, "sub/data1");
        assert_eq!((file.uid, file.gid), (70000, 80000));
    }
}

#[test]
fn attributes_are_read_and_hashed_alike() {
    let mut seen = 0;
    for image in mkfs::all("xattr") {
        let superblock = image.superblock();
        let file = lookup(&image, &superblock, "sub/data1");
        // Larger inodes hold attributes themselves, which C ext2 does not read; the
        // first revision has none.
        if superblock.inode_size() > 128 || superblock.revision() == 0 {
            continue;
        }
        seen += 1;
        let block = Block::parse(image.block(&superblock, file.file_acl)).unwrap();
        let value = |index, name: &str| block.find(index, name.as_bytes()).map(|e| e.value);
        assert_eq!(value(xattr::index::USER, "one"), Some(&b"first-value"[..]));
        assert_eq!(value(xattr::index::USER, "other"), Some(&b"another"[..]));
        assert_eq!(value(xattr::index::TRUSTED, "third"), Some(&b"33333"[..]));
        assert_eq!(value(xattr::index::SECURITY, "x"), Some(&b"y"[..]));
        assert_eq!(value(xattr::index::USER, "third"), None);
        for entry in block.entries() {
            assert_eq!(entry.hash, entry_hash(entry.name, entry.value));
        }
        // debugfs lets nobody share what it writes.
        assert_eq!(block.hash(), 0);
    }
    assert_eq!(seen, 2);
}

/// Groups say of themselves what their bitmaps say, and metadata is in use.
#[test]
fn groups_are_as_their_bitmaps() {
    for image in mkfs::all("groups") {
        let superblock = image.superblock();
        let own = Image::superblock_block(&superblock);
        let mut free = (0, 0);
        for index in 0..superblock.groups() {
            let group = image.group(&superblock, index);
            let place = superblock.descriptor_place(own, index).unwrap();
            let raw = RawGroup::new(image.at(&superblock, place)).unwrap();
            let counts = Counts::read(&superblock, index, raw);

            let bitmap = image.block(&superblock, group.block_bitmap());
            group.check_bitmap(&superblock, bitmap).unwrap();
            let blocks = superblock.group_blocks(index);
            assert_eq!(count_zeros(bitmap, blocks), counts.free_blocks);
            free.0 += counts.free_blocks;

            let bitmap = image.block(&superblock, group.inode_bitmap());
            let inodes = superblock.inodes_per_group();
            assert_eq!(count_zeros(bitmap, inodes), counts.free_inodes);
            free.1 += counts.free_inodes;
        }
        let raw = image.raw_superblock();
        assert_eq!((raw.free_blocks_count(), raw.free_inodes_count()), free);
    }
}

/// What needs no closer look is a run, and as long as one can be without metadata.
fn plain_data_is_a_run_without_metadata(superblock: &Superblock, group: &Group, all: Range<u32>) {
    let plain: Vec<u32> = all
        .clone()
        .filter(|&block| group.is_plain_data(block, 1))
        .collect();
    let free: Vec<bool> = all
        .clone()
        .map(|block| !group.overlaps(superblock, block, 1))
        .collect();
    let longest = free.split(|free| !free).map(<[bool]>::len).max();
    assert_eq!(Some(plain.len()), longest);

    let count = plain.len() as u32;
    let Some(&first) = plain.first() else {
        return;
    };
    assert!(plain.iter().copied().eq(first..first + count));
    assert!(!group.overlaps(superblock, first, count));
    assert!(group.is_plain_data(first, count));
    assert!(!group.is_plain_data(first, count + 1));
    assert!(!group.is_plain_data(first, 0));
    assert!(!group.is_plain_data(first, u32::MAX));
    assert!(!group.is_plain_data(first - 1, 1));
    assert!(!group.is_plain_data(first + count, 1));
}

/// Blocks that belong to no file are those that `overhead()` counts, and those of
/// inodes that are reserved.
#[test]
fn metadata_is_where_it_is_said_to_be() {
    for image in mkfs::all("overhead") {
        let superblock = image.superblock();
        let mut metadata = BTreeSet::new();
        for index in 0..superblock.groups() {
            let group = image.group(&superblock, index);
            let first = superblock.group_first_block(index);
            let all = first..first + superblock.group_blocks(index);
            metadata.extend(
                all.clone()
                    .filter(|&block| group.overlaps(&superblock, block, 1)),
            );
            plain_data_is_a_run_without_metadata(&superblock, &group, all);
        }
        let overhead = superblock.overhead() - superblock.first_data_block();
        assert_eq!(metadata.len() as u32, overhead);
        // Without files' blocks the bitmaps have nothing else in use.
        let mut used: BTreeSet<u32> = BTreeSet::new();
        for index in 0..superblock.groups() {
            let group = image.group(&superblock, index);
            let bitmap = image.block(&superblock, group.block_bitmap());
            let blocks = superblock.group_blocks(index);
            let first = superblock.group_first_block(index);
            used.extend(
                (0..blocks)
                    .filter(|&bit| find_zero(bitmap, bit..bit + 1).is_none())
                    .map(|bit| first + bit),
            );
        }
        assert!(metadata.is_subset(&used));
        let mut files = BTreeSet::new();
        for inode in (1..=superblock.inodes_count()).filter(|inode| *inode != 8) {
            collect(&image, &superblock, inode, &mut files);
        }
        assert!(files.is_disjoint(&metadata), "{superblock:?}");
        assert_eq!(metadata.len() + files.len(), used.len(), "{superblock:?}");
    }
}

/// Adds all blocks of a file, those of pointers and attributes included. Each is
/// one that a file can have, and nobody else's.
fn collect(image: &Image, superblock: &Superblock, inode: u32, files: &mut BTreeSet<u32>) {
    let place = image.inode_place(superblock, inode);
    let raw = ext2_rs::format::inode::RawInode::new(image.at(superblock, place)).unwrap();
    let Ok(inode) = Inode::parse(raw, superblock, false) else {
        return;
    };
    let mut add = |block: u32| {
        assert!(superblock.is_data(block, 1), "{block}");
        assert!(files.insert(block), "{block} twice");
    };
    if inode.file_acl != 0 {
        add(inode.file_acl);
    }
    let Content::Blocks(pointers) = &inode.content else {
        return;
    };
    for (slot, &pointer) in pointers.iter().enumerate() {
        let depth = ext2_rs::plan::path::depth_below(slot as u32);
        let mut level = vec![pointer];
        for _ in 0..=depth {
            level.retain(|&block| block != 0);
            level.iter().for_each(|&block| add(block));
            level = level
                .iter()
                .flat_map(|&block| image.block(superblock, block).chunks(4))
                .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
                .collect();
        }
    }
}

#[test]
fn new_directories_are_empty_and_know_their_parent() {
    let image = mkfs::make("empty", 2048, &["-b", "1024"]);
    let superblock = image.superblock();
    let rules = Rules::of(&superblock);
    let root = image.data(&superblock, &image.inode(&superblock, ROOT_INODE));
    assert_eq!(dot_dot(&root[..1024], rules).unwrap().inode, ROOT_INODE);
    assert!(!is_empty(&root[..1024], rules, ROOT_INODE).unwrap());
    let found = ext2_rs::format::dirent::find(&root[..1024], rules, b"lost+found");
    let inode = found.unwrap().unwrap().inode;
    let lost = image.data(&superblock, &lookup(&image, &superblock, "lost+found"));
    assert_eq!(dot_dot(&lost[..1024], rules).unwrap().inode, ROOT_INODE);
    for block in lost.chunks(1024) {
        assert!(is_empty(block, rules, inode).unwrap());
    }
}

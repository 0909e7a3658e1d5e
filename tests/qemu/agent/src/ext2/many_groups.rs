// SPDX-License-Identifier: GPL-2.0

//! A large filesystem of small blocks, so that what is kept of each group is more than
//! one piece of memory can hold. It is made here: a file with holes, in which only the
//! first group can be used.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::statvfs;

use crate::case::Case;
use crate::context::Context;
use crate::ext2::second::read_disk;
use crate::suites;
use crate::sys::loop_device::LoopDevice;
use crate::sys::mount;

pub const CASES: &[Case] = &[Case::new("mount_many_groups", suites::EXT2_1K, many_groups)
    .doc("A filesystem of 175,000 groups is mounted, written to, and mounted again.")];

const MOUNT_POINT: &str = "/tmp/many-groups";
const IMAGE: &str = "/tmp/many-groups.img";

/// The kernel hands out 4 MiB in a piece at most: 24 bytes for each of 174,762.
const GROUPS: u32 = 175_000;
const BLOCK: usize = 1024;
/// Of each group, in blocks; the disk's first block is the boot loader's.
const GROUP: u32 = 8192;
const BLOCKS: u32 = 1 + GROUPS * GROUP;
const INODES: u32 = 16;
const INODE_SIZE: usize = 128;
const RESERVED_INODES: u32 = 11;
/// Where a group has its bitmaps, behind them its inodes: behind the descriptors, too,
/// where there are copies of them.
const METADATA: u32 = GROUP - 4;
/// What is free of the first group, and the root directory's block ahead of it.
const FREE: std::ops::Range<u32> = 6000..8000;
const ROOT: u32 = FREE.start - 1;

/// Sparse superblocks, and files of more than 2 GiB.
const RO_COMPAT: u32 = 1 | 2;

/// Little-endian numbers at offsets, in bytes.
fn put32(bytes: &mut [u8], fields: &[(usize, u32)]) {
    for (offset, value) in fields {
        put(bytes, *offset, &value.to_le_bytes());
    }
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(offset).zip(value) {
        *to = *from;
    }
}

/// That of a filesystem of mkfs's, with another shape.
fn superblock(mut bytes: [u8; BLOCK]) -> [u8; BLOCK] {
    put32(
        &mut bytes,
        &[
            (0, GROUPS * INODES),
            (4, BLOCKS),
            (8, 0),
            (12, FREE.end - FREE.start),
            (16, INODES - RESERVED_INODES),
            (32, GROUP),
            (36, GROUP),
            (40, INODES),
            // No compatible features: no room for further descriptors.
            (92, 0),
            (100, RO_COMPAT),
        ],
    );
    put(&mut bytes, 88, &(INODE_SIZE as u16).to_le_bytes());
    // That room.
    put(&mut bytes, 206, &[0; 2]);
    bytes
}

fn descriptors() -> Vec<u8> {
    let mut all = Vec::new();
    for group in 0..GROUPS {
        let metadata = 1 + group * GROUP + METADATA;
        let mut bytes = [0; 32];
        put32(
            &mut bytes,
            &[(0, metadata), (4, metadata + 1), (8, metadata + 2)],
        );
        if group == 0 {
            let free_inodes = (INODES - RESERVED_INODES) << 16;
            put32(
                &mut bytes,
                &[(12, free_inodes | (FREE.end - FREE.start)), (16, 1)],
            );
        }
        all.extend(bytes);
    }
    all
}

/// With a bit for each number that is in use.
fn bitmap(used: impl Fn(u32) -> bool) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    for (byte, first) in bytes.iter_mut().zip((0..).step_by(8)) {
        for bit in 0..8 {
            *byte |= u8::from(used(first + bit)) << bit;
        }
    }
    bytes
}

/// The inodes' block with that of the root directory, the second one.
fn inodes() -> [u8; BLOCK] {
    const DIRECTORY: u32 = 0o40_755;
    const LINKS: u32 = 2 << 16;
    const SECTORS: u32 = 2;
    let mut bytes = [0; BLOCK];
    let fields = [
        (0, DIRECTORY),
        (4, BLOCK as u32),
        (24, LINKS),
        (28, SECTORS),
        (40, 1 + ROOT),
    ];
    put32(bytes.get_mut(INODE_SIZE..).unwrap_or_default(), &fields);
    bytes
}

/// The block of a root directory without files: two entries of the second inode, each
/// with its length, that of its name, its kind, and the name.
fn directory() -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    put32(&mut bytes, &[(0, 2), (12, 2)]);
    put(&mut bytes, 4, &[12, 0, 1, 2, b'.']);
    let [low, high] = (BLOCK as u16 - 12).to_le_bytes();
    put(&mut bytes, 16, &[low, high, 2, 2, b'.', b'.']);
    bytes
}

fn make(context: &Context) -> Result<File> {
    let image = File::create_new(IMAGE).context("cannot make the image")?;
    image.set_len(u64::from(BLOCKS) * BLOCK as u64)?;
    let write = |block: u32, bytes: &[u8]| {
        image
            .write_all_at(bytes, u64::from(block) * BLOCK as u64)
            .context("cannot write the image")
    };
    write(1, &superblock(read_disk(context, 1024)?))?;
    write(2, &descriptors())?;
    let metadata = 1 + METADATA;
    write(metadata, &bitmap(|block| !FREE.contains(&block)))?;
    let free_inodes = RESERVED_INODES..INODES;
    write(metadata + 1, &bitmap(|inode| !free_inodes.contains(&inode)))?;
    write(metadata + 2, &inodes())?;
    write(1 + ROOT, &directory())?;
    Ok(image)
}

/// Has `work` done with it mounted.
fn mounted(context: &Context, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let root = Path::new(MOUNT_POINT);
    mount::mount(&LoopDevice::path(), root, context.fs(), "")?;
    let result = work(root);
    mount::unmount(root)?;
    result
}

fn many_groups(context: &Context) -> Result<()> {
    let image = make(context)?;
    // It goes with the last one to have it open.
    fs::remove_file(IMAGE)?;
    fs::create_dir_all(MOUNT_POINT).context("cannot make the mount point")?;
    let _device = LoopDevice::part(&image, 0, u64::from(BLOCKS) * BLOCK as u64)?;
    let text = "many groups\n".repeat(10_000);
    mounted(context, |root| {
        fs::write(root.join("file"), &text)?;
        let space = statvfs(root)?;
        ensure!(space.f_files == u64::from(GROUPS * INODES));
        ensure!(space.f_ffree == u64::from(INODES - RESERVED_INODES - 1));
        Ok(())
    })?;
    mounted(context, |root| {
        let found = fs::read(root.join("file"))?;
        ensure!(found == text.as_bytes(), "the file has something else");
        Ok(())
    })
}

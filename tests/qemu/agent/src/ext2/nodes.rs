// SPDX-License-Identifier: GPL-2.0

//! Files that are no data: links, devices, pipes, sockets. And times.

use std::fs::{self, File};
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{makedev, mknodat, utimensat, AtFlags, FileType, Mode, Timespec, Timestamps, CWD};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::ext2::second::Second;
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("nodes_symlinks", suites::EXT2, symlinks)
        .doc("Symlinks of all lengths up to a block come back, in the inode or in a block."),
    Case::new("nodes_devices", suites::EXT2, devices)
        .doc("Devices of all numbers, pipes and sockets come back."),
    Case::new("nodes_times", suites::EXT2, times)
        .doc("Times are kept in seconds of 32 bits, and cut to those."),
];

fn symlinks(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let block = usize::try_from(context.block_size()?)?;
    let lengths = [1, 2, 58, 59, 60, 61, 255, block / 2, block - 1];
    for length in lengths {
        let target = "t".repeat(length);
        let link = second.path(&format!("link-{length}"));
        symlink(&target, &link).with_context(|| format!("a link of {length} bytes"))?;
        let meta = fs::symlink_metadata(&link)?;
        ensure!(meta.len() == length as u64);
        // A fast one takes no space.
        ensure!(
            (meta.blocks() == 0) == (length < 60),
            "{length}: {} sectors",
            meta.blocks()
        );
    }
    let long = symlink("t".repeat(block), second.path("long"));
    fails_with(long, libc::ENAMETOOLONG, "a link as long as a block")?;
    let second = second.again(context)?;
    for length in lengths {
        let link = second.path(&format!("link-{length}"));
        let target = fs::read_link(&link)?;
        ensure!(target.as_os_str().len() == length, "{length}: {target:?}");
    }
    symlink(second.path("file"), second.path("followed"))?;
    File::create_new(second.path("file"))?;
    ensure!(fs::metadata(second.path("followed"))?.is_file());
    second.clear()?;
    second.unmount()
}

fn devices(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let numbers = [
        (1, 3),
        (8, 17),
        (255, 255),
        (256, 0),
        (8, 256),
        (300, 70_000),
        (4095, 1_048_575),
    ];
    for kind in [FileType::CharacterDevice, FileType::BlockDevice] {
        for (major, minor) in numbers {
            let path = second.path(&format!("{kind:?}-{major}-{minor}"));
            mknodat(CWD, &path, kind, Mode::from(0o640), makedev(major, minor))?;
        }
    }
    mknodat(
        CWD,
        second.path("fifo"),
        FileType::Fifo,
        Mode::from(0o600),
        0,
    )?;
    drop(UnixListener::bind(second.path("socket"))?);
    let second = second.again(context)?;
    for kind in [FileType::CharacterDevice, FileType::BlockDevice] {
        for (major, minor) in numbers {
            let meta = fs::metadata(second.path(&format!("{kind:?}-{major}-{minor}")))?;
            ensure!(
                meta.rdev() == makedev(major, minor),
                "{major}:{minor} is {:#x}",
                meta.rdev()
            );
            let is_block = kind == FileType::BlockDevice;
            ensure!(meta.file_type().is_block_device() == is_block);
            ensure!(meta.mode() & 0o7777 == 0o640);
        }
    }
    ensure!(fs::metadata(second.path("fifo"))?.file_type().is_fifo());
    ensure!(fs::metadata(second.path("socket"))?.file_type().is_socket());
    second.clear()?;
    second.unmount()
}

fn set(path: &Path, seconds: i64) -> Result<()> {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 999_999_999,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::empty()).context("utimensat")
}

fn times(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let (most, least) = (i64::from(i32::MAX), i64::from(i32::MIN));
    let cases = [
        (0, 0),
        (1_700_000_000, 1_700_000_000),
        (-1, -1),
        (most, most),
        (most + 1, most),
        (1 << 40, most),
        (least, least),
        (least - 1, least),
    ];
    for (number, (time, kept)) in cases.into_iter().enumerate() {
        let path = second.path(&format!("time-{number}"));
        File::create_new(&path)?;
        set(&path, time)?;
        let meta = fs::metadata(&path)?;
        ensure!(
            (meta.atime(), meta.mtime()) == (kept, kept),
            "{time}: {}",
            meta.mtime()
        );
        ensure!(meta.mtime_nsec() == 0, "{time}: {} ns", meta.mtime_nsec());
    }
    let second = second.again(context)?;
    for (number, (time, kept)) in cases.into_iter().enumerate() {
        let meta = fs::metadata(second.path(&format!("time-{number}")))?;
        ensure!(
            meta.mtime() == kept,
            "{time} is {} after another mount",
            meta.mtime()
        );
    }
    second.clear()?;
    second.unmount()
}

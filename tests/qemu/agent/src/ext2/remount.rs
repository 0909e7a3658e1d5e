// SPDX-License-Identifier: GPL-2.0

//! Mounting: options, read-only and back, freezing, the superblock's state.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{anyhow, ensure, Context as _, Result};
use rustix::fs::{statfs, statvfs, CWD};
use rustix::mount::{fsconfig_reconfigure, fsconfig_set_flag, fspick, FsPickFlags, MountFlags};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::ext2::second::{place_of_descriptor, read_disk, write_disk, Second};
use crate::suites;
use crate::sys::{freeze, mount};

pub const CASES: &[Case] = &[
    Case::new("mount_read_only", suites::EXT2, read_only).doc(
        "A filesystem that is made read-only refuses changes, keeps its data, and comes back.",
    ),
    Case::new("mount_corrected", suites::EXT2, corrected)
        .doc("What a check corrects while a filesystem is read-only counts once it is not."),
    Case::new("mount_state", suites::EXT2, state)
        .doc("The superblock says whether the filesystem is in use, and counts mounts."),
    Case::new("mount_freeze", suites::EXT2, frozen)
        .doc("A frozen filesystem is clean on its disk, and changes wait until it thaws."),
    Case::new("mount_freeze_unlinked", suites::EXT2, frozen_unlinked)
        .doc("A frozen filesystem is not clean while a file without a name is open."),
    Case::new("mount_options", suites::EXT2, options)
        .doc("Options are taken, shown and kept apart from those that there are not."),
    Case::new("mount_warnings", suites::EXT2, warnings)
        .doc("Mounting and remounting warn of what is odd, and tell more if asked to.")
        .logs(&[
            "warning: feature flags set on rev 0 fs, running e2fsck is recommended",
            "warning: mounting ext3 filesystem as ext2",
            "warning: mounting unchecked fs, running e2fsck is recommended",
            r"bs=\d+, gc=1, bpg=\d+, ipg=\d+",
        ]),
    Case::new("mount_reconfigured", suites::EXT2_RS, reconfigured)
        .doc("What is mounted read-only stays so if another option is changed, disk and all."),
    Case::new("mount_refused", suites::EXT2_RS, refused)
        .doc("Options of the C driver that the Rust one cannot serve are refused.")
        .logs(&["ext2_rs: option dax: .* use the C driver"]),
    Case::new("mount_as_ext2", suites::EXT2_RS, as_ext2)
        .doc("Without the C driver the Rust one is what ext2 is mounted by."),
    Case::new("mount_statfs", suites::EXT2, stat)
        .doc("statfs() tells blocks, inodes, the longest name and who it is."),
];

/// Where the superblock has its state, its count of mounts and the time of the last one.
const STATE: u64 = 1024 + 58;
const MOUNTS: u64 = 1024 + 52;
const MOUNT_TIME: u64 = 1024 + 44;
const VALID: u16 = 1;

fn number(context: &Context, offset: u64) -> Result<u16> {
    Ok(u16::from_le_bytes(read_disk(context, offset)?))
}

fn remount(flags: MountFlags, options: &str) -> io::Result<()> {
    mount::remount(Second::root(), flags, options)
}

fn read_only(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let path = second.path("file");
    fs::write(&path, "text")?;
    let open = File::options().append(true).open(&path)?;
    fails_with(
        remount(MountFlags::RDONLY, ""),
        libc::EBUSY,
        "with a file open to write",
    )?;
    drop(open);
    let before = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    remount(MountFlags::RDONLY, "").context("remount,ro")?;
    // The kernel's seconds may be a tick late.
    let mounted = u32::from_le_bytes(read_disk(context, MOUNT_TIME)?);
    ensure!(
        u64::from(mounted) + 1 >= before,
        "it was last mounted at {mounted}, now is {before}"
    );
    ensure!(
        number(context, STATE)? & VALID != 0,
        "a read-only filesystem is in use"
    );
    fails_with(fs::write(&path, "more"), libc::EROFS, "writing")?;
    fails_with(
        File::create_new(second.path("new")),
        libc::EROFS,
        "creating",
    )?;
    fails_with(fs::remove_file(&path), libc::EROFS, "removing")?;
    ensure!(fs::read(&path)? == b"text");
    remount(MountFlags::empty(), "").context("remount,rw")?;
    ensure!(
        number(context, STATE)? & VALID == 0,
        "a writable filesystem is not in use"
    );
    fs::write(&path, "more")?;
    fs::remove_file(&path)?;
    second.unmount()
}

fn corrected(context: &Context) -> Result<()> {
    const FREE_BLOCKS: u64 = 12;
    let place = place_of_descriptor(context)? + FREE_BLOCKS;
    let right = number(context, place)?;
    write_disk(context, place, &(right - 100).to_le_bytes())?;
    let second = Second::mount_flags(context, MountFlags::RDONLY)?;
    write_disk(context, place, &right.to_le_bytes())?;
    remount(MountFlags::empty(), "").context("remount,rw")?;
    let path = second.path("file");
    fs::write(&path, "text")?;
    let free = second.space()?.f_bfree;
    ensure!(
        free == u64::from(right) - 1,
        "{free} blocks are free, {right} were before"
    );
    fs::remove_file(&path)?;
    second.unmount()?;
    let free = number(context, place)?;
    ensure!(free == right, "{free} blocks are free instead of {right}");
    Ok(())
}

fn state(context: &Context) -> Result<()> {
    let mounts = number(context, MOUNTS)?;
    ensure!(
        number(context, STATE)? == VALID,
        "not clean before the test"
    );
    let second = Second::mount(context, "")?;
    second.sync()?;
    ensure!(
        number(context, STATE)? & VALID == 0,
        "a mounted filesystem says that it is clean"
    );
    ensure!(number(context, MOUNTS)? == mounts.wrapping_add(1));
    second.unmount()?;
    ensure!(
        number(context, STATE)? == VALID,
        "an unmounted filesystem is not clean"
    );
    Ok(())
}

fn frozen(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let root = File::open(Second::root())?;
    fs::write(second.path("before"), "text")?;
    freeze::freeze(&root).context("FIFREEZE")?;
    let clean = number(context, STATE);
    let path = second.path("late");
    let done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let result = fs::write(&path, "late");
            done.store(true, Ordering::SeqCst);
            result
        });
        // Long enough for a write that does not wait.
        thread::sleep(Duration::from_millis(300));
        let early = done.load(Ordering::SeqCst);
        freeze::thaw(&root).context("FITHAW")?;
        writer
            .join()
            .map_err(|_| anyhow!("the writer panicked"))??;
        ensure!(!early, "a frozen filesystem took a write");
        Ok(())
    });
    result?;
    ensure!(clean? & VALID != 0, "a frozen filesystem is not clean");
    second.sync()?;
    ensure!(
        number(context, STATE)? & VALID == 0,
        "a thawed filesystem is not in use"
    );
    ensure!(fs::read(&path)? == b"late");
    fs::remove_file(&path)?;
    fs::remove_file(second.path("before"))?;
    drop(root);
    second.unmount()
}

fn frozen_unlinked(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let root = File::open(Second::root())?;
    let path = second.path("unlinked");
    let open = File::create_new(&path)?;
    fs::remove_file(&path)?;
    let frozen = || {
        freeze::freeze(&root).context("FIFREEZE")?;
        let state = number(context, STATE);
        freeze::thaw(&root).context("FITHAW")?;
        state
    };
    ensure!(
        frozen()? & VALID == 0,
        "a filesystem is clean with a file that has no name"
    );
    drop(open);
    ensure!(
        frozen()? & VALID != 0,
        "a filesystem is not clean without such a file"
    );
    drop(root);
    second.unmount()
}

/// What `/proc/mounts` says of it.
fn shown() -> Result<String> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    let root = Second::root().to_string_lossy().into_owned();
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(1) == Some(root.as_str()));
    let options = line.and_then(|line| line.split(' ').nth(3));
    Ok(options.context("it is not in /proc/mounts")?.to_owned())
}

fn options(context: &Context) -> Result<()> {
    let taken = [
        ("minixdf", "minixdf"),
        ("grpid", "grpid"),
        ("bsdgroups", "grpid"),
        ("resuid=5", "resuid=5"),
        ("resgid=6", "resgid=6"),
        ("errors=remount-ro", "errors=remount-ro"),
        ("errors=panic", "errors=panic"),
        ("errors=continue", "errors=continue"),
        ("nouid32", "nouid32"),
        ("debug", "debug"),
        ("oldalloc", "oldalloc"),
        ("nouser_xattr", "nouser_xattr"),
        ("noacl", "noacl"),
        ("sb=1,user_xattr,acl", "acl"),
    ];
    for (option, expected) in taken {
        let second = Second::mount(context, option).with_context(|| option.to_owned())?;
        let options = shown()?;
        // The first revision of the policy is what the superblock has.
        let found = options.split(',').any(|shown| shown == expected);
        ensure!(
            found || option == "errors=remount-ro",
            "{option}: {options}"
        );
        second.unmount()?;
    }
    for option in ["nonsense", "errors=often", "resuid=many", "resuid"] {
        let refused = Second::mount(context, option).map(drop);
        ensure!(refused.is_err(), "{option} is taken");
    }
    let second = Second::mount(context, "")?;
    fails_with(
        remount(MountFlags::empty(), "nonsense"),
        libc::EINVAL,
        "remount,nonsense",
    )?;
    remount(MountFlags::empty(), "minixdf")?;
    ensure!(shown()?.contains("minixdf"));
    second.unmount()
}

fn warnings(context: &Context) -> Result<()> {
    const REVISION: u64 = 1024 + 76;
    const FEATURES: u64 = 1024 + 92;
    const HAS_JOURNAL: u16 = 4;
    let features = number(context, FEATURES)? | HAS_JOURNAL;
    with_number(context, FEATURES, features, || {
        Second::mount_flags(context, MountFlags::RDONLY)?.unmount()
    })?;
    with_number(context, REVISION, 0, || {
        // Inodes may have another size then: there is no root.
        match Second::mount_flags(context, MountFlags::RDONLY) {
            Ok(second) => second.unmount(),
            Err(_) => Ok(()),
        }
    })?;
    with_number(context, STATE, 0, || {
        let second = Second::mount_flags(context, MountFlags::RDONLY)?;
        remount(MountFlags::empty(), "")?;
        second.unmount()
    })?;
    Second::mount(context, "debug")?.unmount()
}

/// Does something to a filesystem whose superblock has another number at a place.
fn with_number(
    context: &Context,
    place: u64,
    other: u16,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let before = number(context, place)?;
    write_disk(context, place, &other.to_le_bytes())?;
    let result = work();
    write_disk(context, place, &before.to_le_bytes())?;
    result
}

fn reconfigured(context: &Context) -> Result<()> {
    let second = Second::mount_flags(context, MountFlags::RDONLY)?;
    let before = (number(context, STATE)?, number(context, MOUNTS)?);
    let picked = fspick(CWD, Second::root(), FsPickFlags::FSPICK_CLOEXEC).context("fspick")?;
    fsconfig_set_flag(picked.as_fd(), "minixdf").context("minixdf")?;
    fsconfig_reconfigure(picked.as_fd()).context("reconfiguring")?;
    drop(picked);
    ensure!(shown()?.contains("minixdf"), "the option is not there");
    fails_with(
        File::create_new(second.path("new")),
        libc::EROFS,
        "creating",
    )?;
    let after = (number(context, STATE)?, number(context, MOUNTS)?);
    ensure!(
        after == before,
        "state and mounts: {after:?} after {before:?}"
    );
    second.unmount()
}

fn refused(context: &Context) -> Result<()> {
    for option in ["dax", "xip", "quota", "usrquota", "grpquota"] {
        let result = Second::mount(context, option).map(drop);
        ensure!(result.is_err(), "{option} is taken");
    }
    for option in ["nobh", "reservation", "noreservation", "noquota"] {
        let second = Second::mount(context, option).with_context(|| option.to_owned())?;
        second.unmount()?;
    }
    Ok(())
}

fn as_ext2(context: &Context) -> Result<()> {
    let second = Second::mount_as(context, "ext2", "")?;
    fs::write(second.path("file"), "by another name")?;
    let second = second.again(context)?;
    ensure!(fs::read(second.path("file"))? == b"by another name");
    fs::remove_file(second.path("file"))?;
    second.unmount()
}

fn stat(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let (kernel, stat) = (statfs(Second::root())?, statvfs(Second::root())?);
    ensure!(kernel.f_type as u64 == 0xef53, "type {:#x}", kernel.f_type);
    ensure!(stat.f_bsize == context.block_size()?);
    ensure!(stat.f_namemax == 255);
    ensure!(stat.f_bavail <= stat.f_bfree && stat.f_bfree < stat.f_blocks);
    ensure!(stat.f_ffree < stat.f_files);
    let id = stat.f_fsid;
    ensure!(id != 0);
    second.unmount()?;
    // With minixdf metadata counts as blocks.
    let second = Second::mount(context, "minixdf")?;
    let all = statvfs(Second::root())?;
    ensure!(all.f_blocks > stat.f_blocks, "{} blocks", all.f_blocks);
    ensure!((all.f_bfree, all.f_fsid) == (stat.f_bfree, id));
    second.unmount()
}

// SPDX-License-Identifier: GPL-2.0

//! Flags of inodes, as chattr(1) sets them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{ioctl_getflags, ioctl_setflags, IFlags};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::ext2::second::Second;
use crate::suites;
use crate::sys::attributes::Extended;

pub const CASES: &[Case] = &[
    Case::new("flags_immutable", suites::EXT2, immutable)
        .doc("A file that is immutable cannot be changed, renamed, linked or removed."),
    Case::new("flags_append", suites::EXT2, append)
        .doc("A file that can be appended to only grows."),
    Case::new("flags_inherited", suites::EXT2, inherited)
        .doc("New files have what suits them of their directory's flags; flags stay on disk."),
    Case::new("flags_extended", suites::EXT2, extended)
        .doc("FS_IOC_FSSETXATTR sets the flags that ext2 has, and is refused whatever ext2 lacks."),
    Case::new("flags_noatime", suites::EXT2, noatime)
        .doc("Reading a file with that flag does not touch its time."),
];

fn get(path: &Path) -> Result<IFlags> {
    Ok(ioctl_getflags(File::open(path)?)?)
}

fn set(path: &Path, flags: IFlags) -> io::Result<()> {
    Ok(ioctl_setflags(File::open(path)?, flags)?)
}

/// Sets flags until this is dropped, so that the file can be removed then.
struct Flagged<'a>(&'a Path);

impl<'a> Flagged<'a> {
    fn new(path: &'a Path, flags: IFlags) -> Result<Self> {
        set(path, flags).context("FS_IOC_SETFLAGS")?;
        Ok(Self(path))
    }
}

impl Drop for Flagged<'_> {
    fn drop(&mut self) {
        if let Err(error) = set(self.0, IFlags::empty()) {
            eprintln!("cannot clear the flags of {}: {error}", self.0.display());
        }
    }
}

fn immutable(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let path = dir.join("file");
    fs::write(&path, "kept")?;
    let flagged = Flagged::new(&path, IFlags::IMMUTABLE)?;
    fails_with(
        File::options().write(true).open(&path),
        libc::EPERM,
        "opening to write",
    )?;
    fails_with(fs::remove_file(&path), libc::EPERM, "unlink")?;
    fails_with(fs::rename(&path, dir.join("other")), libc::EPERM, "rename")?;
    fails_with(fs::hard_link(&path, dir.join("other")), libc::EPERM, "link")?;
    let mode = fs::Permissions::from_mode(0o600);
    fails_with(fs::set_permissions(&path, mode), libc::EPERM, "chmod")?;
    ensure!(fs::read(&path)? == b"kept");
    drop(flagged);
    fs::write(&path, "changed")?;

    let sub = dir.join("sub");
    fs::create_dir(&sub)?;
    fs::write(sub.join("inside"), "old")?;
    let flagged = Flagged::new(&sub, IFlags::IMMUTABLE)?;
    fails_with(
        File::create_new(sub.join("new")),
        libc::EPERM,
        "creating in it",
    )?;
    fails_with(
        fs::remove_file(sub.join("inside")),
        libc::EPERM,
        "removing from it",
    )?;
    // What is in a file is not the directory's.
    fs::write(sub.join("inside"), "new")?;
    drop(flagged);
    fs::remove_file(sub.join("inside"))?;
    Ok(())
}

fn append(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    fs::write(&path, "start")?;
    let flagged = Flagged::new(&path, IFlags::APPEND)?;
    fails_with(
        File::options().write(true).open(&path),
        libc::EPERM,
        "opening to write",
    )?;
    let mut file = File::options().append(true).open(&path)?;
    file.write_all(b" and end")?;
    fails_with(file.set_len(2), libc::EPERM, "truncating")?;
    fails_with(fs::remove_file(&path), libc::EPERM, "unlink")?;
    ensure!(fs::read(&path)? == b"start and end");
    drop(flagged);
    fs::remove_file(&path)?;
    Ok(())
}

fn inherited(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    let on_disk =
        IFlags::NODUMP | IFlags::NOATIME | IFlags::DIRSYNC | IFlags::TOPDIR | IFlags::SYNC;
    set(&dir, on_disk)?;
    File::create_new(dir.join("file"))?;
    fs::create_dir(dir.join("sub"))?;
    let of_file = IFlags::NODUMP | IFlags::NOATIME | IFlags::SYNC;
    let second = second.again(context)?;
    let expect = |path: &Path, flags: IFlags| -> Result<()> {
        let found = get(path)?;
        ensure!(
            found == flags,
            "{}: {found:?} instead of {flags:?}",
            path.display()
        );
        Ok(())
    };
    expect(&dir, on_disk)?;
    expect(&dir.join("file"), of_file)?;
    expect(&dir.join("sub"), of_file | IFlags::DIRSYNC)?;
    fs::remove_dir_all(&dir)?;
    second.unmount()
}

fn extended(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    let file = File::create_new(&path)?;
    let wanted = Extended {
        flags: Extended::IMMUTABLE | Extended::NODUMP,
        ..Extended::default()
    };
    wanted.set(&file).context("FS_IOC_FSSETXATTR")?;
    let both = (get(&path)?, Extended::get(&file)?);
    // Else the file could not be removed.
    Extended::default().set(&file)?;
    let expected = (IFlags::IMMUTABLE | IFlags::NODUMP, wanted);
    ensure!(both == expected, "{both:?} instead of {expected:?}");
    let nodump = Extended {
        flags: Extended::NODUMP,
        ..Extended::default()
    };
    nodump.set(&file)?;
    let lacking = [
        Extended {
            flags: Extended::NO_DEFRAG,
            ..nodump
        },
        Extended {
            flags: Extended::EXTENT_SIZE,
            extent_size: 1 << 16,
            ..nodump
        },
        Extended {
            project: 5,
            ..nodump
        },
        Extended {
            cow_extent_size: 1 << 16,
            ..nodump
        },
    ];
    for attributes in lacking {
        let refused = attributes.set(&file);
        fails_with(refused, libc::EOPNOTSUPP, &format!("{attributes:?}"))?;
    }
    let found = Extended::get(&file)?;
    ensure!(found == nodump, "{found:?} after what was refused");
    Ok(())
}

fn noatime(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    fs::write(&path, "text")?;
    let past = File::options()
        .write(true)
        .custom_flags(libc::O_NOATIME)
        .open(&path)?;
    past.set_times(
        fs::FileTimes::new().set_accessed(std::time::UNIX_EPOCH + Duration::from_secs(5)),
    )?;
    let read = |path: &Path| -> Result<i64> {
        let mut text = String::new();
        File::open(path)?.read_to_string(&mut text)?;
        Ok(fs::metadata(path)?.atime())
    };
    let flagged = Flagged::new(&path, IFlags::NOATIME)?;
    ensure!(read(&path)? == 5);
    drop(flagged);
    ensure!(
        read(&path)? > 5,
        "a read does not touch the time without the flag either"
    );
    Ok(())
}

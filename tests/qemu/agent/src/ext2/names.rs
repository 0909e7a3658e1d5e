// SPDX-License-Identifier: GPL-2.0

//! Names in directories: how many, how long, and what they count for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{symlink, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{linkat, AtFlags, CWD};
use rustix::mount::MountFlags;

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::random::Random;
use crate::ext2::second::{data_on_disk, place_of_inode, read_disk, write_disk, Second};
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("names_grow_and_shrink", suites::EXT2, grow_and_shrink)
        .doc("A directory holds what was created and not removed, in whatever order."),
    Case::new("names_links", suites::EXT2, links)
        .doc("A file has up to 32000 names, each of which counts."),
    Case::new("names_length", suites::EXT2, length)
        .doc("Names have up to 255 bytes, of any kind but NUL and slash."),
    Case::new("names_unlinked", suites::EXT2, unlinked)
        .doc("A file without a name lives as long as it is open, then its space is free."),
    Case::new("names_late", suites::EXT2, late)
        .doc("A file that was made without a name can be given one; without, nothing stays."),
    Case::new("names_at_once", suites::EXT2, at_once)
        .doc("Names are on the disk as soon as they are made, changed or removed."),
    Case::new("names_mkdir_synchronous", suites::EXT2, mkdir_synchronous)
        .doc("A directory that is made synchronously is on the disk with all its links."),
    Case::new("names_rmdir", suites::EXT2, rmdir)
        .doc("Only empty directories are removed, and parents' links follow."),
];

/// C: `EXT2_LINK_MAX`.
const LINK_MAX: u64 = 32_000;

/// The names that a directory lists.
pub fn listed(dir: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(names.insert(name.clone()), "{name} is listed twice");
    }
    Ok(names)
}

fn grow_and_shrink(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let mut random = Random::new(4);
    let mut model: BTreeSet<String> = BTreeSet::new();
    for round in 0..3 {
        for _ in 0..900 {
            let length = 1 + random.below(200);
            let name = format!("{}-{}", random.below(1500), "n".repeat(length));
            if model.insert(name.clone()) {
                File::create_new(dir.join(&name))
                    .with_context(|| format!("cannot create {name}"))?;
            } else {
                fails_with(
                    File::create_new(dir.join(&name)),
                    libc::EEXIST,
                    "a second file",
                )?;
            }
        }
        ensure!(listed(&dir)? == model, "round {round}: after creating");
        // All but those that start with the digits of this round.
        let dead: Vec<String> = model
            .iter()
            .filter(|name| !name.starts_with(['1', '3', '5']))
            .cloned()
            .collect();
        for name in dead {
            fs::remove_file(dir.join(&name)).with_context(|| format!("cannot remove {name}"))?;
            ensure!(model.remove(&name));
            fails_with(
                fs::metadata(dir.join(&name)),
                libc::ENOENT,
                "a removed file",
            )?;
        }
        ensure!(listed(&dir)? == model, "round {round}: after removing");
    }
    for name in &model {
        fs::metadata(dir.join(name)).with_context(|| format!("cannot find {name}"))?;
    }
    Ok(())
}

/// Where an inode has its count of names, in bytes from its start.
const LINKS: u64 = 26;

/// Making all those names would take minutes: the count on the disk is changed.
fn links(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    fs::write(second.path("file"), "shared")?;
    let inode = fs::metadata(second.path("file"))?.ino();
    second.unmount()?;
    let place = place_of_inode(context, inode)? + LINKS;
    ensure!(read_disk(context, place)? == 1u16.to_le_bytes());
    write_disk(context, place, &(LINK_MAX as u16 - 2).to_le_bytes())?;

    let second = Second::mount(context, "")?;
    let (file, one, two) = (second.path("file"), second.path("one"), second.path("two"));
    fs::hard_link(&file, &one)?;
    fs::hard_link(&file, &two)?;
    ensure!(fs::metadata(&file)?.nlink() == LINK_MAX);
    fails_with(
        fs::hard_link(&file, second.path("more")),
        libc::EMLINK,
        "one link more",
    )?;
    fs::remove_file(&two)?;
    fs::hard_link(&file, second.path("more")).context("a link in place of another")?;
    ensure!(fs::read(second.path("more"))? == b"shared");
    for name in ["one", "more"] {
        fs::remove_file(second.path(name))?;
    }
    let root = Second::root();
    fails_with(
        fs::hard_link(root, second.path("again")),
        libc::EPERM,
        "a link to a directory",
    )?;
    second.unmount()?;
    write_disk(context, place, &1u16.to_le_bytes())?;
    let second = Second::mount(context, "")?;
    fs::remove_file(second.path("file"))?;
    second.unmount()
}

fn length(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let mut names = BTreeSet::new();
    for length in 1..=255 {
        let name = "x".repeat(length);
        File::create_new(dir.join(&name)).with_context(|| format!("{length} bytes"))?;
        names.insert(name);
    }
    for name in ["new\nline", " ", "...", "-", "\u{1}", "\u{e4}\u{20ac}"] {
        File::create_new(dir.join(name)).with_context(|| format!("{name:?}"))?;
        names.insert(name.to_owned());
    }
    ensure!(listed(&dir)? == names);
    let long = File::create_new(dir.join("x".repeat(256)));
    fails_with(long, libc::ENAMETOOLONG, "a name of 256 bytes")?;
    let long = fs::metadata(dir.join("x".repeat(256)));
    fails_with(long, libc::ENAMETOOLONG, "looking for a name of 256 bytes")
}

fn unlinked(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let before = second.space()?;
    let path = second.path("open");
    let mut file = File::create_new(&path)?;
    let data = vec![0x5a; 600 << 10];
    file.write_all(&data)?;
    file.sync_all()?;
    let with = second.space()?;
    ensure!(with.f_bfree < before.f_bfree, "a file takes no space");
    fs::remove_file(&path)?;
    ensure!(file.metadata()?.nlink() == 0);
    let held = second.space()?;
    ensure!(
        held.f_bfree == with.f_bfree,
        "the space of an open file is free"
    );
    let mut again = Vec::new();
    let mut reader = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .context("an open file without a name")?;
    reader.read_to_end(&mut again)?;
    ensure!(again == data, "what an unlinked file holds changed");
    drop(reader);
    drop(file);
    let after = second.space()?;
    ensure!(
        (after.f_bfree, after.f_ffree) == (before.f_bfree, before.f_ffree),
        "{} blocks and {} inodes are free instead of {} and {}",
        after.f_bfree,
        after.f_ffree,
        before.f_bfree,
        before.f_ffree
    );
    second.unmount()
}

fn late(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let before = second.space()?;
    let make = || -> Result<File> {
        let mut file = File::options()
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(Second::root())
            .context("O_TMPFILE")?;
        file.write_all(b"unnamed")?;
        ensure!(file.metadata()?.nlink() == 0);
        Ok(file)
    };
    drop(make()?);
    let after = second.space()?;
    ensure!((after.f_bfree, after.f_ffree) == (before.f_bfree, before.f_ffree));

    let file = make()?;
    let of_file = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = second.path("late");
    linkat(CWD, of_file, CWD, &path, AtFlags::SYMLINK_FOLLOW).context("linkat")?;
    ensure!(file.metadata()?.nlink() == 1);
    drop(file);
    let second = second.again(context)?;
    ensure!(fs::read(&path)? == b"unnamed");
    fs::remove_file(&path)?;
    second.unmount()
}

fn at_once(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    let inode = fs::metadata(&dir)?.ino();
    let mut before = data_on_disk(context, inode)?;
    ensure!(has_name(&before, ".."), "mkdir is not on the disk");
    let path = |name: &str| dir.join(name);
    let steps: [(&str, &dyn Fn() -> io::Result<()>); 6] = [
        ("create", &|| File::create_new(path("file")).map(drop)),
        ("link", &|| fs::hard_link(path("file"), path("link"))),
        ("symlink", &|| symlink("nowhere", path("symlink"))),
        ("rename", &|| fs::rename(path("file"), path("renamed"))),
        ("replace", &|| fs::rename(path("symlink"), path("renamed"))),
        ("unlink", &|| fs::remove_file(path("link"))),
    ];
    for (what, step) in steps {
        step().context(what)?;
        let after = data_on_disk(context, inode)?;
        ensure!(before[..] != after[..], "{what} is not on the disk");
        before = after;
    }
    ensure!(has_name(&before, "renamed"));
    second.clear()?;
    second.unmount()
}

fn has_name(block: &[u8], name: &str) -> bool {
    block
        .windows(name.len())
        .any(|part| part == name.as_bytes())
}

fn mkdir_synchronous(context: &Context) -> Result<()> {
    const LINKS: u64 = 26;
    for flag in [MountFlags::DIRSYNC, MountFlags::SYNCHRONOUS] {
        let second = Second::mount_flags(context, flag)?;
        let parent = second.path("parent");
        fs::create_dir(&parent)?;
        fs::create_dir(parent.join("child"))?;
        for (path, links) in [(parent.join("child"), 2), (parent, 3)] {
            let inode = place_of_inode(context, fs::metadata(&path)?.ino())?;
            let found = u16::from_le_bytes(read_disk(context, inode + LINKS)?);
            ensure!(
                found == links,
                "{flag:?}: {} has {found} links instead of {links}",
                path.display()
            );
        }
        second.clear()?;
        second.unmount()?;
    }
    Ok(())
}

fn rmdir(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let links = |path: &Path| anyhow::Ok(fs::metadata(path)?.nlink());
    ensure!(links(&dir)? == 2);
    let child = dir.join("child");
    fs::create_dir(&child)?;
    ensure!((links(&dir)?, links(&child)?) == (3, 2));
    fs::create_dir(child.join("grandchild"))?;
    ensure!(links(&child)? == 3);
    fails_with(
        fs::remove_dir(&child),
        libc::ENOTEMPTY,
        "rmdir of a directory with one in it",
    )?;
    fs::remove_dir(child.join("grandchild"))?;
    File::create_new(child.join("file"))?;
    fails_with(
        fs::remove_dir(&child),
        libc::ENOTEMPTY,
        "rmdir of a directory with a file",
    )?;
    fails_with(
        fs::remove_dir(child.join("file")),
        libc::ENOTDIR,
        "rmdir of a file",
    )?;
    fails_with(
        fs::remove_file(&child),
        libc::EISDIR,
        "unlink of a directory",
    )?;
    fs::remove_file(child.join("file"))?;
    // Many entries, all gone again: more than one block, all of it unused.
    for number in 0..300 {
        File::create_new(child.join(format!("{number:0100}")))?;
    }
    for number in 0..300 {
        fs::remove_file(child.join(format!("{number:0100}")))?;
    }
    let open = File::open(&child)?;
    fs::remove_dir(&child)?;
    ensure!(links(&dir)? == 2 && open.metadata()?.nlink() == 0);
    fails_with(
        File::create_new(child.join("late")),
        libc::ENOENT,
        "a file in a removed directory",
    )
}

// SPDX-License-Identifier: GPL-2.0

//! Extended attributes.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{anyhow, ensure, Context as _, Result};
use rustix::fs::{lgetxattr, listxattr, lremovexattr, lsetxattr, XattrFlags};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::random::Random;
use crate::ext2::second::{edit_disk, place_of_inode, read_disk, write_disk, Second};
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("xattr_model", suites::EXT2, model)
        .doc("Attributes of all kinds are set, replaced and removed as a map would be."),
    Case::new("xattr_flags", suites::EXT2, flags)
        .doc("Attributes that must or must not be there are told apart; limits hold."),
    Case::new("xattr_shared", suites::EXT2, shared)
        .doc("Files with equal attributes may share a block; none sees a change of another's."),
    Case::new("xattr_shared_release", suites::EXT2, shared_release).doc(
        "Files that share attributes lose them at the same time, and the last one frees them.",
    ),
    Case::new("xattr_kinds", suites::EXT2, kinds)
        .doc("Symlinks and devices have no user attributes, but others; attributes can be off."),
];

type Attributes = BTreeMap<String, Vec<u8>>;

fn set(path: &Path, name: &str, value: &[u8], flags: XattrFlags) -> io::Result<()> {
    Ok(lsetxattr(path, name, value, flags)?)
}

fn get(path: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut value = vec![0; 8192];
    let length = lgetxattr(path, name, &mut value[..])?;
    value.truncate(length);
    Ok(value)
}

fn remove(path: &Path, name: &str) -> io::Result<()> {
    Ok(lremovexattr(path, name)?)
}

fn all(path: &Path) -> Result<Attributes> {
    let mut list = vec![0; 16384];
    let length = listxattr(path, &mut list[..]).context("listxattr")?;
    list.truncate(length);
    let mut found = Attributes::new();
    for name in list.split_inclusive(|byte| *byte == 0) {
        let name = CStr::from_bytes_with_nul(name)?
            .to_string_lossy()
            .into_owned();
        let value = get(path, &name).with_context(|| name.clone())?;
        ensure!(
            found.insert(name.clone(), value).is_none(),
            "{name} is listed twice"
        );
    }
    Ok(found)
}

/// Bytes of a block that attributes take, by the format's description.
fn bytes(attributes: &Attributes) -> usize {
    let up = |bytes: usize| bytes.next_multiple_of(4);
    let each = attributes.iter().map(|(name, value)| {
        let (_, name) = name.split_once('.').unwrap_or_default();
        up(16 + name.len()) + up(value.len())
    });
    32 + each.sum::<usize>() + 4
}

fn model(context: &Context) -> Result<()> {
    let mut second = Second::mount(context, "")?;
    let block = usize::try_from(context.block_size()?)?;
    let path = second.path("file");
    File::create_new(&path)?;
    let mut random = Random::new(9);
    let mut model = Attributes::new();
    let mut full = 0;
    for step in 0..600 {
        let kind = ["user", "trusted", "security"][random.below(3)];
        let name = format!("{kind}.{}", "n".repeat(1 + random.below(6)));
        if random.below(4) == 0 {
            let result = remove(&path, &name);
            match model.remove(&name) {
                Some(_) => result.with_context(|| format!("step {step}: removing {name}"))?,
                None => fails_with(result, libc::ENODATA, "removing what is not there")?,
            }
        } else {
            let value = vec![step as u8; random.below(block / 6)];
            let mut changed = model.clone();
            changed.insert(name.clone(), value.clone());
            let result = set(&path, &name, &value, XattrFlags::empty());
            if bytes(&changed) <= block {
                result.with_context(|| format!("step {step}: setting {name}"))?;
                model = changed;
            } else {
                fails_with(result, libc::ENOSPC, "more than a block")?;
                full += 1;
            }
        }
        if step % 50 == 0 {
            second = second.again(context)?;
        }
        if step % 10 == 0 {
            ensure!(all(&path)? == model, "step {step}");
        }
    }
    ensure!(full > 10, "the block was full {full} times only");
    ensure!(all(&path)? == model);
    for name in model.keys() {
        remove(&path, name)?;
    }
    ensure!(fs::metadata(&path).map(|meta| meta.blocks())? == 0);
    fs::remove_file(&path)?;
    second.unmount()
}

fn flags(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    File::create_new(&path)?;
    let (create, replace) = (XattrFlags::CREATE, XattrFlags::REPLACE);
    fails_with(
        set(&path, "user.a", b"1", replace),
        libc::ENODATA,
        "replacing nothing",
    )?;
    set(&path, "user.a", b"1", create)?;
    fails_with(
        set(&path, "user.a", b"2", create),
        libc::EEXIST,
        "creating it again",
    )?;
    set(&path, "user.a", b"2", replace)?;
    ensure!(get(&path, "user.a")? == b"2");
    set(&path, "user.empty", b"", create)?;
    ensure!(get(&path, "user.empty")?.is_empty());
    fails_with(
        get(&path, "user.b"),
        libc::ENODATA,
        "a value that is not there",
    )?;
    let mut short = [0; 1];
    set(&path, "user.long", b"12", create)?;
    let result = lgetxattr(&path, "user.long", &mut short[..]);
    fails_with(
        result.map_err(io::Error::from),
        libc::ERANGE,
        "a buffer too short",
    )?;
    let long = format!("user.{}", "n".repeat(251));
    fails_with(
        set(&path, &long, b"", create),
        libc::ERANGE,
        "a name too long",
    )?;
    set(&path, &long[..long.len() - 1], b"", create)?;
    fails_with(
        set(&path, "user.", b"", create),
        libc::EINVAL,
        "a name of nothing",
    )?;
    fails_with(
        set(&path, "odd.a", b"", create),
        libc::EOPNOTSUPP,
        "an unknown kind",
    )
}

fn shared(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let paths: Vec<_> = (0..20).map(|n| second.path(&format!("file-{n}"))).collect();
    for path in &paths {
        File::create_new(path)?;
    }
    let free = || anyhow::Ok(second.space()?.f_bfree);
    let before = free()?;
    for path in &paths {
        set(
            path,
            "user.common",
            b"the same for all",
            XattrFlags::empty(),
        )?;
    }
    let with = free()?;
    // The Rust driver leaves what is shared as it is, but makes nothing shared.
    let apart = context.fs() == "ext2_rs";
    let expected = if apart { paths.len() as u64 } else { 1 };
    let taken = before - with;
    ensure!(taken == expected, "{taken} blocks for equal attributes");
    let (odd, rest) = paths.split_first().context("no files")?;
    set(
        odd,
        "user.common",
        b"not quite the same",
        XattrFlags::empty(),
    )?;
    for path in rest {
        ensure!(get(path, "user.common")? == b"the same for all");
    }
    ensure!(get(odd, "user.common")? == b"not quite the same");
    ensure!(with - free()? == u64::from(!apart));
    // Back to the others' block.
    set(odd, "user.common", b"the same for all", XattrFlags::empty())?;
    ensure!(free()? == with);
    for path in &paths {
        ensure!(get(path, "user.common")? == b"the same for all");
        fs::remove_file(path)?;
    }
    ensure!(free()? == before, "the last file took the block with it");
    second.unmount()
}

/// How many files share a block.
const SHARERS: usize = 500;
/// A race is not lost each time.
const ROUNDS: usize = 12;

fn shared_release(context: &Context) -> Result<()> {
    let mut second = Second::mount(context, "")?;
    let before = second.space()?.f_bfree;
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    let paths: Vec<_> = (0..SHARERS).map(|n| dir.join(n.to_string())).collect();
    let mut inodes = Vec::new();
    for path in &paths {
        inodes.push(File::create_new(path)?.metadata()?.ino());
    }
    let free = second.space()?.f_bfree;
    let first = paths.first().context("no files")?;
    for round in 0..=ROUNDS {
        set(first, "user.common", b"1", XattrFlags::empty())?;
        second.unmount()?;
        share(context, &inodes)?;
        second = Second::mount(context, "")?;
        for path in &paths {
            ensure!(get(path, "user.common")? == b"1");
        }
        // At last the files go with their attributes.
        let last = round == ROUNDS;
        by_two(&paths, |path| match last {
            true => fs::remove_file(path),
            false => remove(path, "user.common"),
        })?;
        if last {
            fs::remove_dir(&dir)?;
        }
        let expected = if last { before } else { free };
        let found = second.space()?.f_bfree;
        ensure!(
            found == expected,
            "round {round}: {found} blocks are free instead of {expected}"
        );
    }
    second.unmount()
}

/// Has all inodes share the block of the first one, which has some of the format's fields
/// at these places.
fn share(context: &Context, inodes: &[u64]) -> Result<()> {
    const SECTORS: usize = 28;
    const FILE_ACL: usize = 104;
    const REFCOUNT: u64 = 4;
    let (&number, others) = inodes.split_first().context("no files")?;
    let first = place_of_inode(context, number)?;
    let size = place_of_inode(context, number + 1)? - first;
    let sectors: [u8; 4] = read_disk(context, first + SECTORS as u64)?;
    let file_acl: [u8; 4] = read_disk(context, first + FILE_ACL as u64)?;
    let block = u64::from(u32::from_le_bytes(file_acl));
    ensure!(block != 0, "the first file has no block of attributes");
    ensure!(others.iter().all(|inode| *inode > number));
    let places = others.iter().map(|inode| first + (inode - number) * size);
    let places: Vec<_> = places.collect();
    let start = *places.iter().min().context("no other files")?;
    let end = places.iter().max().context("no other files")? + size;
    edit_disk(context, start, usize::try_from(end - start)?, |bytes| {
        for place in &places {
            let inode = (place - start) as usize;
            for (field, value) in [(SECTORS, sectors), (FILE_ACL, file_acl)] {
                let start = inode + field;
                if let Some(field) = bytes.get_mut(start..start + value.len()) {
                    field.copy_from_slice(&value);
                }
            }
        }
    })?;
    let refcount = block * context.block_size()? + REFCOUNT;
    write_disk(context, refcount, &(inodes.len() as u32).to_le_bytes())
}

/// Two threads do something to half of the files each.
fn by_two(paths: &[PathBuf], work: impl Fn(&Path) -> io::Result<()> + Sync) -> Result<()> {
    let work = &|paths: &[PathBuf]| paths.iter().try_for_each(|path| work(path));
    let (some, others) = paths.split_at(paths.len() / 2);
    thread::scope(|scope| {
        let threads = [some, others].map(|paths| scope.spawn(move || work(paths)));
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    })
}

fn kinds(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let link = dir.join("link");
    std::os::unix::fs::symlink("nowhere", &link)?;
    let none = XattrFlags::empty();
    fails_with(
        set(&link, "user.a", b"1", none),
        libc::EPERM,
        "a user's attribute of a link",
    )?;
    set(&link, "trusted.a", b"1", none)?;
    ensure!(get(&link, "trusted.a")? == b"1");
    ensure!(
        fs::read_link(&link)? == Path::new("nowhere"),
        "the link leads elsewhere now"
    );

    let second = Second::mount(context, "nouser_xattr")?;
    let path = second.path("file");
    File::create_new(&path)?;
    fails_with(
        set(&path, "user.a", b"1", none),
        libc::EOPNOTSUPP,
        "attributes that are off",
    )?;
    set(&path, "trusted.a", b"1", none)?;
    fs::remove_file(&path)?;
    second.unmount()
}

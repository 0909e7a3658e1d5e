// SPDX-License-Identifier: GPL-2.0

//! A disk without free blocks or inodes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::thread;

use anyhow::{anyhow, ensure, Context as _, Result};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open};
use crate::ext2::second::{read_disk, write_disk, Second};
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("full_blocks", suites::EXT2, blocks).doc(
        "A disk takes all its blocks, then says ENOSPC, loses nothing, and takes as much once \
         that is removed.",
    ),
    Case::new("full_small_files", suites::EXT2, small_files)
        .doc("Names and small files can use up the disk, too; all that was made can be read."),
    Case::new("full_inodes", suites::EXT2, inodes)
        .doc("All inodes can be used, then creating says ENOSPC, and writing goes on."),
    Case::new("full_reserved", suites::EXT2, reserved)
        .doc("Reserved blocks are left to the privileged."),
    Case::new("full_reserved_meanwhile", suites::EXT2, reserved_meanwhile)
        .doc("How many blocks are reserved can be changed while the filesystem is mounted."),
];

const PIECE: usize = 64 << 10;

/// A piece whose bytes tell where it belongs.
fn piece(number: u64) -> Vec<u8> {
    (0..PIECE as u64)
        .map(|at| (number.wrapping_mul(31).wrapping_add(at >> 8) | 1) as u8)
        .collect()
}

/// Writes to the end of the space. Gives the file's size.
fn fill(path: &Path) -> Result<u64> {
    File::create_new(path)?;
    let file = open(path, 0)?;
    let mut size = 0;
    let error = loop {
        let number = size / PIECE as u64;
        let at = (size % PIECE as u64) as usize;
        let bytes = piece(number);
        match file.write_at(bytes.get(at..).unwrap_or_default(), size) {
            Ok(count) => size += count as u64,
            Err(error) => break error,
        }
    };
    fails_with::<()>(Err(error), libc::ENOSPC, "writing to a full disk")?;
    drop_cache(&file)?;
    ensure!(
        file.metadata()?.len() == size,
        "a file of {} bytes",
        file.metadata()?.len()
    );
    check(&file, size)?;
    Ok(size)
}

fn check(file: &File, size: u64) -> Result<()> {
    let mut found = vec![0; PIECE];
    for number in 0..size.div_ceil(PIECE as u64) {
        let length = PIECE.min((size - number * PIECE as u64) as usize);
        let found = found.get_mut(..length).unwrap_or_default();
        file.read_exact_at(found, number * PIECE as u64)?;
        ensure!(
            piece(number).starts_with(found),
            "the file differs in piece {number}"
        );
    }
    Ok(())
}

fn blocks(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let before = second.space()?;
    let kept = second.path("kept");
    fs::write(&kept, vec![7; 300_000])?;
    let mut sizes = Vec::new();
    for round in 0..3 {
        let path = second.path("ballast");
        sizes.push(fill(&path).with_context(|| format!("round {round}"))?);
        let full = second.space()?;
        ensure!(
            full.f_bfree == 0,
            "{} blocks are free on a full disk",
            full.f_bfree
        );
        // Neither a name more that needs a block, nor a block for a hole.
        let hole = File::create(second.path("hole"))?;
        hole.set_len(1 << 20)?;
        fails_with(
            hole.write_at(b"x", 5000),
            libc::ENOSPC,
            "a block for a hole",
        )?;
        ensure!(hole.metadata()?.blocks() == 0);
        fails_with(
            fs::create_dir(second.path("dir")),
            libc::ENOSPC,
            "a directory",
        )?;
        fs::remove_file(second.path("hole"))?;
        ensure!(fs::read(&kept)? == vec![7; 300_000], "another file changed");
        // A block more or less decides whether there is an indirect one.
        File::options()
            .write(true)
            .open(&path)?
            .set_len(sizes[0] / 2)?;
        check(&File::open(&path)?, sizes[0] / 2)?;
        fs::remove_file(&path)?;
    }
    ensure!(
        sizes.windows(2).all(|pair| pair[0] == pair[1]),
        "{sizes:?} bytes fit"
    );
    fs::remove_file(&kept)?;
    let after = second.space()?;
    ensure!(
        (after.f_bfree, after.f_ffree) == (before.f_bfree, before.f_ffree),
        "{} blocks are free instead of {}",
        after.f_bfree,
        before.f_bfree
    );
    second.unmount()
}

fn small_files(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let before = second.space()?;
    let ballast = second.path("ballast");
    let file = File::create_new(&ballast)?;
    let room = before.f_bfree * before.f_frsize;
    // What is left is used up by names and small files.
    let mut size = 0;
    while size + (600 << 10) < room {
        (&file).write_all(&piece(size / PIECE as u64))?;
        size += PIECE as u64;
    }
    drop(file);
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    let mut made = Vec::new();
    let error = loop {
        let path = dir.join(format!("{:0200}", made.len()));
        let text = format!("file {}", made.len());
        let result = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        match result {
            Ok(()) => made.push((path, text)),
            Err(error) => break error,
        }
    };
    fails_with::<()>(Err(error), libc::ENOSPC, "a small file on a full disk")?;
    ensure!(made.len() > 50, "{} small files fit", made.len());
    let second = second.again(context)?;
    for (path, text) in &made {
        ensure!(
            fs::read_to_string(path)? == *text,
            "{} differs",
            path.display()
        );
    }
    fs::remove_dir_all(&dir)?;
    fs::remove_file(&ballast)?;
    let after = second.space()?;
    ensure!((after.f_bfree, after.f_ffree) == (before.f_bfree, before.f_ffree));
    second.unmount()
}

fn inodes(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let before = second.space()?;
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    let mut made = 0u64;
    let mut inodes = std::collections::BTreeSet::new();
    let error = loop {
        let part = dir.join((made / 500).to_string());
        let result = if made % 500 == 0 {
            fs::create_dir(&part).and_then(|()| fs::metadata(&part))
        } else {
            File::create_new(part.join(made.to_string())).and_then(|file| file.metadata())
        };
        match result {
            Ok(meta) => ensure!(inodes.insert(meta.ino()), "inode {} twice", meta.ino()),
            Err(error) => break error,
        }
        made += 1;
    };
    fails_with::<()>(
        Err(error),
        libc::ENOSPC,
        "a file more than there are inodes",
    )?;
    // The first directory took one.
    ensure!(
        made + 1 == before.f_ffree,
        "{made} files of {} inodes",
        before.f_ffree
    );
    ensure!(second.space()?.f_ffree == 0);
    fs::write(dir.join("0/1"), "there is space for data").context("writing to an old file")?;
    fails_with(
        fs::create_dir(second.path("more")),
        libc::ENOSPC,
        "a directory more",
    )?;
    let link = std::os::unix::fs::symlink("x", second.path("more"));
    fails_with(link, libc::ENOSPC, "a symlink more")?;
    fs::hard_link(dir.join("0/1"), second.path("link")).context("a link needs no inode")?;
    fs::remove_file(second.path("link"))?;
    fs::remove_file(dir.join("0/1"))?;
    fs::write(second.path("more"), "one more")?;
    fs::remove_file(second.path("more"))?;
    fs::remove_dir_all(&dir)?;
    let after = second.space()?;
    ensure!((after.f_bfree, after.f_ffree) == (before.f_bfree, before.f_ffree));
    second.unmount()
}

/// Where the superblock says how many blocks are reserved.
const RESERVED: u64 = 1024 + 8;
/// How many there are for this test.
const RESERVED_BLOCKS: u32 = 500;
const SOMEBODY: u32 = 1000;

fn reserved(context: &Context) -> Result<()> {
    let before: [u8; 4] = read_disk(context, RESERVED)?;
    write_disk(context, RESERVED, &RESERVED_BLOCKS.to_le_bytes())?;
    let result = with_reserved(context, "").and_then(|()| {
        // The one that the option names counts as privileged.
        with_reserved(context, &format!("resuid={SOMEBODY}"))
    });
    write_disk(context, RESERVED, &before)?;
    result
}

fn with_reserved(context: &Context, options: &str) -> Result<()> {
    let second = Second::mount(context, options)?;
    let space = second.space()?;
    let held = space.f_bfree - space.f_bavail;
    ensure!(
        held == u64::from(RESERVED_BLOCKS),
        "{held} blocks are reserved"
    );
    let path = second.path("ballast");
    let file = File::create_new(&path)?;
    let filled = as_somebody(move || {
        let mut number = 0;
        loop {
            if let Err(error) = (&file).write_all(&piece(number)) {
                return Ok(error.kind() == io::ErrorKind::StorageFull);
            }
            number += 1;
        }
    })?;
    ensure!(filled, "not ENOSPC");
    let left = second.space()?.f_bfree;
    let file = File::options().append(true).open(&path)?;
    if options.is_empty() {
        // C looks before it allocates a run of blocks, not how long that is.
        let most = u64::from(RESERVED_BLOCKS);
        ensure!((most - 64..=most).contains(&left), "{left} blocks are left");
        (&file).write_all(&piece(0)).context("the privileged")?;
    } else {
        // A block may take three more that lead to it.
        ensure!(left < 4, "{left} blocks are left");
    }
    drop(file);
    fs::remove_file(&path)?;
    second.unmount()
}

fn reserved_meanwhile(context: &Context) -> Result<()> {
    let before: [u8; 4] = read_disk(context, RESERVED)?;
    let second = Second::mount(context, "")?;
    let result = reserve_meanwhile(context, &second);
    write_disk(context, RESERVED, &before)?;
    result?;
    second.unmount()
}

fn reserve_meanwhile(context: &Context, second: &Second) -> Result<()> {
    let path = second.path("file");
    File::create_new(&path)?;
    for none_left in [false, true] {
        let free = second.space()?.f_bfree;
        let reserved = if none_left { free } else { 0 };
        // As `tune2fs` does.
        write_disk(context, RESERVED, &u32::try_from(reserved)?.to_le_bytes())?;
        let space = second.space()?;
        ensure!(
            space.f_bavail == free - reserved,
            "{} of {free} blocks are left to others, {reserved} are reserved",
            space.f_bavail
        );
        let file = File::options().append(true).open(&path)?;
        // More than the count that C looks at may be behind.
        let write = move || Ok((0..8).try_for_each(|number| (&file).write_all(&piece(number))));
        let written = as_somebody(write)?;
        if none_left {
            fails_with(written, libc::ENOSPC, "writing to reserved blocks")?;
        } else {
            written.context("writing to blocks that are not reserved")?;
        }
    }
    fs::remove_file(&path)?;
    Ok(())
}

/// Runs `work` in a thread without privileges.
fn as_somebody<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let unprivileged = move || {
        let (user, group) = (Uid::from_raw(SOMEBODY), Gid::from_raw(SOMEBODY));
        set_thread_res_gid(group, group, group).context("setresgid")?;
        set_thread_res_uid(user, user, user).context("setresuid")?;
        work()
    };
    let thread = thread::spawn(unprivileged);
    thread.join().map_err(|_| anyhow!("the thread panicked"))?
}

// SPDX-License-Identifier: GPL-2.0

//! What a filesystem does when it comes upon something that cannot be: `errors=`.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Context as _, Result};

use crate::case::Case;
use crate::check::{fails_with, wait_until};
use crate::context::Context;
use crate::ext2::second::{place_of_data, place_of_inode, read_disk, write_disk, Second};
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("errors_continue", suites::EXT2, goes_on)
        .doc("With errors=continue a damaged directory is noted, and the rest goes on."),
    Case::new("errors_remount_ro", suites::EXT2, read_only)
        .doc("With errors=remount-ro nothing is written after a damaged directory."),
    Case::new("errors_tree_in_itself", suites::EXT2, tree_in_itself)
        .doc("A file whose blocks of pointers lead back into themselves is removed in time."),
    Case::new("errors_panic", suites::EXT2_CRASH, panics)
        .doc("With errors=panic a damaged directory stops the machine."),
];

/// Where the superblock has its state, and what that says.
const STATE: u64 = 1024 + 58;
const VALID: u16 = 1;
const ERRORS: u16 = 2;

/// Where an inode has the pointer with three blocks of pointers on the way.
const TRIPLE: u64 = 40 + 14 * 4;

/// For some thousand errors, each of which is logged and noted on the disk.
const PATIENCE: Duration = Duration::from_secs(40);

/// A directory with a file, whose first entry is longer than the block while this
/// exists.
struct Damaged<'a> {
    context: &'a Context<'a>,
    place: u64,
    length: [u8; 2],
}

impl<'a> Damaged<'a> {
    fn new(context: &'a Context<'a>) -> Result<Self> {
        let second = Second::mount(context, "")?;
        fs::create_dir(second.path("damaged"))?;
        fs::write(second.path("damaged/file"), "unseen")?;
        fs::write(second.path("sound"), "seen")?;
        let inode = fs::metadata(second.path("damaged"))?.ino();
        second.unmount()?;
        // An entry starts with its inode, its length follows.
        let place = place_of_data(context, inode)? + 4;
        let length = read_disk(context, place)?;
        ensure!(u16::from_le_bytes(length) == 12, "no entry of itself");
        write_disk(context, place, &0xfff0u16.to_le_bytes())?;
        Ok(Self {
            context,
            place,
            length,
        })
    }

    /// Repairs it, and removes what was made for it.
    fn repair(self) -> Result<()> {
        write_disk(self.context, self.place, &self.length)?;
        let state = u16::from_le_bytes(read_disk(self.context, STATE)?);
        ensure!(
            state & ERRORS != 0,
            "the superblock knows of no error: {state:#x}"
        );
        write_disk(self.context, STATE, &VALID.to_le_bytes())?;
        let second = Second::mount(self.context, "")?;
        ensure!(fs::read(second.path("damaged/file"))? == b"unseen");
        second.clear()?;
        second.unmount()
    }
}

/// Looks into the damaged directory.
fn look(second: &Second) -> Result<()> {
    match fs::read_dir(second.path("damaged")).and_then(|mut names| names.next().transpose()) {
        Ok(found) => bail!("a damaged directory was read: {found:?}"),
        // C says EIO throughout.
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EUCLEAN) => Ok(()),
        Err(error) => Err(error).context("reading a damaged directory"),
    }
}

fn goes_on(context: &Context) -> Result<()> {
    let damaged = Damaged::new(context)?;
    let second = Second::mount(context, "errors=continue")?;
    look(&second)?;
    let state = u16::from_le_bytes(read_disk(context, STATE)?);
    ensure!(state & ERRORS != 0, "nothing is noted: {state:#x}");
    fs::write(second.path("sound"), "changed")?;
    File::create_new(second.path("new"))?;
    second.unmount()?;
    damaged.repair()
}

fn read_only(context: &Context) -> Result<()> {
    let damaged = Damaged::new(context)?;
    let second = Second::mount(context, "errors=remount-ro")?;
    fs::write(second.path("early"), "there is time")?;
    // What is not written by then never will be.
    second.sync()?;
    look(&second)?;
    fails_with(
        fs::write(second.path("sound"), "changed"),
        libc::EROFS,
        "writing after an error",
    )?;
    fails_with(
        File::create_new(second.path("new")),
        libc::EROFS,
        "creating after an error",
    )?;
    ensure!(fs::read(second.path("sound"))? == b"seen");
    second.unmount()?;
    damaged.repair()
}

/// A block of pointers that are its own number, three of which make billions of blocks.
fn tree_in_itself(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let second = Second::mount(context, "")?;
    let path = second.path("endless");
    fs::write(&path, vec![0x55; usize::try_from(block)?])?;
    let inode = fs::metadata(&path)?.ino();
    second.unmount()?;
    let place = place_of_data(context, inode)?;
    let number = u32::try_from(place / block)?.to_le_bytes();
    write_disk(context, place, &number.repeat(usize::try_from(block / 4)?))?;
    write_disk(context, place_of_inode(context, inode)? + TRIPLE, &number)?;

    let second = Second::mount(context, "errors=continue")?;
    let remover = thread::spawn(move || fs::remove_file(path));
    wait_until(PATIENCE, "removing the file", || remover.is_finished())?;
    remover
        .join()
        .map_err(|_| anyhow!("who removes the file panicked"))?
        .context("removing the file")?;
    second.unmount()?;
    let state = u16::from_le_bytes(read_disk(context, STATE)?);
    ensure!(
        state & ERRORS != 0,
        "a block was freed again and again, and nothing is noted: {state:#x}"
    );
    // All else is in order.
    write_disk(context, STATE, &VALID.to_le_bytes())
}

fn panics(context: &Context) -> Result<()> {
    let _damaged = Damaged::new(context)?;
    let second = Second::mount(context, "errors=panic")?;
    // C: "panic from previous error".
    context.die_by("panic f");
    look(&second)?;
    thread::sleep(Duration::from_secs(1));
    bail!("the machine goes on")
}

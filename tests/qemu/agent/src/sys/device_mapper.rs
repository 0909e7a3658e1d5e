// SPDX-License-Identifier: GPL-2.0

//! The ioctls of `linux/dm-ioctl.h`: disks put together from parts of others.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::data::mirror::open;
use crate::restore::Restore;

const CONTROL: &str = "/dev/mapper/control";

/// `_IOWR(0xfd, command, struct dm_ioctl)`.
const IOCTL: libc::c_ulong = 0xc138_fd00;
const DEV_CREATE: libc::c_ulong = 3;
const DEV_REMOVE: libc::c_ulong = 4;
const DEV_SUSPEND: libc::c_ulong = 6;
const TABLE_LOAD: libc::c_ulong = 9;
const TARGET_MSG: libc::c_ulong = 14;

const SUSPEND: u32 = 1 << 1;
/// Leave the filesystem as it is while the disk is suspended.
const SKIP_LOCKFS: u32 = 1 << 10;

/// Of `struct dm_ioctl`: its size, and where its members are.
const HEADER: usize = 312;
const DATA_SIZE: usize = 12;
const DATA_START: usize = 16;
const TARGET_COUNT: usize = 20;
const FLAGS: usize = 28;
const NAME: usize = 48;
const NAME_ROOM: usize = 128;

/// Of `struct dm_target_spec`, the parameters' text after it.
const TARGET: usize = 40;

/// The disk, which is the only one.
pub const DISK: &str = "/dev/dm-0";

/// A line of a table, in 512-byte sectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub start: u64,
    pub length: u64,
    /// `linear`, `error`...
    pub kind: &'static str,
    pub parameters: String,
}

/// Has `work` done with a disk of that table, which must be the only one here. It must
/// not be in use in the end.
pub fn with_disk<T>(
    name: &str,
    table: &[Target],
    work: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    command(DEV_CREATE, name, 0, &[]).context("DM_DEV_CREATE")?;
    let restore = Restore::new(|| command(DEV_REMOVE, name, 0, &[]).context("DM_DEV_REMOVE"));
    let result = load(name, table).and_then(|()| work(Path::new(DISK)));
    restore.now()?;
    result
}

/// Replaces the table of a disk that may be in use. Requests that are on their way
/// come to their end before.
pub fn load(name: &str, table: &[Target]) -> Result<()> {
    prepare(name, table)?;
    suspended(name, || Ok(()))
}

/// Has the next [`suspended`] end with this table, by which what waits goes on.
pub fn prepare(name: &str, table: &[Target]) -> Result<()> {
    command(TABLE_LOAD, name, 0, table).context("DM_TABLE_LOAD")
}

/// Has `work` done while requests to the disk wait.
pub fn suspended<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    command(DEV_SUSPEND, name, SUSPEND | SKIP_LOCKFS, &[]).context("suspending")?;
    let restore = Restore::new(|| command(DEV_SUSPEND, name, 0, &[]).context("resuming"));
    let result = work();
    restore.now()?;
    result
}

/// Says something to the target that has this sector of the disk.
pub fn tell(name: &str, sector: u64, text: &str) -> Result<()> {
    // `struct dm_target_msg`: the sector, then the text.
    let mut data = sector.to_ne_bytes().to_vec();
    data.extend_from_slice(text.as_bytes());
    data.push(0);
    submit(TARGET_MSG, message(name, 0, 0, &data)?).with_context(|| format!("{text:?} to {name}"))
}

fn command(number: libc::c_ulong, name: &str, flags: u32, table: &[Target]) -> Result<()> {
    let mut data = Vec::new();
    for target in table {
        append(&mut data, target)?;
    }
    submit(number, message(name, flags, table.len(), &data)?)
}

fn submit(number: libc::c_ulong, mut message: Vec<u64>) -> Result<()> {
    let control = open(Path::new(CONTROL), 0)?;
    // SAFETY: the message has the size that its header says, and the kernel writes
    // no further.
    let result = unsafe { libc::ioctl(control.as_raw_fd(), IOCTL | number, message.as_mut_ptr()) };
    check(result)
}

fn check(result: libc::c_int) -> Result<()> {
    if result != 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(())
}

/// Words, for the alignment of the structures. `data` comes behind the header.
fn message(name: &str, flags: u32, targets: usize, data: &[u8]) -> Result<Vec<u64>> {
    let mut bytes = vec![0; HEADER];
    put(&mut bytes, 0, &4_u32.to_ne_bytes());
    put(
        &mut bytes,
        DATA_START,
        &u32::try_from(HEADER)?.to_ne_bytes(),
    );
    put(
        &mut bytes,
        TARGET_COUNT,
        &u32::try_from(targets)?.to_ne_bytes(),
    );
    put(&mut bytes, FLAGS, &flags.to_ne_bytes());
    anyhow::ensure!(name.len() < NAME_ROOM, "too long a name");
    put(&mut bytes, NAME, name.as_bytes());
    bytes.extend_from_slice(data);
    // The answer may be longer than the question.
    bytes.resize((bytes.len() + HEADER).next_multiple_of(8), 0);
    let size = u32::try_from(bytes.len())?;
    put(&mut bytes, DATA_SIZE, &size.to_ne_bytes());
    Ok(bytes
        .chunks_exact(8)
        .filter_map(|chunk| chunk.first_chunk().copied().map(u64::from_ne_bytes))
        .collect())
}

fn append(bytes: &mut Vec<u8>, target: &Target) -> Result<()> {
    let length = (TARGET + target.parameters.len() + 1).next_multiple_of(8);
    let mut line = vec![0; length];
    put(&mut line, 0, &target.start.to_ne_bytes());
    put(&mut line, 8, &target.length.to_ne_bytes());
    put(&mut line, 20, &u32::try_from(length)?.to_ne_bytes());
    put(&mut line, 24, target.kind.as_bytes());
    put(&mut line, TARGET, target.parameters.as_bytes());
    bytes.extend(line);
    Ok(())
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(offset).zip(value) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_laid_out_line_after_line() -> Result<()> {
        let target = Target {
            start: 1,
            length: 2,
            kind: "error",
            parameters: String::new(),
        };
        let mut data = Vec::new();
        append(&mut data, &target)?;
        append(&mut data, &target)?;
        let words = message("disk", 0, 2, &data)?;
        // 40 bytes, the end of the text, padding.
        assert_eq!(words.get(HEADER / 8..HEADER / 8 + 2), Some(&[1, 2][..]));
        assert_eq!(words.get(HEADER / 8 + 6..HEADER / 8 + 8), Some(&[1, 2][..]));
        Ok(())
    }
}

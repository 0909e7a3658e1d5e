// SPDX-License-Identifier: GPL-2.0

//! Persistent memory in the place of the main disk. The host can neither make nor
//! check a filesystem there, so the main disk's contents are copied into it first,
//! and back in the end.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::RunSpec;

use crate::data::mirror::open;
use crate::disk::Disk;
use crate::sys::buffer::AlignedBuf;

/// The memory that the kernel's command line sets aside.
const DEVICE: &str = "/dev/pmem0";
const SIZE: &str = "/sys/block/pmem0/size";

/// Reads only when the drivers have looked at all such memory.
const WAIT: &str = "/sys/bus/nd/devices/ndbus0/wait_probe";

/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

pub fn device() -> PathBuf {
    DEVICE.into()
}

/// What makes a filesystem of that kind do without the page cache.
pub fn mount_options(kind: &str) -> &'static str {
    match kind {
        "ext2" => "dax",
        _ => "dax=always",
    }
}

/// Copies the main disk into the memory.
pub fn fill(spec: &RunSpec) -> Result<()> {
    let disk = Disk::of_run(spec, "main")?;
    let sectors: u64 = disk.number("size")?;
    fs::read_to_string(WAIT)
        .context("no persistent memory: is memmap= on the kernel's command line?")?;
    let found = fs::read_to_string(SIZE).with_context(|| format!("no {DEVICE}"))?;
    ensure!(
        found.trim() == sectors.to_string(),
        "{DEVICE} has {} sectors, the disk {sectors}",
        found.trim()
    );
    copy(&disk.path(), Path::new(DEVICE), sectors * 512)
}

/// Copies the memory to the main disk.
pub fn save(spec: &RunSpec) -> Result<()> {
    let disk = Disk::of_run(spec, "main")?;
    let bytes = disk.number::<u64>("size")? * 512;
    copy(Path::new(DEVICE), &disk.path(), bytes)
}

fn copy(from: &Path, to: &Path, bytes: u64) -> Result<()> {
    let (from, to) = (open(from, libc::O_DIRECT)?, open(to, libc::O_DIRECT)?);
    let mut buffer = AlignedBuf::new(CHUNK).context("no memory")?;
    let mut offset = 0;
    while offset < bytes {
        let length = CHUNK.min(usize::try_from(bytes - offset)?);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        transfer(&from, &to, piece, offset)?;
        offset += length as u64;
    }
    to.sync_all().context("fsync")
}

fn transfer(from: &File, to: &File, piece: &mut [u8], offset: u64) -> Result<()> {
    from.read_exact_at(piece, offset)
        .and_then(|()| to.write_all_at(piece, offset))
        .with_context(|| format!("cannot copy {} bytes at {offset}", piece.len()))
}

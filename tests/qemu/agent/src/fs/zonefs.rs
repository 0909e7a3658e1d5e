// SPDX-License-Identifier: GPL-2.0

//! zonefs on a null_blk disk with zones: each zone is a file. The first one has the
//! superblock, which is written here, as not every Debian has a mkzonefs.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context as _, Result};

use super::{KIB, MIB};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::{open, Mirror};
use crate::data::random::Random;
use crate::null_disk::{NullDisk, Zones};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;
use crate::sys::mount;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("zonefs_sequential", suites::ZONEFS, sequential)
        .doc("Zones fill up by direct writes at their ends, are reset and are finished.")
        .holds(&["DIO-12", "DIO-23"]),
    Case::new("zonefs_conventional", suites::ZONEFS, conventional)
        .doc("A zone that takes any write holds what the page cache, stores and direct I/O put there.")
        .holds(&["BW-14", "RD-4", "WB-7", "MK-2"]),
    Case::new("zonefs_remount", suites::ZONEFS, remount)
        .doc("What was written to zones of both kinds is there at the next mount."),
];

const ZONE: usize = 4 * MIB;
/// What can be written to a sequential zone.
const CAPACITY: usize = 3 * MIB;
const ZONES: Zones = Zones {
    size_mib: 4,
    capacity_mib: 3,
    conventional: 3,
};

/// Sizes of the disk's blocks, which are the filesystem's.
const BLOCK_SIZES: [u32; 2] = [512, 4096];

const TARGET: &str = "/tmp/zonefs";

/// Of `linux/magic.h`.
const MAGIC: u32 = 0x5a4f_4653;
const SUPER_SIZE: usize = 4096;

/// A mounted zonefs; unmounted when dropped.
struct ZoneFs {
    disk: NullDisk,
    mounted: bool,
}

impl ZoneFs {
    fn new(block_size: u32) -> Result<Self> {
        let disk = NullDisk::with_zones(&ZONES, block_size)?;
        let mut block = AlignedBuf::new(SUPER_SIZE)?;
        block.copy_from_slice(&superblock());
        open(&disk.path(), libc::O_DIRECT)?
            .write_all_at(&block, 0)
            .context("cannot write the superblock")?;
        fs::create_dir_all(TARGET).with_context(|| format!("cannot make {TARGET}"))?;
        let mut zonefs = Self {
            disk,
            mounted: false,
        };
        zonefs.mount()?;
        Ok(zonefs)
    }

    fn mount(&mut self) -> Result<()> {
        mount::mount(&self.disk.path(), Path::new(TARGET), "zonefs", "")?;
        self.mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<()> {
        self.mounted = false;
        mount::unmount(Path::new(TARGET))
    }

    fn zone(&self, name: &str) -> PathBuf {
        Path::new(TARGET).join(name)
    }
}

impl Drop for ZoneFs {
    fn drop(&mut self) {
        if self.mounted {
            if let Err(error) = self.unmount() {
                eprintln!("{error:#}");
            }
        }
    }
}

/// As `Documentation/filesystems/zonefs.rst` and the kernel's structure have it:
/// magic number, checksum, then nothing that has to be set.
fn superblock() -> [u8; SUPER_SIZE] {
    let mut block = [0; SUPER_SIZE];
    put(&mut block, 0, MAGIC);
    // The kernel's crc32() leaves the last inversion to its callers.
    let checksum = !crc32fast::hash(&block);
    put(&mut block, 4, checksum);
    block
}

fn put(block: &mut [u8; SUPER_SIZE], offset: usize, number: u32) {
    for (to, from) in block.iter_mut().skip(offset).zip(number.to_le_bytes()) {
        *to = from;
    }
}

fn sequential(_context: &Context) -> Result<()> {
    for block_size in BLOCK_SIZES {
        let zonefs = ZoneFs::new(block_size)?;
        for (index, method) in [Method::Sync, Method::Aio, Method::Uring]
            .iter()
            .enumerate()
        {
            let path = zonefs.zone(&format!("seq/{index}"));
            let mut mirror = Mirror::adopt(path, 1, 0)?;
            fill(&mut mirror, *method)?;
            misuse(&mirror)?;
            reset_and_finish(&mut mirror, *method)?;
        }
    }
    Ok(())
}

/// Appends pieces of several lengths, some at once if the method can.
fn fill(mirror: &mut Mirror, method: Method) -> Result<()> {
    let file = mirror.direct()?;
    for length in [4 * KIB, 64 * KIB, 300 * KIB] {
        let mut transfers = Vec::new();
        for _ in 0..4 {
            let end = mirror.bytes().len() as u64;
            transfers.push(Transfer::write(end, mirror.stamp(end, length)?));
        }
        // A request that comes before the one in front of it is refused.
        let depth = if method == Method::Aio { 4 } else { 1 };
        method.run_whole(&file, &mut transfers, depth)?;
        mirror.verify()?;
    }
    Ok(())
}

fn misuse(mirror: &Mirror) -> Result<()> {
    let piece = AlignedBuf::filled(4 * KIB, 0x11)?;
    let direct = mirror.direct()?;
    let end = mirror.bytes().len() as u64;
    fails_with(direct.write_at(&piece, 0), libc::EINVAL, "an overwrite")?;
    let beyond = end + 64 * KIB as u64;
    fails_with(direct.write_at(&piece, beyond), libc::EINVAL, "a gap")?;
    let buffered = mirror.buffered()?.write_at(&piece, end);
    fails_with(buffered, libc::EIO, "a buffered write")?;
    fails_with(
        direct.set_len(end / 2),
        libc::EPERM,
        "truncating in mid-zone",
    )?;
    mirror.verify()
}

fn reset_and_finish(mirror: &mut Mirror, method: Method) -> Result<()> {
    let file = mirror.direct()?;
    file.set_len(0).context("reset")?;
    mirror.set_length(0);
    mirror.verify()?;
    fill(mirror, method)?;

    file.set_len(CAPACITY as u64).context("finish")?;
    mirror.set_length(CAPACITY);
    mirror.verify()?;
    let piece = AlignedBuf::new(4 * KIB)?;
    let more = file.write_at(&piece, CAPACITY as u64);
    fails_with(more, libc::EFBIG, "a write to a full zone")
}

fn conventional(_context: &Context) -> Result<()> {
    for block_size in BLOCK_SIZES {
        let zonefs = ZoneFs::new(block_size)?;
        let mut mirror = Mirror::adopt(zonefs.zone("cnv/0"), 1, ZONE)?;
        scribble(&mut mirror, block_size as usize)?;
        let shorter = mirror.direct()?.set_len(0);
        fails_with(shorter, libc::EPERM, "truncating a zone without order")?;
        let piece = AlignedBuf::new(4 * KIB)?;
        let after = mirror.buffered()?.write_at(&piece, ZONE as u64);
        fails_with(after, libc::EFBIG, "a write after the zone")?;
        mirror.verify()?;
    }
    Ok(())
}

/// Writes of any kind anywhere in the zone.
fn scribble(mirror: &mut Mirror, block_size: usize) -> Result<()> {
    let (buffered, direct) = (mirror.buffered()?, mirror.direct()?);
    let mapping = FileMapping::new(&buffered, ZONE)?;
    let mut random = Random::new(5);
    for step in 0..200 {
        match step % 4 {
            0 | 1 => {
                let (offset, length) = random.range(ZONE, 100 * KIB, 1);
                mirror.write(&buffered, offset as u64, length)?;
            }
            2 => {
                let (offset, length) = random.range(ZONE, 20 * KIB, 1);
                let bytes = mirror.stamp(offset as u64, length)?;
                mapping.write(offset, &bytes)?;
            }
            _ => {
                let (offset, length) = random.range(ZONE, 100 * KIB, block_size);
                mirror.write(&direct, offset as u64, length)?;
            }
        }
        if step % 50 == 49 {
            mirror.verify().with_context(|| format!("step {step}"))?;
        }
    }
    Ok(())
}

fn remount(_context: &Context) -> Result<()> {
    let mut zonefs = ZoneFs::new(512)?;
    let mut anywhere = Mirror::adopt(zonefs.zone("cnv/1"), 1, ZONE)?;
    let mut at_the_end = Mirror::adopt(zonefs.zone("seq/4"), 2, 0)?;
    scribble(&mut anywhere, 512)?;
    fill(&mut at_the_end, Method::Sync)?;
    let file = anywhere.buffered()?;
    // Not written back by anybody but the unmount.
    anywhere.write(&file, 1000, 5000)?;
    drop(file);
    zonefs.unmount()?;
    zonefs.mount()?;
    ensure!(zonefs.zone("seq/0").metadata()?.len() == 0, "not empty");
    anywhere.verify()?;
    at_the_end.verify()
}

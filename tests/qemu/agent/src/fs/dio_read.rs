// SPDX-License-Identifier: GPL-2.0

//! Direct reads.

use std::io::IoSliceMut;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::decode_path;

use super::{KIB, MIB, SECTOR};
use crate::case::{skip, Case};
use crate::check::transfers;
use crate::context::Context;
use crate::data::digest;
use crate::data::mirror::{open_read, Mirror};
use crate::data::pattern;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::raw_io;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dio_read_tree", suites::FILLED, read_tree)
        .doc("Every file that mkfs put on the disk reads as the host wrote it.")
        .holds(&["DIO-10", "DIO-18", "DIO-32"]),
    Case::new("dio_read_unaligned", suites::ALL, read_unaligned)
        .doc("Reads that start and end inside a block, on sectors, return those bytes.")
        .holds(&["DIO-11", "DIO-19"]),
    Case::new("dio_read_eof", suites::ALL, read_eof)
        .doc("Reads over the end of the file are short, reads after it empty.")
        .holds(&["DIO-3", "DIO-23", "DIO-32"]),
    Case::new(
        "dio_read_after_eof_maps_nothing",
        suites::EXT_XFS,
        read_after_eof,
    )
    .doc("A read that starts at or after the end asks the filesystem for no mapping.")
    .holds(&["DIO-3", "DIO-8"]),
    Case::new("dio_read_hole", suites::ALL, read_hole)
        .doc("Holes between data read as zeros.")
        .holds(&["DIO-10"]),
    Case::new("dio_read_unwritten", suites::UNWRITTEN, read_unwritten)
        .doc("Allocated blocks that were never written read as zeros, whatever the disk holds.")
        .holds(&["DIO-10"]),
    Case::new("dio_read_vectored", suites::ALL, read_vectored)
        .doc("preadv fills buffers of mixed lengths in order.")
        .holds(&["DIO-19", "DIO-20"]),
    Case::new("dio_read_many_vectors", suites::EXT_XFS, read_many_vectors)
        .doc("A read into more pieces of memory than one bio takes uses several bios.")
        .holds(&["DIO-20", "DIO-21"]),
];

fn read_tree(context: &Context) -> Result<()> {
    let manifest = context.manifest();
    if manifest.is_empty() {
        return skip("the disk was made without files");
    }
    let mut buffer = AlignedBuf::new(MIB)?;
    for entry in &manifest {
        let path = decode_path(&entry.path).context("bad path in the manifest")?;
        let path = context.mount_point().join(path);
        let file = open_read(&path, libc::O_DIRECT)?;
        let (found, _) = digest::of_file(&file, &mut buffer).with_context(|| entry.path.clone())?;
        ensure!(
            found == entry.sha256,
            "{}: SHA-256 is {found} instead of {}",
            entry.path,
            entry.sha256
        );
    }
    context.note(format!("{} files", manifest.len()));
    Ok(())
}

fn read_unaligned(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 64 * KIB)?;
    let file = mirror.direct()?;
    for offset in (0..12 * KIB).step_by(SECTOR) {
        for length in [512, 1024, 1536, 3584, 4608, 20 * KIB] {
            let mut buffer = AlignedBuf::filled(length, 0xEE)?;
            let what = format!("{length} bytes at {offset}");
            transfers(file.read_at(&mut buffer, offset as u64), length, &what)?;
            pattern::compare(mirror.range(offset, length), &buffer, offset as u64)?;
        }
    }
    mirror.verify()
}

fn read_eof(context: &Context) -> Result<()> {
    // Ends inside a sector, inside a block, and on a block.
    for (id, size) in [(1, 40_000), (2, 41_472), (3, 40_960), (4, 100)] {
        let mirror = Mirror::filled(context.path(&format!("file{id}"))?, id, size)?;
        let file = mirror.direct()?;
        for offset in (0..size + 16 * KIB).step_by(SECTOR) {
            for length in [SECTOR, 8 * KIB, 64 * KIB] {
                let left = size.saturating_sub(offset).min(length);
                let mut buffer = AlignedBuf::new(length)?;
                let what = format!("{length} bytes at {offset} of {size}");
                transfers(file.read_at(&mut buffer, offset as u64), left, &what)?;
                let found = buffer.get(..left).unwrap_or_default();
                pattern::compare(mirror.range(offset, left), found, offset as u64)?;
            }
        }
    }
    Ok(())
}

fn read_after_eof(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 10_000)?;
    let file = mirror.direct()?;
    let ino = file.metadata()?.ino();
    let mut buffer = AlignedBuf::new(4 * KIB)?;
    for offset in [10_240, 1 << 20, 1 << 40] {
        let ((), events) = trace::record_iomap(ino, || {
            transfers(file.read_at(&mut buffer, offset), 0, "a read after the end")
        })?;
        let names = trace::names(&events);
        // ext4 leaves before the engine where the file is too small to have blocks.
        ensure!(
            names == ["iomap_dio_rw_begin"],
            "a read at {offset} of 10000 bytes left {names:?}"
        );
    }
    Ok(())
}

fn read_hole(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    for offset in [0, 64 * KIB, 68 * KIB, 200 * KIB] {
        mirror.write(&file, offset as u64, 4 * KIB)?;
    }
    file.set_len(300 * KIB as u64)?;
    mirror.set_length(300 * KIB);
    mirror.verify()?;
    // From inside a hole, over data, into the next hole.
    for (offset, length) in [(62 * KIB, 12 * KIB), (512, 299 * KIB), (67 * KIB, 512)] {
        let mut buffer = AlignedBuf::filled(length, 0xEE)?;
        let what = format!("{length} bytes at {offset}");
        transfers(file.read_at(&mut buffer, offset as u64), length, &what)?;
        pattern::compare(mirror.range(offset, length), &buffer, offset as u64)?;
    }
    Ok(())
}

fn read_unwritten(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    let size = 256 * KIB;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size as u64)?;
    mirror.set_length(size);
    mirror.write(&file, 64 * KIB as u64, 16 * KIB)?;
    mirror.verify()
}

fn read_vectored(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 512 * KIB)?;
    let file = mirror.direct()?;
    let lengths = [512, 4096, 1536, 64 * KIB, 512, 8192, 100 * KIB];
    let mut buffers = lengths
        .iter()
        .map(|&length| AlignedBuf::filled(length, 0xEE))
        .collect::<Result<Vec<_>, _>>()?;
    let mut slices: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
    let offset = 1536;
    let total = lengths.iter().sum();
    let result = raw_io::read_vectored(&file, &mut slices, offset as u64, 0);
    transfers(result, total, "preadv")?;
    let mut position = offset;
    for buffer in &buffers {
        let expected = mirror.range(position, buffer.len());
        pattern::compare(expected, buffer, position as u64)?;
        position += buffer.len();
    }
    Ok(())
}

fn read_many_vectors(context: &Context) -> Result<()> {
    /// A bio has 256 vectors at most.
    const VECTORS: usize = 600;
    let length = VECTORS * SECTOR;
    let mirror = Mirror::filled(context.path("file")?, 1, length)?;
    let file = mirror.direct()?;
    // One sector of each page, so that no two vectors can be joined.
    let mut memory = AlignedBuf::filled(VECTORS * PAGE_SIZE, 0xEE)?;
    let mut slices: Vec<_> = memory
        .chunks_mut(PAGE_SIZE)
        .filter_map(|page| page.get_mut(..SECTOR))
        .map(IoSliceMut::new)
        .collect();
    let device = context.disk("main")?.event_device()?;
    let ((), events) = trace::record(&["block/block_bio_queue"], || {
        let result = raw_io::read_vectored(&file, &mut slices, 0, 0);
        transfers(result, length, "preadv")
    })?;
    for (index, page) in memory.chunks(PAGE_SIZE).enumerate() {
        let found = page.get(..SECTOR).unwrap_or_default();
        let offset = index * SECTOR;
        pattern::compare(mirror.range(offset, SECTOR), found, offset as u64)?;
    }
    let bios = events
        .iter()
        .filter(|event| event.text.starts_with(&format!("{device} R ")))
        .count();
    ensure!(bios >= 3, "{bios} bios for {VECTORS} vectors");
    Ok(())
}

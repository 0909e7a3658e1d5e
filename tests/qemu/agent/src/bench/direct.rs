// SPDX-License-Identifier: GPL-2.0

//! Direct I/O, a request at a time; and the same on a disk without a filesystem,
//! where no engine has a part in it: the floor.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::disk::RAW;
use super::files::{open, whole, written_directly, MIB, PAGE};
use super::measure::Bench;
use super::{control, workload, Needs, Workload};
use crate::data::random::Random;
use crate::sys::raw_io;
use crate::transfer::Direction::{self, Read, Write};

pub const WORKLOADS: &[Workload] = &[
    workload("dio_read_4k", Needs::Direct, |b| on_file(b, Read, PAGE)),
    workload("dio_write_4k", Needs::Direct, |b| on_file(b, Write, PAGE)),
    workload("dio_read_1m", Needs::Direct, |b| on_file(b, Read, MIB)),
    workload("dio_write_1m", Needs::Direct, |b| on_file(b, Write, MIB)),
    workload("dio_readv_64k", Needs::Direct, |b| {
        vectored(b, &b.path("file"), Read)
    }),
    workload("dio_writev_64k", Needs::Direct, |b| {
        vectored(b, &b.path("file"), Write)
    }),
    workload("dio_write_512b", Needs::Direct, |b| {
        sectors(b, &b.path("file"))
    }),
    workload("dio_write_512b_new", Needs::Whole, new_sectors),
    control("raw_read_4k", Needs::Direct, |b| on_disk(b, Read, PAGE)),
    control("raw_write_4k", Needs::Direct, |b| on_disk(b, Write, PAGE)),
    control("raw_read_1m", Needs::Direct, |b| on_disk(b, Read, MIB)),
    control("raw_write_1m", Needs::Direct, |b| on_disk(b, Write, MIB)),
    control("raw_readv_64k", Needs::Direct, |b| {
        vectored(b, Path::new(RAW), Read)
    }),
    control("raw_writev_64k", Needs::Direct, |b| {
        vectored(b, Path::new(RAW), Write)
    }),
    control("raw_write_512b", Needs::Direct, |b| {
        sectors(b, Path::new(RAW))
    }),
];

pub const FILE: usize = 32 * MIB;

fn on_file(bench: &mut Bench<'_>, direction: Direction, size: usize) -> Result<()> {
    let file = written_directly(bench, &bench.path("file"), FILE)?;
    transfer(bench, &file, direction, size)
}

fn on_disk(bench: &mut Bench<'_>, direction: Direction, size: usize) -> Result<()> {
    let disk = written_directly(bench, Path::new(RAW), FILE)?;
    transfer(bench, &disk, direction, size)
}

/// At random places if the transfers are small, else one after the other.
fn transfer(bench: &mut Bench<'_>, file: &File, direction: Direction, size: usize) -> Result<()> {
    let ops = if size == PAGE {
        1024
    } else {
        (FILE / size) as u64
    };
    let mut numbers = Random::new(4);
    let mut buffer = bench.data(size)?;
    bench.copies(size);
    for _ in bench.rounds() {
        bench.time(ops, |index| {
            let offset = match size {
                PAGE => (numbers.below(FILE / PAGE) * PAGE) as u64,
                _ => index * size as u64,
            };
            let count = match direction {
                Read => file.read_at(&mut buffer, offset),
                Write => file.write_at(&buffer, offset),
            };
            whole(count, size)
        })?;
    }
    Ok(())
}

/// 16 pieces of memory, a page each.
fn vectored(bench: &mut Bench<'_>, path: &Path, direction: Direction) -> Result<()> {
    const SIZE: usize = 16 * PAGE;
    let file = written_directly(bench, path, FILE)?;
    // Every other page, or they would count as one piece.
    let mut memory = bench.data(2 * SIZE)?;
    bench.copies(SIZE);
    for _ in bench.rounds() {
        bench.time(256, |index| {
            let offset = index * SIZE as u64;
            let count = match direction {
                Read => {
                    let pages = memory.chunks_mut(PAGE).step_by(2);
                    let mut pieces: Vec<_> = pages.map(IoSliceMut::new).collect();
                    raw_io::read_vectored(&file, &mut pieces, offset, 0)
                }
                Write => {
                    let pages = memory.chunks(PAGE).step_by(2);
                    let pieces: Vec<_> = pages.map(IoSlice::new).collect();
                    raw_io::write_vectored(&file, &pieces, offset, 0)
                }
            };
            whole(count, SIZE)
        })?;
    }
    Ok(())
}

const SECTOR: usize = 512;

/// A sector in the middle of a page whose block is written already.
fn sectors(bench: &mut Bench<'_>, path: &Path) -> Result<()> {
    drop(written_directly(bench, path, FILE)?);
    let file = open(path, libc::O_DIRECT)?;
    let mut numbers = Random::new(5);
    let data = bench.data(SECTOR)?;
    bench.copies(SECTOR);
    for _ in bench.rounds() {
        bench.time(1024, |_| {
            let offset = numbers.below(FILE / PAGE) * PAGE + SECTOR;
            whole(file.write_at(&data, offset as u64), SECTOR)
        })?;
    }
    Ok(())
}

/// A sector in the middle of a block that is new: the rest of it is zeroed.
fn new_sectors(bench: &mut Bench<'_>) -> Result<()> {
    let file = open(&bench.path("file"), libc::O_DIRECT)?;
    let data = bench.data(SECTOR)?;
    bench.copies(SECTOR);
    for _ in bench.rounds() {
        file.set_len(0).context("cannot truncate a file")?;
        file.set_len(FILE as u64)
            .context("cannot truncate a file")?;
        bench.time(512, |index| {
            let offset = index as usize * 4 * PAGE + SECTOR;
            whole(file.write_at(&data, offset as u64), SECTOR)
        })?;
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Direct I/O of a page by the asynchronous interfaces, one at a time and many; and the
//! floor of that, on a disk without a filesystem.

use std::fs::File;
use std::path::Path;

use anyhow::{bail, ensure, Context as _, Result};

use super::direct::FILE;
use super::disk::{OtherDisk, RAW};
use super::files::{written_directly, PAGE};
use super::measure::Bench;
use super::{control, workload, Needs, Workload};
use crate::data::random::Random;
use crate::sys::{aio, uring};
use crate::transfer::Direction::{self, Read, Write};
use crate::transfer::{Method, Transfer};

pub const WORKLOADS: &[Workload] = &[
    workload("aio_read_4k", Needs::Direct, |b| {
        on_file(b, Method::Aio, Read, 1)
    }),
    workload("aio_read_4k_of_32", Needs::Direct, |b| {
        on_file(b, Method::Aio, Read, 32)
    }),
    workload("aio_write_4k", Needs::Direct, |b| {
        on_file(b, Method::Aio, Write, 1)
    }),
    workload("aio_write_4k_of_32", Needs::Direct, |b| {
        on_file(b, Method::Aio, Write, 32)
    }),
    workload("uring_read_4k", Needs::Direct, |b| {
        on_file(b, Method::Uring, Read, 1)
    }),
    workload("uring_read_4k_of_32", Needs::Direct, |b| {
        on_file(b, Method::Uring, Read, 32)
    }),
    workload("uring_write_4k", Needs::Direct, |b| {
        on_file(b, Method::Uring, Write, 1)
    }),
    workload("uring_write_4k_of_32", Needs::Direct, |b| {
        on_file(b, Method::Uring, Write, 32)
    }),
    workload("polled_read_4k", Needs::Polled, |b| polled(b, Read, 1)),
    workload("polled_read_4k_of_32", Needs::Polled, |b| {
        polled(b, Read, 32)
    }),
    workload("polled_write_4k", Needs::Polled, |b| polled(b, Write, 1)),
    workload("polled_write_4k_of_32", Needs::Polled, |b| {
        polled(b, Write, 32)
    }),
    control("raw_aio_read_4k", Needs::Direct, |b| {
        on_disk(b, Method::Aio, Read, 1)
    }),
    control("raw_aio_write_4k", Needs::Direct, |b| {
        on_disk(b, Method::Aio, Write, 1)
    }),
    control("raw_uring_read_4k_of_32", Needs::Direct, |b| {
        on_disk(b, Method::Uring, Read, 32)
    }),
    control("raw_uring_write_4k_of_32", Needs::Direct, |b| {
        on_disk(b, Method::Uring, Write, 32)
    }),
];

const TRANSFERS: usize = 512;

fn on_file(
    bench: &mut Bench<'_>,
    method: Method,
    direction: Direction,
    depth: usize,
) -> Result<()> {
    let path = bench.path("file");
    let file = written_directly(bench, &path, FILE)?;
    queue(bench, &file, method, direction, depth)
}

fn on_disk(
    bench: &mut Bench<'_>,
    method: Method,
    direction: Direction,
    depth: usize,
) -> Result<()> {
    let disk = written_directly(bench, Path::new(RAW), FILE)?;
    queue(bench, &disk, method, direction, depth)
}

fn polled(bench: &mut Bench<'_>, direction: Direction, depth: usize) -> Result<()> {
    let disk = OtherDisk::polled(bench.spec)?;
    let result = polled_on(bench, disk.root(), direction, depth);
    let removed = disk.remove();
    result.and(removed)
}

fn polled_on(bench: &mut Bench<'_>, root: &Path, direction: Direction, depth: usize) -> Result<()> {
    let file = written_directly(bench, &root.join("file"), FILE)?;
    queue(bench, &file, Method::UringPolled, direction, depth)
}

fn queue(
    bench: &mut Bench<'_>,
    file: &File,
    method: Method,
    direction: Direction,
    depth: usize,
) -> Result<()> {
    let mut numbers = Random::new(6);
    let mut transfers = Vec::new();
    for _ in 0..TRANSFERS {
        let offset = (numbers.below(FILE / PAGE) * PAGE) as u64;
        let mut transfer = Transfer::read(offset, PAGE).context("no memory")?;
        transfer.direction = direction;
        transfers.push(transfer);
    }
    bench.copies(PAGE);
    let mut queue = Queue::new(method, depth)?;
    for _ in bench.rounds() {
        bench.time_all(TRANSFERS as u64, || queue.run(file, &mut transfers, depth))?;
    }
    Ok(())
}

/// Made once: taking one down waits for RCU, which is not what is measured.
enum Queue {
    Aio(aio::Queue),
    Uring(Box<io_uring::IoUring>, uring::Options),
}

impl Queue {
    fn new(method: Method, depth: usize) -> Result<Self> {
        let polled = method == Method::UringPolled;
        match method {
            Method::Aio => Ok(Self::Aio(aio::Queue::new(depth).context("io_setup")?)),
            Method::Uring | Method::UringPolled => {
                let options = uring::Options {
                    polled,
                    ..Default::default()
                };
                let ring = uring::ring(depth, options)?;
                Ok(Self::Uring(Box::new(ring), options))
            }
            Method::Sync | Method::UringFixed => bail!("{method:?} is not measured"),
        }
    }

    fn run(&mut self, file: &File, transfers: &mut [Transfer], depth: usize) -> Result<()> {
        let results = match self {
            Self::Aio(queue) => aio::run_on(queue, file, transfers, depth),
            Self::Uring(ring, options) => uring::run_on(ring, file, transfers, depth, *options),
        }?;
        for result in results {
            ensure!(result? == PAGE, "a transfer was cut short");
        }
        Ok(())
    }
}

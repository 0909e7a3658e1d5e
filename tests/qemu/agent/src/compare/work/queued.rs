// SPDX-License-Identifier: GPL-2.0

//! Direct I/O of which several are under way.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, PAGE};
use crate::compare::calls::{Calls, Handle};
use crate::compare::{workload, Workload};
use crate::data::digest;
use crate::sys::buffer::AlignedBuf;
use crate::transfer::{Direction, Method, Transfer};

pub const WORKLOADS: &[Workload] = &[workload("queued_aio", aio), workload("queued_uring", uring)];

/// Transfers of a batch.
const COUNT: usize = 16;

/// Long enough for the kernel's tasks to end what requests have begun.
const SETTLE: Duration = Duration::from_millis(50);

/// On space that its requests are the first to write.
fn aio(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.allocate(&file, FallocateFlags::empty(), 0, 64 * PAGE);
    all(calls, &file, Method::Aio)
}

/// On space that was written: elsewhere, whether a request has to wait depends on
/// how far the one before is.
fn uring(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.write(&file, 0, 64 * PAGE);
    all(calls, &file, Method::Uring)
}

fn all(calls: &mut Calls<'_>, file: &Handle, method: Method) -> Result<()> {
    for direction in [Direction::Write, Direction::Write, Direction::Read] {
        // All at once: else it depends on the clock how many come with the next call.
        for depth in [COUNT, 1] {
            batch(calls, file, method, direction, depth)?;
            thread::sleep(SETTLE);
        }
    }
    calls.fsync(file);
    Ok(())
}

fn batch(
    calls: &mut Calls<'_>,
    file: &Handle,
    method: Method,
    direction: Direction,
    depth: usize,
) -> Result<()> {
    let mut transfers = Vec::new();
    for index in 0..COUNT {
        let offset = (index * 12 * KIB) as u64;
        // A page at a time is one piece of memory, wherever it lies.
        let mut buffer = AlignedBuf::new(PAGE)?;
        calls.stamp().fill(&mut buffer, offset);
        transfers.push(Transfer {
            direction,
            offset,
            buffer,
            flags: 0,
        });
    }
    let text = format!("{method:?} {direction:?} of {COUNT}, {depth} at a time");
    calls.call(&text, |_| {
        let results = method
            .run(&file.file, &mut transfers, depth)
            .map_err(std::io::Error::other)?;
        let show = |result: std::io::Result<usize>| match result {
            Ok(count) => count.to_string(),
            Err(error) => error.to_string(),
        };
        let results: Vec<String> = results.into_iter().map(show).collect();
        let digests = transfers.iter().map(|one| digest::of_bytes(&one.buffer));
        let digest = digest::of_bytes(digests.collect::<String>().as_bytes());
        Ok(format!("{}, {digest}", results.join(" ")))
    });
    Ok(())
}

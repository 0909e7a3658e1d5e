// SPDX-License-Identifier: GPL-2.0

//! What the kernel says about where the data of a file is.

use anyhow::Result;
use rustix::fs::{seek, FallocateFlags, SeekFrom};

use super::{KIB, MIB, PAGE};
use crate::compare::calls::{Calls, Handle};
use crate::compare::files::extent_line;
use crate::compare::{workload, Workload};
use crate::sys::fibmap;
use crate::sys::fiemap::{self, Request};

pub const WORKLOADS: &[Workload] = &[
    workload("report_written", written),
    workload("report_dirty", dirty),
];

/// Data, holes, space without data.
fn prepare(calls: &mut Calls<'_>) -> Result<Handle> {
    let file = calls.open("file", 0)?;
    for index in 0..8 {
        calls.write(&file, index * 40_000, 10_000);
    }
    calls.allocate(&file, FallocateFlags::empty(), 400_000, 100_000);
    calls.write(&file, 450_000, 5_000);
    calls.truncate(&file, MIB + 5);
    Ok(file)
}

fn ask(calls: &mut Calls<'_>, file: &Handle) {
    for offset in (0..MIB + 100_000).step_by(33_000) {
        let (data, hole) = (SeekFrom::Data(offset as u64), SeekFrom::Hole(offset as u64));
        calls.number(&format!("seek(file, data, {offset})"), || {
            Ok(seek(&file.file, data)?)
        });
        calls.number(&format!("seek(file, hole, {offset})"), || {
            Ok(seek(&file.file, hole)?)
        });
    }
    for (start, length, room) in [
        (0, MIB, 0),
        (0, MIB, 3),
        (50_000, 100_000, 100),
        (2 * MIB, MIB, 100),
        (0, 2 * MIB, 100),
    ] {
        let request = Request {
            start: start as u64,
            length: length as u64,
            flags: 0,
            room,
        };
        calls.call(&format!("FIEMAP({start}, {length}, room {room})"), |_| {
            let answer = fiemap::ask(&file.file, request).map_err(|(error, _)| error)?;
            let extents: Vec<String> = answer.extents.iter().map(extent_line).collect();
            Ok(format!("{}: {}", answer.mapped, extents.join("; ")))
        });
    }
    for block in [0, 1, 9, 10, 50, 110, 2_000] {
        calls.number(&format!("FIBMAP({block})"), || {
            fibmap::device_block(&file.file, block).map(u64::from)
        });
    }
}

fn written(calls: &mut Calls<'_>) -> Result<()> {
    let file = prepare(calls)?;
    calls.evict(&file);
    ask(calls, &file);
    Ok(())
}

/// With pages that were not written back yet.
fn dirty(calls: &mut Calls<'_>) -> Result<()> {
    let file = prepare(calls)?;
    calls.write(&file, 480_000, 3 * PAGE);
    ask(calls, &file);
    calls.sync_range(&file, 64 * KIB, 128 * KIB);
    ask(calls, &file);
    Ok(())
}

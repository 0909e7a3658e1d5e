// SPDX-License-Identifier: GPL-2.0

//! Calls whose allocations fail one after the other, down to those of the engine
//! that real filesystems seldom reach.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Context as _, Result};
use rustix::fs::{fadvise, Advice};

use super::cached::{expect_same, overlay, stored, Cached, BASE};
use super::nowait;
use super::scripted::{expect_errno, Scripted, PATIENCE};
use super::swap::swap_file;
use crate::case::{skip, Case};
use crate::check::wait_until;
use crate::context::Context;
use crate::null_disk::NullDisk;
use crate::sanitizers::look_for_leaks;
use crate::suites::SCRIPT;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::memory_faults::{Fault, MemoryFaults, Shortage};
use crate::sys::{aio, swap};
use crate::task::in_thread;
use crate::transfer::Transfer;

pub const CASES: &[Case] = &[
    Case::new("nomem_write_nowait", SCRIPT, write_nowait)
        .doc("A write that must not wait is EAGAIN without memory for the folio or its state.")
        .holds(&["BW-28"]),
    Case::new("nomem_dio", SCRIPT, dio)
        .doc(
            "A direct request that there is no memory for is ENOMEM before the filesystem hears \
             of it; it waits for the memory of its bios.",
        )
        .holds(&["DIO-8"]),
    Case::new("nomem_dio_async", SCRIPT, dio_async)
        .doc(
            "The first asynchronous request of a mount is ENOMEM without the workqueue that it \
             may need at its end.",
        )
        .holds(&["DIO-7"]),
    Case::new("nomem_swapon_refused", SCRIPT, swapon_refused)
        .doc("A swap file is refused without its name if there is no memory for that.")
        .holds(&["SW-2"])
        .logs(&["swapon: file <unknown> has unallocated extents$"]),
    Case::new("nomem_pool_read", SCRIPT, pool_read)
        .doc(
            "A reader that finds no bio but those that others read with waits for one of them, \
             and keeps none meanwhile.",
        )
        .holds(&["RD-15"]),
    Case::new("nomem_pool_writeback", SCRIPT, pool_writeback)
        .doc("So does writeback, once there are as many ioends as the engine keeps for such times.")
        .holds(&["IN-1", "WB-12"]),
    Case::new("nomem_read_bio", SCRIPT, read_bio)
        .doc(
            "Where reads must not wait for memory and there is none for a bio, a smaller one does.",
        )
        .holds(&["RD-14"]),
    Case::new("nomem_read_no_bio", SCRIPT, read_no_bio)
        .doc("A folio that there is no bio at all for is left to its next reader.")
        .holds(&["DIFF-31", "RD-21"]),
    Case::new("nomem_pool_dio", SCRIPT, pool_dio)
        .doc("A direct read that takes more bios than there are waits for its own.")
        .holds(&["DIO-2"]),
];

/// No call makes as many allocations as this.
const LIMIT: u32 = 1_000;

/// Has `attempt` made again and again, with each of its allocations failing once.
/// It gets the fault and returns whether it met it. How often it did.
fn exhaust(mut attempt: impl FnMut(Fault) -> Result<bool>) -> Result<u32> {
    for nth in 1..LIMIT {
        let fault = Fault::Nth(nth);
        if !attempt(fault).with_context(|| fault.to_string())? {
            return Ok(nth - 1);
        }
    }
    bail!("no end after {LIMIT} allocations")
}

/// Blocks that are smaller than a page, and new: a write need not read any.
const NEW_BLOCKS: &str = "inode size=65536 block_size=1024\n\
                          extent offset=0 length=65536 addr=65536 flags=new\nbuffered hooks";

fn write_nowait(context: &Context) -> Result<()> {
    let faults = MemoryFaults::new()?;
    let fs = Cached::new(context, "")?;
    let bytes = [0xCC; 1024];
    // The folio is there, so that its state is the first that there is no memory for.
    fs.restart(NEW_BLOCKS)?;
    fs.run("answer offset=0 length=65536 type=hole\nread_folio pos=0\ndrop index=0")?;
    fs.expect_folio(0, "uptodate=1 state=none")?;
    let (result, injected) = faults.run(Fault::Nth(1), || nowait::write(&fs, 1024, &bytes))?;
    ensure!(injected, "there was no allocation to fail");
    expect_errno(result, libc::EAGAIN)?;
    fs.expect_of(
        &["begin", "put_folio", "end", "return"],
        &[
            "begin pos=1024 len=1024 flags=write|nowait",
            "put_folio pos=1024 copied=0",
            "end written=0",
            "return ret=-11 left=1024",
        ],
    )?;
    fs.expect_folio(0, "uptodate=1 dirty=0 locked=0 state=none")?;

    // It is not there: any allocation can be the one that fails.
    let met = exhaust(|fault| {
        fs.restart(NEW_BLOCKS)?;
        let (result, injected) = faults.run(fault, || nowait::write(&fs, 1024, &bytes))?;
        let checks_took_it = injected && look_for_leaks() && matches!(result, Ok(1024));
        if injected && !checks_took_it {
            expect_errno(result, libc::EAGAIN)?;
            fs.expect_idle()?;
            ensure!(nowait::write(&fs, 1024, &bytes)? == 1024);
        } else {
            // Kernels full of checks allocate for these, too, and do without.
            ensure!(result? == 1024);
        }
        fs.expect_folio(0, "uptodate=0 dirty=1 uptodate_blocks=1 dirty_blocks=1")?;
        Ok(injected)
    })?;
    context.note(format!("the write makes {met} allocations"));
    ensure!(met >= 2, "a folio and its state are two allocations");
    fs.expect_contents(0, &overlay(vec![0; 4096], 1024, 1024, 0xCC))
}

fn dio(context: &Context) -> Result<()> {
    let faults = MemoryFaults::new()?;
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536",
    )?;
    let mut buffer = AlignedBuf::filled(4096, 0x31)?;
    for call in ["write", "read"] {
        fs.clear_log()?;
        let met = exhaust(|fault| {
            let (result, injected) = faults.run(fault, || match call {
                "write" => fs.file().write_at(&buffer, 0),
                _ => fs.file().read_at(&mut buffer, 0),
            })?;
            // Nothing is asked for before the request itself.
            if fault == Fault::Nth(1) {
                ensure!(injected, "there was no allocation to fail");
                expect_errno(result, libc::ENOMEM)?;
                fs.expect(&[call, "return ret=-12 pos=0 dio_count=0"])?;
            } else {
                let count = result?;
                ensure!(count == 4096, "{count} bytes");
                fs.clear_log()?;
            }
            Ok(injected)
        })
        .context(call)?;
        context.note(format!("the {call} makes {met} allocations"));
    }
    Ok(())
}

fn dio_async(context: &Context) -> Result<()> {
    let script = "inode size=65536\nextent offset=0 length=65536 addr=65536";
    let faults = MemoryFaults::new()?;
    let queue = aio::Queue::new(1).context("io_setup")?;
    let (mut refused, mut went_on) = (0, 0);
    exhaust(|fault| {
        // Which has no workqueue yet.
        let fs = Scripted::new(context, script)?;
        // Its thread may be on its way out.
        wait_until(PATIENCE, "the end of another mount's workqueue", || {
            has_workqueue().is_ok_and(|found| !found)
        })?;
        let mut transfers = [Transfer::read(0, 4096)?];
        let (results, injected) =
            faults.run(fault, || aio::run_on(&queue, fs.file(), &mut transfers, 1))?;
        let result = match results {
            Ok(mut results) => results.pop().context("no result")?,
            // What failed is a matter of io_submit().
            Err(error) if injected && has_errno(&error, libc::EAGAIN) => return Ok(true),
            Err(error) => return Err(error),
        };
        match result {
            Err(error) if injected && error.raw_os_error() == Some(libc::ENOMEM) => refused += 1,
            Err(error) => return Err(error.into()),
            Ok(count) => {
                ensure!(count == 4096, "{count} bytes");
                ensure!(has_workqueue()?, "a request was begun without a workqueue");
                went_on += u32::from(injected);
            }
        }
        // Nothing is left of it that the next request would trip over.
        let mut again = [Transfer::read(0, 4096)?];
        let again = aio::run_on(&queue, fs.file(), &mut again, 1)?;
        ensure!(matches!(again.as_slice(), [Ok(4096)]), "{again:?}");
        Ok(injected)
    })?;
    context.note(format!(
        "{refused} times ENOMEM, {went_on} times it went on"
    ));
    // The request itself, and what a workqueue is made of.
    ensure!(refused > 2, "ENOMEM {refused} times only");
    Ok(())
}

fn has_errno(error: &anyhow::Error, errno: i32) -> bool {
    let found = error.downcast_ref().and_then(io::Error::raw_os_error);
    found == Some(errno)
}

/// Whether there is a workqueue for completions of direct I/O. Each has a thread that
/// runs it when there is no memory for others.
fn has_workqueue() -> Result<bool> {
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        // Tasks go away meanwhile.
        let comm = fs::read_to_string(entry?.path().join("comm")).unwrap_or_default();
        if comm.starts_with("kworker/R-dio/") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn swapon_refused(context: &Context) -> Result<()> {
    let faults = MemoryFaults::new()?;
    // Its last page is a hole.
    let extent = "extent offset=0 length=61440 addr=65536";
    let fs = swap_file(context, "", 16, 16, extent)?;
    let path = fs.path();
    let (mut refused, mut without_memory) = (0, 0);
    exhaust(|fault| {
        let (result, injected) = faults.run(fault, || swap::on(&path))?;
        match result {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refused += 1,
            Err(error) if injected && error.raw_os_error() == Some(libc::ENOMEM) => {
                without_memory += 1;
            }
            Err(error) => return Err(error.into()),
            Ok(()) => {
                swap::off(&path)?;
                bail!("it swaps to a file with a hole");
            }
        }
        Ok(injected)
    })?;
    context.note(format!(
        "EINVAL {refused} times, ENOMEM {without_memory} times"
    ));
    Ok(())
}

/// How long the disk takes for a bio.
const LATE: Duration = Duration::from_millis(200);

const BLOCK: usize = 1024;
/// Where on the disk each of the file's blocks is, apart from the others.
const APART: usize = 2 * BLOCK;

/// More blocks, of a bio each, than the kernel keeps bios for.
const READ: usize = 4 * PAGE_SIZE / BLOCK;
/// More, of an ioend each, than the engine keeps ioends for, and fewer than the disk has
/// room for.
const WRITTEN: usize = 40;

/// A file of blocks none of which is beside another on a slow disk, and what is there.
fn scattered(context: &Context, disk: &NullDisk) -> Result<(Cached, Vec<u8>)> {
    let mut script = format!("inode size={} block_size={BLOCK}\n", READ * BLOCK);
    let mut contents = Vec::new();
    for index in 0..READ {
        let place = BASE + (index * APART) as u64;
        script += &format!(
            "extent offset={} length={BLOCK} addr={place}\n",
            index * BLOCK
        );
        contents.extend(stored(place, BLOCK));
    }
    script += "buffered";
    Ok((Cached::on(disk.disk(), context, "", &script)?, contents))
}

/// Runs `work` in `threads` threads at once, for which there are no bios but those of
/// pools: some of them must wait for one, and all get through.
fn expect_to_wait(threads: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let shortage = Shortage::begin()?;
    thread::scope(|scope| {
        let (work, shortage) = (&work, &shortage);
        let threads = (0..threads)
            .map(|index| {
                in_thread(scope, move || {
                    MemoryFaults::new()?.run_short(shortage, || work(index))?
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let waited = wait_until(PATIENCE, "running out of bios", || {
            threads
                .iter()
                .any(|(task, _)| task.sleeps_in("mempool_alloc_noprof", None))
        });
        let ended = wait_until(PATIENCE, "getting one in the end", || {
            threads.iter().all(|(_, thread)| thread.is_finished())
        });
        // Whoever still waits gets one now.
        let there_again = shortage.end();
        let result: Result<()> = threads
            .into_iter()
            .try_for_each(|(_, thread)| thread.join().map_err(|_| anyhow!("a thread panicked"))?);
        waited.and(ended).and(there_again).and(result)
    })
}

fn pool_read(context: &Context) -> Result<()> {
    let disk = NullDisk::late_by(LATE)?;
    let (fs, contents) = scattered(context, &disk)?;
    // Each page by itself.
    fadvise(fs.cache(), 0, None, Advice::Random).context("fadvise")?;
    expect_to_wait(READ * BLOCK / PAGE_SIZE, |page| {
        let pos = page * PAGE_SIZE;
        let wanted = contents.get(pos..pos + PAGE_SIZE).unwrap_or_default();
        fs.expect_contents(pos as u64, wanted)
    })?;
    fs.expect_idle()
}

fn pool_writeback(context: &Context) -> Result<()> {
    let disk = NullDisk::late_by(LATE)?;
    let size = WRITTEN * APART;
    let script = format!(
        "inode size={size} block_size={BLOCK}\n\
         extent offset=0 length={size} addr={BASE}\nbuffered"
    );
    let fs = Cached::on(disk.disk(), context, "", &script)?;
    let mut wanted = stored(BASE, size);
    for index in 0..WRITTEN {
        fs.put_all((index * APART) as u64, BLOCK, 0xCC)?;
        wanted = overlay(wanted, index * APART, BLOCK, 0xCC);
    }
    expect_to_wait(1, |_| fs.cache().sync_all().context("fsync"))?;
    fs.expect_idle()?;
    fs.expect_stored(BASE, &wanted)
}

fn pool_dio(context: &Context) -> Result<()> {
    let disk = NullDisk::late_by(LATE)?;
    let (fs, contents) = scattered(context, &disk)?;
    expect_to_wait(1, |_| {
        let (count, found) = fs.read(0, READ * BLOCK)?;
        ensure!(count == READ * BLOCK, "{count} bytes");
        expect_same(&found, &contents, "the file")
    })
}

/// Reads ahead from the start of a file of these extents, in memory that is not waited
/// for, and with no bios but those of the pool.
fn read_ahead(fs: &Cached, length: usize, extents: &str) -> Result<()> {
    fs.restart(&format!("inode size=65536 no_reclaim\n{extents}\nbuffered"))?;
    let faults = MemoryFaults::new()?;
    let shortage = Shortage::begin()?;
    let command = format!("readahead pos=0 len={length}");
    faults.run_short(&shortage, || fs.run(&command))??;
    shortage.end()?;
    ensure!(shortage.failed()? > 0, "there was no allocation to fail");
    fs.expect_idle()
}

fn read_bio(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    // Twice as many as the smaller bio has room for, and the pool has two.
    let pages = 8;
    let length = pages * PAGE_SIZE;
    read_ahead(&fs, length, "extent offset=0 length=65536 addr=65536")?;
    for index in 0..pages {
        fs.expect_folio(index as u64, "uptodate=1 locked=0")?;
    }
    fs.expect_contents(0, &stored(BASE, length))
}

fn read_no_bio(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine does not look whether it has a bio");
    }
    let fs = Cached::new(context, "")?;
    let mut contents = Vec::new();
    let mut extents = String::new();
    for index in 0..4 {
        let (offset, place) = (index * PAGE_SIZE, BASE + (2 * index * PAGE_SIZE) as u64);
        extents += &format!("extent offset={offset} length={PAGE_SIZE} addr={place}\n");
        contents.extend(stored(place, PAGE_SIZE));
    }
    read_ahead(&fs, contents.len(), &extents)?;
    for (index, uptodate) in [1, 1, 0, 0].into_iter().enumerate() {
        fs.expect_folio(index as u64, &format!("uptodate={uptodate} locked=0"))?;
    }
    fs.expect_contents(0, &contents)
}

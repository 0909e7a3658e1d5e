// SPDX-License-Identifier: GPL-2.0

//! Writes that pause within a block that they have allocated.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context as _, Result};

use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open, open_read};
use crate::failing_requests::{self, Failing};
use crate::null_disk::NullDisk;
use crate::restore::Restore;
use crate::suites;
use crate::sys::buffer::PAGE_SIZE;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("write_paused_in_block", suites::EXT2_RS, paused).doc(
        "A write that goes on in the middle of a block that it has allocated finds there what \
             it has written before, though the page cache was written out and dropped meanwhile.",
    ),
];

/// Ends within a block.
const BEFORE: usize = PAGE_SIZE - 100;
const PATIENCE: Duration = Duration::from_secs(30);

fn paused(context: &Context) -> Result<()> {
    let slow = NullDisk::late()?;
    let source = open(&slow.path(), 0)?;
    source.write_all_at(&[b'b'; PAGE_SIZE], 0)?;
    source.sync_all()?;
    drop_cache(&source)?;
    drop(source);
    let memory = FileMapping::read_only(&open_read(&slow.path(), 0)?, PAGE_SIZE)?;
    // Else what reads ahead fails, and not what the write needs.
    memory.advise_random()?;

    let path = context.path("file")?;
    let file = File::create_new(&path)?;
    // Two, as a fault tries twice. So the first look at the memory fails, and the first chunk
    // ends before it; the second look takes its time.
    let restore = Restore::new(|| failing_requests::end(&slow.disk()));
    failing_requests::begin(&slow.disk(), Failing::NextTwo)?;
    let first = [b'a'; BEFORE];
    let writing = &file;
    let written = thread::scope(|scope| {
        let write = move || {
            let second = memory.pointer(0, PAGE_SIZE)?;
            raw_io::write_gathered(writing, &first, second, PAGE_SIZE)
        };
        let writer = scope.spawn(write);
        let dropped = write_out(&file, &path);
        let written = writer.join().map_err(|_| anyhow!("a thread panicked"))?;
        let length = fs::metadata(&path)?.len();
        dropped.with_context(|| format!("{written:?}, and the file has {length} bytes"))?;
        written.context("the write")
    });
    restore.now()?;
    let written = written?;
    ensure!(written == BEFORE + PAGE_SIZE, "it wrote {written} bytes");
    let mut expected = vec![b'a'; BEFORE];
    expected.resize(BEFORE + PAGE_SIZE, b'b');
    drop_cache(&file)?;
    ensure!(fs::read(&path)? == expected, "the file has something else");
    Ok(())
}

/// Writes out and drops what the first chunk has put into the page cache.
fn write_out(file: &File, path: &Path) -> Result<()> {
    wait_until(PATIENCE, "the first chunk", || {
        fs::metadata(path).is_ok_and(|file| file.len() == BEFORE as u64)
    })?;
    file.sync_all()?;
    drop_cache(file)
}

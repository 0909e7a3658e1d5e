// SPDX-License-Identifier: GPL-2.0

//! Writes into the page cache that must not wait, where others would.

use std::io::{self, IoSlice};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[Case::new("write_nowait_locked", SCRIPT, locked)
    .doc("A folio that someone else has locked is EAGAIN for a write that must not wait.")
    .holds(&["BW-28"])];

/// How long a call that does not wait takes, on a busy host, too.
pub const AT_ONCE: Duration = Duration::from_secs(30);

/// A write that must not wait.
pub fn write(fs: &Cached, pos: u64, bytes: &[u8]) -> io::Result<usize> {
    raw_io::write_vectored(fs.cache(), &[IoSlice::new(bytes)], pos, libc::RWF_NOWAIT)
}

fn locked(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered",
    )?;
    fs.run("read_folio pos=0\nlock index=0")?;
    fs.clear_log()?;
    let result = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&fs, 100, &[0xCC; 100]));
        let ended = wait_until(AT_ONCE, "the write", || writer.is_finished());
        // In any case, or a write that waits would never end.
        fs.run("unlock")?;
        let result = writer.join().map_err(|_| anyhow!("a thread panicked"))?;
        ended.map(|()| result)
    })?;
    expect_errno(result, libc::EAGAIN)?;
    fs.expect(&[
        "write pos=100 count=100",
        "begin pos=100 len=100 flags=write|nowait",
        "end written=0",
        "return ret=-11 pos=100 left=100",
    ])?;
    fs.expect_folio(0, "uptodate=1 dirty=0 locked=0")?;
    ensure!(write(&fs, 100, &[0xCC; 100])? == 100);
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 100, 100, 0xCC))
}

// SPDX-License-Identifier: GPL-2.0

//! Swap files that one engine has found the extents of, in use when the other serves.

use anyhow::{ensure, Context as _, Result};

use super::engine::Live;
use super::{LONG, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::fs::swap::{exercise, written, Active};
use crate::suites;

pub const CASES: &[Case] = &[Case::new("swap_file", suites::LIVE, swap_file)
    .doc(
        "Memory goes to a swap file and comes back while engines are switched, whichever of \
         them has activated it.",
    )
    .timeout(LONG)];

const AREA: usize = 32 * MIB;
const MEMORY: usize = 16 * MIB;
/// Of files beside the area.
const BESIDE: usize = MIB;

fn swap_file(context: &Context) -> Result<()> {
    let before = Mirror::filled(context.path("before")?, 1, BESIDE)?;
    let path = written(context, "area", AREA)?;
    let behind = Mirror::filled(context.path("behind")?, 2, BESIDE)?;

    let by_c = Active::start(&path)?;
    let live = swapped(&by_c, Live::load)?;
    swapped(&by_c, || live.remove())?;
    by_c.stop()?;

    let live = Live::load()?;
    let by_rust = Active::start(&path)?;
    swapped(&by_rust, || live.remove())?;
    let live = swapped(&by_rust, Live::load)?;
    by_rust.stop()?;
    live.remove()?;

    before.verify()?;
    behind.verify()
}

/// Has memory in the area while `work` is done.
fn swapped<T>(area: &Active, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut done = None;
    let used = exercise(area, MEMORY, |memory| {
        memory.page_out().context("madvise")?;
        done = Some(work()?);
        Ok(())
    })?;
    ensure!(used >= MEMORY / 2, "{used} of {MEMORY} bytes went out");
    done.context("nothing was done")
}

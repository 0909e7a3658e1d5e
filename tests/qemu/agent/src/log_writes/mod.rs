// SPDX-License-Identifier: GPL-2.0

//! Every crash that could have been: the device mapper logs what is written to a disk
//! in the order in which it lasts. The log is then replayed onto another disk, and at
//! each flush of the disk's cache the filesystem has to recover and to have all that was
//! synced.
//!
//! Unlike a guest that is killed, this sees whether the disk was told to flush.

pub mod history;
pub mod load;
mod log;
mod replay;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::{open, open_read};
use crate::data::stale;
use crate::disk::Disk;
use crate::init::mount_main;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::device_mapper::{self, Target};
use crate::sys::mount;
use history::History;
use log::Log;
use replay::Replay;

/// The table of this file.
pub const CASES: &[&[Case]] = &[&[Case::new("log_replayed", suites::LOG_WRITES, replayed)
    .doc(
        "After every flush and every write past the disk's cache there is a filesystem on \
         it that recovers, is clean, and has all that was synced before.",
    )
    .holds(&["DIO-5", "DIO-13", "DIO-14"])
    .timeout(Duration::from_secs(180))]];

const NAME: &str = "logged";
/// Where the files are.
const DIR: &str = "files";
/// How much of the free space has data of files that are gone.
const STALE: u64 = 24 << 20;

fn replayed(context: &Context) -> Result<()> {
    if !context.is_ext2() {
        // On ext2 that may show up in a file that nobody has synced.
        stale::fill(context.mount_point(), STALE)?;
    }
    mount::unmount(context.mount_point())?;
    let result = unmounted(context);
    mount_main(context.spec())?;
    result
}

fn unmounted(context: &Context) -> Result<()> {
    let [main, log, copy, changes] =
        ["main", "log", "copy", "changes"].map(|role| context.disk(role));
    let (main, log, copy, changes) = (main?, log?, copy?, changes?);
    each_piece(&main, &copy, |at, original, found, to| {
        if original != found {
            to.write_all_at(original, at).context("cannot copy")?;
        }
        Ok(())
    })?;

    let histories = logged(context, &main, &log)?;
    let replay = Replay {
        disk: &copy,
        changes: &changes,
        kind: context.fs(),
        mount_point: context.mount_point(),
        dir: &context.mount_point().join(DIR),
        histories: &histories,
        progress: &|tally| context.note(format!("{tally:?}")),
    };
    let tally = replay.run(Log::open(&log.path())?)?;
    context.note(format!(
        "replayed {} entries of the log; recovered and checked the disk {} times, and looked \
         at {} files that were synced",
        tally.entries, tally.states, tally.files
    ));
    for (key, count) in [("states", tally.states), ("files", tally.files)] {
        context.metric(key, count as f64);
    }
    // The log was complete.
    each_piece(&main, &copy, |at, original, found, _| {
        ensure!(
            original == found,
            "the replay differs from the disk, near {at}"
        );
        Ok(())
    })
}

/// Has files written on the main disk's filesystem, with all that comes to the disk
/// logged; what was written.
fn logged(context: &Context, main: &Disk, log: &Disk) -> Result<Vec<History>> {
    let target = Target {
        start: 0,
        length: main.number("size")?,
        kind: "log-writes",
        parameters: format!("{} {}", main.path().display(), log.path().display()),
    };
    device_mapper::with_disk(NAME, &[target], |device| {
        mount::mount(device, context.mount_point(), context.fs(), "")?;
        let result = written(&context.mount_point().join(DIR));
        mount::unmount(context.mount_point())?;
        result
    })
}

fn written(dir: &Path) -> Result<Vec<History>> {
    std::fs::create_dir(dir)?;
    // dm-log-writes puts what a flush covers aside before it hands the flush on, and a later
    // flush may end first: what that relies on would follow the mark in the log. So all that
    // is under way comes to its end before a mark is made.
    let one_at_a_time = Mutex::new(());
    let mark = |history: &History| {
        let _mine = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let text = format!("mark {}", replay::mark(history));
        device_mapper::suspended(NAME, || device_mapper::tell(NAME, 0, &text))
    };
    load::run(dir, 1, &mark)
}

/// Hands `work` what two disks of one size have at the same place, and the second one.
fn each_piece(
    one: &Disk,
    two: &Disk,
    mut work: impl FnMut(u64, &[u8], &[u8], &File) -> Result<()>,
) -> Result<()> {
    const PIECE: usize = 1 << 20;
    let length = one.number::<u64>("size")? * log::SECTOR;
    let (one, two) = (
        open_read(&one.path(), libc::O_DIRECT)?,
        open(&two.path(), libc::O_DIRECT)?,
    );
    let mut pieces = [AlignedBuf::new(PIECE)?, AlignedBuf::new(PIECE)?];
    for at in (0..length).step_by(PIECE) {
        let [left, right] = &mut pieces;
        let end = PIECE.min(usize::try_from(length - at)?);
        let left = left.get_mut(..end).unwrap_or_default();
        let right = right.get_mut(..end).unwrap_or_default();
        one.read_exact_at(left, at)?;
        two.read_exact_at(right, at)?;
        work(at, left, right, &two)?;
    }
    Ok(())
}

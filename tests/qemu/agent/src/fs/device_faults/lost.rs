// SPDX-License-Identifier: GPL-2.0

//! A disk that is lost as a whole while it is used, and found again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{ensure, Result};

use super::disk::{FaultyDisk, Loss};
use crate::case::Case;
use crate::context::Context;
use crate::fsck;
use crate::init::mount_main;
use crate::log_writes::history::History;
use crate::log_writes::load;
use crate::restore::Restore;
use crate::suites;
use crate::sys::mount;
use crate::unplug;

pub const CASES: &[Case] = &[
    Case::new("flaky_under_load", suites::LOST, |context| {
        under_load(context, Loss::Everything)
    })
    .doc(
        "Whoever uses a disk on which everything fails gets an error, nobody hangs; what \
         was synced is there when it works again.",
    )
    .holds(&["WB-17"])
    .timeout(unplug::TIMEOUT),
    Case::new("requests_fail_under_load", suites::LOST, |context| {
        under_load(context, Loss::Requests)
    })
    .doc(
        "Whoever uses a disk on which a quarter of all requests fails gets an error, nobody \
         hangs; what was synced is there when it works again.",
    )
    .holds(&["WB-17"])
    .timeout(unplug::TIMEOUT),
    Case::new("flaky_writes_lost", suites::LOST, writes_lost)
        .doc("What was synced before writes began to get lost is there after recovery."),
];

/// How many times something has been synced when the disk begins to lose writes.
const BEFORE: usize = 20;

fn under_load(context: &Context, loss: Loss) -> Result<()> {
    let result = FaultyDisk::with(context, |disk| {
        let lose = || disk.lose(loss);
        unplug::lose_under_load(context, lose, || disk.find_again(context))
    });
    // For other tests, too.
    let mended = mend(context);
    result.and(mended)
}

/// Once its journal could not be written, and that could be noted, ext4 asks for e2fsck;
/// until then, whatever is being truncated or appended when it goes away stays so.
fn mend(context: &Context) -> Result<()> {
    if context.fs() != "ext4" {
        return Ok(());
    }
    mount::unmount(context.mount_point())?;
    let restore = Restore::new(|| mount_main(context.spec()));
    let mended = fsck::mend(&context.disk("main")?.path());
    restore.now()?;
    mended
}

/// What is synced, until the disk loses writes.
#[derive(Default)]
struct Synced {
    /// By file, the writes that are on the disk.
    writes: BTreeMap<u8, usize>,
    times: usize,
}

fn writes_lost(context: &Context) -> Result<()> {
    let result = FaultyDisk::with(context, |disk| {
        let dir = context.dir()?;
        let synced = Mutex::new(Synced::default());
        let note = |history: &History| {
            let mut synced = synced.lock().unwrap_or_else(PoisonError::into_inner);
            if synced.times < BEFORE {
                synced.writes.insert(history.file(), history.writes());
            }
            synced.times += 1;
            if synced.times == BEFORE {
                // Nobody gets past this meanwhile.
                disk.lose(Loss::Writes)?;
            }
            Ok(())
        };
        let histories = load::run(&dir, 1, &note)?;
        let synced = synced.into_inner().unwrap_or_else(PoisonError::into_inner);
        ensure!(synced.times > BEFORE, "nothing was lost");
        disk.find_again(context)?;
        load::verify(&dir, &histories, &synced.writes, context.is_ext2())
    });
    let mended = mend(context);
    result.and(mended)
}

// SPDX-License-Identifier: GPL-2.0

//! A disk that is lost as a whole while it is used, and found again.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{ensure, Context as _, Result};

use super::disk::{FaultyDisk, Loss};
use crate::case::Case;
use crate::context::Context;
use crate::init::mount_main;
use crate::log_writes::history::History;
use crate::log_writes::load;
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
    .holds(&["WB-17"]),
    Case::new("requests_fail_under_load", suites::LOST, |context| {
        under_load(context, Loss::Requests)
    })
    .doc(
        "Whoever uses a disk on which a quarter of all requests fails gets an error, nobody \
         hangs; what was synced is there when it works again.",
    )
    .holds(&["WB-17"]),
    Case::new("flaky_writes_lost", suites::LOST, writes_lost)
        .doc("What was synced before writes began to get lost is there after recovery."),
];

/// How many times something has been synced when the disk begins to lose writes.
const BEFORE: usize = 20;

fn under_load(context: &Context, loss: Loss) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let lose = || disk.lose(loss);
        unplug::lose_under_load(context, lose, || disk.find_again(context))
    })?;
    mend(context)
}

/// Once its journal could not be written, and that could be noted, ext4 asks for e2fsck;
/// until then, whatever is being truncated or appended when it goes away stays so.
fn mend(context: &Context) -> Result<()> {
    if context.fs() != "ext4" {
        return Ok(());
    }
    mount::unmount(context.mount_point())?;
    let disk = context.disk("main")?;
    let output = Command::new("/bin/e2fsck")
        // Looks only if there is something noted.
        .arg("-y")
        .arg(disk.path())
        .stdin(Stdio::null())
        .output()
        .context("cannot run e2fsck")?;
    // 1: it has mended something.
    ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "e2fsck: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    mount_main(context.spec())
}

/// What is synced, until the disk loses writes.
#[derive(Default)]
struct Synced {
    /// By file, the writes that are on the disk.
    writes: BTreeMap<u8, usize>,
    times: usize,
}

fn writes_lost(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
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
        let histories = load::run(&dir, &note)?;
        let synced = synced.into_inner().unwrap_or_else(PoisonError::into_inner);
        ensure!(synced.times > BEFORE, "nothing was lost");
        disk.find_again(context)?;
        for history in &histories {
            let Some(&writes) = synced.writes.get(&history.file()) else {
                continue;
            };
            let name = load::name(history.file());
            let found = fs::read(dir.join(&name)).with_context(|| name.clone())?;
            history.verify(writes, &found).context(name)?;
        }
        Ok(())
    })?;
    mend(context)
}

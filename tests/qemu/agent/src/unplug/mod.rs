// SPDX-License-Identifier: GPL-2.0

//! A disk that is pulled out while the filesystem on it is busy.
//!
//! The host does it, by PCI Express: the guest's driver lets go of the disk, and
//! what is in flight or comes later fails. The disk then comes back as it is.

mod role;
mod work;

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context as _, Result};
use iomap_qemu_protocol::ktap::Line;

use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::disk::Disk;
use crate::fsck;
use crate::init::mount_main;
use crate::suites;
use crate::sys::mount;
use role::Role;
use work::Worker;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[&[
    Case::new("unplugged_under_load", suites::UNPLUG, under_load)
        .doc(
            "Whoever uses a disk that is pulled out gets an error, nobody hangs; what was \
         synced is there when it is back.",
        )
        .holds(&["WB-17"])
        .timeout(TIMEOUT),
]];

/// How much each worker does before the disk goes.
const BEFORE: u64 = 8;

/// How long anything may take. Letting go of a disk takes five seconds, in which
/// another press of the button would call it off.
const PATIENCE: Duration = Duration::from_secs(40);

/// For three times that, of which the host hears nothing.
pub const TIMEOUT: Duration = Duration::from_secs(180);

fn under_load(context: &Context) -> Result<()> {
    let disk = context.disk("main")?;
    let lose = || {
        context.request(&Line::Unplug("main".into()));
        wait_until(PATIENCE, "letting go of the disk", || !is_there(&disk))
    };
    let find_again = || {
        mount::unmount(context.mount_point()).context("without the disk")?;
        context.request(&Line::Plug("main".into()));
        wait_until(PATIENCE, "the disk's return", || {
            // Its directory is there before it can be opened.
            let disk = context.disk("main");
            disk.is_ok_and(|disk| File::open(disk.path()).is_ok())
        })?;
        fsck::mend_without_journal(context.fs(), &disk.path())?;
        mount_main(context.spec())
    };
    lose_under_load(context, lose, find_again)
}

/// Has `lose` take the disk away from those who use it, and `find_again` mount it once
/// they all have an error; then looks for what they had synced.
pub fn lose_under_load(
    context: &Context,
    lose: impl FnOnce() -> Result<()>,
    find_again: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let workers = Role::ALL
        .iter()
        .map(|&role| Worker::new(role, context.path(role.file())?))
        .collect::<Result<Vec<_>>>()?;
    let rounds: Vec<AtomicU64> = Role::ALL.iter().map(|_| AtomicU64::new(0)).collect();

    let synced = thread::scope(|scope| {
        let running: Vec<_> = workers
            .iter()
            .zip(&rounds)
            .map(|(worker, rounds)| scope.spawn(move || worker.run(rounds)))
            .collect();
        let busy = || rounds.iter().all(|n| n.load(Ordering::Relaxed) >= BEFORE);
        let all_busy = wait_until(PATIENCE, "getting all workers busy", busy);
        // In any case, or the workers would never end.
        let gone = lose();
        context.note("the disk is gone");
        let ended = wait_until(PATIENCE, "failing whoever waits for the disk", || {
            running.iter().all(|thread| thread.is_finished())
        });
        if let Err(error) = &ended {
            // Whoever hangs keeps this from being returned.
            context.note(format!("{error:#}"));
        }
        all_busy.and(gone).and(ended)?;
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect::<Result<Vec<u64>>>()
    })?;

    find_again()?;
    for ((worker, synced), rounds) in workers.iter().zip(synced).zip(&rounds) {
        context.note(format!(
            "{:?}: {} rounds, {synced} of them synced",
            worker.role(),
            rounds.load(Ordering::Relaxed)
        ));
        worker
            .verify(synced)
            .with_context(|| format!("{:?}", worker.role()))?;
    }
    // It takes files again.
    let path: PathBuf = context.path("after")?;
    fs::write(&path, "back")?;
    ensure!(fs::read(&path)? == b"back", "what was written is not there");
    Ok(())
}

fn is_there(disk: &Disk) -> bool {
    disk.attribute("dev").is_ok()
}

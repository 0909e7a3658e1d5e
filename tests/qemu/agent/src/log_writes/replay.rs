// SPDX-License-Identifier: GPL-2.0

//! Takes a disk through all states that a crash could have left it in right after
//! something was made to last, and looks at each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{ensure, Context as _, Result};

use super::history::History;
use super::load;
use super::log::{Entry, Log};
use crate::data::mirror::open;
use crate::disk::Disk;
use crate::fsck;
use crate::sys::device_mapper::{self, Target};
use crate::sys::mount;

const NAME: &str = "crashed";

/// After so many states of the disk somebody is told.
const TOLD: u64 = 8;

/// Sectors of a piece of the disk that is copied before it is changed.
const CHUNK: u64 = 8;

/// What a crash leaves, and what must come of it.
pub struct Replay<'a> {
    /// The disk as it was when the log began.
    pub disk: &'a Disk,
    /// Takes what recovery and mounting change of it.
    pub changes: &'a Disk,
    /// The filesystem's type.
    pub kind: &'a str,
    pub mount_point: &'a Path,
    /// Where the files are below it.
    pub dir: &'a Path,
    pub histories: &'a [History],
    /// Is called every now and then.
    pub progress: &'a dyn Fn(&Tally),
}

/// How much was looked at.
#[derive(Debug, Default)]
pub struct Tally {
    pub entries: u64,
    /// States of the disk.
    pub states: u64,
    /// Files in them that had been synced.
    pub files: u64,
}

impl Replay<'_> {
    /// Has the whole log on the disk in the end.
    pub fn run(&self, mut log: Log) -> Result<Tally> {
        let disk = open(&self.disk.path(), libc::O_DIRECT)?;
        let mut tally = Tally::default();
        // By file, the writes of it that are on the disk for certain.
        let mut synced = BTreeMap::new();
        let (mut changed, mut lasting) = (false, false);
        while let Some(entry) = log.next()? {
            if entry.length > 0 {
                // Not before: marks behind what lasts still belong to it.
                if lasting {
                    self.examine(&synced, &mut tally)?;
                    lasting = false;
                }
                log.apply(&entry, &disk)?;
                changed = true;
            }
            if entry.lasting && changed {
                (changed, lasting) = (false, true);
            }
            note(&entry, &mut synced);
            tally.entries += 1;
        }
        self.examine(&synced, &mut tally)?;
        for history in self.histories {
            let (file, writes) = (history.file(), history.writes());
            let told = synced.get(&file);
            ensure!(
                told == Some(&writes),
                "of file {file} the log says that {told:?} writes are synced, not {writes}"
            );
        }
        Ok(tally)
    }

    fn examine(&self, synced: &BTreeMap<u8, usize>, tally: &mut Tally) -> Result<()> {
        self.recover(synced)
            .with_context(|| format!("the disk after {} entries of the log", tally.entries))?;
        tally.states += 1;
        tally.files += synced.len() as u64;
        if tally.states % TOLD == 0 {
            (self.progress)(tally);
        }
        Ok(())
    }

    /// Mounts the disk, mended if need be, looks at the files, and has fsck look at the rest.
    /// The disk stays as it is.
    fn recover(&self, synced: &BTreeMap<u8, usize>) -> Result<()> {
        let sectors = self.disk.number("size")?;
        let snapshot = Target {
            start: 0,
            length: sectors,
            kind: "snapshot",
            parameters: format!(
                "{} {} N {CHUNK}",
                self.disk.path().display(),
                self.changes.path().display()
            ),
        };
        device_mapper::with_disk(NAME, &[snapshot], |device| {
            let mended = fsck::mend_without_journal(self.kind, device)?;
            mount::mount(device, self.mount_point, self.kind, "")?;
            let result = load::verify(self.dir, self.histories, synced, mended);
            mount::unmount(self.mount_point)?;
            result.and_then(|()| fsck::check(self.kind, device))
        })
    }
}

/// The text of a mark about that file.
pub fn mark(history: &History) -> String {
    format!("{}:{}", history.file(), history.writes())
}

fn note(entry: &Entry, synced: &mut BTreeMap<u8, usize>) {
    let text = entry.mark.as_deref().unwrap_or_default();
    // The end of the log has a mark of the kernel's.
    if let Some((Ok(file), Ok(writes))) = text
        .split_once(':')
        .map(|(file, writes)| (file.parse(), writes.parse()))
    {
        synced.insert(file, writes);
    }
}

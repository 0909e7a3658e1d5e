// SPDX-License-Identifier: GPL-2.0

//! The machine goes away at any moment of writes, stores and syncs that are under way.
//! The host hears of each sync that is done; another guest looks for what was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context as _, Result};
use iomap_qemu_protocol::decode_path;

use super::{cut_power_after, make_dir};
use crate::check::wait_until;
use crate::context::Context;
use crate::data::random::fresh_seed;
use crate::data::stale;
use crate::log_writes::history::History;
use crate::log_writes::load;

/// Where the files are.
const DIR: &str = "in-flight";
/// Files of each way to write: as many as have numbers.
const FILES: u8 = 35;
/// How many files have been synced when the machine may go away.
const BUSY: usize = 7;
/// Until then.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest that it goes on from there.
const MOST_MILLIS: u64 = 3000;
/// How much of the free space has data of files that are gone.
const STALE: u64 = 24 << 20;

pub fn run(context: &Context) -> Result<()> {
    if !context.is_ext2() {
        // On ext2 that may show up where nothing is synced yet.
        stale::fill(context.mount_point(), STALE)?;
    }
    let dir = make_dir(context, DIR)?;
    let delay = Duration::from_millis(u64::from(fresh_seed()?) % MOST_MILLIS);
    let stop = AtomicBool::new(false);
    let synced = Mutex::new(BTreeSet::new());
    let mark = |history: &History| {
        ensure!(!stop.load(Ordering::Relaxed), "it is over");
        let file = history.file();
        let path = Path::new(DIR).join(load::name(file));
        context.promise_writes("main", &path, history.writes());
        if history.writes() > 0 {
            lock(&synced).insert(file);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let work = scope.spawn(|| load::run(&dir, FILES, &mark));
        let result = cut_power_after(context, || {
            let busy = || work.is_finished() || lock(&synced).len() >= BUSY;
            wait_until(PATIENCE, "syncing the first files", busy)?;
            context.note(format!("the power is cut after {delay:?} more"));
            thread::sleep(delay);
            ensure!(!work.is_finished(), "nothing is written any more");
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let ended = work.join().map_err(|_| anyhow!("a thread panicked"))?;
        if let Err(error) = ended {
            context.note(format!("{error:#}"));
        }
        result
    })
}

/// Whether all is there that was synced, by path. A filesystem without a log was `mended`.
pub fn verify(root: &Path, synced: &BTreeMap<String, usize>, mended: bool) -> Result<()> {
    let mut files = BTreeMap::new();
    for (path, &writes) in synced {
        let file = decode_path(path).and_then(|path| {
            let name = path.strip_prefix(DIR).ok()?.to_str()?;
            load::file(name)
        });
        files.insert(
            file.with_context(|| format!("{path}: no such file"))?,
            writes,
        );
    }
    let histories = files.keys().map(|&file| load::history(file));
    let histories = histories.collect::<Result<Vec<_>>>()?;
    load::verify(&root.join(DIR), &histories, &files, mended)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// SPDX-License-Identifier: GPL-2.0

//! What one engine has attached to folios, in the hands of the other.

use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Result};

use super::engine::{calls, Live};
use super::{KIB, LONG};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::trace::record;

pub const CASES: &[Case] = &[
    Case::new("folio_states", suites::LIVE, folio_states)
        .doc(
            "Blocks that one engine has read or dirtied in a folio are so for the other, which \
         reads the rest and writes them back.",
        )
        .timeout(LONG),
    Case::new("who_serves", suites::LIVE, who_serves)
        .doc("Calls lead to the Rust engine while it is loaded, and to C before and after.")
        .timeout(LONG),
];

const SIZE: usize = 256 * KIB;
/// The main disk's block size, of which a folio has several.
const BLOCK: usize = KIB;

fn folio_states(context: &Context) -> Result<()> {
    ensure!(context.block_size()? == BLOCK as u64);
    for (name, to_rust) in [("to_rust", true), ("to_c", false)] {
        let mut mirror = Mirror::filled(context.path(name)?, 1, SIZE)?;
        let file = mirror.buffered()?;
        mirror.drop_cache()?;
        // Here the first engine is at work ...
        let live = if to_rust { None } else { Some(Live::load()?) };
        for block in (1..SIZE / BLOCK).step_by(3) {
            mirror.write(&file, (block * BLOCK) as u64, BLOCK)?;
        }
        // ... and here the other.
        let live = match live {
            None => Some(Live::load()?),
            Some(live) => {
                live.remove()?;
                None
            }
        };
        let mut found = vec![0; SIZE];
        file.read_exact_at(&mut found, 0)?;
        pattern::compare(mirror.bytes(), &found, 0)?;
        for block in (2..SIZE / BLOCK).step_by(3) {
            mirror.write(&file, (block * BLOCK + 100) as u64, 200)?;
        }
        file.sync_all()?;
        mirror.verify()?;
        if let Some(live) = live {
            live.remove()?;
            mirror.verify_buffered()?;
        }
    }
    Ok(())
}

fn who_serves(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    ensure!(systems(&mut mirror)? == ["iomap"], "before the switch");
    let live = Live::load()?;
    let before = calls()?;
    ensure!(systems(&mut mirror)? == ["iomap_rs"], "after the switch");
    ensure!(calls()? > before, "no call was counted");
    live.remove()?;
    ensure!(systems(&mut mirror)? == ["iomap"], "after the switch back");
    Ok(())
}

/// The systems whose trace events a write and its writeback fire.
fn systems(mirror: &mut Mirror) -> Result<Vec<&'static str>> {
    let file = mirror.buffered()?;
    let mut found = Vec::new();
    for system in ["iomap", "iomap_rs"] {
        let there = Path::new("/sys/kernel/tracing/events")
            .join(system)
            .exists();
        if !there {
            continue;
        }
        let (_, events) = record(&[system], || {
            mirror.write(&file, 0, 4 * KIB)?;
            Ok(file.sync_all()?)
        })?;
        let has = |name: &str| events.iter().any(|event| event.name == name);
        if has("iomap_iter") && has("iomap_writepage") {
            found.push(system);
        }
    }
    Ok(found)
}

// SPDX-License-Identifier: GPL-2.0

//! Tests on files in persistent memory, without a page cache: `fs/dax.c` of the
//! kernel image walks their mappings with the engine's iterator.

mod fault;
mod huge;
mod io;
mod share;
mod zero;

use anyhow::{ensure, Result};

use crate::case::Case;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::sys::mapping::FileMapping;
use crate::trace::Event;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    fault::CASES,
    huge::CASES,
    io::CASES,
    share::CASES,
    zero::CASES,
];

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Checks what a file holds: by reads, and as a new mapping shows it.
fn verify(mirror: &Mirror) -> Result<()> {
    mirror.verify_buffered()?;
    mirror.verify_direct()?;
    let mut found = vec![0; mirror.bytes().len()];
    FileMapping::new(&mirror.buffered()?, found.len())?.read(0, &mut found)?;
    pattern::compare(mirror.bytes(), &found, 0)
}

/// Every turn of a walk has been asked for data in memory, and with `flags`.
fn expect_turns(events: &[Event], flags: &[&str]) -> Result<()> {
    // IOMAP_DAX, which the event has no name for.
    const DAX: i64 = 0x100;

    let turns = || events.iter().filter(|event| event.name == "iomap_iter");
    ensure!(turns().count() > 1, "no walk: {events:?}");
    for turn in turns() {
        let asked = turn.flags("flags")?;
        let of_dax = asked
            .iter()
            .filter_map(|flag| flag.strip_prefix("0x"))
            .filter_map(|digits| i64::from_str_radix(digits, 16).ok())
            .any(|bits| bits & DAX != 0);
        ensure!(of_dax, "not for data in memory: {turn:?}");
        for flag in flags {
            ensure!(asked.contains(flag), "without {flag}: {turn:?}");
        }
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Folios that are dirtied, dropped and cut off.

use anyhow::{ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::trace::{self, Event};

pub const CASES: &[Case] = &[
    Case::new("folio_release", SCRIPT, release)
        .doc("A clean folio gives its state up, a dirty one keeps it; both leave the event.")
        .holds(&["RL-1", "TR-8"]),
    Case::new("folio_release_partial", SCRIPT, release_partial)
        .doc("A clean folio that is valid in part forgets which blocks are.")
        .holds(&["RL-1", "RL-5"]),
    Case::new("folio_invalidate", SCRIPT, invalidate)
        .doc("A folio that is cut off as a whole is clean and has no state.")
        .holds(&["RL-2", "TR-8"]),
    Case::new("folio_invalidate_part", SCRIPT, invalidate_part)
        .doc("A part that is cut off leaves the folio dirty, and what is valid valid.")
        .holds(&["RL-2"]),
    Case::new(
        "folio_invalidate_part_is_clean",
        SCRIPT,
        invalidate_part_is_clean,
    )
    .doc("Blocks that lie in a part which is cut off are not dirty any more, nor written.")
    .holds(&["DIFF-14"]),
    Case::new("folio_dirty", SCRIPT, dirty)
        .doc("Dirtying a folio makes all of its blocks dirty, those behind the end as well.")
        .holds(&["RL-3", "RL-4"]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 addr=65536\nbuffered";

/// One event of that name, of that part of the file.
fn expect_event(events: &[Event], name: &str, offset: i64, length: i64) -> Result<()> {
    let [event] = events else {
        anyhow::bail!("not one event but {events:?}");
    };
    ensure!(
        event.name == name
            && event.number("offset")? == offset
            && event.number("length")? == length
            && event.number("size")? == 65536,
        "not {name} of {length} bytes at {offset}: {event:?}"
    );
    Ok(())
}

fn release(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let event = "iomap/iomap_release_folio";
    fs.run("read_folio pos=4096")?;
    fs.clear_log()?;
    let ((), events) = trace::record(&[event], || fs.run("drop index=1"))?;
    expect_event(&events, "iomap_release_folio", 4096, 4096)?;
    fs.expect(&["release_folio pos=4096 ret=1", "drop ret=1"])?;
    fs.expect_folio(1, "uptodate=1 state=none")?;
    // Without a state, the same.
    let ((), events) = trace::record(&[event], || fs.run("dirty index=1"))?;
    ensure!(events.is_empty(), "{events:?}");
    fs.expect_folio(1, "dirty=1 state=blocks dirty_blocks=0-3")?;
    let ((), events) = trace::record(&[event], || fs.run("drop index=1"))?;
    expect_event(&events, "iomap_release_folio", 4096, 4096)?;
    fs.expect(&["release_folio pos=4096 ret=0", "drop ret=0"])?;
    fs.expect_folio(
        1,
        "dirty=1 state=blocks uptodate_blocks=0-3 dirty_blocks=0-3",
    )
}

fn release_partial(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(1024, 1024, 0xCC)?;
    fs.cache().sync_all()?;
    fs.expect_stored(BASE, &overlay(stored(BASE, 4096), 1024, 1024, 0xCC))?;
    fs.expect_folio(
        0,
        "uptodate=0 dirty=0 state=blocks uptodate_blocks=1 dirty_blocks= writing=0",
    )?;
    fs.expect_run("drop index=0", &["release_folio ret=1", "drop ret=1"])?;
    fs.expect_folio(0, "uptodate=0 state=none")?;
    // All of it is read afresh.
    fs.expect_bios(&["R 128+8"], || fs.run("read_folio pos=0"))?;
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 1024, 1024, 0xCC))
}

fn invalidate(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.run("read_folio pos=4096\ndirty index=1")?;
    fs.clear_log()?;
    let ((), events) = trace::record(&["iomap/iomap_invalidate_folio"], || {
        fs.run("invalidate index=1")
    })?;
    expect_event(&events, "iomap_invalidate_folio", 4096, 4096)?;
    fs.expect(&["invalidate_folio pos=4096 offset=0 len=4096"])?;
    fs.expect_folio(1, "dirty=0 state=none")?;
    fs.expect_bios(&[], || Ok(fs.cache().sync_all()?))
}

fn invalidate_part(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.run("read_folio pos=4096\ndirty index=1")?;
    let ((), events) = trace::record(&["iomap/iomap_invalidate_folio"], || {
        fs.run("invalidate index=1 offset=1500 len=2596")
    })?;
    expect_event(&events, "iomap_invalidate_folio", 4096 + 1500, 2596)?;
    fs.expect_folio(1, "uptodate=1 dirty=1 state=blocks uptodate_blocks=0-3")
}

fn invalidate_part_is_clean(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine keeps them dirty");
    }
    let fs = Cached::new(context, BLOCKS)?;
    for (offset, len, left, bios) in [
        (1500, 2596, "0-1", &["WS 136+4"][..]),
        (0, 1023, "0-3", &["WS 136+8"]),
        (1, 2047, "0,2-3", &["WS 136+2", "WS 140+4"]),
        (1024, 3072, "0", &["WS 136+2"]),
    ] {
        fs.restart(BLOCKS)?;
        fs.run("read_folio pos=4096\ndirty index=1")?;
        fs.run(&format!("invalidate index=1 offset={offset} len={len}"))?;
        fs.expect_folio(1, &format!("dirty=1 dirty_blocks={left}"))?;
        fs.expect_bios(bios, || Ok(fs.cache().sync_all()?))?;
    }
    Ok(())
}

fn dirty(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS}\ninode size=5000"))?;
    // Not read by blocks: the state comes with the dirt.
    fs.put_all(0, 4096, 0xCC)?;
    fs.expect_folio(0, "uptodate=1 dirty=1 state=none")?;
    fs.cache().sync_all()?;
    fs.run("drop index=0")?;
    fs.expect_run("dirty index=0", &["dirty_folio pos=0 ret=1"])?;
    fs.expect_folio(
        0,
        "uptodate=1 dirty=1 state=blocks uptodate_blocks=0-3 dirty_blocks=0-3",
    )?;
    fs.expect_run("dirty index=0", &["dirty_folio pos=0 ret=0"])?;

    // The file ends within block 0 of this folio.
    fs.run("read_folio pos=4096")?;
    fs.expect_run("dirty index=1", &["dirty_folio pos=4096 ret=1"])?;
    fs.expect_folio(1, "dirty=1 dirty_blocks=0-3")?;
    // One block: the folio's own flag is all there is.
    fs.restart("inode size=4096\nextent offset=0 length=4096 addr=65536\nbuffered")?;
    fs.run("read_folio pos=0")?;
    fs.expect_run("dirty index=0", &["dirty_folio pos=0 ret=1"])?;
    fs.expect_folio(0, "uptodate=1 dirty=1 state=none")
}

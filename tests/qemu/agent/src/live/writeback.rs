// SPDX-License-Identifier: GPL-2.0

//! Writeback that sleeps half-way in the engine that goes, while the other engine is at
//! work on the same file.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::thread;

use anyhow::{ensure, Context as _, Result};

use super::brake;
use super::engine::{in_transition, NAME, PATIENCE};
use super::in_flight::await_writes;
use super::towards::{first, joined, switch, After, Towards};
use super::{KIB, LONG};
use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::mapping::FileMapping;
use crate::sys::sync_range;
use crate::task::{in_thread, Task};
use crate::trace::{Event, Tracer};

pub const CASES: &[Case] = &[
    Case::new("both_to_rust", suites::LIVE, both_to_rust)
        .doc(
            "While the C engine sleeps with a writeback context half filled, the Rust engine \
             writes, reads, maps and writes back the same file.",
        )
        .timeout(LONG),
    Case::new("both_to_c", suites::LIVE, both_to_c)
        .doc(
            "While the Rust engine sleeps with a writeback context half filled, the C engine \
             writes, reads, maps and writes back the same file.",
        )
        .timeout(LONG),
    Case::new("turned_back_to_c", suites::LIVE, turned_back_to_c)
        .doc(
            "The Rust engine is given back before all tasks are on it, while both are at work on \
             the same file; then it can be unloaded.",
        )
        .timeout(LONG),
    Case::new("turned_back_to_rust", suites::LIVE, turned_back_to_rust)
        .doc("The Rust engine takes over again before all tasks are on C, in the same way.")
        .timeout(LONG),
];

const SIZE: usize = 2048 * KIB;
/// One engine's half of the file, and the other's.
const HALF: usize = SIZE / 2;
/// With gaps as long between them, so that each is an ioend of its own.
const PIECE: usize = 32 * KIB;
const PIECES: usize = HALF / PIECE / 2;
/// Requests that the disk takes before whoever has another one sleeps: the least that
/// there can be.
const REQUESTS: usize = 4;

fn both_to_rust(context: &Context) -> Result<()> {
    both(context, Towards::Rust)
}

fn both_to_c(context: &Context) -> Result<()> {
    both(context, Towards::C)
}

fn turned_back_to_c(context: &Context) -> Result<()> {
    turned_back(context, Towards::Rust)
}

fn turned_back_to_rust(context: &Context) -> Result<()> {
    turned_back(context, Towards::C)
}

/// While both engines write the same file back.
struct Meanwhile<'a> {
    mirror: &'a mut Mirror,
    file: &'a File,
    /// Writes back in the engine that goes, and sleeps there.
    sleeper: Task,
    /// Does so in the one that has come.
    syncer: Task,
    /// What the latter has traced so far.
    events: &'a [Event],
    /// The name of its trace events, and the number of its functions in a switch.
    system: &'static str,
    switched: i32,
}

fn both(context: &Context, towards: Towards) -> Result<()> {
    meanwhile(context, towards, |at, after| {
        let me = Task::current();
        // All this came about while one was on the one engine and two on the other.
        let states = [at.sleeper, me, at.syncer].map(|task| task.patch_state().unwrap_or(-1));
        ensure!(
            states == [1 - at.switched, at.switched, at.switched],
            "{states:?} is where the sleeper, this thread and that of fsync are"
        );
        let mine: Vec<&Event> = of(at.events, me, "iomap_iter").collect();
        for fault in [false, true] {
            let there = mine.iter().any(|event| is_fault(event) == fault);
            ensure!(there, "{} has no write, fault: {fault}", at.system);
        }
        let written_back = of(at.events, at.syncer, "iomap_writepage").count();
        ensure!(written_back > 0, "{} writes nothing back", at.system);
        Ok(after)
    })
}

/// Begins that switch, and the one back before that has ended.
fn turned_back(context: &Context, towards: Towards) -> Result<()> {
    meanwhile(context, towards, |at, after| {
        let after = after.turn_back()?;
        work(at.mirror, at.file, PIECES / 2..PIECES)?;
        ensure!(in_transition(), "a task sleeps in the engine that came");
        Ok(after)
    })
}

/// Switches while writeback sleeps, has the other engine work and write back until that
/// sleeps as well, and runs `then`, which returns how the switch is to end.
fn meanwhile(
    context: &Context,
    towards: Towards,
    then: impl FnOnce(Meanwhile<'_>, After) -> Result<After>,
) -> Result<()> {
    /// The modules that the engines are of.
    const ON_C: Option<&str> = None;
    const ON_RUST: Option<&str> = Some(NAME);
    let (old, new, system, switched) = match towards {
        Towards::Rust => (ON_C, ON_RUST, "iomap_rs", 1),
        Towards::C => (ON_RUST, ON_C, "iomap", 0),
    };
    let writes_back = |task: Task, engine| task.sleeps_in("iomap_writepages", engine);
    let disk = brake::Disk::copy_of(context, "slow")?;
    let mount = disk.mount("xfs")?;
    let mut mirror = Mirror::filled(mount.path().join("file"), 1, SIZE)?;
    let file = mirror.buffered()?;
    let engine = first(towards)?;
    write_pieces(&mut mirror, &file, 0)?;
    write_pieces(&mut mirror, &file, HALF)?;
    check(&mirror, &file)?;
    let few = disk.limit_requests(REQUESTS)?;
    thread::scope(|scope| {
        let stopped = disk.stop()?;
        let (sleeper, sleeping) = in_thread(scope, || {
            sync_range::start(&file, 0, HALF).context("sync_file_range")
        })?;
        await_writes(REQUESTS as u64)?;
        wait_until(PATIENCE, "writeback that sleeps", || {
            writes_back(sleeper, old)
        })?;
        let after = switch(engine)?;

        let tracer = Tracer::start(&[system])?;
        work(&mut mirror, &file, 0..PIECES / 2)?;
        let (syncer, syncing) = in_thread(scope, || file.sync_all().context("fsync"))?;
        wait_until(PATIENCE, "writeback by the other engine", || {
            writes_back(syncer, new)
        })?;
        let events = tracer.stop()?;
        ensure!(writes_back(sleeper, old), "the sleeper has woken up");
        ensure!(in_transition(), "a task sleeps in the engine that goes");
        let at = Meanwhile {
            mirror: &mut mirror,
            file: &file,
            sleeper,
            syncer,
            events: &events,
            system,
            switched,
        };
        let after = then(at, after)?;

        drop(stopped);
        joined(sleeping)?;
        joined(syncing)?;
        after.settle()?;
        if let After::Serving(live) = &after {
            ensure!(live.serves_all(), "the Rust engine does not serve");
        }
        after.remove()
    })?;
    drop(few);
    mirror.verify()?;
    drop((file, mount));
    disk.remove()
}

fn of<'a>(events: &'a [Event], task: Task, name: &'a str) -> impl Iterator<Item = &'a Event> {
    let is = move |event: &&Event| event.task == task.0 && event.name == name;
    events.iter().filter(is)
}

/// Whether this is of a store to a mapping, not of a write.
fn is_fault(event: &Event) -> bool {
    event
        .flags("flags")
        .is_ok_and(|flags| flags.contains(&"FAULT"))
}

/// Writes each other piece of a half, so that all of the half is dirty but the gaps; in
/// two steps, so that folios have states that say which blocks are.
fn write_pieces(mirror: &mut Mirror, file: &File, half: usize) -> Result<()> {
    for piece in 0..PIECES {
        let offset = (half + 2 * piece * PIECE) as u64;
        mirror.write(file, offset, PIECE)?;
        mirror.write(file, offset + 100, PIECE / 2)?;
    }
    Ok(())
}

/// Reads the second half, changes it through a mapping and by writes, and reads it
/// again: without the disk, which is stopped. Changes are in the gaps behind these pieces, of
/// which the first is an even one.
fn work(mirror: &mut Mirror, file: &File, pieces: Range<usize>) -> Result<()> {
    check(mirror, file)?;
    let mapping = FileMapping::new(file, SIZE).context("mmap")?;
    for piece in pieces.clone().step_by(2) {
        let offset = HALF + (2 * piece + 1) * PIECE + 100;
        let bytes = mirror.stamp(offset as u64, PIECE / 2)?;
        mapping.write(offset, &bytes)?;
    }
    check(mirror, file)?;
    for piece in pieces.skip(1).step_by(2) {
        let offset = HALF + (2 * piece + 1) * PIECE + 100;
        mirror.write(file, offset as u64, PIECE / 2)?;
    }
    check(mirror, file)
}

fn check(mirror: &Mirror, file: &File) -> Result<()> {
    // What the sleeper has dirtied can be read as well; in its gaps there is nothing
    // without the disk.
    for (offset, length) in (0..PIECES)
        .map(|piece| (2 * piece * PIECE, PIECE))
        .chain([(HALF, HALF)])
    {
        let mut found = vec![0; length];
        file.read_exact_at(&mut found, offset as u64)
            .context("read")?;
        pattern::compare(mirror.range(offset, length), &found, offset as u64)?;
    }
    Ok(())
}

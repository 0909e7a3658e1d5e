// SPDX-License-Identifier: GPL-2.0

//! A walk over mappings from outside of the engine, as those of `fs/dax.c`: each of its
//! turns may be another engine's.

use std::thread;

use anyhow::{ensure, Result};

use super::engine::PATIENCE;
use super::towards::{first, joined, switch, Towards};
use super::{KIB, LONG};
use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::kallsyms;
use crate::script::scripted::Scripted;
use crate::suites;
use crate::task::{in_thread, Task};
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("walk_to_rust", suites::LIVE, walk_to_rust)
        .doc("The Rust engine goes on with a walk of which the C engine has made some turns.")
        .timeout(LONG),
    Case::new("walk_to_c", suites::LIVE, walk_to_c)
        .doc(
            "The C engine goes on with a walk of which the Rust engine has made some turns, and \
             which does not keep that from being unloaded.",
        )
        .timeout(LONG),
];

const EXTENT: usize = 8 * KIB;
const SIZE: usize = 3 * EXTENT;
/// What a turn is content with.
const STEP: usize = 4 * KIB;
const TURNS: usize = SIZE / STEP;
/// Turns before the switch, which comes in the middle of the second extent.
const BEFORE: usize = 3;
/// One event each time that there is a mapping.
const EVENT: &str = "iomap_iter_dstmap";

fn walk_to_rust(context: &Context) -> Result<()> {
    walk(context, Towards::Rust)
}

fn walk_to_c(context: &Context) -> Result<()> {
    walk(context, Towards::C)
}

fn walk(context: &Context, towards: Towards) -> Result<()> {
    let (old, new) = match towards {
        Towards::Rust => ("iomap", "iomap_rs"),
        Towards::C => ("iomap_rs", "iomap"),
    };
    let fs = Scripted::new(
        context,
        "inode size=24576\n\
         extent offset=0 length=8192 addr=65536\n\
         extent offset=8192 length=8192 addr=131072 type=unwritten\n\
         extent offset=16384 length=8192 addr=262144",
    )?;
    let command = format!(
        "walk at={} pos=0 len={SIZE} step={STEP}",
        kallsyms::address("iomap_iter")?
    );
    let engine = first(towards)?;
    thread::scope(|scope| {
        let gates = Gates(&fs);
        let (started, by_old) = trace::record(&[old], || {
            let started = in_thread(scope, || fs.run(&command))?;
            gates.pass(1, BEFORE)?;
            Ok(started)
        })?;
        let (walker, walking) = started;
        expect_turns(&by_old, walker, old, BEFORE)?;
        // It sleeps in a function that is no engine's: nobody waits for it.
        let after = switch(engine)?;
        after.settle()?;
        let live = after.unload()?;
        let ((), by_new) = trace::record(&[new], || {
            gates.pass(BEFORE + 1, TURNS)?;
            fs.run("go")?;
            joined(walking)
        })?;
        expect_turns(&by_new, walker, new, TURNS - BEFORE)?;
        drop(gates);
        live.map_or(Ok(()), |live| live.remove())
    })?;
    let mut wanted = Vec::new();
    for turn in 0..TURNS {
        let (pos, left) = (turn * STEP, SIZE - turn * STEP);
        let (extent, within) = (pos / EXTENT, pos % EXTENT);
        let kind = if extent == 1 { "unwritten" } else { "mapped" };
        wanted.push(format!("begin pos={pos} len={left} zeroed=1 iter=1"));
        wanted.push(format!(
            "walk pos={pos} left={left} type={kind} offset={}",
            extent * EXTENT
        ));
        wanted.push("gate".to_owned());
        let mapped = EXTENT - within;
        wanted.push(format!("end pos={pos} len={mapped} written={STEP}"));
    }
    wanted.push(format!("walk_return ret=0 pos={SIZE} left=0"));
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    fs.expect(&wanted)
}

fn expect_turns(events: &[trace::Event], task: Task, engine: &str, turns: usize) -> Result<()> {
    let found = events
        .iter()
        .filter(|event| event.task == task.0 && event.name == EVENT);
    let found = found.count();
    ensure!(found == turns, "{found} turns of {engine}, not {turns}");
    Ok(())
}

/// Where the walk waits in each turn; when this is dropped it does no more.
struct Gates<'a>(&'a Scripted);

impl Gates<'_> {
    /// Waits for the turns of these numbers, letting the walk go on to each but the first
    /// of all.
    fn pass(&self, from: usize, to: usize) -> Result<()> {
        for turn in from..=to {
            if turn > 1 {
                self.0.run("go")?;
            }
            wait_until(PATIENCE, "a turn of the walk", || self.reached() >= turn)?;
        }
        Ok(())
    }

    fn reached(&self) -> usize {
        let lines = self.0.log().unwrap_or_default();
        lines.iter().filter(|line| line.name() == "gate").count()
    }
}

impl Drop for Gates<'_> {
    fn drop(&mut self) {
        // More than there are, in case of an error.
        for _ in 0..TURNS {
            if let Err(error) = self.0.run("go") {
                eprintln!("cannot let the walk go on: {error:#}");
            }
            thread::sleep(super::towards::A_WHILE / 10);
        }
    }
}

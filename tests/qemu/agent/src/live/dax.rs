// SPDX-License-Identifier: GPL-2.0

//! Switching back and forth under files in persistent memory: `fs/dax.c` walks their
//! mappings.

use std::thread;

use anyhow::{ensure, Result};

use super::engine::Live;
use super::switch::switch;
use super::{KIB, LONG};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::load::{Kind, Load};
use crate::suites;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dax_back_and_forth", suites::LIVE_DAX, dax_back_and_forth)
        .doc("Engines are switched many times while files in memory are in use: all stays right.")
        .timeout(LONG),
    Case::new("dax_walks", suites::LIVE_DAX, dax_walks)
        .doc("Reads and writes of files in memory walk by the engine that serves.")
        .timeout(LONG),
];

const SIZE: usize = 64 * KIB;

fn dax_back_and_forth(context: &Context) -> Result<()> {
    let directory = context.dir()?;
    let load = Load::default();
    let served = thread::scope(|scope| {
        let kinds = [Kind::Cached, Kind::Cached, Kind::Direct];
        let workers: Vec<_> = (1..)
            .zip(kinds)
            .map(|(id, kind)| load.start(scope, &directory, kind, id))
            .collect();
        let served = switch(context, context.switches(), &load);
        load.stop();
        let joined: Vec<Result<()>> = workers.into_iter().map(|worker| worker.join()).collect();
        joined.into_iter().collect::<Result<()>>()?;
        served
    })?;
    context.note(format!("{served} calls of the Rust engine"));
    ensure!(served > 0, "the Rust engine was never called");
    Ok(())
}

fn dax_walks(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    walked(&mut mirror, "iomap")?;
    let live = Live::load()?;
    walked(&mut mirror, "iomap_rs")?;
    live.remove()?;
    walked(&mut mirror, "iomap")
}

/// A write and a read, which are walks of that system's engine.
fn walked(mirror: &mut Mirror, system: &str) -> Result<()> {
    let file = mirror.buffered()?;
    let event = format!("{system}/iomap_iter_dstmap");
    let ((), events) = trace::record(&[&event], || {
        mirror.write(&file, 0, SIZE)?;
        mirror.verify_buffered()
    })?;
    ensure!(events.len() >= 2, "{} turns of {system}", events.len());
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Direct I/O whose bios have ended, and whose last step is still to come: it leads
//! into the engine that served when the bios ended.

use std::thread;

use anyhow::{ensure, Result};

use super::towards::{first, joined, switch, Towards};
use super::{KIB, LONG};
use crate::case::Case;
use crate::context::Context;
use crate::script::scripted::{expect_bytes, fill_device, Held, Scripted};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::uring::Deferred;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("worker_to_rust", suites::LIVE, worker_to_rust)
        .doc("A worker ends a write of the C engine's while tasks are switched to Rust.")
        .timeout(LONG),
    Case::new("worker_to_c", suites::LIVE, worker_to_c)
        .doc("Unloading waits for a worker that ends a write of the Rust engine's.")
        .timeout(LONG),
    Case::new("issuer_to_rust", suites::LIVE, issuer_to_rust)
        .doc("The Rust engine serves when an issuer comes to end a write of the C engine's.")
        .timeout(LONG),
    Case::new("issuer_to_c", suites::LIVE, issuer_to_c)
        .doc("Unloading waits for an issuer that is to end a write of the Rust engine's.")
        .timeout(LONG),
    Case::new("polled_to_rust", suites::LIVE, polled_to_rust)
        .doc("The Rust engine ends a read that is polled for since the C engine began it.")
        .timeout(LONG),
    Case::new("polled_to_c", suites::LIVE, polled_to_c)
        .doc("The C engine ends a read that is polled for when the one that began it is gone.")
        .timeout(LONG),
];

const SIZE: usize = 64 * KIB;
const BASE: u64 = 65536;
const BYTE: u8 = 0x38;
const FILE: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";

fn worker_to_rust(context: &Context) -> Result<()> {
    worker(context, Towards::Rust)
}

fn worker_to_c(context: &Context) -> Result<()> {
    worker(context, Towards::C)
}

fn worker(context: &Context, towards: Towards) -> Result<()> {
    let script = format!("{FILE} type=unwritten\nbio hold\nend_io wait");
    let fs = Scripted::new(context, &script)?;
    let engine = first(towards)?;
    let mut writes = [Transfer::write(0, AlignedBuf::filled(SIZE, 1)?)];
    thread::scope(|scope| {
        let writing = scope.spawn(|| Method::Aio.run_whole(fs.file(), &mut writes, 1));
        let gate = Gate(&fs);
        fs.wait_for("return")?;
        fs.run("release complete")?;
        fs.wait_for("gate")?;
        let after = switch(engine)?;
        // The C engine's worker may be inside of a function that is patched: the
        // switch to Rust waits for it, that to C must not.
        if towards == Towards::C {
            after.settle()?;
        }
        let unloading = after.start_unloading(scope)?;
        drop(gate);
        joined(writing)?;
        unloading.finish()
    })?;
    fs.expect_only("end_io", &["end_io size=65536 error=0 context=worker"])
}

fn issuer_to_rust(context: &Context) -> Result<()> {
    issuer(context, Towards::Rust)
}

fn issuer_to_c(context: &Context) -> Result<()> {
    issuer(context, Towards::C)
}

fn issuer(context: &Context, towards: Towards) -> Result<()> {
    let fs = Scripted::new(context, &format!("{FILE}\ndio caller_comp\nbio hold"))?;
    let engine = first(towards)?;
    let write = Transfer::write(0, AlignedBuf::filled(SIZE, 1)?);
    let request = Deferred::submit(fs.file(), write)?;
    fs.wait_for("return")?;
    fs.run("release complete")?;
    let after = switch(engine)?;
    after.settle()?;
    thread::scope(|scope| {
        let unloading = after.start_unloading(scope)?;
        ensure!(request.wait()?? == SIZE);
        unloading.finish()
    })?;
    fs.expect_only("end_io", &["end_io size=65536 error=0 context=task"])
}

fn polled_to_rust(context: &Context) -> Result<()> {
    polled(context, Towards::Rust)
}

fn polled_to_c(context: &Context) -> Result<()> {
    polled(context, Towards::C)
}

fn polled(context: &Context, towards: Towards) -> Result<()> {
    fill_device(context, BASE, SIZE, BYTE)?;
    let fs = Scripted::new(context, &format!("{FILE}\nbio hold"))?;
    let engine = first(towards)?;
    let mut reads = [Transfer::read(0, SIZE)?];
    thread::scope(|scope| {
        // Polls all the time.
        let reading = scope.spawn(|| Method::UringPolled.run_whole(fs.file(), &mut reads, 1));
        let held = Held(&fs);
        fs.wait_for("return")?;
        let after = switch(engine)?;
        after.settle()?;
        let live = after.unload()?;
        drop(held);
        joined(reading)?;
        live.map_or(Ok(()), |live| live.remove())
    })?;
    for read in &reads {
        expect_bytes(&read.buffer, BYTE, "what was read")?;
    }
    fs.expect_of(
        &["submit", "end_io"],
        &[
            "submit op=read flags=polled published=1",
            "end_io size=65536 error=0 published=0",
        ],
    )
}

/// Requests and whoever waits in a hook of the filesystem go on when this is dropped.
struct Gate<'a>(&'a Scripted);

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.run("release complete\ngo") {
            eprintln!("cannot open the gate: {error:#}");
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The agent of the test guest. As process 1 it is the guest's init: it mounts
//! what is needed, loads the modules, runs the tests that `/run.json` names,
//! writes KTAP to `/dev/hvc0` and powers off. Elsewhere `agent list` prints the
//! tests that there are.
//!
//! A test is declared in the table of its file ([`case::Case`]) and gets a
//! [`context::Context`]: the guest seen from a test.

mod bdev;
mod bench;
mod case;
mod cases;
mod cgroup;
mod check;
mod compare;
mod context;
mod crash;
mod data;
mod dax;
mod demo;
mod dirty_limit;
mod disk;
mod ext2;
mod failing_requests;
mod fs;
mod fsck;
mod fstests;
mod init;
mod kallsyms;
mod kmsg;
mod live;
mod load;
mod log_writes;
mod memory;
mod module_faults;
mod mounts;
mod null_disk;
mod output;
mod pmem;
mod recovery;
mod restore;
mod runner;
mod sanitizers;
mod script;
mod shell;
mod soak;
mod suites;
mod sys;
mod task;
mod trace;
mod transfer;
mod unplug;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

const USAGE: &str = "usage: agent list    print the tests as JSON\n\
                     As process 1 of a guest it runs what /run.json says.";

fn main() -> ExitCode {
    if std::process::id() == 1 {
        init::run();
    }
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next().as_deref(), arguments.next()) {
        (Some("list"), None) => list(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<()> {
    let infos = cases::infos()?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &infos).context("cannot write the list")?;
    writeln!(out).context("cannot write the list")
}

// SPDX-License-Identifier: GPL-2.0

//! The host side of the QEMU tests: builds kernels and modules, makes disks,
//! boots guests, judges what they say.

mod aftermath;
mod agent;
mod bench;
mod cargo_tests;
mod checks;
mod cli;
mod commands;
mod compare;
mod conformance;
mod demo;
mod filter;
mod follow;
mod fstests;
mod hash;
mod host_program;
mod image;
mod initramfs;
mod kernel;
mod kernel_log;
mod lab;
mod lock;
mod modules;
mod mutants;
mod parallel;
mod paths;
mod process;
mod progress;
mod qemu;
mod recovery;
mod report;
mod session;
mod suites;
mod toolchain;
mod tracker;
mod work_dir;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use paths::Paths;
use toolchain::Toolchain;

fn main() -> ExitCode {
    let outcome = || {
        let paths = Paths::discover()?;
        let tools = Toolchain::load(&paths)?;
        commands::run(Cli::parse().command, &paths, &tools)
    };
    match outcome() {
        Ok(true) => ExitCode::SUCCESS,
        // What is wrong was said already.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What the program can be asked to do.

mod bench;
mod clippy;
mod compare;
mod demo;
mod doc;
mod fstests;
mod live_demo;
mod modules;
mod mutants;
mod rust_analyzer;
mod shell;
mod test;

use anyhow::Result;
use iomap_qemu_protocol::Link;

use crate::agent::Agent;
use crate::cli::{Command, LinkArgument};
use crate::conformance;
use crate::kernel::{self, Flavor, KernelTree, Recipe};
use crate::paths::Paths;
use crate::toolchain::Toolchain;

/// Runs a command; false if it worked, but found something wrong.
pub fn run(command: Command, paths: &Paths, tools: &Toolchain) -> Result<bool> {
    match command {
        Command::Demo {
            link: LinkArgument::Live,
        } => live_demo::run(paths, tools),
        Command::Demo { link } => demo::run(paths, tools, link.into()),
        Command::Test(arguments) => test::run(paths, tools, &arguments),
        Command::Fstests(arguments) => fstests::run(paths, tools, &arguments),
        Command::Bench(arguments) => bench::run(paths, tools, &arguments),
        Command::Compare(arguments) => compare::run(paths, tools, &arguments),
        Command::Shell { link } => shell::run(paths, tools, link.into()).map(|()| true),
        Command::Kernel { link, kernel } => {
            let recipe = Recipe::new(paths, tools, link.into(), kernel)?;
            let kernel = kernel::build(paths, tools, &recipe)?;
            println!("{} in {}", kernel.release()?, kernel.dir.display());
            Ok(true)
        }
        Command::Modules { kdir } => modules::run(paths, tools, kdir.as_deref()).map(|()| true),
        Command::Mutants { filter } => mutants::run(paths, tools, filter.as_deref()),
        Command::Clippy => clippy::run(paths, tools, &cached_kernel(paths, tools)?).map(|()| true),
        Command::Doc => doc::run(paths, tools, &cached_kernel(paths, tools)?).map(|()| true),
        Command::RustAnalyzer => {
            rust_analyzer::run(paths, tools, &cached_kernel(paths, tools)?).map(|()| true)
        }
        Command::Conformance { check } => {
            let tests = Agent::build(paths, tools)?.tests()?;
            if check {
                conformance::check(paths, &tests)?;
                crate::mutants::check(paths, &tests)?;
            } else {
                println!("{}", conformance::write(paths, &tests)?.display());
                println!("{}", crate::mutants::write(paths, &tests)?.display());
            }
            Ok(true)
        }
    }
}

/// The kernel that iomap_rs.ko is built against, unless a person has another one.
fn cached_kernel(paths: &Paths, tools: &Toolchain) -> Result<KernelTree> {
    let recipe = Recipe::new(paths, tools, Link::Module, Flavor::Release)?;
    kernel::build(paths, tools, &recipe)
}

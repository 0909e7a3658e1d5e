// SPDX-License-Identifier: GPL-2.0

//! What the program can be asked to do.

mod demo;
mod modules;
mod shell;
mod test;

use anyhow::Result;

use crate::agent::Agent;
use crate::cli::Command;
use crate::conformance;
use crate::kernel::{self, Recipe};
use crate::paths::Paths;
use crate::toolchain::Toolchain;

/// Runs a command; false if it worked, but found something wrong.
pub fn run(command: Command, paths: &Paths, tools: &Toolchain) -> Result<bool> {
    match command {
        Command::Demo => demo::run(paths, tools),
        Command::Test(arguments) => test::run(paths, tools, &arguments),
        Command::Shell { engine } => shell::run(paths, tools, engine.into()).map(|()| true),
        Command::Kernel { engine } => {
            let recipe = Recipe::new(paths, tools, engine)?;
            let kernel = kernel::build(paths, tools, &recipe)?;
            println!("{} in {}", kernel.release()?, kernel.dir.display());
            Ok(true)
        }
        Command::Modules { kdir } => modules::run(paths, tools, kdir.as_deref()).map(|()| true),
        Command::Conformance { check } => {
            let tests = Agent::build(paths, tools)?.tests()?;
            if check {
                conformance::check(paths, &tests)?;
            } else {
                println!("{}", conformance::write(paths, &tests)?.display());
            }
            Ok(true)
        }
    }
}

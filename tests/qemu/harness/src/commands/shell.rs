// SPDX-License-Identifier: GPL-2.0

//! `shell`: a guest with disks and modules, at a person's hands.

use std::process::Stdio;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{Link, Mode};

use crate::agent::Agent;
use crate::image::Tree;
use crate::kernel::Flavor;
use crate::lab::{Boot, Lab};
use crate::paths::Paths;
use crate::qemu::Console;
use crate::suites::SHELL;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain, link: Link) -> Result<()> {
    let agent = Agent::build(paths, tools)?;
    let lab = Lab::prepare(paths, tools, agent, link, Flavor::Release)?;
    let tree = Tree::generate(&lab.work().join("tree"))?;
    let machine = lab.assemble(&Boot {
        suite: &SHELL,
        mode: Mode::Shell,
        tests: Vec::new(),
        extra: serde_json::Value::Null,
        console: Console::Terminal,
        tree: Some(&tree),
    })?;
    eprintln!(
        "Booting Linux {} with the {} on {}. Disks:",
        lab.kernel.release()?,
        lab.link.engine(),
        lab.accel.name()
    );
    for disk in &machine.disks {
        let holds = disk.filesystem.map_or("blank", |fs| fs.name());
        eprintln!("  {:8} {holds}", disk.role);
    }
    eprintln!("Leave with `exit`, or at any time with Ctrl-a x.");
    let status = lab
        .command(&machine)
        .stdin(Stdio::inherit())
        .status()
        .context("cannot run QEMU")?;
    if !status.success() {
        bail!("QEMU failed ({status})");
    }
    Ok(())
}

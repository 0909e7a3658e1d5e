// SPDX-License-Identifier: GPL-2.0

//! Demo mode.

use anyhow::Result;
use iomap_qemu_protocol::RunSpec;

use crate::output::Output;

pub fn run(_spec: &RunSpec, _output: &Output) -> Result<()> {
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Direct reads.

use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::buffer::AlignedBuf;

pub const CASES: &[Case] = &[Case::new("dio_read_unaligned", suites::ALL, read_unaligned)
    .doc("Reads that start and end inside a block, on sectors, return those bytes.")
    .holds(&["DIO-11", "DIO-19"])];

const KIB: usize = 1024;

fn read_unaligned(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 64 * KIB)?;
    let file = mirror.direct()?;
    for offset in (0..12 * KIB).step_by(512) {
        for length in [512, 1024, 1536, 3584, 4608, 20 * KIB] {
            let mut buffer = AlignedBuf::filled(length, 0xEE)?;
            let count = file
                .read_at(&mut buffer, offset as u64)
                .with_context(|| format!("{length} bytes at {offset}"))?;
            ensure!(count == length, "{count} of {length} bytes at {offset}");
            let expected = mirror.bytes().get(offset..offset + length);
            pattern::compare(expected.unwrap_or_default(), &buffer, offset as u64)?;
        }
    }
    mirror.verify()
}

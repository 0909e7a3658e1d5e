// SPDX-License-Identifier: GPL-2.0

//! After a guest that was lost: mounting the main disk has recovered it from its log;
//! are the files there that were synced?

use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::{decode_path, RecoverySpec, RunSpec};

use crate::crash::in_flight;
use crate::data::digest;
use crate::data::mirror::open_read;
use crate::fs::is_ext2;
use crate::init::MOUNT_POINT;
use crate::output::Output;
use crate::sys::buffer::AlignedBuf;

/// Reads are this long at the most.
const PIECE: usize = 128 << 10;

/// Compares all files, and reports it like a test.
pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    let recovery: RecoverySpec =
        serde_json::from_value(spec.extra.clone()).context("the promises cannot be read")?;
    output.run_all(
        &[RecoverySpec::NAME],
        |name| name,
        |_| {
            verify(&recovery, output)?;
            let mended = is_ext2(spec.fs.as_deref().unwrap_or_default());
            in_flight::verify(Path::new(MOUNT_POINT), &recovery.synced, mended)
        },
    );
    Ok(())
}

/// Each file by direct I/O and through the page cache.
fn verify(recovery: &RecoverySpec, output: &Output) -> Result<()> {
    let mut buffer = AlignedBuf::new(PIECE).context("no memory")?;
    let mut wrong = 0;
    for (name, promised) in &recovery.promised {
        let path = decode_path(name).with_context(|| format!("{name}: no path"))?;
        let path = Path::new(MOUNT_POINT).join(path);
        for flags in [libc::O_DIRECT, 0] {
            let found =
                open_read(&path, flags).and_then(|file| digest::of_file(&file, &mut buffer));
            let problem = match found {
                Ok((found, _)) if found == *promised => continue,
                Ok((found, size)) => {
                    format!("SHA-256 {found} of {size} bytes instead of {promised}")
                }
                Err(error) => format!("{error:#}"),
            };
            output.comment(&format!("{name}: {problem}"));
            wrong += 1;
        }
    }
    ensure!(wrong == 0, "{wrong} reads did not find what was synced");
    Ok(())
}

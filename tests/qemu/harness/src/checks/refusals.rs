// SPDX-License-Identifier: GPL-2.0

//! Kernels that the module which takes the C engine's place is not built for: make says
//! why. Those of docs/hot-swap.md that Kbuild tells by their configuration or sources.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};

use super::Subject;
use crate::kernel::Engine;
use crate::modules;
use crate::paths::{make_dir, read_text};

/// Of a kernel whose C engine is that of all: then the module is the one that takes its
/// place.
const C_ENGINE: &str = "CONFIG_FS_IOMAP_RUST=";

/// Options of a kernel as make may be told them, and what Kbuild says then.
const OPTIONS: &[(&str, &str)] = &[
    ("CONFIG_RUST=", "This kernel has no CONFIG_RUST"),
    ("CONFIG_LIVEPATCH=", "set CONFIG_LIVEPATCH"),
    (
        "CONFIG_MEM_ALLOC_PROFILING_DEBUG=y",
        "of which CONFIG_MEM_ALLOC_PROFILING_DEBUG would warn",
    ),
];

/// Where the C engine has direct I/O.
const DIRECT: &str = "direct-io.c";

/// How it sees to the workqueue of any request, behind what it does for writes. Earlier
/// releases have this for writes alone, at the end of that.
const FOR_ALL: &str = "\t}

\tif (!wait_for_completion && !inode->i_sb->s_dio_done_wq) {
\t\tret = sb_init_dio_done_wq(inode->i_sb);
\t\tif (ret < 0)
\t\t\tgoto out_free_dio;
\t}
";
const FOR_WRITES: &str = "
\t\tif (!wait_for_completion && !inode->i_sb->s_dio_done_wq) {
\t\t\tret = sb_init_dio_done_wq(inode->i_sb);
\t\t\tif (ret < 0)
\t\t\t\tgoto out_free_dio;
\t\t}
\t}
";
const NO_WORKQUEUE: &str = "wants a kernel in which direct reads have a workqueue";

pub fn check(subject: &Subject) -> Result<()> {
    let root = subject.paths.checkout.join("target/refusals");
    let engine = root.join("engine");
    Engine::read(&subject.paths.checkout)?.copy_to(&engine)?;
    let earlier = root.join("earlier");
    make_dir(&earlier)?;
    let source = read_text(&subject.source.dir.join("fs/iomap").join(DIRECT))?;
    let path = earlier.join(DIRECT);
    fs::write(&path, without_workqueue(&source)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let sources = format!("iomap-rs-c={}", earlier.display());
    let all = OPTIONS.iter().copied().chain([(&*sources, NO_WORKQUEUE)]);
    for (argument, message) in all {
        refused(subject, &engine, argument, message)?;
    }
    Ok(())
}

/// The source as an earlier release has it.
fn without_workqueue(source: &str) -> Result<String> {
    let places = source.matches(FOR_ALL).count();
    ensure!(
        places == 1,
        "the C engine has {places} places that see to the workqueue of any direct request"
    );
    Ok(source.replace(FOR_ALL, FOR_WRITES))
}

/// Nothing is built for a kernel that differs so.
fn refused(subject: &Subject, engine: &Path, argument: &str, message: &str) -> Result<()> {
    let output = modules::make(subject.tools, subject.kernel, engine)
        .args([C_ENGINE, argument, "modules"])
        .output()
        .context("cannot run make")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains(message),
        "make {argument} ({}) says: {said}",
        output.status
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_source_sees_to_writes_alone() -> Result<()> {
        let earlier = without_workqueue(&format!("{{\n{FOR_ALL}"))?;
        assert_eq!(earlier, format!("{{\n{FOR_WRITES}"));
        assert!(without_workqueue(FOR_WRITES).is_err());
        Ok(())
    }
}

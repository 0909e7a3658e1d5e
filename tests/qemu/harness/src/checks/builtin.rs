// SPDX-License-Identifier: GPL-2.0

//! A kernel with the engine built in has that engine alone, and says so to whoever
//! wants the module for it.

use anyhow::{bail, ensure, Context, Result};
use walkdir::WalkDir;

use super::Subject;
use crate::kernel::KernelTree;
use crate::modules;
use crate::paths::read_text;

/// What Kbuild says, see the project's `Kbuild`.
const REFUSAL: &str = "This kernel has the Rust engine built in";

/// `fs/dax.c` calls it, and no module: there only if the engine is built in.
const ITERATOR: &str = "iomap_iter";

/// No object comes from a C file of `fs/iomap`, and the image has the engine of
/// the Rust object.
pub fn no_c_engine(subject: &Subject) -> Result<()> {
    let dir = subject.kernel.dir.join("fs/iomap");
    let mut objects = Vec::new();
    for entry in WalkDir::new(&dir) {
        let entry = entry.with_context(|| format!("cannot walk through {}", dir.display()))?;
        if entry.path().extension().is_some_and(|ext| ext == "o") {
            let name = entry.path().strip_prefix(&dir).unwrap_or(entry.path());
            objects.push(name.display().to_string());
        }
    }
    let (ours, foreign): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|name| name.starts_with("rust/"));
    ensure!(
        foreign.is_empty(),
        "compiled from fs/iomap: {}",
        foreign.join(", ")
    );
    ensure!(
        ours.iter().any(|name| name.ends_with("/iomap_rs.o")),
        "the engine is not compiled: {ours:?}"
    );
    let symbols = read_text(&subject.kernel.dir.join("System.map"))?;
    ensure!(
        definitions_of(&symbols, ITERATOR) == 1,
        "the image does not have {ITERATOR} once"
    );
    Ok(())
}

/// How many functions of that name `System.map` has: `ffffffff81000000 T name`.
fn definitions_of(symbols: &str, wanted: &str) -> usize {
    let names = symbols.lines().filter_map(|line| line.split(' ').nth(2));
    names.filter(|name| *name == wanted).count()
}

/// Neither the harness nor make builds the module for such a kernel.
pub fn module_is_refused(subject: &Subject) -> Result<()> {
    let Err(error) = KernelTree::examine(&subject.kernel.dir, subject.tools) else {
        bail!("make modules takes the tree");
    };
    let complaint = error.to_string();
    ensure!(
        complaint.contains("has the built-in Rust engine"),
        "make modules says: {complaint}"
    );
    let output = modules::make(subject.tools, subject.kernel, &subject.paths.checkout)
        .arg("modules")
        .output()
        .context("cannot run make")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && said.contains(REFUSAL),
        "make M= ({}) says: {said}",
        output.status
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_count() {
        let symbols = "ffffffff81000000 T iomap_iter\nffffffff81000010 t iomap_iter_advance\n";
        assert_eq!(definitions_of(symbols, ITERATOR), 1);
        assert_eq!(definitions_of("", ITERATOR), 0);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! An fstests tree that a person has installed, run in guests on the C engine and
//! on the Rust engine, and what differs.

mod client;
mod list;
mod order;
mod record;
mod run;
mod section;
mod summary;

pub use client::Client;
pub use list::Selection;
pub use record::{Entry, Record};
pub use run::{Campaign, Side};
pub use section::variables_of;
pub use summary::{Column, Summary};

use std::path::Path;

use anyhow::{bail, ensure, Result};

use crate::kernel::Flavor;

/// The directory, if it is a tree that can be run.
pub fn examine(tree: Option<&Path>) -> Result<&Path> {
    const HOW: &str =
        "To get it: git clone https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git, \
         install the packages\nof its README, run `make` there, and set FSTESTS to that directory.";
    let Some(tree) = tree else {
        bail!("FSTESTS is not set: fstests is not part of Debian.\n{HOW}");
    };
    for (file, what) in [
        ("check", "is no fstests tree (it has no `check`)"),
        (
            "src/t_dir_type",
            "is not built (it has no `src/t_dir_type`)",
        ),
        (
            "tests/generic/group.list",
            "is not built (it has no `tests/generic/group.list`)",
        ),
    ] {
        if !tree.join(file).exists() {
            bail!("FSTESTS={} {what}.\n{HOW}", tree.display());
        }
    }
    Ok(tree)
}

/// An error for a kernel that the results would say nothing on.
pub fn examine_kernel(flavor: Flavor) -> Result<()> {
    ensure!(
        flavor != Flavor::Kcsan,
        "KERNEL=kcsan: fstests fails each test during which the kernel reports a race, its own as \
         well as the engine's. Use KERNEL=debug here, or make test KERNEL=kcsan, which looks \
         at the engine's alone"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tree_is_told_how_to_become_one() -> Result<()> {
        let complaint = |tree: &Path| examine(Some(tree)).err().map(|error| error.to_string());
        let unset = examine(None).err().map(|error| error.to_string());
        let unset = unset.unwrap_or_default();
        assert!(unset.starts_with("FSTESTS is not set") && unset.contains("xfstests-dev.git"));
        let dir = tempfile::tempdir()?;
        assert!(complaint(dir.path()).is_some_and(|text| text.contains("no `check`")));
        std::fs::write(dir.path().join("check"), "")?;
        assert!(complaint(dir.path()).is_some_and(|text| text.contains("is not built")));
        Ok(())
    }

    #[test]
    fn no_races_are_looked_for() {
        let text = examine_kernel(Flavor::Kcsan).err();
        let text = text.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("KERNEL=kcsan: ") && text.contains("KERNEL=debug"));
        assert!(examine_kernel(Flavor::Debug).is_ok());
    }
}

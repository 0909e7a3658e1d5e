// SPDX-License-Identifier: GPL-2.0

//! Whether a mutant has served anybody. All tests fail on one that cannot even be
//! loaded, and none of them has noticed what is wrong with it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::Link;

use crate::kernel_log::text_of;

/// What the kernel says when the module that takes the C engine's place has found all
/// that it needs.
const TAKES_OVER: &str = "livepatch: enabling patch 'iomap_rs_live'";

/// Whether a test of a suite has begun while the engine served, by what the suite's
/// guests have left in `logs`.
pub fn has_served(logs: &Path, link: Link) -> Result<bool> {
    let mut boots = vec![logs.to_owned()];
    let entries = fs::read_dir(logs).with_context(|| format!("cannot list {}", logs.display()))?;
    for entry in entries {
        // A guest that is booted because another was lost has a directory of its own.
        let path = entry.context("cannot list a suite's logs")?.path();
        if path.is_dir() {
            boots.push(path);
        }
    }
    Ok(boots.iter().any(|boot| served(boot, link)))
}

fn served(boot: &Path, link: Link) -> bool {
    // The module is there before the first test, or else tests load it.
    let tests = text_of(&boot.join("ktap.log"));
    let begun = tests
        .lines()
        .any(|line| matches!(Line::parse(line), Some(Line::Begin(_))));
    begun && (link != Link::Live || text_of(&boot.join("console.log")).contains(TAKES_OVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: &str = "KTAP version 1\n1..1\n# begin one\nnot ok 1 one\n";

    fn has_served_with(link: Link, boots: &[(&str, &str, &str)]) -> Result<bool> {
        let dir = tempfile::tempdir()?;
        for (name, ktap, console) in boots {
            let boot = dir.path().join(name);
            fs::create_dir_all(&boot)?;
            fs::write(boot.join("ktap.log"), ktap)?;
            fs::write(boot.join("console.log"), console)?;
        }
        has_served(dir.path(), link)
    }

    #[test]
    fn a_test_has_to_begin() -> Result<()> {
        let failed = "KTAP version 1\n# the guest failed: cannot load /modules/iomap_rs.ko\n";
        assert!(!has_served_with(Link::Module, &[("", failed, "")])?);
        assert!(!has_served_with(Link::Module, &[])?);
        assert!(has_served_with(Link::Module, &[("", BEGUN, "")])?);
        // In any of the guests.
        let boots = [("", failed, ""), ("boot-2", BEGUN, "")];
        assert!(has_served_with(Link::Module, &boots)?);
        Ok(())
    }

    #[test]
    fn tests_that_load_the_module_have_to_succeed() -> Result<()> {
        let console = "[ 1.0] livepatch: enabling patch 'iomap_rs_live'\n";
        assert!(!has_served_with(Link::Live, &[("", BEGUN, "")])?);
        assert!(has_served_with(Link::Live, &[("", BEGUN, console)])?);
        Ok(())
    }
}

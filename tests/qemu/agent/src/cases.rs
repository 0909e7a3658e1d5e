// SPDX-License-Identifier: GPL-2.0

//! All tests of the agent.

use std::collections::BTreeSet;

use anyhow::{bail, ensure, Result};
use iomap_qemu_protocol::TestInfo;

use crate::case::Case;
use crate::{bdev, crash, dax, ext2, fs, live, log_writes, script, soak, unplug};

/// Every declared test, file by file.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let tables = [
        ext2::CASES,
        fs::CASES,
        script::CASES,
        bdev::CASES,
        dax::CASES,
        live::CASES,
        crash::CASES,
        log_writes::CASES,
        unplug::CASES,
        soak::CASES,
    ];
    tables.into_iter().flatten().copied().flatten()
}

/// The test of that name, if the suite has it.
pub fn find(name: &str, suite: &str) -> Option<&'static Case> {
    all().find(|case| case.name == name && case.suites.contains(&suite))
}

/// The tests as the host wants them: one entry for each suite of each test.
pub fn infos() -> Result<Vec<TestInfo>> {
    let mut seen = BTreeSet::new();
    let mut infos = Vec::new();
    for case in all() {
        ensure!(
            !case.doc.is_empty(),
            "{}: a test needs its sentence (Case::doc)",
            case.name
        );
        for suite in case.suites {
            if !seen.insert((case.name, suite)) {
                bail!("{suite}/{}: two tests of that name", case.name);
            }
            infos.push(info(case, suite));
        }
    }
    Ok(infos)
}

fn info(case: &Case, suite: &str) -> TestInfo {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    TestInfo {
        name: case.name.to_owned(),
        suite: suite.to_owned(),
        behaviours: owned(case.behaviours),
        doc: case.doc.to_owned(),
        expect_log: owned(case.expect_log),
        timeout_secs: case.timeout.map(|timeout| timeout.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a test that expects a line of the log must not excuse by it.
    const REPORTS: &[&str] = &[
        "WARNING: CPU: 0 PID: 1 at mm/slub.c:1 kfree+0x1/0x2",
        "WARNING: CPU: 0 PID: 1 at lib/debugobjects.c:1 debug_print_object+0x1/0x2",
        "WARNING: CPU: 0 PID: 1 at fs/inode.c:1 drop_nlink+0x1/0x2",
        "WARNING: CPU: 0 PID: 1 at xfs_iomap_write_direct+0x1/0x2 [xfs]",
        "WARNING: CPU: 0 PID: 1 at ifs_free+0x1/0x2",
        "WARNING: CPU: 0 PID: 1 at iomap_finish_ioend+0x1/0x2",
        "WARNING: CPU: 0 PID: 1 at iomap_rs_folio_freed_while_written+0x1/0x2 [iomap_rs]",
        "WARNING: CPU: 0 PID: 1 at fs/iomap/rust/sys/helpers.c:1 iomap_rs_folio_not_uptodate+0x1/0x2",
        "WARNING: possible circular locking dependency detected",
        "WARNING: inconsistent lock state",
        "WARNING: suspicious RCU usage",
        "BUG: KASAN: slab-use-after-free in iomap_rs_x+0x1/0x2 [iomap_rs]",
        "BUG: sleeping function called from invalid context at mm/filemap.c:1",
        "BUG kmalloc-64 (Not tainted): Poison overwritten",
        "Oops: general protection fault, probably for non-canonical address 0x1",
    ];

    #[test]
    fn no_test_excuses_another_report() -> Result<()> {
        for case in all() {
            for pattern in case.expect_log {
                let expected = regex::Regex::new(pattern)?;
                for report in REPORTS {
                    ensure!(!expected.is_match(report), "{}: {report}", case.name);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn the_tables_are_sound() -> Result<()> {
        ensure!(!infos()?.is_empty());
        for pattern in all().flat_map(|case| case.expect_log) {
            regex::Regex::new(pattern)?;
        }
        Ok(())
    }
}

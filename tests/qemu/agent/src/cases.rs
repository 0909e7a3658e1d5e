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

    #[test]
    fn the_tables_are_sound() -> Result<()> {
        ensure!(!infos()?.is_empty());
        for pattern in all().flat_map(|case| case.expect_log) {
            regex::Regex::new(pattern)?;
        }
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Sections of a person's `local.config` (fstests' README.config-sections).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{ensure, Result};

use crate::paths::read_text;

/// Disks and directories are the guest's own.
const OURS: &[&str] = &[
    "TEST_DEV",
    "TEST_DIR",
    "SCRATCH_DEV",
    "SCRATCH_DEV_POOL",
    "SCRATCH_MNT",
    "LOGWRITES_DEV",
    "RESULT_BASE",
];

/// The variables of one section; as in fstests, what an earlier section sets holds
/// for the later ones too.
pub fn variables_of(file: &Path, section: &str) -> Result<BTreeMap<String, String>> {
    parse(&read_text(file)?, section, &file.display().to_string())
}

fn parse(text: &str, section: &str, file: &str) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut current = None;
    let mut sections = Vec::new();
    for line in text.lines().map(without_remark) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if current == Some(section) {
                break;
            }
            current = Some(name);
            sections.push(name);
        } else if let Some((name, value)) = line.split_once('=') {
            let name = name.trim().trim_start_matches("export ").trim();
            if !OURS.contains(&name) {
                let value = value.trim().trim_matches(['"', '\'']);
                variables.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    ensure!(
        sections.contains(&section),
        "{file} has no section {section}; it has: {}",
        sections.join(", ")
    );
    Ok(variables)
}

/// As fstests has it, a `#` begins a remark wherever it stands.
fn without_remark(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[one] # the first\nFSTYP=xfs\nTEST_DEV=/dev/sda1\n\
                        MKFS_OPTIONS=\"-b size=1024\" # small ones\n\
                        # A=b\n[two]\nMKFS_OPTIONS='-m crc=0'\n[three]\nFSTYP=ext4\n";

    #[test]
    fn a_section_inherits_and_names_no_disks() -> Result<()> {
        let one = parse(TEXT, "one", "local.config")?;
        assert_eq!(
            one.get("MKFS_OPTIONS").map(String::as_str),
            Some("-b size=1024")
        );
        assert!(!one.contains_key("TEST_DEV") && !one.contains_key("A"));
        let two = parse(TEXT, "two", "local.config")?;
        assert_eq!(
            two.get("MKFS_OPTIONS").map(String::as_str),
            Some("-m crc=0")
        );
        assert_eq!(two.get("FSTYP").map(String::as_str), Some("xfs"));
        Ok(())
    }

    #[test]
    fn a_section_that_is_not_there_is_an_error_that_names_the_others() {
        let error = parse(TEXT, "four", "local.config").err();
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("one, two, three"), "{text}");
    }
}

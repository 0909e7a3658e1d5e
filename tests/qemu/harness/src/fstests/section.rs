// SPDX-License-Identifier: GPL-2.0

//! Sections of a person's `local.config` (fstests' README.config-sections).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{bail, Result};

use crate::paths::read_text;

/// Disks and directories are the guest's own.
const OURS: &[&str] = &[
    "TEST_DEV",
    "TEST_DIR",
    "TEST_LOGDEV",
    "TEST_RTDEV",
    "SCRATCH_DEV",
    "SCRATCH_DEV_POOL",
    "SCRATCH_LOGDEV",
    "SCRATCH_RTDEV",
    "SCRATCH_MNT",
    "USE_EXTERNAL",
    "LOGWRITES_DEV",
    "RESULT_BASE",
];

/// Of no use to another filesystem than that of the section that sets them.
const OF_ONE_FILESYSTEM: &[&str] = &[
    "MKFS_OPTIONS",
    "MOUNT_OPTIONS",
    "TEST_FS_MOUNT_OPTS",
    "FSCK_OPTIONS",
];

type Variables = BTreeMap<String, String>;

/// The variables of one section; as in fstests, what an earlier section sets holds
/// for the later ones too, its options as far as the filesystem is the same.
pub fn variables_of(file: &Path, section: &str) -> Result<Variables> {
    parse(&read_text(file)?, section, &file.display().to_string())
}

fn parse(text: &str, section: &str, file: &str) -> Result<Variables> {
    let sections = sections_of(text);
    let mut variables = Variables::new();
    for (name, own) in &sections {
        let before = variables.get("FSTYP");
        if before.is_some() && own.get("FSTYP").is_some_and(|kind| Some(kind) != before) {
            variables.retain(|name, _| !OF_ONE_FILESYSTEM.contains(&name.as_str()));
        }
        variables.extend(own.clone());
        if *name == section {
            return Ok(variables);
        }
    }
    let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
    bail!(
        "{file} has no section {section}; it has: {}",
        names.join(", ")
    )
}

/// What each section itself sets. What stands before the first one counts nowhere.
fn sections_of(text: &str) -> Vec<(&str, Variables)> {
    let mut sections: Vec<(&str, Variables)> = Vec::new();
    for line in text.lines().map(without_remark) {
        if let Some(name) = name_of_section(line) {
            sections.push((name, Variables::new()));
        } else if let (Some((_, own)), Some((name, value))) =
            (sections.last_mut(), line.split_once('='))
        {
            let name = name.trim().trim_start_matches("export ").trim();
            if !OURS.contains(&name) {
                let value = value.trim().trim_matches(['"', '\'']);
                own.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    sections
}

/// Only with such characters fstests takes it for one.
fn name_of_section(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    name.chars().all(fits).then_some(name)
}

/// As fstests has it, a `#` begins a remark wherever it stands.
fn without_remark(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[one] # the first\nFSTYP=xfs\nTEST_DEV=/dev/sda1\nLOAD_FACTOR=2\n\
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
    fn options_are_for_the_filesystem_that_they_were_set_for() -> Result<()> {
        let three = parse(TEXT, "three", "local.config")?;
        assert_eq!(three.get("FSTYP").map(String::as_str), Some("ext4"));
        assert_eq!(three.get("MKFS_OPTIONS"), None);
        assert_eq!(three.get("LOAD_FACTOR").map(String::as_str), Some("2"));
        Ok(())
    }

    #[test]
    fn disks_of_logs_and_of_realtime_data_are_no_exception() -> Result<()> {
        let text = "A=before\n[log]\nUSE_EXTERNAL=yes\nSCRATCH_LOGDEV=/dev/sdc\nB=own\n";
        let variables = parse(text, "log", "local.config")?;
        assert_eq!(variables.keys().collect::<Vec<_>>(), ["B"]);
        Ok(())
    }

    #[test]
    fn a_section_that_is_not_there_is_an_error_that_names_the_others() {
        let error = parse(TEXT, "four", "local.config").err();
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("one, two, three"), "{text}");
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Which tests to run: by group, by name, less those of an exclude file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::paths::read_text;

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Groups: a test of any of them is taken.
    pub groups: Vec<String>,
    /// Names (`generic/001`), or shell-like patterns (`generic/00*`); if there are
    /// any, groups do not matter.
    pub tests: Vec<String>,
    /// A file of names, one a line; what follows `#` is a remark.
    pub exclude: Option<PathBuf>,
}

impl Selection {
    /// The tests for a filesystem, in fstests' order.
    pub fn expand(&self, tree: &Path, kind: &str) -> Result<Vec<String>> {
        let mut known = Vec::new();
        for dir in ["generic", "shared", kind] {
            known.extend(tests_of(tree, dir)?);
        }
        let excluded = match &self.exclude {
            Some(file) => names_in(&read_text(file)?),
            None => BTreeSet::new(),
        };
        let wanted = |test: &&Test| {
            let by_name = self
                .tests
                .iter()
                .any(|pattern| matches(pattern, &test.name));
            let by_group = test.groups.iter().any(|group| self.groups.contains(group));
            let chosen = if self.tests.is_empty() {
                by_group
            } else {
                by_name
            };
            chosen && !excluded.contains(&test.name)
        };
        let names: Vec<_> = known
            .iter()
            .filter(wanted)
            .map(|test| test.name.clone())
            .collect();
        if names.is_empty() {
            bail!(
                "no test of {} is in GROUP={} or TESTS={}",
                tree.display(),
                self.groups.join(","),
                self.tests.join(",")
            );
        }
        Ok(names)
    }
}

struct Test {
    name: String,
    groups: Vec<String>,
}

/// `group.list` has a line `001 rw auto quick` for each test.
fn tests_of(tree: &Path, dir: &str) -> Result<Vec<Test>> {
    let file = tree.join("tests").join(dir).join("group.list");
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let test = |line: &str| {
        let mut words = line.split_whitespace();
        let number = words.next().filter(|word| !word.starts_with('#'))?;
        Some(Test {
            name: format!("{dir}/{number}"),
            groups: words.map(str::to_owned).collect(),
        })
    };
    Ok(text.lines().filter_map(test).collect())
}

fn names_in(text: &str) -> BTreeSet<String> {
    let before_remark = |line: &str| line.split('#').next().unwrap_or("").trim().to_owned();
    text.lines()
        .map(before_remark)
        .filter(|name| !name.is_empty())
        .collect()
}

/// `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| matches(rest, tail)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        for (kind, text) in [
            (
                "generic",
                "001 rw auto quick\n# remark\n002 auto\n010 quick dangerous\n",
            ),
            ("xfs", "003 auto quick\n"),
            ("ext4", "004 quick\n"),
        ] {
            let path = dir.path().join("tests").join(kind);
            fs::create_dir_all(&path)?;
            fs::write(path.join("group.list"), text)?;
        }
        Ok(dir)
    }

    #[test]
    fn a_group_is_what_generic_and_the_filesystem_have_of_it() -> Result<()> {
        let tree = tree()?;
        let selection = Selection {
            groups: vec!["quick".into()],
            ..Selection::default()
        };
        let names = selection.expand(tree.path(), "xfs")?;
        assert_eq!(names, ["generic/001", "generic/010", "xfs/003"]);
        Ok(())
    }

    #[test]
    fn names_and_patterns_win_over_groups_and_excluded_ones_go() -> Result<()> {
        let tree = tree()?;
        let exclude = tree.path().join("exclude");
        fs::write(&exclude, "generic/001 # takes long\n")?;
        let selection = Selection {
            groups: vec!["quick".into()],
            tests: vec!["generic/00*".into(), "ext4/004".into()],
            exclude: Some(exclude),
        };
        assert_eq!(
            selection.expand(tree.path(), "ext4")?,
            ["generic/002", "ext4/004"]
        );
        let nothing = Selection {
            tests: vec!["generic/999".into()],
            ..Selection::default()
        };
        assert!(nothing.expand(tree.path(), "ext4").is_err());
        Ok(())
    }
}

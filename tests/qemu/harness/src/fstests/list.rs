// SPDX-License-Identifier: GPL-2.0

//! Which tests to run: by group, by name, less those of an exclude file.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use glob::Pattern;

use crate::paths::read_text;

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Groups: a test of any of them is taken. As in fstests `xfs/quick` is a group of
    /// one directory, and `all` has every test.
    pub groups: Vec<String>,
    /// Names (`generic/001`), or patterns of the shell (`generic/0[0-4]?`); if there are
    /// any, groups do not matter.
    pub tests: Vec<String>,
    /// A file of names or patterns, one a line; what follows `#` is a remark.
    pub exclude: Option<PathBuf>,
}

impl Selection {
    /// The tests for a filesystem, in fstests' order.
    pub fn expand(&self, tree: &Path, kind: &str) -> Result<Vec<String>> {
        let known = tests_for(tree, kind)?;
        let (asked, excluded) = (patterns(&self.tests)?, self.excluded()?);
        let wanted = |test: &&Test| {
            let chosen = if asked.is_empty() {
                self.groups.iter().any(|group| test.is_in(group))
            } else {
                test.fits(&asked)
            };
            chosen && !test.fits(&excluded)
        };
        let names: Vec<_> = known
            .iter()
            .filter(wanted)
            .map(|test| test.name.clone())
            .collect();
        if names.is_empty() {
            bail!(
                "no test of {} for {kind} is in {} and not excluded; FS says which filesystems \
                 are to run",
                tree.display(),
                self.asked()
            );
        }
        let missing = unfit(&names, |name| tree.join("tests").join(name).is_file());
        ensure!(
            missing.is_empty(),
            "{} has no tests {}, which its group.list names: run `make` there",
            tree.display(),
            missing.join(", ")
        );
        Ok(names)
    }

    /// An error that names what fits no test. GROUP and TESTS have to fit tests of the given
    /// filesystems; EXCLUDE any of the tree, as one such file serves many filesystems.
    pub fn check(&self, tree: &Path, kinds: &[&str]) -> Result<()> {
        let mut known = Vec::new();
        for kind in kinds {
            known.extend(tests_for(tree, kind)?);
        }
        let (option, unknown) = match patterns(&self.tests)?.as_slice() {
            [] => {
                let has = |group: &String| known.iter().any(|test| test.is_in(group));
                ("GROUP", unfit(&self.groups, has))
            }
            asked => ("TESTS", unfit(asked, |pattern| has(&known, pattern))),
        };
        ensure!(
            unknown.is_empty(),
            "{option}={}: {} has no such tests for {}",
            unknown.join(","),
            tree.display(),
            kinds.join(", ")
        );
        let all = all_tests(tree)?;
        let unknown = unfit(&self.excluded()?, |pattern| has(&all, pattern));
        ensure!(
            unknown.is_empty(),
            "EXCLUDE: {} has no tests {}",
            tree.display(),
            unknown.join(", ")
        );
        Ok(())
    }

    /// As a person has written it.
    fn asked(&self) -> String {
        match self.tests.as_slice() {
            [] => format!("GROUP={}", self.groups.join(",")),
            tests => format!("TESTS={}", tests.join(",")),
        }
    }

    fn excluded(&self) -> Result<Vec<Pattern>> {
        match &self.exclude {
            Some(file) => patterns(&names_in(&read_text(file)?)),
            None => Ok(Vec::new()),
        }
    }
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>> {
    let parse = |text: &String| {
        // Shells know both ways to write "none of these", the crate only the latter.
        let pattern = Pattern::new(&text.replace("[^", "[!"));
        pattern.with_context(|| format!("{text} is no pattern of the shell"))
    };
    texts.iter().map(parse).collect()
}

fn has(tests: &[Test], pattern: &Pattern) -> bool {
    tests.iter().any(|test| pattern.matches(&test.name))
}

fn unfit<T: Display>(parts: &[T], fits: impl Fn(&T) -> bool) -> Vec<String> {
    let unfit = parts.iter().filter(|part| !fits(part));
    unfit.map(T::to_string).collect()
}

struct Test {
    name: String,
    groups: Vec<String>,
}

impl Test {
    fn fits(&self, patterns: &[Pattern]) -> bool {
        patterns.iter().any(|pattern| pattern.matches(&self.name))
    }

    fn is_in(&self, group: &str) -> bool {
        let (here, group) = match group.split_once('/') {
            Some((dir, group)) => (self.name.split('/').next() == Some(dir), group),
            None => (true, group),
        };
        here && (group == "all" || self.groups.iter().any(|own| own == group))
    }
}

/// The tests that are for a filesystem of that kind. As in fstests those of ext4 are for ext2
/// as well: what is not for it, they find out.
fn tests_for(tree: &Path, kind: &str) -> Result<Vec<Test>> {
    let own = match kind {
        "ext2" => "ext4",
        kind => kind,
    };
    let mut tests = Vec::new();
    for dir in ["generic", "shared", own] {
        tests.extend(tests_of(tree, dir)?);
    }
    Ok(tests)
}

fn all_tests(tree: &Path) -> Result<Vec<Test>> {
    let dir = tree.join("tests");
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut tests = Vec::new();
    for entry in entries.flatten() {
        tests.extend(tests_of(tree, &entry.file_name().to_string_lossy())?);
    }
    Ok(tests)
}

/// `group.list` has a line `001 rw auto quick` for each test.
fn tests_of(tree: &Path, dir: &str) -> Result<Vec<Test>> {
    let file = tree.join("tests").join(dir).join("group.list");
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(&file)?;
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

fn names_in(text: &str) -> Vec<String> {
    let before_remark = |line: &str| line.split('#').next().unwrap_or("").trim().to_owned();
    text.lines()
        .map(before_remark)
        .filter(|name| !name.is_empty())
        .collect()
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
            for number in ["001", "002", "003", "004", "010"] {
                fs::write(path.join(number), "")?;
            }
        }
        Ok(dir)
    }

    fn of_group(group: &str) -> Selection {
        Selection {
            groups: vec![group.to_owned()],
            ..Selection::default()
        }
    }

    fn of_tests(pattern: &str) -> Selection {
        Selection {
            tests: vec![pattern.to_owned()],
            ..Selection::default()
        }
    }

    /// What of the tree is selected for a filesystem.
    fn names(selection: &Selection, kind: &str) -> Result<Vec<String>> {
        let tree = tree()?;
        selection.check(tree.path(), &[kind])?;
        selection.expand(tree.path(), kind)
    }

    #[test]
    fn a_group_is_what_generic_and_the_filesystem_have_of_it() -> Result<()> {
        let names = names(&of_group("quick"), "xfs")?;
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
        Ok(())
    }

    #[test]
    fn where_nothing_is_left_the_error_says_what_was_asked() -> Result<()> {
        let tree = tree()?;
        let told = |selection: &Selection, kind: &str| {
            let error = selection.expand(tree.path(), kind).err();
            error.map(|error| error.to_string()).unwrap_or_default()
        };
        let exact = Selection {
            groups: vec!["quick".into()],
            ..of_tests("xfs/003")
        };
        let text = told(&exact, "ext4");
        assert!(text.contains(" for ext4 is in TESTS=xfs/003 and not excluded; FS says"));
        let text = told(&of_group("xfs/quick"), "ext4");
        assert!(text.contains(" for ext4 is in GROUP=xfs/quick and not excluded; FS says"));
        Ok(())
    }

    #[test]
    fn what_is_listed_and_not_there_is_named() -> Result<()> {
        let tree = tree()?;
        fs::remove_file(tree.path().join("tests/generic/010"))?;
        let all = of_group("quick").expand(tree.path(), "xfs").err();
        let all = all.map(|error| error.to_string()).unwrap_or_default();
        assert!(all.contains("has no tests generic/010, which") && all.contains("`make`"));
        assert_eq!(
            of_group("xfs/quick").expand(tree.path(), "xfs")?,
            ["xfs/003"]
        );
        Ok(())
    }

    #[test]
    fn patterns_are_those_of_the_shell() -> Result<()> {
        let names = |pattern: &str| names(&of_tests(pattern), "xfs");
        assert_eq!(names("xfs/???")?, ["xfs/003"]);
        assert_eq!(names("generic/0[0-1]*")?.len(), 3);
        assert_eq!(names("generic/00[!1]")?, ["generic/002"]);
        assert_eq!(names("generic/00[^1]")?, ["generic/002"]);
        assert_eq!(names("*/00?")?.len(), 3);
        let text = names("generic/0[0").err();
        let text = text.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(text, "generic/0[0 is no pattern of the shell");
        Ok(())
    }

    #[test]
    fn tests_of_ext4_are_for_ext2_too() -> Result<()> {
        let names = names(&of_group("quick"), "ext2")?;
        assert_eq!(names, ["generic/001", "generic/010", "ext4/004"]);
        Ok(())
    }

    #[test]
    fn groups_are_written_as_in_fstests() -> Result<()> {
        let names = |group: &str| names(&of_group(group), "xfs");
        assert_eq!(names("xfs/quick")?, ["xfs/003"]);
        assert_eq!(names("generic/all")?.len(), 3);
        assert_eq!(names("all")?.len(), 4);
        assert!(names("ext4/quick").is_err());
        Ok(())
    }

    #[test]
    fn what_fits_no_test_is_named() -> Result<()> {
        let tree = tree()?;
        let exclude = tree.path().join("exclude");
        let complaint = |groups: &[&str], tests: &[&str], excluded: &str| -> Result<String> {
            fs::write(&exclude, excluded)?;
            let owned = |list: &[&str]| list.iter().map(|part| (*part).to_owned()).collect();
            let selection = Selection {
                groups: owned(groups),
                tests: owned(tests),
                exclude: Some(exclude.clone()),
            };
            let error = selection.check(tree.path(), &["xfs"]).err();
            Ok(error.map(|error| error.to_string()).unwrap_or_default())
        };
        assert_eq!(complaint(&["quick"], &[], "ext4/004\n")?, "");
        assert!(complaint(&["quick", "quikc"], &[], "")?.starts_with("GROUP=quikc: "));
        let names = ["generic/001", "generic/999", "ext4/004"];
        let told = complaint(&["quikc"], &names, "")?;
        assert!(told.starts_with("TESTS=generic/999,ext4/004: "), "{told}");
        let told = complaint(&["quick"], &[], "generic/0*\ngeneric/1\n")?;
        assert!(
            told.starts_with("EXCLUDE: ") && told.ends_with(" generic/1"),
            "{told}"
        );
        Ok(())
    }
}

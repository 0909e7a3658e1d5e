// SPDX-License-Identifier: GPL-2.0

//! No filesystem's source is touched: everything under `fs/` that the patch does
//! not name is byte for byte what the package has, and the patch names no
//! file of a filesystem.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, Result};

use crate::kernel::{Recipe, Source};

pub fn check(recipe: &Recipe, source: &Source) -> Result<()> {
    let mut patched = BTreeSet::new();
    for patch in recipe.patches() {
        patched.extend(patch.files());
    }
    if let Some(file) = patched.iter().find(|file| is_of_a_filesystem(file)) {
        bail!("the patch touches {file}, which is a filesystem's");
    }
    let pristine = source.pristine_digests()?;
    let present = source.present_digests()?;
    let changed = differing(&pristine, &present);
    let unexpected: Vec<String> = changed
        .into_iter()
        .map(|name| format!("fs/{name}"))
        .filter(|name| !patched.contains(name.as_str()))
        .collect();
    if !unexpected.is_empty() {
        bail!(
            "{} differs from the package: {}; remove that directory",
            source.dir.display(),
            unexpected.join(", ")
        );
    }
    Ok(())
}

/// Is the file in a directory below `fs/` other than the engine's own?
fn is_of_a_filesystem(file: &str) -> bool {
    let directory = file
        .strip_prefix("fs/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(directory, _)| directory);
    directory.is_some_and(|directory| directory != "iomap")
}

fn differing<'a>(
    one: &'a BTreeMap<String, String>,
    other: &'a BTreeMap<String, String>,
) -> Vec<&'a str> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .map(String::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filesystems_are_told_from_the_rest() {
        assert!(is_of_a_filesystem("fs/ext2/inode.c"));
        for file in ["fs/iomap/iter.c", "fs/buffer.c", "mm/filemap.c"] {
            assert!(!is_of_a_filesystem(file), "{file}");
        }
    }

    #[test]
    fn changed_added_and_removed_files_differ() {
        let map = |pairs: &[(&str, &str)]| {
            let owned = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string()));
            owned.collect::<BTreeMap<_, _>>()
        };
        let one = map(&[("same", "1"), ("changed", "1"), ("removed", "1")]);
        let other = map(&[("same", "1"), ("changed", "2"), ("added", "1")]);
        assert_eq!(differing(&one, &other), ["added", "changed", "removed"]);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What rounds leave on a filesystem that grows old with them: each checks what those
//! before it have left, and removes the oldest of that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context as _, Result};
use iomap_qemu_protocol::encode_path;

use crate::data::digest;
use crate::data::mirror::open_read;
use crate::fs::MIB;
use crate::sys::buffer::AlignedBuf;

/// How many rounds' files stay, so that new ones lie between old ones.
const KEPT: u32 = 3;

/// Names in the root of the filesystem.
const MANIFEST: &str = "manifest";
const ROUND: &str = "round";

/// By its path, what is there: a file's SHA-256, or what it is else.
type Manifest = BTreeMap<String, String>;

/// A round on a filesystem.
pub struct Round {
    root: PathBuf,
    number: u32,
}

impl Round {
    /// Checks what earlier rounds have left on the filesystem, and makes room for this one.
    pub fn begin(root: &Path, number: u32) -> Result<Self> {
        let round = Self {
            root: root.to_owned(),
            number,
        };
        if number > 0 {
            round.check()?;
        }
        if let Some(oldest) = number.checked_sub(KEPT) {
            let oldest = round.dir_of(oldest);
            fs::remove_dir_all(&oldest)
                .with_context(|| format!("cannot remove {}", oldest.display()))?;
        }
        fs::create_dir(round.dir()).context("cannot make the round's directory")?;
        Ok(round)
    }

    /// Where the round's files are to be.
    pub fn dir(&self) -> PathBuf {
        self.dir_of(self.number)
    }

    /// Takes down, for the next round, what there is now.
    pub fn end(&self) -> Result<()> {
        let manifest = serde_json::to_vec(&self.look()?)?;
        fs::write(self.manifest(), manifest).context("cannot write the manifest")
    }

    fn check(&self) -> Result<()> {
        let text = fs::read(self.manifest()).context("cannot read the last round's manifest")?;
        let expected = serde_json::from_slice(&text).context("the last round's manifest")?;
        let differences = differences(&expected, &self.look()?);
        ensure!(
            differences.is_empty(),
            "not what earlier rounds have left:\n{}",
            differences.join("\n")
        );
        Ok(())
    }

    /// All that is in the directories of rounds.
    fn look(&self) -> Result<Manifest> {
        let mut manifest = Manifest::new();
        let mut buffer = AlignedBuf::new(MIB).context("no memory")?;
        for number in self.number.saturating_sub(KEPT)..=self.number {
            let dir = self.dir_of(number);
            match fs::symlink_metadata(&dir) {
                // Before this round has one, or after it has removed the oldest.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => add(&mut manifest, &self.root, &dir, &mut buffer)?,
            }
        }
        Ok(manifest)
    }

    fn dir_of(&self, number: u32) -> PathBuf {
        self.root.join(format!("{ROUND}-{number}"))
    }

    fn manifest(&self) -> PathBuf {
        self.root.join(MANIFEST)
    }
}

/// Adds `path`, and what is in it if it is a directory.
fn add(manifest: &mut Manifest, root: &Path, path: &Path, buffer: &mut AlignedBuf) -> Result<()> {
    let what = || path.display().to_string();
    let kind = fs::symlink_metadata(path).with_context(what)?.file_type();
    let found = if kind.is_dir() {
        for entry in fs::read_dir(path).with_context(what)? {
            add(manifest, root, &entry.with_context(what)?.path(), buffer)?;
        }
        "a directory".to_owned()
    } else if kind.is_symlink() {
        let target = fs::read_link(path).with_context(what)?;
        format!("a link to {}", encode_path(&target))
    } else if kind.is_file() {
        let file: File = open_read(path, 0)?;
        let (digest, size) = digest::of_file(&file, buffer).with_context(what)?;
        format!("{size} bytes of {digest}")
    } else {
        bail!("{}: neither file, directory nor link", path.display());
    };
    let name = path.strip_prefix(root).with_context(what)?;
    manifest.insert(encode_path(name), found);
    Ok(())
}

/// In words, for each path that is not as it should be.
fn differences(expected: &Manifest, found: &Manifest) -> Vec<String> {
    const NOTHING: &str = "nothing";
    let paths = expected.keys().chain(found.keys());
    let mut all: Vec<&String> = paths.collect();
    all.sort();
    all.dedup();
    let of = |manifest: &Manifest, path: &String| {
        manifest
            .get(path)
            .map_or(NOTHING, String::as_str)
            .to_owned()
    };
    all.into_iter()
        .map(|path| (path, of(expected, path), of(found, path)))
        .filter(|(_, expected, found)| expected != found)
        .map(|(path, expected, found)| format!("{path}: {found} instead of {expected}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::symlink;

    /// A directory that is gone afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Result<Self> {
            let dir = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            fs::create_dir(&dir)?;
            Ok(Self(dir))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn left(root: &Path, number: u32) -> Result<PathBuf> {
        let round = Round::begin(root, number)?;
        let file = round.dir().join("file");
        fs::write(&file, format!("of round {number}"))?;
        symlink("file", round.dir().join("link"))?;
        round.end()?;
        Ok(file)
    }

    #[test]
    fn rounds_find_what_others_have_left() -> Result<()> {
        let root = Scratch::new("rounds")?;
        for number in 0..KEPT + 2 {
            left(&root.0, number)?;
        }
        let kept = |number: u32| root.0.join(format!("{ROUND}-{number}")).exists();
        let kept: Vec<u32> = (0..KEPT + 2).filter(|&number| kept(number)).collect();
        assert_eq!(kept, [2, 3, 4]);
        Ok(())
    }

    #[test]
    fn a_byte_a_file_or_a_filesystem_that_is_gone_is_missed() -> Result<()> {
        let root = Scratch::new("missed")?;
        assert!(Round::begin(&root.0, 1).is_err());
        let file = left(&root.0, 0)?;
        let told = || match Round::begin(&root.0, 1) {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        };
        fs::write(&file, "of round 1")?;
        assert!(told().contains("round-0/file: 10 bytes of"), "{}", told());
        fs::remove_file(&file)?;
        assert!(told().contains("round-0/file: nothing instead of"));
        fs::write(&file, "of round 0")?;
        assert_eq!(told(), "");
        Ok(())
    }
}

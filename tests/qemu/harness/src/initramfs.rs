// SPDX-License-Identifier: GPL-2.0

//! The guest's root filesystem: the agent, what to run, modules. Not compressed:
//! copying memory is quicker than inflating it, most of all without KVM.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use cpio::newc::{self, ModeFileType};
use iomap_qemu_protocol::RunSpec;

/// Writes an archive, file by file.
pub struct Initramfs {
    file: BufWriter<File>,
    inode: u32,
}

impl Initramfs {
    pub fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self {
            file: BufWriter::new(file),
            inode: 0,
        })
    }

    pub fn directory(&mut self, name: &str) -> Result<()> {
        self.entry(name, ModeFileType::Directory, 0o755, &[])
    }

    pub fn text(&mut self, name: &str, contents: &str) -> Result<()> {
        self.entry(name, ModeFileType::Regular, 0o644, contents.as_bytes())
    }

    pub fn symlink(&mut self, name: &str, target: &str) -> Result<()> {
        self.entry(name, ModeFileType::Symlink, 0o777, target.as_bytes())
    }

    /// A copy of a file of the host, executable.
    pub fn copy(&mut self, name: &str, from: &Path) -> Result<()> {
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.entry(name, ModeFileType::Regular, 0o755, &contents)
    }

    pub fn run_spec(&mut self, spec: &RunSpec) -> Result<()> {
        let text = serde_json::to_string(spec).context("cannot write the run description")?;
        self.text(RunSpec::PATH.trim_start_matches('/'), &text)
    }

    pub fn finish(self) -> Result<()> {
        let write = || newc::trailer(self.file)?.flush();
        write().context("cannot write the initramfs")
    }

    fn entry(&mut self, name: &str, kind: ModeFileType, mode: u32, contents: &[u8]) -> Result<()> {
        self.inode += 1;
        let write = || {
            let size = u32::try_from(contents.len()).map_err(std::io::Error::other)?;
            let mut entry = newc::Builder::new(name)
                .ino(self.inode)
                .mode(mode)
                .set_mode_file_type(kind)
                .write(&mut self.file, size);
            entry.write_all(contents)?;
            entry.finish().map(drop)
        };
        write().with_context(|| format!("cannot write {name} to the initramfs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("initramfs");
        let mut archive = Initramfs::create(&path)?;
        archive.directory("bin")?;
        archive.text("run.json", "{}")?;
        archive.symlink("bin/sh", "busybox")?;
        archive.finish()?;

        let mut from = File::open(&path)?;
        let mut names = Vec::new();
        loop {
            let entry = newc::Reader::new(from)?;
            if entry.entry().is_trailer() {
                break;
            }
            names.push((entry.entry().name().to_owned(), entry.entry().mode()));
            from = entry.skip()?;
        }
        let expected = [
            ("bin".to_owned(), 0o040_755),
            ("run.json".to_owned(), 0o100_644),
            ("bin/sh".to_owned(), 0o120_777),
        ];
        assert_eq!(names, expected);
        Ok(())
    }
}

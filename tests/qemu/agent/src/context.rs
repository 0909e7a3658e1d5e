// SPDX-License-Identifier: GPL-2.0

//! The guest as a test sees it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::{encode_path, DemoSpec, FsxSpec, Link, ManifestEntry, RunSpec, SoakSpec};

use crate::case::skip;
use crate::data::mirror::open;
use crate::data::stale;
use crate::disk::Disk;
use crate::fs::is_ext2;
use crate::init::{mount_main, MOUNT_POINT};
use crate::output::Output;
use crate::sys::mount;

/// Once a boot is enough: what tests write later is no better.
static FREE_SPACE_FILLED: AtomicBool = AtomicBool::new(false);

/// Handed to every test.
pub struct Context<'a> {
    name: &'a str,
    spec: &'a RunSpec,
    output: &'a Output,
    has_dir: AtomicBool,
}

impl<'a> Context<'a> {
    pub fn new(name: &'a str, spec: &'a RunSpec, output: &'a Output) -> Self {
        Self {
            name,
            spec,
            output,
            has_dir: AtomicBool::new(false),
        }
    }

    pub fn spec(&self) -> &RunSpec {
        self.spec
    }

    /// True if the filesystems run on the Rust engine.
    pub fn on_rust(&self) -> bool {
        self.spec.link.is_rust()
    }

    /// An error that skips the test unless the engine is a module.
    pub fn needs_module(&self) -> Result<()> {
        match self.spec.link {
            Link::Module => Ok(()),
            Link::Builtin | Link::C | Link::Live => skip(format!(
                "the {} cannot be unloaded",
                self.spec.link.engine()
            )),
        }
    }

    /// A line for whoever reads the test's output.
    pub fn note(&self, text: impl AsRef<str>) {
        self.output.comment(text.as_ref());
    }

    /// Asks the host for something that only it can do.
    pub fn request(&self, request: &Line) {
        self.output.line(request);
    }

    /// A number that reports are made from.
    pub fn metric(&self, key: &str, value: f64) {
        self.output.metric(self.name, key, value);
    }

    /// How much the tests that run fsx do.
    pub fn fsx(&self) -> FsxSpec {
        self.spec.fsx
    }

    /// Tells the host the SHA-256 that it will find of a disk once the guest is gone.
    pub fn promise_disk(&self, role: &str, digest: String) {
        self.output.sha256(Path::new(role), digest);
    }

    /// Tells the host the SHA-256 of a file on a disk that it must find there after the
    /// guest's sudden end. The path is that from the filesystem's root.
    pub fn promise_file(&self, role: &str, path: &Path, digest: String) {
        self.output.sha256(&Path::new(role).join(path), digest);
    }

    /// Tells the host how many of a file's writes must be there after the guest's sudden
    /// end. The path is as in [`Self::promise_file`].
    pub fn promise_writes(&self, role: &str, path: &Path, writes: usize) {
        let path = encode_path(&Path::new(role).join(path));
        self.output.line(&Line::Synced { path, writes });
    }

    /// Tells the host that this test ends with the guest, by a power cut or by
    /// a panic whose message contains `how`.
    pub fn die_by(&self, how: &str) {
        self.output.line(&Line::Dying(how.to_owned()));
    }

    /// How often the tests of switching switch between engines.
    pub fn switches(&self) -> u64 {
        self.spec.switches
    }

    /// How the soak is run.
    pub fn soak(&self) -> SoakSpec {
        self.spec.soak
    }

    /// The type of the filesystem on the main disk; empty if there is none.
    pub fn fs(&self) -> &str {
        self.spec.fs.as_deref().unwrap_or_default()
    }

    /// Whether that is ext2, of either driver.
    pub fn is_ext2(&self) -> bool {
        is_ext2(self.fs())
    }

    /// Block size of the filesystem on the main disk.
    pub fn block_size(&self) -> Result<u64> {
        let size = self
            .spec
            .block_size
            .context("the suite has no block size")?;
        Ok(size.into())
    }

    /// The root of the filesystem on the main disk.
    pub fn mount_point(&self) -> &Path {
        Path::new(MOUNT_POINT)
    }

    pub fn disk(&self, role: &str) -> Result<Disk> {
        Disk::of_run(self.spec, role)
    }

    /// The test's own directory on the main disk; gone after the test.
    pub fn dir(&self) -> Result<PathBuf> {
        let dir = self.own_dir();
        if !self.has_dir.swap(true, Ordering::Relaxed) {
            fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        Ok(dir)
    }

    /// A path in the test's own directory.
    pub fn path(&self, file: &str) -> Result<PathBuf> {
        Ok(self.dir()?.join(file))
    }

    /// The files that the host put on the main disk.
    pub fn manifest(&self) -> Vec<ManifestEntry> {
        serde_json::from_value::<DemoSpec>(self.spec.extra.clone())
            .map(|extra| extra.manifest)
            .unwrap_or_default()
    }

    /// Makes sure that the main disk's free blocks hold [`crate::data::pattern::STALE`]
    /// or what earlier tests wrote, never zeros.
    pub fn fill_free_space(&self) -> Result<()> {
        if FREE_SPACE_FILLED.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        stale::fill_free_space(self.mount_point())
    }

    /// Hands the main disk to `work` while its filesystem is not mounted. No file
    /// of it may be open.
    pub fn with_raw_disk<T>(&self, work: impl FnOnce(&File) -> Result<T>) -> Result<T> {
        mount::unmount(self.mount_point())?;
        let result = open(&self.disk("main")?.path(), libc::O_DIRECT).and_then(|disk| work(&disk));
        mount_main(self.spec)?;
        result
    }

    /// Removes what the test left on the main disk.
    pub fn clean_up(&self) -> Result<()> {
        if !self.has_dir.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let dir = self.own_dir();
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))
    }

    fn own_dir(&self) -> PathBuf {
        self.mount_point().join(format!("test-{}", self.name))
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Damaged filesystems, some hundred of them: each is mounted or refused, walked,
//! written to and let go of. Whatever that does to its own disk, the kernel lives,
//! nothing hangs, and every call returns.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::corpus::{Corpus, Series, SLOT};

use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::open;
use crate::suites;
use crate::sys::loop_device::LoopDevice;
use crate::sys::{fiemap, mount};

pub const CASES: &[Case] = &[
    series("corrupt_superblock", |context| run(context, "superblock"))
        .doc("Filesystems whose superblock is damaged do no harm."),
    series("corrupt_descriptors", |context| run(context, "descriptors"))
        .doc("Filesystems whose group descriptors are damaged do no harm."),
    series("corrupt_bitmaps", |context| run(context, "bitmaps"))
        .doc("Filesystems whose bitmaps are damaged do no harm."),
    series("corrupt_inodes", |context| run(context, "inodes"))
        .doc("Filesystems whose inodes are damaged do no harm."),
    series("corrupt_pointers", |context| run(context, "pointers"))
        .doc("Filesystems whose indirect blocks are damaged do no harm."),
    series("corrupt_directories", |context| run(context, "directories"))
        .doc("Filesystems whose directories are damaged do no harm."),
    series("corrupt_attributes", |context| run(context, "attributes"))
        .doc("Filesystems whose blocks of attributes are damaged do no harm."),
    series("corrupt_anything", |context| run(context, "anything"))
        .doc("Filesystems that are damaged anywhere do no harm."),
];

const fn series(name: &'static str, run: crate::case::TestFn) -> Case {
    Case::new(name, suites::CORRUPT, run).timeout(Duration::from_secs(120))
}

const MOUNT_POINT: &str = "/tmp/corrupt";
/// How deep a walk goes, and how many files it looks at: directories may lie in
/// themselves.
const DEPTH: usize = 6;
const FILES: usize = 150;
/// Bytes read of a file at its start, in its middle, at its end.
const PIECE: usize = 16 << 10;

/// What is a large file to who answers block by block.
const SLOW: u64 = 1 << 30;

/// How many filesystems went which way.
#[derive(Debug, Default)]
struct Outcomes {
    mounted: u64,
    refused: u64,
    /// Calls that failed on those that were mounted.
    errors: u64,
    calls: u64,
}

fn run(context: &Context, name: &str) -> Result<()> {
    let disk = open(&context.disk("corpus")?.path(), 0)?;
    let corpus = read_index(&disk)?;
    let series = corpus.series.iter().find(|series| series.name == name);
    let series = series.context("the corpus has no such series")?;
    context.note(format!("CORPUS_SEED={}", corpus.seed));
    fs::create_dir_all(MOUNT_POINT).context("cannot make the mount point")?;
    let outcomes = walk_all(context, &disk, series)?;
    context.note(format!("{outcomes:?}"));
    // A corpus that is refused as a whole, or not damaged at all, tells nothing.
    ensure!(outcomes.mounted > series.count / 10, "{outcomes:?}");
    ensure!(outcomes.errors + outcomes.refused > 0, "{outcomes:?}");
    Ok(())
}

fn read_index(disk: &File) -> Result<Corpus> {
    let mut bytes = vec![0; 4096];
    disk.read_exact_at(&mut bytes, 0)
        .context("cannot read the index")?;
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    serde_json::from_slice(bytes.get(..end).unwrap_or_default()).context("cannot parse the index")
}

fn walk_all(context: &Context, disk: &File, series: &Series) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    let mut refusal = None;
    for number in 0..series.count {
        let slot = series.first + number;
        // A guest that does not come back leaves this as its last word.
        if number % 10 == 0 {
            context.note(format!("from filesystem {slot} on"));
        }
        let device = LoopDevice::part(disk, slot * SLOT, SLOT)?;
        let errors = ["errors=continue", "errors=remount-ro"][number as usize % 2];
        let root = Path::new(MOUNT_POINT);
        if let Err(error) = mount::mount(&LoopDevice::path(), root, context.fs(), errors) {
            outcomes.refused += 1;
            refusal.get_or_insert(error);
            continue;
        }
        outcomes.mounted += 1;
        let mut walk = Walk {
            left: FILES,
            slow_holes: context.fs() == "ext2",
            outcomes: &mut outcomes,
            files: Vec::new(),
        };
        walk.look(root, 0);
        walk.change(root);
        mount::unmount(root).with_context(|| format!("filesystem {slot}"))?;
        drop(device);
    }
    if let Some(error) = refusal {
        context.note(format!("the first refusal: {error:#}"));
    }
    Ok(outcomes)
}

/// Opens whatever it is without waiting for anybody: it may be a pipe by now.
fn open_to_write(path: &Path, append: bool) -> io::Result<File> {
    File::options()
        .write(true)
        .append(append)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

struct Walk<'a> {
    left: usize,
    /// Whether it takes its time to report a hole.
    slow_holes: bool,
    outcomes: &'a mut Outcomes,
    /// What was found, for the changes.
    files: Vec<PathBuf>,
}

impl Walk<'_> {
    /// Counts a call, whatever came of it.
    fn call<T>(&mut self, result: io::Result<T>) -> Option<T> {
        self.outcomes.calls += 1;
        self.outcomes.errors += u64::from(result.is_err());
        result.ok()
    }

    /// Looks at a directory and all below.
    fn look(&mut self, dir: &Path, depth: usize) {
        let Some(entries) = self.call(fs::read_dir(dir)) else {
            return;
        };
        for entry in entries {
            let Some(entry) = self.call(entry) else {
                // A directory that cannot be read on says so again and again.
                return;
            };
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let path = entry.path();
            self.attributes(&path);
            let Some(meta) = self.call(fs::symlink_metadata(&path)) else {
                continue;
            };
            if meta.is_dir() {
                if depth < DEPTH {
                    self.look(&path, depth + 1);
                }
            } else if meta.is_symlink() {
                self.call(fs::read_link(&path));
            } else if meta.is_file() {
                self.read(&path, meta.len());
            }
            self.files.push(path);
        }
    }

    fn attributes(&mut self, path: &Path) {
        let mut names = vec![0; 8192];
        let listed = rustix::fs::llistxattr(path, &mut names[..]).map_err(io::Error::from);
        let Some(length) = self.call(listed) else {
            return;
        };
        names.truncate(length);
        let mut value = vec![0; 8192];
        for name in names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            let got = rustix::fs::lgetxattr(path, name, &mut value[..]).map_err(io::Error::from);
            self.call(got);
        }
    }

    fn read(&mut self, path: &Path, size: u64) {
        let Some(mut file) = self.call(File::open(path)) else {
            return;
        };
        let mut buffer = vec![0; PIECE];
        for at in [0, size / 2, size.saturating_sub(100)] {
            let read = file
                .seek(SeekFrom::Start(at))
                .and_then(|_| file.read(&mut buffer));
            self.call(read);
        }
        // The C driver answers for a hole block by block: that takes for ever if the
        // size is damaged.
        if !self.slow_holes || size < SLOW {
            let extents = fiemap::extents(&file);
            self.call(extents);
        }
    }

    /// Changes what can be changed.
    fn change(&mut self, root: &Path) {
        let new = root.join("new");
        let made = File::create_new(&new);
        if let Some(mut file) = self.call(made) {
            for _ in 0..8 {
                let written = file.write_all(&[0x77; 5000]);
                self.call(written);
            }
            let synced = file.sync_all();
            self.call(synced);
        }
        self.call(fs::create_dir(root.join("newdir")));
        self.call(std::os::unix::fs::symlink(
            "x".repeat(100),
            root.join("newlink"),
        ));
        for (number, path) in std::mem::take(&mut self.files).into_iter().enumerate() {
            match number % 6 {
                0 => {
                    let opened = open_to_write(&path, true);
                    if let Some(mut file) = self.call(opened) {
                        let written = file.write_all(&[0x55; 3000]);
                        self.call(written);
                    }
                }
                1 => {
                    let opened = open_to_write(&path, false);
                    if let Some(file) = self.call(opened) {
                        let cut = file.set_len(2000);
                        self.call(cut);
                    }
                }
                2 => {
                    self.call(fs::rename(&path, root.join(format!("renamed-{number}"))));
                }
                3 => {
                    let flags = rustix::fs::XattrFlags::empty();
                    let set = rustix::fs::lsetxattr(&path, "trusted.new", &[1; 100], flags);
                    self.call(set.map_err(io::Error::from));
                }
                4 => {
                    self.call(fs::hard_link(&path, root.join(format!("link-{number}"))));
                    self.call(fs::remove_file(&path));
                }
                _ => {
                    let removed = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
                    self.call(removed);
                }
            }
        }
        let synced = File::open(root).and_then(|root| Ok(rustix::fs::syncfs(root)?));
        self.call(synced);
        self.call(fs::remove_file(new));
    }
}

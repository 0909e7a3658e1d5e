// SPDX-License-Identifier: GPL-2.0

//! fsx, which does one random thing after another to a file and knows what the
//! file must hold after each.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure, Context as _, Result};

use super::{is_ext2, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open, open_read};
use crate::data::pattern;
use crate::data::random;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::loop_device::LoopDevice;

pub const CASES: &[Case] = &[
    Case::new("fsx_fixed_seed", suites::FSX, fixed_seed)
        .doc("fsx finds no fault in a file, with a seed that is the same in every run.")
        .timeout(ROUND_LIMIT),
    Case::new("fsx_fresh_seed", suites::FSX, fresh_seed)
        .doc("fsx finds no fault in a file, with a seed that is new in every run.")
        .timeout(ROUND_LIMIT),
    Case::new("fsx_direct", suites::FSX, direct)
        .doc("fsx finds no fault in a disk that is a file read and written by direct I/O.")
        .timeout(ROUND_LIMIT),
];

const PROGRAM: &str = "/bin/fsx";
const CONFIG: &str = "/tmp/fsx.toml";
const ARTIFACTS: &str = "/tmp/fsx";

const SEED: u64 = 20_241_117;

/// Operations of one process. It never unmaps what it reads through mappings, so
/// less and less can be dropped from the page cache and come from the disk again.
/// After each round all of it is.
const ROUND: u64 = 500;
/// The host hears of the test whenever that many are done.
const REPORT: u64 = 10 * ROUND;
const ROUND_LIMIT: Duration = Duration::from_secs(180);

/// Of what a failed run says, the last so many lines are shown.
const LAST_LINES: usize = 60;

/// By default one operation in 65,537 is of no bytes. fsx leaves these out, but for
/// posix_fallocate(), which refuses them.
pub const SIZES: &str = "[opsize]\nmin = 1\n";

/// Weights of operations that every filesystem has.
const EVERYWHERE: &str = "\
close_open = 1
read = 10
write = 10
mapread = 7
mapwrite = 7
invalidate = 1
truncate = 4
fsync = 1
fdatasync = 1
sendfile = 3
posix_fadvise = 5
copy_file_range = 3
";

/// Those of a disk. What is written and what is forgotten decides how much of it
/// reaches the file.
const DISK: &str = "\
read = 10
write = 10
mapread = 7
mapwrite = 7
truncate = 0
fsync = 6
fdatasync = 2
posix_fadvise = 12
";

/// Weights of operations that a filesystem of that type has besides.
pub fn allocation(kind: &str) -> &'static str {
    if is_ext2(kind) {
        ""
    } else {
        "posix_fallocate = 2\npunch_hole = 4\n"
    }
}

fn fixed_seed(context: &Context) -> Result<()> {
    on_file(context, SEED)
}

fn fresh_seed(context: &Context) -> Result<()> {
    on_file(context, seed(context)?)
}

/// The one that was asked for, or a new one.
fn seed(context: &Context) -> Result<u64> {
    match context.fsx().seed {
        Some(seed) => Ok(seed),
        None => Ok(random::fresh_seed()?.into()),
    }
}

fn on_file(context: &Context, seed: u64) -> Result<()> {
    let allocation = allocation(context.fs());
    // What is stored through mappings stays dirty, for others to come upon.
    configure(&format!(
        "flen = {MIB}\nnomsyncafterwrite = true\n{SIZES}[weights]\n{EVERYWHERE}{allocation}"
    ))?;
    let path = context.path("file")?;
    Exercise::new(context, "fsx_fresh_seed", &path).run(seed)
}

fn direct(context: &Context) -> Result<()> {
    let path = context.path("disk")?;
    File::create_new(&path)?.set_len(MIB as u64)?;
    let punch = if context.is_ext2() { 0 } else { 3 };
    configure(&format!(
        "blockmode = true\nnomsyncafterwrite = true\n[opsize]\nalign = 512\n\
         [weights]\n{DISK}punch_hole = {punch}\n"
    ))?;
    let device = LoopDevice::direct(&open(&path, 0)?)?;
    Exercise::new(context, "fsx_direct", &LoopDevice::path()).run(seed(context)?)?;

    let by_device = whole(&open_read(&LoopDevice::path(), 0)?)?;
    open(&LoopDevice::path(), 0)?.sync_all().context("fsync")?;
    drop(device);
    let by_file = whole(&open_read(&path, libc::O_DIRECT)?)?;
    ensure!(by_device == by_file, "the disk and the file differ");
    Ok(())
}

fn whole(file: &File) -> Result<Vec<u8>> {
    let mut buffer = AlignedBuf::new(MIB)?;
    let count = (&*file).read(&mut buffer)?;
    ensure!(count == MIB, "{count} bytes instead of {MIB}");
    Ok(buffer.to_vec())
}

fn configure(text: &str) -> Result<()> {
    fs::create_dir_all(ARTIFACTS).with_context(|| format!("cannot make {ARTIFACTS}"))?;
    fs::write(CONFIG, text).with_context(|| format!("cannot write {CONFIG}"))
}

/// fsx on one file or disk.
struct Exercise<'a> {
    context: &'a Context<'a>,
    /// The test that repeats what failed.
    test: &'a str,
    target: &'a Path,
}

impl<'a> Exercise<'a> {
    fn new(context: &'a Context<'a>, test: &'a str, target: &'a Path) -> Self {
        Self {
            context,
            test,
            target,
        }
    }

    /// All operations, in rounds with a seed each, the first with `seed`.
    fn run(&self, seed: u64) -> Result<()> {
        let total = self.context.fsx().operations;
        let mut left = total;
        let mut seed = seed;
        self.context
            .note(format!("{total} operations with seeds from {seed} on"));
        while left > 0 {
            let operations = left.min(ROUND);
            self.round(seed, operations)
                .and_then(|()| self.settle())
                .with_context(|| self.again(seed, operations))?;
            left -= operations;
            if left % REPORT == 0 {
                self.context.note(format!("{left} operations left"));
            }
            seed = seed.wrapping_add(1);
        }
        self.context.metric("operations", total as f64);
        Ok(())
    }

    fn round(&self, seed: u64, operations: u64) -> Result<()> {
        let output = Command::new(PROGRAM)
            .args(["-f", CONFIG, "-P", ARTIFACTS])
            .args(["-N", &operations.to_string(), "-S", &seed.to_string()])
            .arg(self.target)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {PROGRAM}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        for line in last_lines(&said, LAST_LINES) {
            self.context.note(line);
        }
        bail!("fsx: {}", output.status)
    }

    /// What the page cache holds must be on the disk.
    fn settle(&self) -> Result<()> {
        let file = open(self.target, 0)?;
        let (mut cached, mut cold) = (Vec::new(), Vec::new());
        (&file).read_to_end(&mut cached)?;
        drop_cache(&file)?;
        open_read(self.target, 0)?.read_to_end(&mut cold)?;
        ensure!(
            cached.len() == cold.len(),
            "{} bytes in the page cache, {} on the disk",
            cached.len(),
            cold.len()
        );
        pattern::compare(&cached, &cold, 0).context("on the disk")
    }

    /// How to see the same once more.
    fn again(&self, seed: u64, operations: u64) -> String {
        let (spec, test) = (self.context.spec(), self.test);
        format!(
            "again: make test T={}/{test} {} FSX_SEED={seed} FSX_OPERATIONS={operations}",
            spec.suite,
            spec.link.option()
        )
    }
}

fn last_lines(text: &str, count: usize) -> impl Iterator<Item = &str> {
    let skipped = text.lines().count().saturating_sub(count);
    text.lines().skip(skipped)
}

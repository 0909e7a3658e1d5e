// SPDX-License-Identifier: GPL-2.0

//! Building a test kernel in the cache, or finding it there.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use anyhow::{bail, Context, Result};
use walkdir::WalkDir;

use super::config::unmet;
use super::make_output::{foreign_undefined_symbols, is_step};
use super::recipe::{Link, Recipe};
use super::source::Source;
use super::tree::KernelTree;
use crate::lock::Lock;
use crate::paths::{make_dir, read_text, Paths};
use crate::process::{failure, output_of, run_logged};
use crate::progress::Progress;
use crate::toolchain::{Compiler, Toolchain};

/// About how many steps make reports for a whole kernel image and its modules.
const IMAGE_STEPS: u64 = 1650;
const MODULES_STEPS: u64 = 480;

/// The kernel of `recipe`, built if the cache does not have it.
pub fn build(paths: &Paths, tools: &Toolchain, recipe: &Recipe) -> Result<KernelTree> {
    let kernels = paths.cache.join("kernel");
    let tree = KernelTree {
        dir: kernels.join(recipe.build_name()),
        link: recipe.link,
        compiler: Compiler::Clang,
    };
    if is_complete(&tree.dir) {
        return Ok(tree);
    }
    // One for each kernel: builds of different ones may run side by side.
    let _lock = Lock::take(&beside(&tree.dir, ".lock"))?;
    // Another process may have built it while this one waited.
    if is_complete(&tree.dir) {
        return Ok(tree);
    }
    let job = Job {
        tools,
        source: Source::prepare(paths, tools, recipe)?,
        dir: tree.dir.clone(),
        logs: paths.logs(),
        link: recipe.link,
        label: recipe.label(),
    };
    let primed = prime(&kernels, tools, recipe, &tree.dir)?;
    job.configure(&recipe.config)?;
    job.run_target("bzImage", "kernel image", (!primed).then_some(IMAGE_STEPS))?;
    job.run_target(
        "modules",
        "kernel modules",
        (!primed).then_some(MODULES_STEPS),
    )?;
    fs::write(marker(&tree.dir), recipe.base()).context("cannot mark the kernel as complete")?;
    Ok(tree)
}

/// What the name of an unfinished copy ends with.
const COPYING: &str = ".copying";

/// A path next to a build directory, named after it.
fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// Says that a build is complete, and what it was made from.
fn marker(dir: &Path) -> PathBuf {
    dir.join(".complete")
}

fn is_complete(dir: &Path) -> bool {
    marker(dir).is_file()
}

/// Starts from a copy of another build of the same source with the same tools,
/// if there is one: make then compiles only what the config changes, which for
/// another engine is little more than `fs/iomap`.
fn prime(kernels: &Path, tools: &Toolchain, recipe: &Recipe, dir: &Path) -> Result<bool> {
    let wanted = recipe.base();
    let Some(from) = newest_of_base(kernels, &wanted)? else {
        return Ok(false);
    };
    if dir.exists() {
        return Ok(false);
    }
    let part = beside(dir, COPYING);
    let mut copy = tools.command("sh");
    copy.args([
        "-c",
        "rm -rf \"$2\" && cp -a --reflink=auto \"$1\" \"$2\" && rm \"$2/.complete\"",
        "sh",
    ])
    .arg(&from)
    .arg(&part);
    output_of(&mut copy).context("cannot copy a kernel build")?;
    readdress(&part, &from, dir).context("cannot adapt the copy of a kernel build")?;
    fs::rename(&part, dir).context("cannot move the copy of a kernel build")?;
    Ok(true)
}

/// Kbuild compares command lines, and those of objtool and of the Rust crates hold
/// absolute paths. Left as they are, objtool would be built anew, and everything
/// else after it.
fn readdress(copy: &Path, old: &Path, new: &Path) -> Result<()> {
    let (old, new) = (old.display().to_string(), new.display().to_string());
    for below in ["tools", "rust"] {
        for entry in WalkDir::new(copy.join(below)) {
            let entry = entry.context("cannot walk through the copy")?;
            let path = entry.path();
            if path.extension().is_none_or(|ext| ext != "cmd") {
                continue;
            }
            let text = read_text(path)?;
            if text.contains(&old) {
                fs::write(path, text.replace(&old, &new))
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// The build of this base that was completed last.
fn newest_of_base(kernels: &Path, base: &str) -> Result<Option<PathBuf>> {
    let entries =
        fs::read_dir(kernels).with_context(|| format!("cannot read {}", kernels.display()))?;
    let dirs = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|dir| !dir.to_string_lossy().ends_with(COPYING));
    let fitting = dirs.filter(|dir| fs::read_to_string(marker(dir)).is_ok_and(|text| text == base));
    let age = |dir: &PathBuf| {
        fs::metadata(marker(dir))
            .and_then(|meta| meta.modified())
            .ok()
    };
    Ok(fitting.max_by_key(age))
}

/// A build that is under way.
struct Job<'a> {
    tools: &'a Toolchain,
    source: Source,
    dir: PathBuf,
    logs: PathBuf,
    link: Link,
    label: String,
}

impl Job<'_> {
    fn make(&self) -> Command {
        let mut make = self.tools.make(Compiler::Clang);
        make.arg("-C")
            .arg(&self.source.dir)
            .arg(format!("O={}", self.dir.display()));
        make
    }

    fn configure(&self, requested: &str) -> Result<()> {
        make_dir(&self.dir)?;
        let fragments = self.dir.join("requested.config");
        fs::write(&fragments, requested)
            .with_context(|| format!("cannot write {}", fragments.display()))?;
        let mut make = self.make();
        make.arg(format!("KCONFIG_ALLCONFIG={}", fragments.display()))
            .arg("allnoconfig");
        run_logged(&mut make, &self.logs.join("kernel-config.log"))
            .context("cannot configure the kernel")?;
        let unmet = unmet(requested, &read_text(&self.dir.join(".config"))?);
        if !unmet.is_empty() {
            let mut make = self.make();
            make.arg("rustavailable");
            // Says why CONFIG_RUST is off, if it is; otherwise adds nothing.
            run_logged(&mut make, &self.logs.join("kernel-rustavailable.log"))
                .context("the kernel cannot use this Rust toolchain")?;
            bail!(
                "Kconfig did not take these options of tests/qemu/config: {}",
                unmet.join("; ")
            );
        }
        Ok(())
    }

    fn run_target(&self, target: &str, what: &str, steps: Option<u64>) -> Result<()> {
        let log_path = self
            .logs
            .join(format!("kernel-{}-{target}.log", self.label));
        let mut log = File::create(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        let what = format!("building the {what} ({} engine)", self.label);
        let mut progress = Progress::new(what, steps);

        let jobs = available_parallelism().map_or(1, usize::from);
        let mut make = self.make();
        make.arg(format!("-j{jobs}")).arg(target);
        if self.link == Link::Module {
            // Filesystem modules miss the engine's symbols until it is built.
            make.arg("KBUILD_MODPOST_WARN=1");
        }
        let stderr = log
            .try_clone()
            .context("cannot duplicate a file descriptor")?;
        let mut child = make
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .context("cannot run make")?;
        let stdout = child.stdout.take().context("make has no standard output")?;
        for line in BufReader::new(stdout).split(b'\n') {
            let mut line = line.context("cannot read what make says")?;
            if is_step(&String::from_utf8_lossy(&line)) {
                progress.advance();
            }
            line.push(b'\n');
            log.write_all(&line)
                .with_context(|| format!("cannot write {}", log_path.display()))?;
        }
        let status = child.wait().context("cannot wait for make")?;
        if !status.success() {
            bail!(failure(&make, status, &log_path));
        }
        let text = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
        let foreign = foreign_undefined_symbols(&text);
        if !foreign.is_empty() {
            bail!(
                "modules of the kernel miss symbols that are not the engine's: {}; see {}",
                foreign.join(", "),
                log_path.display()
            );
        }
        progress.finish();
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Building a test kernel in the cache, or finding it there.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Link;

use super::config::unmet;
use super::engine::Engine;
use super::linked;
use super::make_output::{foreign_undefined_symbols, is_step};
use super::prime::prime;
use super::recipe::Recipe;
use super::source::Source;
use super::tree::KernelTree;
use crate::lock::Lock;
use crate::parallel;
use crate::paths::{beside, make_dir, read_text, Paths};
use crate::process::{failure, run_logged};
use crate::progress::Progress;
use crate::toolchain::{Compiler, Toolchain};

/// What the name of the file ends with that the builder of a kernel locks.
pub const LOCK: &str = ".lock";

/// About how many steps make reports for a whole kernel image and its modules.
const IMAGE_STEPS: u64 = 1700;
const MODULES_STEPS: u64 = 480;

/// Whether [`build`] of `recipe` has nothing to do.
pub fn is_built(paths: &Paths, recipe: &Recipe) -> Result<bool> {
    let engine = recipe.owner().map(Engine::read).transpose()?;
    let dir = kernels(paths).join(recipe.build_name());
    Ok(is_complete(&dir, &made_of(recipe, engine.as_ref())))
}

/// Where kernels are built.
fn kernels(paths: &Paths) -> PathBuf {
    paths.cache.join("kernel")
}

/// The kernel of `recipe`, built if the cache does not have it. One that the
/// engine is part of is brought up to date.
pub fn build(paths: &Paths, tools: &Toolchain, recipe: &Recipe) -> Result<KernelTree> {
    let kernels = kernels(paths);
    let tree = KernelTree {
        dir: kernels.join(recipe.build_name()),
        link: recipe.link,
        compiler: Compiler::Clang,
    };
    let engine = recipe.owner().map(Engine::read).transpose()?;
    let made_of = made_of(recipe, engine.as_ref());
    if is_complete(&tree.dir, &made_of) {
        return Ok(tree);
    }
    // One for each kernel: builds of different ones may run side by side.
    let _lock = Lock::take(&beside(&tree.dir, LOCK))?;
    // Another process may have built it while this one waited.
    if is_complete(&tree.dir, &made_of) {
        return Ok(tree);
    }
    let mut source = Source::prepare(paths, tools, recipe)?;
    if let (Some(owner), Some(engine)) = (recipe.owner(), &engine) {
        linked::remove_orphans(&kernels)?;
        source = linked::link(tools, &source, owner, engine)?;
    }
    let mut begun = prime(tools, &recipe.base(), &tree.dir, &source)?;
    let job = Job {
        tools,
        source,
        dir: tree.dir.clone(),
        logs: paths.logs(),
        link: recipe.link,
        label: recipe.kind().name(),
    };
    if base_of(&tree.dir).is_some() {
        // Only the engine has changed; what comes of it is not complete yet.
        fs::remove_file(marker(&tree.dir)).context("cannot mark the kernel as incomplete")?;
        begun = true;
    } else {
        job.configure(&recipe.config)?;
    }
    if let Some(owner) = recipe.owner() {
        linked::mark(&tree.dir, owner)?;
    }
    job.run_target("bzImage", "kernel image", (!begun).then_some(IMAGE_STEPS))?;
    job.run_target(
        "modules",
        "kernel modules",
        (!begun).then_some(MODULES_STEPS),
    )?;
    fs::write(marker(&tree.dir), made_of).context("cannot mark the kernel as complete")?;
    Ok(tree)
}

/// Copies the image of a kernel to a directory, while nobody brings it up to date. There.
pub fn copy_image(kernel: &KernelTree, into: &Path) -> Result<PathBuf> {
    let _lock = Lock::take(&beside(&kernel.dir, LOCK))?;
    let (from, to) = (kernel.image(), into.join("image"));
    fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(to)
}

/// Says that a build is complete, and what it was made from.
fn marker(dir: &Path) -> PathBuf {
    dir.join(".complete")
}

/// What the marker says: the base, and in another line the engine that is part of
/// the kernel.
fn made_of(recipe: &Recipe, engine: Option<&Engine>) -> String {
    let engine = engine.map(|engine| format!("\n{}", engine.digest()));
    recipe.base() + &engine.unwrap_or_default()
}

fn is_complete(dir: &Path, made_of: &str) -> bool {
    fs::read_to_string(marker(dir)).is_ok_and(|text| text == made_of)
}

/// What a complete build has in common with others, see [`Recipe::base`].
pub fn base_of(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(marker(dir)).ok()?;
    text.lines().next().map(str::to_owned)
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

    /// Where it is told how a step went. Another kernel may be built from this checkout.
    fn log(&self, step: &str) -> PathBuf {
        self.logs.join(format!("kernel-{}-{step}.log", self.label))
    }

    fn configure(&self, requested: &str) -> Result<()> {
        make_dir(&self.dir)?;
        let fragments = self.dir.join("requested.config");
        fs::write(&fragments, requested)
            .with_context(|| format!("cannot write {}", fragments.display()))?;
        let mut make = self.make();
        make.arg(format!("KCONFIG_ALLCONFIG={}", fragments.display()))
            .arg("allnoconfig");
        run_logged(&mut make, &self.log("config")).context("cannot configure the kernel")?;
        let unmet = unmet(requested, &read_text(&self.dir.join(".config"))?);
        if !unmet.is_empty() {
            let mut make = self.make();
            make.arg("rustavailable");
            // Says why CONFIG_RUST is off, if it is; otherwise adds nothing.
            run_logged(&mut make, &self.log("rustavailable"))
                .context("the kernel cannot use this Rust toolchain")?;
            bail!(
                "Kconfig did not take these options of tests/qemu/config: {}",
                unmet.join("; ")
            );
        }
        Ok(())
    }

    fn run_target(&self, target: &str, what: &str, steps: Option<u64>) -> Result<()> {
        let log_path = self.log(target);
        make_dir(&self.logs)?;
        let mut log = File::create(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        let what = format!("building the {what} ({} engine)", self.label);
        let mut progress = Progress::new(what, steps);

        let jobs = parallel::processors();
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

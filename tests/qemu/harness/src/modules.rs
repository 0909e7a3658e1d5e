// SPDX-License-Identifier: GPL-2.0

//! Our modules, built against a kernel, and the kernel's own that a suite needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Link;

use crate::kernel::KernelTree;
use crate::lock::Lock;
use crate::paths::{make_dir, Paths};
use crate::process::{output_of, run_logged};
use crate::progress::Progress;
use crate::toolchain::Toolchain;

/// The engine's module.
pub const ENGINE: &str = "iomap_rs";

/// The engine's module for kernels that are linked in this way, if there is one.
pub fn engine(link: Link) -> Option<&'static str> {
    match link {
        Link::Module => Some(ENGINE),
        Link::Live => Some("iomap_rs_live"),
        Link::Builtin | Link::C => None,
    }
}

/// ext2 in Rust, which is built along with the engine.
const EXT2: &str = "ext2_rs";

/// Every loadable module by name, with what it has to be loaded after.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    by_name: BTreeMap<String, Module>,
    /// The names of those that are part of the kernel image.
    built_in: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Module {
    path: PathBuf,
    after: Vec<String>,
}

impl Modules {
    /// Builds ours for `kernel`, copies them to `into`, and takes stock of all.
    pub fn build(
        paths: &Paths,
        tools: &Toolchain,
        kernel: &KernelTree,
        into: &Path,
    ) -> Result<Self> {
        let mut files = kernel_modules(kernel)?;
        files.extend(build_ours(paths, tools, kernel, into)?);
        let mut modinfo = tools.command("modinfo");
        modinfo.args(&files);
        let text = output_of(&mut modinfo).context("cannot read what the modules depend on")?;
        Ok(Self {
            by_name: parse_modinfo(&text),
            built_in: built_in(kernel)?,
        })
    }

    /// The files to load for `names`, each after what it needs.
    pub fn in_load_order(&self, names: &[&str]) -> Result<Vec<&Path>> {
        let mut order = Vec::new();
        for name in names {
            self.visit(name, &mut Vec::new(), &mut order)?;
        }
        order
            .into_iter()
            .map(|name| self.path(name))
            .collect::<Result<_>>()
    }

    pub fn path(&self, name: &str) -> Result<&Path> {
        match self.by_name.get(name) {
            Some(module) => Ok(&module.path),
            None => bail!(
                "there is no kernel module {name}; is it =m in tests/qemu/config, was it built?"
            ),
        }
    }

    /// Puts another file in the place of a module's, which needs the same modules.
    pub fn replace(&mut self, name: &str, file: PathBuf) -> Result<()> {
        match self.by_name.get_mut(name) {
            Some(module) => module.path = file,
            None => bail!("there is no kernel module {name} to replace"),
        }
        Ok(())
    }

    fn visit<'a>(
        &'a self,
        name: &'a str,
        path: &mut Vec<&'a str>,
        order: &mut Vec<&'a str>,
    ) -> Result<()> {
        if order.contains(&name) {
            return Ok(());
        }
        if path.contains(&name) {
            bail!(
                "modules depend on each other in a circle: {}",
                path.join(", ")
            );
        }
        if self.built_in.contains(name) {
            return Ok(());
        }
        let Some(module) = self.by_name.get(name) else {
            bail!("there is no kernel module {name}; is it =m in tests/qemu/config, was it built?");
        };
        path.push(name);
        for before in &module.after {
            self.visit(before, path, order)?;
        }
        path.pop();
        order.push(name);
        Ok(())
    }
}

/// What `modules.order` of the build tree lists.
fn kernel_modules(kernel: &KernelTree) -> Result<Vec<PathBuf>> {
    let file = kernel.dir.join("modules.order");
    let list =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let to_path = |line: &str| kernel.dir.join(line).with_extension("ko");
    Ok(list.lines().map(to_path).collect())
}

/// What `modules.builtin` of the build tree lists.
fn built_in(kernel: &KernelTree) -> Result<BTreeSet<String>> {
    let file = kernel.dir.join("modules.builtin");
    let list =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let stems = list.lines().filter_map(|line| Path::new(line).file_stem());
    Ok(stems
        .map(|stem| stem.to_string_lossy().replace('-', "_"))
        .collect())
}

/// The engine's module, if this kernel is one for it, and script_fs; copied away before
/// anybody else builds, since other sources' or another kernel's objects will take their
/// place in the checkout.
fn build_ours(
    paths: &Paths,
    tools: &Toolchain,
    kernel: &KernelTree,
    into: &Path,
) -> Result<Vec<PathBuf>> {
    let _lock = Lock::take(&paths.checkout.join("target/modules/lock"))?;
    make_dir(into)?;
    let mut built = Vec::new();
    let mut symbols = None;
    if engine(kernel.link).is_some() {
        built.push(build_engine(paths, tools, kernel)?);
    }
    if kernel.link == Link::Module {
        built.push(find_module(&paths.checkout, EXT2)?);
        symbols = Some(paths.checkout.join("Module.symvers"));
    }
    let script_fs = paths.qemu_tests().join("script_fs");
    build_one(paths, tools, kernel, &script_fs, symbols.as_deref())?;
    built.push(find_module(&script_fs, "script_fs")?);

    let copy = |from: &PathBuf| {
        let to = into.join(from.file_name().unwrap_or_default());
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(to)
    };
    built.iter().map(copy).collect()
}

/// The engine's module, in the checkout.
pub fn build_engine(paths: &Paths, tools: &Toolchain, kernel: &KernelTree) -> Result<PathBuf> {
    let name = engine(kernel.link).context("the kernel has an engine of its own")?;
    build_one(paths, tools, kernel, &paths.checkout, None)?;
    find_module(&paths.checkout, name)
}

/// `make M=<dir> modules`, from scratch if it was built for another kernel.
fn build_one(
    paths: &Paths,
    tools: &Toolchain,
    kernel: &KernelTree,
    dir: &Path,
    symbols: Option<&Path>,
) -> Result<()> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let name = if dir == paths.checkout {
        engine(kernel.link).unwrap_or("iomap_rs").into()
    } else {
        name
    };
    let stamp = paths.checkout.join(format!("target/modules/{name}.kernel"));
    let run = |target: &str| {
        let mut make = make(tools, kernel, dir);
        if let Some(symbols) = symbols {
            make.arg(format!("KBUILD_EXTRA_SYMBOLS={}", symbols.display()));
        }
        // Nobody reads the log of what builds: a warning would stay.
        make.args(["W=e", "KRUSTFLAGS=-Dwarnings", target]);
        run_logged(&mut make, &paths.logs().join(format!("module-{name}.log")))
            .with_context(|| format!("cannot build {name}.ko"))
    };
    let progress = Progress::new(format!("building {name}.ko"), None);
    let now = kernel.dir.display().to_string();
    if fs::read_to_string(&stamp).is_ok_and(|before| before != now) {
        run("clean")?;
    }
    run("modules")?;
    make_dir(&paths.checkout.join("target/modules"))?;
    fs::write(&stamp, now).with_context(|| format!("cannot write {}", stamp.display()))?;
    progress.finish();
    Ok(())
}

/// make for an external module.
pub fn make(tools: &Toolchain, kernel: &KernelTree, dir: &Path) -> Command {
    let mut make = tools.make(kernel.compiler);
    make.arg("-C")
        .arg(&kernel.dir)
        .arg(format!("M={}", dir.display()));
    make
}

/// Where Kbuild put the module: beside its sources or at the top.
fn find_module(dir: &Path, name: &str) -> Result<PathBuf> {
    let file = format!("{name}.ko");
    let candidates = [dir.join(&file), dir.join("iomap-rs").join(&file)];
    match candidates.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("make made no {file} in {}", dir.display()),
    }
}

/// Reads `modinfo` of many files: fields in lines, a new module at each `filename:`.
fn parse_modinfo(text: &str) -> BTreeMap<String, Module> {
    let mut modules = BTreeMap::new();
    let mut aliases: BTreeMap<String, String> = BTreeMap::new();
    for block in text.split("filename:").skip(1) {
        let mut lines = block.lines();
        let path = PathBuf::from(lines.next().unwrap_or_default().trim());
        let fields: Vec<(&str, &str)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(field, value)| (field.trim(), value.trim()))
            .collect();
        let of = |wanted: &'static str| {
            let matching = fields.iter().filter(move |(field, _)| *field == wanted);
            matching.map(|(_, value)| *value)
        };
        let Some(name) = of("name").next() else {
            continue;
        };
        for alias in of("alias") {
            aliases.insert(alias.to_owned(), name.to_owned());
        }
        let hard = of("depends").flat_map(|list| list.split(','));
        let soft = of("softdep").filter_map(|list| list.strip_prefix("pre: "));
        let after = hard
            .chain(soft.flat_map(|list| list.split_whitespace()))
            .filter(|name| !name.is_empty())
            .map(|name| name.replace('-', "_"))
            .collect();
        modules.insert(name.to_owned(), Module { path, after });
    }
    resolve(&mut modules, &aliases);
    modules
}

/// Soft dependencies name aliases, and may mean what is built into the kernel.
fn resolve(modules: &mut BTreeMap<String, Module>, aliases: &BTreeMap<String, String>) {
    let known: Vec<String> = modules.keys().cloned().collect();
    let find = |wanted: &String| {
        if known.contains(wanted) {
            return Some(wanted.clone());
        }
        let dashed = wanted.replace('_', "-");
        aliases
            .get(wanted)
            .or_else(|| aliases.get(&dashed))
            .cloned()
    };
    for module in modules.values_mut() {
        module.after = module.after.iter().filter_map(find).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODINFO: &str = "\
filename:       /k/crypto/crc32c_generic.ko
alias:          crypto-crc32c
alias:          crc32c
depends:        
name:           crc32c_generic
filename:       /k/fs/jbd2/jbd2.ko
depends:        
name:           jbd2
filename:       /k/fs/ext4/ext4.ko
softdep:        pre: crc32c
alias:          fs-ext4
depends:        jbd2,mbcache
name:           ext4
";

    fn modules() -> Modules {
        Modules {
            by_name: parse_modinfo(MODINFO),
            built_in: BTreeSet::new(),
        }
    }

    #[test]
    fn dependencies_come_first_by_name_or_alias() -> Result<()> {
        let modules = modules();
        let order = modules.in_load_order(&["ext4", "jbd2"])?;
        let names: Vec<_> = order.iter().filter_map(|path| path.file_stem()).collect();
        // mbcache is built in here: no file, nothing to load.
        assert_eq!(names, ["jbd2", "crc32c_generic", "ext4"]);
        Ok(())
    }

    #[test]
    fn what_is_built_in_need_not_be_loaded() -> Result<()> {
        let mut modules = modules();
        modules.built_in.insert("xfs".into());
        assert!(modules.in_load_order(&["xfs"])?.is_empty());
        Ok(())
    }

    #[test]
    fn another_file_takes_the_place_of_a_modules() -> Result<()> {
        let mut modules = modules();
        modules.replace("jbd2", "/broken/jbd2.ko".into())?;
        let order = modules.in_load_order(&["ext4"])?;
        assert!(order.contains(&Path::new("/broken/jbd2.ko")));
        assert!(modules.replace("xfs", "/x.ko".into()).is_err());
        Ok(())
    }

    #[test]
    fn a_missing_module_is_named() {
        let message = modules()
            .in_load_order(&["xfs"])
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(message.contains("no kernel module xfs"));
    }

    #[test]
    fn a_circle_is_an_error() {
        let text = "filename: a.ko\nname: a\ndepends: b\nfilename: b.ko\nname: b\ndepends: a\n";
        let modules = Modules {
            by_name: parse_modinfo(text),
            built_in: BTreeSet::new(),
        };
        assert!(modules.in_load_order(&["a"]).is_err());
    }
}

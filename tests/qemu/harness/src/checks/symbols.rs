// SPDX-License-Identifier: GPL-2.0

//! What the engine exports, and what it patches in a running kernel, against what the
//! kernel's own `fs/iomap/*.c` export: the same.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Link;

use super::Subject;
use crate::paths::read_text;

pub fn check(subject: &Subject) -> Result<()> {
    // What make found exported when it built the module, or the kernel.
    let built = match subject.kernel.link {
        Link::Module => &subject.paths.checkout,
        Link::Builtin | Link::C | Link::Live => &subject.kernel.dir,
    };
    let symvers = read_text(&built.join("Module.symvers"))
        .context("the engine is not built; run make modules or make kernel")?;
    judge(compare(
        &exported_by_c(subject)?,
        &exported_by_engine(&symvers),
        "exported",
    ))
}

/// The engine that takes the C engine's place has to take all of it.
pub fn check_patched(subject: &Subject) -> Result<()> {
    let mut wanted = exported_by_c(subject)?;
    wanted.insert(NOT_EXPORTED.to_owned());
    let source = read_text(&subject.paths.checkout.join("iomap-rs/cabi/live.c"))?;
    let patched = patch_lines(&source).map(str::to_owned).collect();
    judge(compare(&wanted, &patched, "patched"))
}

fn judge(complaints: Vec<String>) -> Result<()> {
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

/// What `fs/dax.c` calls besides, inside of the kernel.
const NOT_EXPORTED: &str = "iomap_iter";

/// `PATCHED(iomap_fiemap),`
fn patch_lines(source: &str) -> impl Iterator<Item = &str> {
    let entries = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("PATCHED("));
    entries.filter_map(|rest| rest.split_once(')').map(|(name, _)| name))
}

fn exported_by_c(subject: &Subject) -> Result<BTreeSet<String>> {
    let dir = subject.source.dir.join("fs/iomap");
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut symbols = BTreeSet::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", dir.display()))?
            .path();
        if path.extension().is_some_and(|ext| ext == "c") {
            symbols.extend(export_lines(&read_text(&path)?).map(str::to_owned));
        }
    }
    Ok(symbols)
}

/// `EXPORT_SYMBOL_GPL(iomap_fiemap);`
fn export_lines(source: &str) -> impl Iterator<Item = &str> {
    let macros = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("EXPORT_SYMBOL"));
    macros.filter_map(|rest| {
        let rest = rest.strip_prefix("_GPL").unwrap_or(rest);
        rest.strip_prefix('(')?
            .split_once(')')
            .map(|(name, _)| name)
    })
}

/// Lines of `Module.symvers`: checksum, symbol, module, kind of export. Helpers
/// are for filesystems in Rust, which have them under our own names.
fn exported_by_engine(symvers: &str) -> BTreeSet<String> {
    let symbol = |line: &str| line.split('\t').nth(1).map(str::to_owned);
    let all = symvers.lines().filter_map(symbol);
    all.filter(|name| name.trim_start_matches('_').starts_with("iomap_"))
        .filter(|name| !name.starts_with("iomap_rs_"))
        .collect()
}

fn compare(c: &BTreeSet<String>, rust: &BTreeSet<String>, done: &str) -> Vec<String> {
    let absent = c.difference(rust);
    let extra = rust.difference(c);
    absent
        .map(|name| format!("{name} is not {done}"))
        .chain(extra.map(|name| format!("{name} is {done}, but not the C engine's to export")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn exports_are_read_from_source_and_symvers() {
        let source = "int f(void);\nEXPORT_SYMBOL_GPL(iomap_fiemap);\n\tEXPORT_SYMBOL(iomap_x);\n";
        let found: Vec<_> = export_lines(source).collect();
        assert_eq!(found, ["iomap_fiemap", "iomap_x"]);
        let symvers = "0x00000000\tiomap_bmap\tiomap_rs\tEXPORT_SYMBOL_GPL\t\n\
                       0x00000000\tiomap_rs_helper\tiomap_rs\tEXPORT_SYMBOL_GPL\t\n\
                       0x00000000\t_RNvCs_helper\tiomap_rs\tEXPORT_SYMBOL_GPL\t\n";
        assert_eq!(exported_by_engine(symvers), set(&["iomap_bmap"]));
    }

    #[test]
    fn patches_are_read_from_source() {
        let source = "#define PATCHED(name) { .old_name = #name }\n\
                      \tPATCHED(iomap_iter),\n\tPATCHED(__iomap_dio_rw),\n";
        let found: Vec<_> = patch_lines(source).collect();
        assert_eq!(found, ["iomap_iter", "__iomap_dio_rw"]);
    }

    #[test]
    fn an_exact_match_is_silent() {
        let names = set(&["iomap_a", "iomap_b"]);
        assert!(compare(&names, &names, "exported").is_empty());
    }

    #[test]
    fn both_kinds_of_difference_are_told() {
        let c = set(&["iomap_a", "iomap_c"]);
        let rust = set(&["iomap_a", "iomap_extra"]);
        assert_eq!(
            compare(&c, &rust, "exported"),
            [
                "iomap_c is not exported",
                "iomap_extra is exported, but not the C engine's to export"
            ]
        );
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What the engine exports against what the kernel's own `fs/iomap/*.c` export.
//! What is not written yet stands in `tests/qemu/missing-symbols.txt`, a list
//! that can only shrink.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Link;

use super::Subject;
use crate::paths::read_text;

pub fn check(subject: &Subject) -> Result<()> {
    let list = subject.paths.qemu_tests().join("missing-symbols.txt");
    let missing = read_text(&list)?;
    // What make found exported when it built the module, or the kernel.
    let built = match subject.kernel.link {
        Link::Module => &subject.paths.checkout,
        Link::Builtin | Link::C | Link::Live => &subject.kernel.dir,
    };
    let symvers = read_text(&built.join("Module.symvers"))
        .context("the engine is not built; run make modules or make kernel")?;
    let complaints = compare(
        &exported_by_c(subject)?,
        &exported_by_engine(&symvers),
        &names_in(&missing),
    );
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
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

fn names_in(list: &str) -> BTreeSet<String> {
    let lines = list.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn compare(
    c: &BTreeSet<String>,
    rust: &BTreeSet<String>,
    listed: &BTreeSet<String>,
) -> Vec<String> {
    let absent = |name: &&String| !rust.contains(*name) && !listed.contains(*name);
    let mut complaints = Vec::new();
    for name in c.iter().filter(absent) {
        complaints.push(format!("{name} is neither exported nor listed as missing"));
    }
    for name in rust.difference(c) {
        complaints.push(format!("{name} is exported, but not by the C engine"));
    }
    for name in listed.intersection(rust) {
        complaints.push(format!(
            "{name} is listed as missing, but exported: take it off"
        ));
    }
    for name in listed.difference(c) {
        complaints.push(format!(
            "{name} is listed as missing, but the C engine has no such"
        ));
    }
    complaints
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
    fn an_exact_match_is_silent() {
        let c = set(&["iomap_a", "iomap_b"]);
        let complaints = compare(&c, &set(&["iomap_a"]), &set(&["iomap_b"]));
        assert!(complaints.is_empty());
    }

    #[test]
    fn each_kind_of_difference_is_told() {
        let c = set(&["iomap_a", "iomap_b", "iomap_c"]);
        let rust = set(&["iomap_a", "iomap_extra"]);
        let listed = set(&["iomap_a", "iomap_b", "iomap_gone"]);
        let complaints = compare(&c, &rust, &listed);
        assert_eq!(complaints.len(), 4, "{complaints:?}");
        assert!(complaints
            .iter()
            .any(|c| c.starts_with("iomap_c is neither")));
    }

    #[test]
    fn comments_in_the_list_are_no_names() {
        assert_eq!(names_in("# why\n\niomap_a\n"), set(&["iomap_a"]));
    }
}

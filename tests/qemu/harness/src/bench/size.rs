// SPDX-License-Identifier: GPL-2.0

//! How large the engines' objects are, by `llvm-size`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// The C engine's objects below `fs/iomap` of a build.
pub const C_OBJECTS: &[&str] = &[
    "trace.o",
    "iter.o",
    "buffered-io.o",
    "direct-io.o",
    "fiemap.o",
    "seek.o",
    "swapfile.o",
];

/// The Rust engine's, below the checkout.
const RUST_OBJECTS: &[&str] = &[
    "iomap-rs/iomap_rs.o",
    "iomap-rs/cabi/exports.o",
    "iomap-rs/cabi/rust_exports.o",
    "iomap-rs/sys/buffers.o",
    "iomap-rs/sys/cached.o",
    "iomap-rs/sys/helpers.o",
    "iomap-rs/sys/trace.o",
];

/// Sections that stay in memory, by the start of their names.
const SECTIONS: &[&str] = &[".text", ".rodata", ".data", ".bss"];

/// Bytes of the C engine by section; `build` is the kernel's build directory.
pub fn c_size(tools: &Toolchain, build: &Path) -> Result<BTreeMap<String, u64>> {
    let dir = build.join("fs/iomap");
    sections(tools, C_OBJECTS.iter().map(|object| dir.join(object)))
}

/// The same of the Rust engine as it was built last.
pub fn rust_size(paths: &Paths, tools: &Toolchain) -> Result<BTreeMap<String, u64>> {
    let objects = RUST_OBJECTS.iter();
    sections(tools, objects.map(|object| paths.checkout.join(object)))
}

fn sections(
    tools: &Toolchain,
    objects: impl Iterator<Item = PathBuf>,
) -> Result<BTreeMap<String, u64>> {
    let mut size = tools.command("llvm-size");
    size.args(["--format=sysv", "--radix=10"])
        .args(objects.filter(|object| object.exists()));
    let text = output_of(&mut size).context("cannot measure the engine's objects")?;
    Ok(sum(&text))
}

fn sum(text: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(bytes)) = (words.next(), words.next()) else {
            continue;
        };
        let section = SECTIONS.iter().find(|section| name.starts_with(*section));
        if let (Some(section), Ok(bytes)) = (section, bytes.parse::<u64>()) {
            *sums.entry((*section).to_owned()).or_default() += bytes;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_all_objects_are_added() {
        let text = "a.o  :\nsection  size  addr\n.text  10  0\n.text.unlikely 5 0\n\
                    .orc_unwind 7 0\nTotal 22\n\nb.o  :\nsection size addr\n.text 1 0\n.bss 2 0\n";
        let expected = BTreeMap::from([(".text".to_owned(), 16), (".bss".to_owned(), 2)]);
        assert_eq!(sum(text), expected);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Names for the guest's kernel addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use iomap_qemu_protocol::Link;

use super::size::C_OBJECTS;
use crate::kernel::KernelTree;
use crate::modules;
use crate::paths::read_text;
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// Where all modules are: the guest tells what lies in these 4 GiB.
const MODULES: u64 = 0xffff_ffff_0000_0000;

/// What all of ftrace's trampolines are called.
pub const TRAMPOLINE: &str = "(trampoline)";

/// Functions by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    by_address: BTreeMap<u64, Symbol>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    /// It is part of the engine that the filesystems run on.
    pub engine: bool,
}

impl Symbols {
    /// Those of the kernel image. `c_engine`: its functions of `fs/iomap` count as
    /// the engine's.
    pub fn of_kernel(tools: &Toolchain, kernel: &KernelTree, c_engine: bool) -> Result<Self> {
        let mut engine = BTreeSet::new();
        if c_engine {
            engine = functions_of_c_engine(tools, &kernel.dir)?;
        }
        let text = read_text(&kernel.dir.join("System.map"))?;
        Ok(Self::of_map(&text, &engine))
    }

    /// Those of a `System.map`; `engine` has the names of the engine's. Other files may
    /// have functions of the same names: of these that is the engine's which lies beside
    /// one that nobody else has.
    fn of_map(map: &str, engine: &BTreeSet<String>) -> Self {
        let mut functions: Vec<(u64, Symbol)> = map
            .lines()
            .filter_map(|line| parse_map_line(line, engine))
            .collect();
        functions.sort_by_key(|(address, _)| *address);
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, symbol) in &functions {
            *times.entry(&symbol.name).or_default() += 1;
        }
        let sure: Vec<bool> = functions
            .iter()
            .map(|(_, symbol)| symbol.engine && times.get(symbol.name.as_str()) == Some(&1))
            .collect();
        for (at, (_, symbol)) in functions.iter_mut().enumerate() {
            let beside = at.saturating_sub(1)..at.saturating_add(2).min(sure.len());
            symbol.engine &= sure
                .get(beside)
                .is_some_and(|beside| beside.contains(&true));
        }
        Self {
            by_address: functions.into_iter().collect(),
        }
    }

    /// Adds those of a module whose `.text` is at `base`, as the guest tells it.
    pub fn add_module(
        &mut self,
        tools: &Toolchain,
        name: &str,
        file: &Path,
        base: u64,
    ) -> Result<()> {
        let mut objdump = tools.command("llvm-objdump");
        objdump.args(["--syms", "--demangle"]).arg(file);
        let text = output_of(&mut objdump)
            .with_context(|| format!("cannot read the symbols of {}", file.display()))?;
        for (offset, function) in text.lines().filter_map(parse_table_line) {
            let symbol = Symbol {
                name: short(function),
                engine: is_engine(name),
            };
            self.by_address.insert(MODULES + base + offset, symbol);
        }
        Ok(())
    }

    /// Adds what ftrace made at `address` while the guest ran, as the guest tells it.
    pub fn add_trampoline(&mut self, address: u64) {
        let symbol = Symbol {
            name: TRAMPOLINE.to_owned(),
            engine: false,
        };
        self.by_address.insert(MODULES + address, symbol);
    }

    /// The function that begins at `address`.
    pub fn beginning_at(&self, address: u64) -> Option<&Symbol> {
        self.by_address.get(&address)
    }

    /// The function that `address` lies in; [`None`] for a user's address.
    pub fn at(&self, address: u64) -> Option<&Symbol> {
        let (_, symbol) = self.by_address.range(..=address).next_back()?;
        (address >> 63 == 1).then_some(symbol)
    }
}

/// Is it a module that has an engine in it?
fn is_engine(module: &str) -> bool {
    [Link::Module, Link::Live]
        .into_iter()
        .any(|link| modules::engine(link) == Some(module))
}

/// `ffffffff81000000 T _stext`
fn parse_map_line(line: &str, engine: &BTreeSet<String>) -> Option<(u64, Symbol)> {
    let mut words = line.split_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let kind = words.next()?;
    let name = words.next()?;
    let is_code = matches!(kind, "t" | "T" | "w" | "W");
    is_code.then(|| {
        let symbol = Symbol {
            name: name.to_owned(),
            engine: engine.contains(name),
        };
        (address, symbol)
    })
}

/// `0000000000000120 l F .text<tab>0000000000000123 name`
fn parse_table_line(line: &str) -> Option<(u64, &str)> {
    let (before, after) = line.split_once(" F .text\t")?;
    let offset = before.split_whitespace().next()?;
    let (_, name) = after.split_once(' ')?;
    let name = name.trim();
    Some((u64::from_str_radix(offset, 16).ok()?, name))
}

/// A Rust path without what is between angle brackets and its hash.
fn short(name: &str) -> String {
    let mut depth = 0;
    let mut text = String::new();
    for c in name.trim_start_matches(".hidden ").chars() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth == 0 => text.push(c),
            _ => {}
        }
    }
    if text.trim_matches(':').is_empty() {
        name.to_owned()
    } else {
        text
    }
}

fn functions_of_c_engine(tools: &Toolchain, build: &Path) -> Result<BTreeSet<String>> {
    let objects = C_OBJECTS
        .iter()
        .map(|object| build.join("fs/iomap").join(object))
        .filter(|object| object.exists());
    let mut nm = tools.command("llvm-nm");
    nm.args(["--defined-only", "--format=posix"]).args(objects);
    let text = output_of(&mut nm).context("cannot list the C engine's functions")?;
    let functions = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        matches!(words.next()?, "t" | "T").then(|| name.to_owned())
    });
    Ok(functions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_function_before_it() {
        let engine = BTreeSet::from(["iomap_iter".to_owned()]);
        let map = "ffffffff81000000 T _stext\nffffffff81000100 t iomap_iter\n\
                   ffffffff81000180 D data\nffffffff81000200 T other\n";
        let symbols = Symbols::of_map(map, &engine);
        let found = symbols.at(0xffff_ffff_8100_01ff);
        assert_eq!(
            found.map(|s| (s.name.as_str(), s.engine)),
            Some(("iomap_iter", true))
        );
        assert_eq!(symbols.at(0x40_0000), None);
    }

    #[test]
    fn a_name_that_others_have_too_is_the_engines_beside_the_engine() {
        let engine = ["iomap_iter", "min"].map(str::to_owned).into();
        let map = "ffffffff81000000 t min\nffffffff81000100 T bio_put\n\
                   ffffffff81000200 T iomap_iter\nffffffff81000300 t min\n";
        let symbols = Symbols::of_map(map, &engine);
        let engine = |address| symbols.at(address).map(|symbol| symbol.engine);
        assert_eq!(engine(0xffff_ffff_8100_0000), Some(false));
        assert_eq!(engine(0xffff_ffff_8100_0300), Some(true));
    }

    #[test]
    fn a_symbol_table_is_read() {
        let line = "0000000000000120 l     F .text\t0000000000000123 write";
        assert_eq!(parse_table_line(line), Some((0x120, "write")));
        assert_eq!(parse_table_line("0000 l     O .bss\t0008 x"), None);
    }

    #[test]
    fn generics_are_cut() {
        assert_eq!(
            short("iomap_rs::iter::next::<A<B>>::run"),
            "iomap_rs::iter::next::::run"
        );
        assert_eq!(short("<A as B>"), "<A as B>");
    }
}

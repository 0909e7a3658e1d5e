// SPDX-License-Identifier: GPL-2.0

//! Where the instructions of a workload are, function by function, and how deep
//! the stack got: from what the QEMU plugin wrote.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use iomap_bench_report::stack::Side;
use serde::Deserialize;

use super::symbols::{Symbols, TRAMPOLINE};
use crate::paths::read_text;

/// Functions that differ by less are not listed, in instructions per operation.
const NOISE: f64 = 0.5;

/// What livepatch's trampolines call for the address of the new function.
const HANDLER: &str = "klp_ftrace_handler";

/// Where engines and filesystems hand over to the rest of the kernel when they are deep in
/// the stack.
const HAND_OVERS: [&str; 6] = [
    "__filemap_get_folio",
    "__kmalloc_noprof",
    "bdev_getblk",
    "bio_alloc_bioset",
    "kmem_cache_alloc_noprof",
    "submit_bio_noacct",
];

/// A line of the plugin's file.
#[derive(Debug, Deserialize)]
struct Raw {
    /// Address, instructions, how often it ran.
    blocks: Vec<(u64, u64, u64)>,
    /// Address, bytes of the kernel's stack.
    depths: Vec<(u64, u64)>,
}

/// One workload on one engine.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Instructions by function and operation.
    functions: BTreeMap<String, f64>,
    /// The same of the engine's functions alone.
    engine: BTreeMap<String, f64>,
    /// Of the stack.
    pub depth: Side,
    /// How often livepatch redirected a call, per operation.
    pub redirected: f64,
}

/// Reads the plugin's file: a profile for each workload, in their order.
/// `operations` has how many each of them did.
pub fn read(path: &Path, symbols: &Symbols, operations: &[f64]) -> Result<Vec<Profile>> {
    let text = read_text(path)?;
    let mut profiles = Vec::new();
    for (line, operations) in text.lines().zip(operations) {
        let raw: Raw = serde_json::from_str(line)
            .with_context(|| format!("{} is not as agreed", path.display()))?;
        profiles.push(profile(&raw, symbols, *operations));
    }
    Ok(profiles)
}

fn profile(raw: &Raw, symbols: &Symbols, operations: f64) -> Profile {
    let mut profile = Profile::default();
    for &(address, instructions, times) in &raw.blocks {
        let amount = (instructions * times) as f64 / operations;
        if symbols
            .beginning_at(address)
            .is_some_and(|symbol| symbol.name == HANDLER)
        {
            profile.redirected += times as f64 / operations;
        }
        let (name, engine) = match symbols.at(address) {
            Some(symbol) => (symbol.name.as_str(), symbol.engine),
            None => ("(user)", false),
        };
        let of = match engine {
            true => &mut profile.engine,
            false => &mut profile.functions,
        };
        *of.entry(name.to_owned()).or_default() += amount;
    }
    for &(address, depth) in &raw.depths {
        let Some(symbol) = symbols.at(address) else {
            continue;
        };
        let name = symbol.name.as_str();
        let side = &mut profile.depth;
        if depth > side.deepest.0 && !interrupts(name) {
            side.deepest = (depth, name.to_owned());
        }
        if HAND_OVERS.contains(&name) {
            // Addresses ascend: it is where the function begins.
            side.hand_overs.entry(name.to_owned()).or_insert(depth);
        }
    }
    profile
}

/// What an interrupt puts on the stack of the task that it hits is no path's depth.
fn interrupts(function: &str) -> bool {
    [
        "asm_",
        "sysvec_",
        "irqentry_",
        "common_interrupt",
        "error_",
        "__sysvec",
    ]
    .iter()
    .any(|start| function.starts_with(start))
}

impl Profile {
    /// Instructions of the engine's own functions, per operation.
    pub fn engine_total(&self) -> f64 {
        // The sum of nothing would be -0.
        self.engine.values().sum::<f64>() + 0.0
    }

    /// Instructions between calls that livepatch redirects and the functions that they
    /// are redirected to, per operation.
    pub fn redirection(&self) -> f64 {
        let of = |name| self.functions.get(name).copied().unwrap_or(0.0);
        of(TRAMPOLINE) + of(HANDLER)
    }
}

/// The functions in which the engines differ, and their own.
pub fn compare(c: &Profile, rust: &Profile) -> String {
    let mut text = String::new();
    let (own_c, own_rust) = (c.engine_total(), rust.engine_total());
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "the engine's functions: C {own_c:.1}, Rust {own_rust:.1}"
    );
    if own_c > 0.0 {
        let _ = write!(text, " ({:.3})", own_rust / own_c);
    }
    text.push('\n');
    for (name, of) in [("C", &c.engine), ("Rust", &rust.engine)] {
        let mut functions: Vec<_> = of.iter().collect();
        functions.sort_by(|a, b| b.1.total_cmp(a.1));
        for (function, amount) in functions.into_iter().filter(|(_, a)| **a >= NOISE) {
            let _ = writeln!(text, "  {name:4} {amount:10.1}  {function}");
        }
    }
    let names = c.functions.keys().chain(rust.functions.keys());
    let mut rows: Vec<(f64, f64, f64, &str)> = names
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|name| {
            let of = |profile: &Profile| profile.functions.get(name).copied().unwrap_or(0.0);
            (of(rust) - of(c), of(c), of(rust), name.as_str())
        })
        .filter(|(difference, ..)| difference.abs() >= NOISE)
        .collect();
    rows.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let _ = writeln!(text, "others that differ (Rust - C, C, Rust):");
    for (difference, of_c, of_rust, name) in rows.into_iter().take(30) {
        let _ = writeln!(
            text,
            "  {difference:+10.1} {of_c:10.1} {of_rust:10.1}  {name}"
        );
    }
    let _ = writeln!(
        text,
        "stack at its deepest: C {} bytes in {}, Rust {} in {}",
        c.depth.deepest.0, c.depth.deepest.1, rust.depth.deepest.0, rust.depth.deepest.1
    );
    text
}

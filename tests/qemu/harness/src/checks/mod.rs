// SPDX-License-Identifier: GPL-2.0

//! Tests that need no guest: the kernel patch, the untouched filesystems, the
//! exported symbols, the conformance page.

mod checkpatch;
mod pristine;
mod symbols;

use std::time::Instant;

use anyhow::Result;

use crate::conformance;
use crate::kernel::{Flavor, Link, Recipe, Source};
use crate::paths::Paths;
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

/// The suite that these tests are listed under.
pub const SUITE: &str = "host";

/// What a check works on.
pub struct Subject<'a> {
    pub paths: &'a Paths,
    pub tools: &'a Toolchain,
    pub recipe: &'a Recipe,
    pub source: &'a Source,
    pub tests: &'a [iomap_qemu_protocol::TestInfo],
}

type Check = fn(&Subject) -> Result<()>;

const ALL: &[(&str, Check)] = &[
    ("patch_passes_checkpatch", checkpatch::check),
    ("filesystems_are_untouched", pristine::check),
    ("exported_symbols", symbols::check),
    ("conformance_is_current", |subject| {
        conformance::check(subject.paths, subject.tests)
    }),
];

/// The check of that name alone, for the demo.
pub fn filesystems_are_untouched(paths: &Paths, tools: &Toolchain) -> Result<()> {
    let recipe = Recipe::new(paths, tools, Link::Module, Flavor::Release)?;
    let source = Source::prepare(paths, tools, &recipe)?;
    pristine::check(&Subject {
        paths,
        tools,
        recipe: &recipe,
        source: &source,
        tests: &[],
    })
}

/// The full names of all checks.
pub fn names() -> impl Iterator<Item = String> {
    ALL.iter().map(|(name, _)| format!("{SUITE}/{name}"))
}

/// Runs the checks that `selected` wants.
pub fn run(subject: &Subject, selected: impl Fn(&str) -> bool, emit: &mut dyn FnMut(TestResult)) {
    for (name, check) in ALL {
        let name = format!("{SUITE}/{name}");
        if !selected(&name) {
            continue;
        }
        let start = Instant::now();
        let outcome = check(subject);
        emit(TestResult {
            name,
            verdict: match outcome {
                Ok(()) => Verdict::Passed,
                Err(_) => Verdict::Failed,
            },
            seconds: start.elapsed().as_secs_f64(),
            details: outcome.err().iter().map(|e| format!("{e:#}")).collect(),
        });
    }
}

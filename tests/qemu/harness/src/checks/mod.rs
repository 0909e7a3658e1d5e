// SPDX-License-Identifier: GPL-2.0

//! Tests that need no guest: the kernel patch, the untouched filesystems, the
//! exported symbols, how ext2_rs calls the engine, that neither can panic, that kernels full of
//! checks see both, that layouts other than C's do not compile, which kernels the live module
//! is not built for, what is in a kernel with the engine built in, the conformance page, what a
//! page quotes, the list of mutants.

mod builtin;
mod checkpatch;
mod excerpts;
mod layouts;
mod panics;
mod pristine;
mod refusals;
mod sanitizers;
mod static_dispatch;
mod symbols;

use std::time::Instant;

use anyhow::Result;
use iomap_qemu_protocol::Link;

use crate::conformance;
use crate::kernel::{Flavor, KernelTree, Kind, Recipe, Source};
use crate::mutants;
use crate::paths::Paths;
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

/// The suite that these tests are listed under.
pub const SUITE: &str = "host";

/// The check that depends on what the kernel is built for more than any other.
pub const SANITIZERS: &str = "sanitizers_see_rust";

/// Our modules of Rust, in the checkout.
const MODULES: [&str; 2] = ["iomap_rs.ko", "ext2_rs.ko"];

/// What a check works on.
pub struct Subject<'a> {
    pub paths: &'a Paths,
    pub tools: &'a Toolchain,
    pub recipe: &'a Recipe,
    pub source: &'a Source,
    /// One with the Rust engine.
    pub kernel: &'a KernelTree,
    pub tests: &'a [iomap_qemu_protocol::TestInfo],
}

struct Check {
    name: &'static str,
    /// How the engine is linked to the kernels that it is about.
    links: &'static [Link],
    run: fn(&Subject) -> Result<()>,
}

const ALL: &[Check] = &[
    Check {
        name: "patch_passes_checkpatch",
        links: &[Link::Module],
        run: checkpatch::check,
    },
    Check {
        name: "filesystems_are_untouched",
        links: &[Link::Module, Link::Builtin, Link::Live],
        run: |subject| pristine::check(subject.recipe, subject.source),
    },
    Check {
        name: "exported_symbols",
        links: &[Link::Module, Link::Builtin],
        run: symbols::check,
    },
    Check {
        name: "all_functions_are_patched",
        links: &[Link::Module],
        run: symbols::check_patched,
    },
    Check {
        name: "ext2_rs_is_dispatched_statically",
        links: &[Link::Module],
        run: static_dispatch::check,
    },
    Check {
        name: "nothing_panics",
        links: &[Link::Module],
        run: panics::check,
    },
    Check {
        name: SANITIZERS,
        links: &[Link::Module],
        run: sanitizers::check,
    },
    Check {
        name: "changed_layouts_do_not_build",
        links: &[Link::Module],
        run: layouts::check,
    },
    Check {
        name: "live_module_is_refused",
        links: &[Link::Module],
        run: refusals::check,
    },
    Check {
        name: "no_c_engine",
        links: &[Link::Builtin],
        run: builtin::no_c_engine,
    },
    Check {
        name: "module_is_refused",
        links: &[Link::Builtin],
        run: builtin::module_is_refused,
    },
    Check {
        name: "conformance_is_current",
        links: &[Link::Module],
        run: |subject| conformance::check(subject.paths, subject.tests),
    },
    Check {
        name: "excerpts_are_current",
        links: &[Link::Module],
        run: excerpts::check,
    },
    Check {
        name: "mutants_are_current",
        links: &[Link::Module],
        run: |subject| mutants::check(subject.paths, subject.tests),
    },
];

/// The check of that name alone, for the demo.
pub fn filesystems_are_untouched(paths: &Paths, tools: &Toolchain, link: Link) -> Result<()> {
    let recipe = Recipe::new(paths, tools, link, Flavor::Release)?;
    pristine::check(&recipe, &Source::prepare(paths, tools, &recipe)?)
}

/// The full names of the checks of kernels with the engine linked in this way.
pub fn names(kernel: Kind) -> impl Iterator<Item = String> {
    of(kernel.link).map(move |check| full_name(check.name, kernel))
}

fn of(link: Link) -> impl Iterator<Item = &'static Check> {
    ALL.iter().filter(move |check| check.links.contains(&link))
}

/// The name of a check in the report of a run on that kernel.
pub fn full_name(check: &str, kernel: Kind) -> String {
    format!("{}/{check}", kernel.label(SUITE))
}

/// Runs the checks that `selected` wants.
pub fn run(subject: &Subject, selected: impl Fn(&str) -> bool, emit: &mut dyn FnMut(TestResult)) {
    let kernel = subject.recipe.kind();
    for check in of(kernel.link) {
        let name = full_name(check.name, kernel);
        if !selected(&name) {
            continue;
        }
        let start = Instant::now();
        let outcome = (check.run)(subject);
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

// SPDX-License-Identifier: GPL-2.0

//! Building kernels that are needed later, while guests are at work on another: with what
//! they leave of the processors.

use rustix::process::setpriority_process;

use super::build::build;
use super::kind::Kind;
use super::recipe::Recipe;
use crate::paths::Paths;
use crate::progress;
use crate::toolchain::Toolchain;

/// Guests, which have none, get ten times as much where both want a processor.
const NICE: i32 = 10;

/// Builds what of `kernels` the cache does not have, in their order. To be called by a
/// thread of its own. Who needs a kernel that is being built here waits for its lock; a build
/// that fails is begun anew by them, and fails where somebody is told.
pub fn build_ahead(paths: &Paths, tools: &Toolchain, kernels: &[Kind]) {
    progress::write_lines_only();
    // Of this thread alone, and of what it starts. If that is refused, tests take longer.
    let _ = setpriority_process(None, NICE);
    for &Kind { link, flavor } in kernels {
        let recipe = Recipe::new(paths, tools, link, flavor);
        if recipe
            .and_then(|recipe| build(paths, tools, &recipe))
            .is_err()
        {
            return;
        }
    }
}

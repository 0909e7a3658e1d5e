// SPDX-License-Identifier: GPL-2.0

//! Engines that are broken on purpose, one replacement in the sources each, to test
//! the tests: every one of them has to be caught. `tests/qemu/mutants.toml` lists
//! them, `docs/mutants.md` says by which tests they are caught.

mod list;
mod page;
mod served;
mod workshop;

#[cfg(test)]
pub use list::tests::sample;
pub use list::{load, require_sound, Mutant, LINKS};
pub use page::{check, write};
pub use served::has_served;
pub use workshop::{directory, Workshop};

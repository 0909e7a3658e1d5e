// SPDX-License-Identifier: GPL-2.0

//! An fstests tree that a person has installed, run in guests on the C engine and
//! on the Rust engine, and what differs.

mod client;
mod list;
mod order;
mod record;
mod run;
mod section;
mod summary;
mod tree;

pub use client::Client;
pub use list::Selection;
pub use record::{Entry, Record};
pub use run::{Campaign, Side};
pub use section::variables_of;
pub use summary::{Column, Summary};
pub use tree::Tree;

use anyhow::{ensure, Result};

use crate::kernel::Flavor;

/// An error for a kernel that the results would say nothing on.
pub fn examine_kernel(flavor: Flavor) -> Result<()> {
    ensure!(
        flavor != Flavor::Kcsan,
        "KERNEL=kcsan: fstests fails each test during which the kernel reports a race, its own as \
         well as the engine's. Use KERNEL=debug here, or make test KERNEL=kcsan, which looks \
         at the engine's alone"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_races_are_looked_for() {
        let text = examine_kernel(Flavor::Kcsan).err();
        let text = text.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("KERNEL=kcsan: ") && text.contains("KERNEL=debug"));
        assert!(examine_kernel(Flavor::Debug).is_ok());
    }
}

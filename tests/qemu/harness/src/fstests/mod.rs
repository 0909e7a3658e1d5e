// SPDX-License-Identifier: GPL-2.0

//! An fstests tree that a person has installed, run in guests on the C engine and
//! on the Rust engine, and what differs.

mod blame;
mod client;
mod list;
mod order;
mod record;
mod run;
mod section;
mod summary;
mod tree;
mod unread;

pub use client::Client;
pub use list::Selection;
pub use record::{Entry, Record};
pub use run::{Campaign, Side};
pub use section::variables_of;
pub use summary::{Column, Summary};
pub use tree::Tree;

use anyhow::{bail, Result};
use iomap_qemu_protocol::Link;

use crate::kernel::Flavor;

/// An error for a kernel that the results would say nothing on, or that cannot run fstests.
pub fn examine_kernel(flavor: Flavor) -> Result<()> {
    match flavor {
        Flavor::Kcsan => bail!(
            "KERNEL=kcsan: fstests fails each test during which the kernel reports a race, its \
             own as well as the engine's. Use KERNEL=debug here, or make test KERNEL=kcsan, which \
             looks at the engine's alone"
        ),
        Flavor::Bench => bail!(
            "KERNEL=bench: that kernel is to count instructions on, and lacks what fstests needs: \
             overlay, 9p, loop, device-mapper. Leave KERNEL out, or use KERNEL=debug or preempt"
        ),
        Flavor::Release | Flavor::Debug | Flavor::Preempt => Ok(()),
    }
}

/// An error if there is not one engine, or two to compare: what fails on one that is neither the
/// first of two nor the last would count nowhere.
pub fn examine_engines(links: &[Link]) -> Result<()> {
    match links {
        [_] => Ok(()),
        [reference, other] if reference != other => Ok(()),
        _ => {
            let names: Vec<_> = links.iter().map(|link| link.name()).collect();
            bail!(
                "fstests is run on one engine, or on two that differ, and not on {}; give one \
                 of MODE=module, builtin and live, with ENGINE=both or rust; or ENGINE=c alone",
                names.join(",")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(result: Result<()>) -> String {
        let error = result.err();
        error.map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn not_every_kernel_is_for_fstests() {
        let text = told(examine_kernel(Flavor::Kcsan));
        assert!(text.starts_with("KERNEL=kcsan: ") && text.contains("KERNEL=debug"));
        let text = told(examine_kernel(Flavor::Bench));
        assert!(text.starts_with("KERNEL=bench: ") && text.contains("KERNEL=debug"));
        for flavor in [Flavor::Release, Flavor::Debug, Flavor::Preempt] {
            assert_eq!(told(examine_kernel(flavor)), "");
        }
    }

    #[test]
    fn no_more_than_two_engines_are_compared_and_none_with_itself() {
        let (c, module, builtin) = (Link::C, Link::Module, Link::Builtin);
        for links in [&[c][..], &[module], &[c, module], &[module, builtin]] {
            assert_eq!(told(examine_engines(links)), "");
        }
        for links in [&[][..], &[c, c], &[c, module, builtin]] {
            assert!(told(examine_engines(links)).contains("give one of MODE="));
        }
        assert!(told(examine_engines(&[c, c])).contains("not on c,c;"));
    }
}

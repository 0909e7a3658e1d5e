// SPDX-License-Identifier: GPL-2.0

//! Which of the test kernels.

use iomap_qemu_protocol::Link;

use super::flavor::Flavor;

/// How the engine is linked to a kernel, and what that is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub link: Link,
    pub flavor: Flavor,
}

impl Kind {
    pub fn new(link: Link, flavor: Flavor) -> Self {
        Self { link, flavor }
    }

    /// Tells the kernels of one source apart.
    pub fn name(self) -> String {
        format!("{}{}", self.link.name(), self.flavor.suffix())
    }

    /// A suite's name in the names of its tests: `debug:` before it on the debug kernel,
    /// `builtin:` if the Rust engine is built in, `live:` if it takes the C engine's place.
    pub fn label(self, suite: &str) -> String {
        let flavor = match self.flavor {
            Flavor::Release | Flavor::Bench => "",
            Flavor::Debug => "debug:",
            Flavor::Kcsan => "kcsan:",
            Flavor::Preempt => "preempt:",
        };
        let link = match self.link {
            Link::Module | Link::C => "",
            Link::Builtin => "builtin:",
            Link::Live => "live:",
        };
        format!("{flavor}{link}{suite}")
    }
}

/// One as it is used.
impl From<Link> for Kind {
    fn from(link: Link) -> Self {
        Self::new(link, Flavor::Release)
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What a guest that runs fstests is told, and how its runs are called.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Link;

/// What the mode of fstests needs beyond the rest: [`crate::RunSpec::extra`]. Its tests
/// are [`FstestsRun`]s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FstestsSpec {
    /// The tree, in the guest as on the host.
    pub tree: String,
    /// The engines that the tests run on; the agent switches between two.
    pub engines: Vec<Link>,
    /// Variables of its configuration (`FSTYP`, `MKFS_OPTIONS`, ...) but for those
    /// that name disks and directories.
    pub variables: BTreeMap<String, String>,
    /// The kernel's name of the filesystem, if that is not `FSTYP`.
    #[serde(default)]
    pub kernel_type: Option<String>,
    /// How long one test may take, in seconds.
    pub limit_secs: u64,
}

impl FstestsSpec {
    /// Tag of the 9p share that is the host's root, read-only.
    pub const ROOT_SHARE: &'static str = "root";

    /// The roles of the disks that tests find made, one for each engine: what the tests on
    /// one engine leave there, damage at worst, is not met by those on the other. It is
    /// mounted at a directory of the same name; both are as long.
    pub const TEST_DISKS: [&'static str; 2] = ["test", "also"];

    /// In [`crate::ktap::Line::Metric`]s: how often a run called the Rust engine by the
    /// count of the module that takes the C engine's place.
    pub const CALLS: &'static str = "calls";

    /// That engine's of [`Self::TEST_DISKS`].
    pub fn test_disk(&self, engine: Link) -> &'static str {
        let [first, second] = Self::TEST_DISKS;
        match self.engines.first() == Some(&engine) {
            true => first,
            false => second,
        }
    }

    /// Tag of the share that takes what the tests on that engine leave.
    pub fn results_share(engine: Link) -> &'static str {
        match engine {
            Link::Module => "results-module",
            Link::Builtin => "results-builtin",
            Link::C => "results-c",
            Link::Live => "results-live",
        }
    }
}

/// A test on an engine: `live:generic/001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FstestsRun {
    pub engine: Link,
    pub test: String,
}

impl FstestsRun {
    pub fn parse(name: &str) -> Option<Self> {
        let (engine, test) = name.split_once(':')?;
        let engine = Link::ALL.into_iter().find(|link| link.name() == engine)?;
        let test = test.to_owned();
        Some(Self { engine, test })
    }
}

impl fmt::Display for FstestsRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.engine.name(), self.test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_name() {
        for engine in Link::ALL {
            let test = "generic/001".to_owned();
            let run = FstestsRun { engine, test };
            assert_eq!(FstestsRun::parse(&run.to_string()), Some(run));
        }
        assert_eq!(FstestsRun::parse("generic/001"), None);
        assert_eq!(FstestsRun::parse("rust:generic/001"), None);
    }
}

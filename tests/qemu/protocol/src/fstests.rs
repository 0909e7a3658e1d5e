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

    /// What is said of a run that was ended by its limit.
    pub const TOO_LONG: &'static str = "did not end within";

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

/// What the agent writes to the kernel log when `check` has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct FstestsEnd {
    pub run: FstestsRun,
    /// The time of the last message that fstests has looked at, in seconds as the log has it.
    /// Without one the test wanted nobody to look.
    pub read_until: Option<f64>,
}

impl FstestsEnd {
    const PREFIX: &'static str = "fstests: end of ";
    const READ: &'static str = ", read until ";

    pub fn parse(message: &str) -> Option<Self> {
        let rest = message.strip_prefix(Self::PREFIX)?;
        let (run, read_until) = match rest.split_once(Self::READ) {
            Some((run, time)) => (run, Some(time.parse().ok()?)),
            None => (rest, None),
        };
        let run = FstestsRun::parse(run)?;
        Some(Self { run, read_until })
    }
}

impl fmt::Display for FstestsEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.run)?;
        match self.read_until {
            Some(time) => write!(f, "{}{time:.6}", Self::READ),
            None => Ok(()),
        }
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

    #[test]
    fn an_end_is_read_as_it_was_written() {
        let test = "generic/001".to_owned();
        let engine = Link::Live;
        let run = FstestsRun { engine, test };
        for read_until in [None, Some(0.0), Some(1234.567)] {
            let run = run.clone();
            let ended = FstestsEnd { run, read_until };
            assert_eq!(FstestsEnd::parse(&ended.to_string()), Some(ended));
        }
        assert_eq!(
            FstestsEnd::parse("run fstests generic/001 at 2026-01-01"),
            None
        );
    }
}

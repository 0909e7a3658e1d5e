// SPDX-License-Identifier: GPL-2.0

//! The JSON documents: what to run, and what there is to run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything the agent has to know about one boot of the guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The suite that is run; selects among tests that exist in several suites.
    pub suite: String,
    /// The engine that serves the filesystem modules.
    pub link: Link,
    /// What to do after start-up.
    pub mode: Mode,
    /// Paths of the modules in the initramfs, in the order of loading; a module's
    /// parameters follow after a space.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Role of a disk ("main", "scratch", ...) to its virtio serial.
    #[serde(default)]
    pub disks: BTreeMap<String, String>,
    /// Filesystem type of the main disk; none if the suite has no image.
    #[serde(default)]
    pub fs: Option<String>,
    /// Block size that the main disk's filesystem was made with.
    #[serde(default)]
    pub block_size: Option<u32>,
    /// The main filesystem is to lie in persistent memory, without a page cache.
    #[serde(default)]
    pub dax: bool,
    /// Names of the tests to run, in this order.
    #[serde(default)]
    pub tests: Vec<String>,
    /// How the exerciser of files is run.
    #[serde(default)]
    pub fsx: FsxSpec,
    /// How often the tests of switching switch between engines.
    #[serde(default)]
    pub switches: u64,
    /// How the soak is run.
    #[serde(default)]
    pub soak: SoakSpec,
    /// Free-form data of the suite; a [`DemoSpec`] in demo mode, a
    /// [`crate::FstestsSpec`] in that of fstests.
    #[serde(default)]
    pub extra: serde_json::Value,
}

impl RunSpec {
    /// Where the agent finds the document.
    pub const PATH: &'static str = "/run.json";
}

/// How much the tests that run fsx do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsxSpec {
    /// Operations of one test.
    pub operations: u64,
    /// The seed of the test with a fresh seed, if it shall not be fresh.
    #[serde(default)]
    pub seed: Option<u64>,
}

impl Default for FsxSpec {
    fn default() -> Self {
        Self {
            operations: 20_000,
            seed: None,
        }
    }
}

/// How the soak is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakSpec {
    /// How long it takes.
    pub seconds: u64,
    /// What its programs' seeds come from, if that shall not be fresh.
    #[serde(default)]
    pub seed: Option<u32>,
    /// How many rounds the disks have seen before.
    #[serde(default)]
    pub round: u32,
}

impl SoakSpec {
    /// In [`crate::ktap::Line::Metric`]s: how many faults the programs found.
    pub const FAULTS: &'static str = "faults";
}

/// Which engine the guest's filesystems run on, and how it is linked to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// `iomap_rs.ko` exports the symbols; the C engine serves the kernel image
    /// alone.
    Module,
    /// The Rust engine is part of the kernel image, and there is no other.
    Builtin,
    /// The kernel's own `fs/iomap`, for comparison.
    C,
    /// The same, in a kernel without any patch, until `iomap_rs_live.ko` takes
    /// its place.
    Live,
}

impl Link {
    pub const ALL: [Self; 4] = [Self::Module, Self::Builtin, Self::C, Self::Live];

    /// The name in options, in names of files and in the names of tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Builtin => "builtin",
            Self::C => "c",
            Self::Live => "live",
        }
    }

    /// What makes `make test` choose it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Module => "MODE=module",
            Self::Builtin => "MODE=builtin",
            Self::C => "ENGINE=c",
            Self::Live => "MODE=live",
        }
    }

    /// Does the Rust engine serve filesystem modules?
    pub fn is_rust(self) -> bool {
        self != Self::C
    }

    /// The engine in a sentence.
    pub fn engine(self) -> &'static str {
        match self {
            Self::Module => "Rust engine as a module",
            Self::Builtin => "built-in Rust engine",
            Self::C => "C engine",
            Self::Live => "Rust engine in the place of the C engine",
        }
    }
}

/// What the agent does once the guest is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Run the listed tests and power off.
    Test,
    /// Mount the disks and give the person a shell on the serial console.
    Shell,
    /// Go through the phases of `make demo` and power off.
    Demo,
    /// Run tests of an fstests tree in the host's userland and power off.
    Fstests,
    /// Measure the workloads of [`BenchSpec`] and power off.
    Bench,
    /// Take down all that the workloads of [`crate::CompareSpec`] do and power off.
    Compare,
    /// Compare files of the main disk, which a guest left behind that was lost, with
    /// [`RecoverySpec`], and power off.
    Recovery,
    /// Report that the guest came up (a plan of no tests) and power off.
    Probe,
}

/// One test that the agent has: an element of what `agent list` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestInfo {
    pub name: String,
    pub suite: String,
    /// The behaviours of `behaviours.toml` that the test holds.
    #[serde(default)]
    pub behaviours: Vec<String>,
    /// One sentence.
    #[serde(default)]
    pub doc: String,
    /// Regular expressions of kernel log lines that the test may and must provoke.
    #[serde(default)]
    pub expect_log: Vec<String>,
    /// How long the guest may be silent in this test, if not the usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_secs: Option<u64>,
}

/// What bench mode needs beyond the rest: [`RunSpec::extra`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchSpec {
    /// Only workloads whose names contain this.
    #[serde(default)]
    pub filter: Option<String>,
    /// How many batches of each workload are measured, after one that is not.
    pub batches: u32,
    pub what: Measured,
    /// Only workloads that need nothing but these.
    pub offers: Vec<Needs>,
}

/// Which workloads are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// What operations cost.
    #[default]
    Operations,
    /// Also how that grows with files, extents and folios, and how much memory is in
    /// use.
    All,
    /// What operations of several threads cost.
    Threads,
}

/// What a workload needs of a filesystem, if both engines are to have a part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Direct I/O and FIEMAP.
    Direct,
    /// Direct I/O whose completions are polled for.
    Polled,
    /// `llseek()` that tells data from holes.
    Seek,
    /// The page cache.
    Cached,
    /// `fallocate()` that zeroes and unshares, clones, large folios, files in as many
    /// pieces as one likes: all that XFS has.
    Whole,
}

/// What demo mode needs beyond the rest: [`RunSpec::extra`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoSpec {
    /// The regular files of the tree that the main disk was filled with.
    pub manifest: Vec<ManifestEntry>,
}

/// What the mode of recovery needs beyond the rest: [`RunSpec::extra`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverySpec {
    /// SHA-256 of files that must be there, in lower-case hex, by their paths from the
    /// root of the filesystem, encoded by [`crate::encode_path`].
    pub promised: BTreeMap<String, String>,
    /// By such paths, how many writes must be there of files that were being written.
    #[serde(default)]
    pub synced: BTreeMap<String, usize>,
}

impl RecoverySpec {
    /// What stands for a test's name in the agent's output.
    pub const NAME: &'static str = "recovery";
}

/// A regular file of the tree and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Relative to the root of the filesystem, encoded by [`crate::encode_path`].
    pub path: String,
    pub size: u64,
    /// SHA-256 of the contents in lower-case hex.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_spec_reads_with_only_what_is_always_there() -> Result<(), serde_json::Error> {
        let spec: RunSpec =
            serde_json::from_str(r#"{"suite":"script","link":"module","mode":"test"}"#)?;
        assert_eq!(spec.link, Link::Module);
        assert_eq!(spec.mode, Mode::Test);
        assert!(spec.tests.is_empty() && spec.extra.is_null());
        Ok(())
    }

    #[test]
    fn a_run_spec_survives_the_journey() -> Result<(), serde_json::Error> {
        let spec = RunSpec {
            suite: "ext4-1k".into(),
            link: Link::C,
            mode: Mode::Demo,
            modules: vec!["/modules/ext4.ko".into()],
            disks: BTreeMap::from([("main".into(), "main".into())]),
            fs: Some("ext4".into()),
            block_size: Some(1024),
            dax: true,
            tests: vec!["fiemap_of_a_sparse_file".into()],
            fsx: FsxSpec {
                operations: 5,
                seed: Some(u64::MAX),
            },
            switches: 3,
            soak: SoakSpec {
                seconds: 7,
                seed: Some(u32::MAX),
                round: 2,
            },
            extra: serde_json::to_value(DemoSpec::default())?,
        };
        let text = serde_json::to_string(&spec)?;
        assert_eq!(serde_json::from_str::<RunSpec>(&text)?, spec);
        Ok(())
    }
}

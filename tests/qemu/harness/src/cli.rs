// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::path::PathBuf;

use clap::{value_parser, Parser, Subcommand, ValueEnum};
use iomap_qemu_protocol::{FsxSpec, Link, SoakSpec};

use crate::kernel::Flavor;

/// Builds, boots and judges the QEMU tests of iomap-rs.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows untouched C filesystems at work on the Rust engine
    Demo {
        /// Whose engine serves the filesystems
        #[arg(long, value_enum, default_value = "module")]
        link: LinkArgument,
    },
    /// Runs host and guest tests
    Test(TestArguments),
    /// Runs an fstests tree in guests, on either engine or on both
    Fstests(FstestsArguments),
    /// Counts instructions on the C and on the Rust engine
    Bench(BenchArguments),
    /// Holds what the Rust engine does against what the C engine does
    Compare(CompareArguments),
    /// Boots a guest with a shell
    Shell {
        /// Whose engine serves the filesystems
        #[arg(long, value_enum, default_value = "module")]
        link: LinkArgument,
    },
    /// Builds a test kernel
    Kernel {
        /// How the engine is linked
        #[arg(long, value_enum, default_value = "module")]
        link: LinkArgument,
        /// What it is built for
        #[arg(long, value_enum, default_value = "release")]
        kernel: Flavor,
    },
    /// Builds iomap_rs.ko and the test modules
    Modules {
        /// The build directory of a kernel of yours, instead of the cached one
        #[arg(long)]
        kdir: Option<PathBuf>,
    },
    /// Breaks the engine in many ways, and demands that tests notice
    Mutants {
        /// Only this mutant (`drop_a_write_error`), or all whose names contain this
        #[arg(long, short)]
        filter: Option<String>,
    },
    /// Lints the engine
    Clippy,
    /// Writes the engine's rustdoc to target/doc
    Doc,
    /// Writes rust-project.json
    RustAnalyzer,
    /// Writes docs/conformance.md and docs/mutants.md
    Conformance {
        /// Only look whether they are current
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, clap::Args)]
pub struct TestArguments {
    /// Only this test (`dio_read`, `ext4-4k/dio_read`), or all whose names contain this
    #[arg(long, short)]
    pub filter: Option<String>,
    /// Whose engine serves the filesystems, one run for each; without this the
    /// Rust engine linked in both ways and its tests of switching, or for a filter
    /// the first of these that has such tests
    #[arg(long, value_enum, value_delimiter = ',')]
    pub link: Vec<LinkArgument>,
    /// Which kernel the guests run; without this the release kernel, and, without any
    /// way to link, a part of the tests on the debug kernel
    #[arg(long, value_enum)]
    pub kernel: Option<Flavor>,
    /// Operations of each test that runs fsx; otherwise 20000, fewer on slow kernels
    #[arg(long, env, value_name = "NUMBER")]
    pub fsx_operations: Option<u64>,
    /// Repeats the tests of fsx that choose a seed afresh with this one
    #[arg(long, env, value_name = "NUMBER")]
    pub fsx_seed: Option<u64>,
    /// How often the tests of switching switch between engines
    #[arg(
        long,
        env = "LIVE_SWITCHES",
        value_name = "NUMBER",
        default_value_t = 16
    )]
    pub switches: u64,
    /// Seconds that each round of the soak takes
    #[arg(long, env, value_name = "NUMBER", default_value_t = 20)]
    pub soak_seconds: u64,
    /// Has each round of the soak use the seeds of the round that told this number
    #[arg(long, env, value_name = "NUMBER")]
    pub soak_seed: Option<u32>,
    /// How many guests may run at a time; as many as there are processors
    #[arg(long, short, env, value_name = "NUMBER")]
    pub jobs: Option<usize>,
    /// Leaves out the part on the debug kernel if it would begin after so many minutes;
    /// to build that kernel, if it is not there, counts as 30 of them
    #[arg(long, env, value_name = "MINUTES")]
    pub within: Option<u64>,
    /// Shows what tests say that pass, too
    #[arg(long)]
    pub show_output: bool,
    /// Runs the guest tests that often, or until one fails
    #[arg(long, env, value_name = "NUMBER", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// List the tests instead of running them
    #[arg(long)]
    pub list: bool,
}

#[derive(Debug, clap::Args)]
pub struct FstestsArguments {
    /// The built fstests tree
    #[arg(long)]
    pub tree: Option<PathBuf>,
    /// Filesystems, separated by commas; without any that of the section, or xfs,ext4,ext2
    #[arg(long, value_delimiter = ',')]
    pub fs: Vec<String>,
    /// Groups, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "quick")]
    pub group: Vec<String>,
    /// Names or patterns (generic/00*), separated by commas; groups do not matter then
    #[arg(long, value_delimiter = ',')]
    pub tests: Vec<String>,
    /// A file of tests that are left out
    #[arg(long)]
    pub exclude: Option<PathBuf>,
    /// A file of sections like fstests' local.config
    #[arg(long, requires = "section")]
    pub config: Option<PathBuf>,
    /// The section of it to take variables from
    #[arg(long, requires = "config")]
    pub section: Option<String>,
    /// Whose engine serves the filesystems; of two the first is the reference
    #[arg(long, value_enum, value_delimiter = ',', default_value = "c,module")]
    pub link: Vec<LinkArgument>,
    /// Which kernel the guests run
    #[arg(long, value_enum, default_value = "release")]
    pub kernel: Flavor,
    /// Seconds that one test may take
    #[arg(long, default_value_t = 1200)]
    pub limit: u64,
    /// How many guests may run at a time; as many as there are processors
    #[arg(long, short, env, value_name = "NUMBER")]
    pub jobs: Option<usize>,
    /// Run again what has a result
    #[arg(long)]
    pub fresh: bool,
}

#[derive(Debug, clap::Args)]
pub struct BenchArguments {
    /// Only workloads whose names contain this (`write_4k`, `xfs-1k/write_4k`)
    #[arg(long, short)]
    pub filter: Option<String>,
    /// One boot of each engine, one filesystem, nothing that grows
    #[arg(long)]
    pub quick: bool,
    /// Measure time instead, in pairs of boots; needs KVM
    #[arg(long, conflicts_with_all = ["quick", "threads", "profile"])]
    pub wall: bool,
    /// Measure the time of one to four threads instead, in pairs of boots
    #[arg(long, conflicts_with_all = ["quick", "profile"])]
    pub threads: bool,
    /// How many guests may run at a time; as many as there are processors
    #[arg(long, short)]
    pub jobs: Option<usize>,
    /// Show in which functions the instructions of these workloads are
    #[arg(long, conflicts_with_all = ["filter", "quick"])]
    pub profile: Option<String>,
    /// Show what livepatch's trampolines cost these workloads
    #[arg(long, conflicts_with_all = ["filter", "quick", "wall", "threads", "profile"])]
    pub live: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct CompareArguments {
    /// Only workloads whose names contain this (`direct`, `xfs-1k/direct`)
    #[arg(long, short)]
    pub filter: Option<String>,
    /// How the Rust engine is linked
    #[arg(long, value_enum, default_value = "module")]
    pub link: LinkArgument,
    /// Compare the C engine with itself, on a clock that goes twice as fast: what
    /// differs then is no engine's doing
    #[arg(long)]
    pub reference: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LinkArgument {
    /// The Rust engine, as a module
    Module,
    /// The Rust engine, built into the kernel
    Builtin,
    /// The C engine, for comparison
    C,
    /// The Rust engine, in place of the C engine of a kernel without any patch
    Live,
}

impl From<LinkArgument> for Link {
    fn from(argument: LinkArgument) -> Self {
        match argument {
            LinkArgument::Module => Self::Module,
            LinkArgument::Builtin => Self::Builtin,
            LinkArgument::C => Self::C,
            LinkArgument::Live => Self::Live,
        }
    }
}

impl TestArguments {
    pub fn fsx(&self, flavor: Flavor) -> FsxSpec {
        let usual = FsxSpec::default().operations / u64::from(flavor.slowness());
        FsxSpec {
            operations: self.fsx_operations.unwrap_or(usual),
            seed: self.fsx_seed,
        }
    }

    pub fn soak(&self) -> SoakSpec {
        SoakSpec {
            seconds: self.soak_seconds,
            seed: self.soak_seed,
            round: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_cannot_be_run_no_time() {
        let repeat = |times| Cli::try_parse_from(["iomap-qemu", "test", "--repeat", times]);
        assert!(repeat("1").is_ok());
        assert!(repeat("0").is_err());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What a kernel is built for: speed as usual, or catching what goes wrong.

use clap::ValueEnum;

/// Which config fragments go into a kernel besides that of its engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Flavor {
    /// As kernels are used.
    #[default]
    Release,
    /// KASAN, lockdep, UBSAN, kmemleak, and Rust's own assertions.
    Debug,
    /// The race detector.
    Kcsan,
    /// A task may lose the processor anywhere.
    Preempt,
    /// Nothing that does not have to be there, to count instructions on.
    Bench,
}

impl Flavor {
    /// What it adds to names.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Release => "",
            Self::Debug => "-debug",
            Self::Kcsan => "-kcsan",
            Self::Preempt => "-preempt",
            Self::Bench => "-bench",
        }
    }

    /// The fragments of `tests/qemu/config`, in their order.
    pub fn fragments(self) -> &'static [&'static str] {
        match self {
            Self::Release => &["base", "filesystems", "pmem", "faults"],
            Self::Debug => &["base", "filesystems", "pmem", "faults", "debug"],
            Self::Kcsan => &["base", "filesystems", "pmem", "faults", "kcsan"],
            Self::Preempt => &["base", "filesystems", "pmem", "faults", "preempt"],
            Self::Bench => &["base", "bench"],
        }
    }

    /// The directory in `patches/linux-6.12` with what this kernel needs besides; none of it is
    /// about the engine.
    pub fn patches(self) -> Option<&'static str> {
        match self {
            Self::Kcsan => Some("kcsan"),
            Self::Release | Self::Debug | Self::Preempt | Self::Bench => None,
        }
    }

    /// By how much tests take longer under the checks, at most.
    pub fn slowness(self) -> u32 {
        match self {
            Self::Release | Self::Bench => 1,
            // Each switch of engines waits for tasks that have lost the processor.
            Self::Preempt => 3,
            Self::Debug | Self::Kcsan => 10,
        }
    }

    /// What else is on the kernel's command line. Another kernel would take what it does not know
    /// for an argument of its init.
    pub fn parameters(self) -> &'static str {
        match self {
            // KASAN would fall silent after its first report.
            Self::Debug => "kasan_multi_shot",
            Self::Release | Self::Kcsan | Self::Preempt | Self::Bench => "",
        }
    }

    /// What the checks take of the guest's memory, in MiB.
    pub fn memory_mib(self) -> u32 {
        match self {
            Self::Release | Self::Bench | Self::Preempt => 0,
            Self::Debug | Self::Kcsan => 768,
        }
    }
}

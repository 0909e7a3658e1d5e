// SPDX-License-Identifier: GPL-2.0

//! The raw results, as they are kept in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All of a bench.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    pub meta: Meta,
    pub suites: Vec<Suite>,
    #[serde(default)]
    pub memory: Memory,
}

/// What was measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    pub kernel: String,
    pub rustc: String,
    pub clang: String,
    pub qemu: String,
    /// Start of the digest of the Rust sources.
    #[serde(default)]
    pub engine: String,
    /// What a tick is: `instructions`, or `time stamp counter`.
    pub unit: String,
}

impl Meta {
    /// What a page says of it, with an empty line.
    pub fn line(&self) -> String {
        format!(
            "Linux {}, rustc {}, clang {}, QEMU {}; Rust sources {}.\n\n",
            self.kernel, self.rustc, self.clang, self.qemu, self.engine
        )
    }
}

/// One filesystem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    pub name: String,
    pub workloads: Vec<Workload>,
    /// What is kept about data in memory.
    #[serde(default)]
    pub state: Vec<State>,
}

/// Bytes of memory that are in use for a MiB of data, one number for each boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub name: String,
    pub c: Vec<f64>,
    pub rust: Vec<f64>,
}

/// One workload on both engines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub name: String,
    /// Operations of a batch.
    pub ops: u64,
    /// Bytes that an operation copies.
    pub copied: f64,
    /// No engine has a part in it.
    pub control: bool,
    pub c: Vec<Run>,
    pub rust: Vec<Run>,
}

/// One boot's batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Ticks of each.
    pub batches: Vec<u64>,
    /// For how long the processor had nothing to do.
    pub idle_ms: f64,
}

/// What the engines occupy, in bytes: of code and constants, by section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub c: BTreeMap<String, u64>,
    pub rust: BTreeMap<String, u64>,
}

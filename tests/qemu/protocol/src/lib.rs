// SPDX-License-Identifier: GPL-2.0

//! What the host side and the guest agent of the QEMU tests say to each other.
//!
//! Host to guest: a [`RunSpec`] as `/run.json` in the initramfs. Guest to host:
//! [`ktap::Line`]s on `/dev/hvc0`. Before any boot the host also runs the agent
//! itself, as `agent list`, and reads a JSON array of [`TestInfo`].

mod compare;
pub mod corpus;
mod fstests;
pub mod kernel_log;
pub mod ktap;
mod path;
mod spec;

pub use compare::{CompareSpec, Stream, Transcript};
pub use fstests::{FstestsEnd, FstestsRun, FstestsSpec};
pub use path::{decode_path, encode_path};
pub use spec::{
    BenchSpec, DemoSpec, FsxSpec, Link, ManifestEntry, Measured, Mode, Needs, RecoverySpec,
    RunSpec, SoakSpec, TestInfo,
};

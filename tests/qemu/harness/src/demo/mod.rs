// SPDX-License-Identifier: GPL-2.0

//! `make demo`: what the guest said of one filesystem, what the host's own tools
//! say of the image afterwards, and the report of both.

pub mod debugfs;
mod extents;
mod record;
mod report;
mod verify;

pub use record::{count, Phase, Record};
pub use report::{disk, head};
pub use verify::{verify, Agreement};

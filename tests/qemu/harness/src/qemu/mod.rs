// SPDX-License-Identifier: GPL-2.0

//! The virtual machine: its command line, its accelerator, its life.

mod accel;
mod control;
mod guest;
mod machine;

pub use accel::{choose, Accel};
pub use control::{interrupt, plug, unplug};
pub use guest::{Event, Guest};
pub use machine::{Console, Machine, Share};

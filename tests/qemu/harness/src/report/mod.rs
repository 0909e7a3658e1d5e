// SPDX-License-Identifier: GPL-2.0

//! What a person and what a CI system gets to see of the results.

mod junit;
mod lines;
mod totals;

pub use junit::write as write_junit;
pub use lines::{Report, GUEST_LOG};

// SPDX-License-Identifier: GPL-2.0

//! What files hold, and what they should hold.

pub mod digest;
pub mod mirror;
pub mod pattern;
pub mod random;
pub mod stale;

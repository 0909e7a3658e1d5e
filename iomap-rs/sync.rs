// SPDX-License-Identifier: GPL-2.0

//! The atomics of files that are checked by a model on the host, which puts
//! others in their place.

pub(crate) use core::sync::atomic::{AtomicI32, AtomicU8, AtomicUsize, Ordering};

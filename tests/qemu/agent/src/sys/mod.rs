// SPDX-License-Identifier: GPL-2.0

//! System calls that no crate wraps, or not in the shape that tests want: the
//! only unsafe code of the agent.

pub mod aio;
pub mod attributes;
pub mod block_device;
pub mod buffer;
pub mod child;
pub mod copy;
pub mod dedupe;
pub mod device_mapper;
pub mod fibmap;
pub mod fiemap;
pub mod freeze;
pub mod handle;
pub mod huge;
pub mod loop_device;
pub mod mapping;
pub mod memory_faults;
pub mod module;
pub mod mount;
pub mod page_flags;
pub mod processor;
pub mod raw_io;
pub mod real_time;
pub mod swap;
pub mod sync_range;
pub mod tsc;
pub mod uring;
pub mod xattr;

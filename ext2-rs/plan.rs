// SPDX-License-Identifier: GPL-2.0

//! What ext2 decides: where a file's block is found, which blocks and which
//! group are taken next, what a mount option means.
//!
//! Pure: values in, values out, nothing is allocated. The files below this one
//! also compile on the host.

pub mod bitmap;
pub mod known;
pub mod options;
pub mod path;
pub mod place;

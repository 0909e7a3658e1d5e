// SPDX-License-Identifier: GPL-2.0

//! Operations that say where data lies and transfer none. Stands for
//! `fs/iomap/fiemap.c`, `seek.c` and `swapfile.c`.

mod bmap;
mod fiemap;
pub mod fiemap_extents;
mod seek;
pub mod swap_extents;
#[cfg(CONFIG_SWAP)]
mod swapfile;

pub use bmap::bmap;
pub use fiemap::fiemap;
pub use seek::{seek_data, seek_hole};
#[cfg(CONFIG_SWAP)]
pub use swapfile::swapfile_activate;

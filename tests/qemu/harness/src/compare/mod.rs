// SPDX-License-Identifier: GPL-2.0

//! What two guests did with the same workloads, held against each other.

mod collect;
mod difference;
mod explain;
mod hollow;
mod image;
mod join;
mod table;

pub use collect::{collect, pairs, read_transcripts};
pub use difference::{differences, Difference};
pub use explain::Explanations;
pub use hollow::missing;
pub use image::compare_images;
pub use join::join_full_bios;
pub use table::{Cell, Table};

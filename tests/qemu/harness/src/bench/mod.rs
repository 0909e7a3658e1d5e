// SPDX-License-Identifier: GPL-2.0

//! What `make bench` does beside booting: collecting a guest's figures, measuring
//! the engines' objects, telling where instructions are.

mod collect;
mod pairs;
mod plan;
mod plugin;
pub mod profile;
mod publish;
mod size;
mod symbols;

pub use collect::{collect, merge, Collected, Measured};
pub use pairs::{boot_pairs, PAIRS};
pub use plan::{Choice, Plan};
pub use plugin::build_plugin;
pub use publish::{publish, publish_page, publish_pairs};
pub use size::{c_size, rust_size};
pub use symbols::Symbols;

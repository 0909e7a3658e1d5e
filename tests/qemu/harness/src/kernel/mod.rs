// SPDX-License-Identifier: GPL-2.0

//! The test kernels: Debian's source with the project's patch, small configs,
//! built once and kept in the cache.

mod ahead;
mod build;
mod config;
mod engine;
mod flavor;
mod kind;
mod linked;
mod make_output;
mod prime;
mod recipe;
mod source;
mod tree;

pub use ahead::build_ahead;
pub use build::{build, copy_image, is_built};
pub use config::value_of;
pub use engine::Engine;
pub use flavor::Flavor;
pub use kind::Kind;
pub use recipe::Recipe;
pub use source::Source;
pub use tree::KernelTree;

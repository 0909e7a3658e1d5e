// SPDX-License-Identifier: GPL-2.0

//! What a bench measured, and how it is shown: JSON to keep, a Markdown table to
//! read, SVG charts to look at.

pub mod chart;
mod figures;
pub mod live;
pub mod pairs;
mod results;
pub mod stack;
pub mod table;

pub use figures::{geometric_mean, Figures};
pub use results::{Memory, Meta, Results, Run, State, Suite, Workload};

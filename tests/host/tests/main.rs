// SPDX-License-Identifier: GPL-2.0

//! Tests of the engine's pure files, a module for each of them.
//!
//! Three ways to test: rules by example, named after the rule, with its number
//! where `docs/conformance.md` has one; every case there is, where they are
//! few; else cases by chance, against a model that is written down in another
//! way than the engine is, mostly byte by byte. What fails by chance is kept in
//! `proptest-regressions/`, to be committed with the fix.

mod advance;
mod bits;
mod buffered_rules;
mod edges;
mod fiemap_extents;
mod mapping;
mod pending;
mod plan;
mod ranges;
mod reserved;
mod rules;
mod swap_extents;
mod walk;

// SPDX-License-Identifier: GPL-2.0

//! `direct/plan.rs`: the decisions of direct I/O.

mod finish;
mod padding;
mod pieces;
mod reference;
mod requests;

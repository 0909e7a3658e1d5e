// SPDX-License-Identifier: GPL-2.0

//! A disk of many small filesystems, one behind the other.

use serde::{Deserialize, Serialize};

/// Bytes from one to the next. The first slot holds the [`Corpus`] as JSON, zeros
/// behind it.
pub const SLOT: u64 = 1 << 20;

/// What is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corpus {
    /// Makes the same disk again.
    pub seed: u64,
    pub series: Vec<Series>,
}

/// Filesystems that were damaged in the same place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    /// The slot of the first.
    pub first: u64,
    pub count: u64,
}

// SPDX-License-Identifier: GPL-2.0

//! Tests on real filesystems, one file for each thing that programs do.

mod dio_read;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[dio_read::CASES];

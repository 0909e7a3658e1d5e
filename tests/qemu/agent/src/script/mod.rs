// SPDX-License-Identifier: GPL-2.0

//! Tests on `script_fs`, the filesystem with scripted mappings.

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[];

// SPDX-License-Identifier: GPL-2.0

//! Feature sets: what a driver has to know to mount a filesystem.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! the `EXT2_FEATURE_*` constants and `EXT2_HAS_*_FEATURE()` of
//! `fs/ext2/ext2.h`.

use core::fmt;

/// Extended attributes are in use.
pub const COMPAT_EXT_ATTR: u32 = 0x0008;
/// There is a journal, which ext2 does not use.
pub const COMPAT_HAS_JOURNAL: u32 = 0x0004;
/// Copies of the superblock are where the superblock says.
pub const COMPAT_SPARSE_SUPER2: u32 = 0x0200;
/// Directory entries hold the type of the file.
pub const INCOMPAT_FILETYPE: u32 = 0x0002;
/// Descriptors are spread over the groups.
pub const INCOMPAT_META_BG: u32 = 0x0010;
/// Not every group has a copy of the superblock.
pub const RO_COMPAT_SPARSE_SUPER: u32 = 0x0001;
/// A file is, or was, larger than 2 GiB.
pub const RO_COMPAT_LARGE_FILE: u32 = 0x0002;
/// Never in use, and tolerated by all.
pub const RO_COMPAT_BTREE_DIR: u32 = 0x0004;

/// What must be known to mount at all.
const INCOMPAT_KNOWN: u32 = INCOMPAT_FILETYPE | INCOMPAT_META_BG;
/// What must be known to write.
const RO_COMPAT_KNOWN: u32 = RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_BTREE_DIR;

/// Names of the bits, from the lowest on, as `tune2fs` knows them.
const INCOMPAT_NAMES: [&str; 18] = [
    "compression",
    "filetype",
    "needs_recovery",
    "journal_dev",
    "meta_bg",
    "",
    "extent",
    "64bit",
    "mmp",
    "flex_bg",
    "ea_inode",
    "",
    "dirdata",
    "metadata_csum_seed",
    "large_dir",
    "inline_data",
    "encrypt",
    "casefold",
];
const RO_COMPAT_NAMES: [&str; 17] = [
    "sparse_super",
    "large_file",
    "btree_dir",
    "huge_file",
    "uninit_bg",
    "dir_nlink",
    "extra_isize",
    "has_snapshot",
    "quota",
    "bigalloc",
    "metadata_csum",
    "replica",
    "read-only",
    "project",
    "shared_blocks",
    "verity",
    "orphan_present",
];

/// The three sets of a filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Whoever does not know these may write all the same.
    pub compat: u32,
    /// Whoever does not know these must not mount.
    pub incompat: u32,
    /// Whoever does not know these must not write.
    pub ro_compat: u32,
}

impl Features {
    /// Bits that keep this driver from mounting, if any.
    pub const fn forbid_mount(self) -> Option<Unknown> {
        match self.incompat & !INCOMPAT_KNOWN {
            0 => None,
            bits => Some(Unknown {
                bits,
                names: &INCOMPAT_NAMES,
            }),
        }
    }

    /// Bits that keep this driver from writing, if any.
    pub const fn forbid_writing(self) -> Option<Unknown> {
        match self.ro_compat & !RO_COMPAT_KNOWN {
            0 => None,
            bits => Some(Unknown {
                bits,
                names: &RO_COMPAT_NAMES,
            }),
        }
    }

    /// Whether directory entries hold the type of the file.
    pub const fn filetype(self) -> bool {
        self.incompat & INCOMPAT_FILETYPE != 0
    }

    /// Whether descriptors are spread over the groups.
    pub const fn meta_bg(self) -> bool {
        self.incompat & INCOMPAT_META_BG != 0
    }

    /// Whether any feature is set.
    pub const fn any(self) -> bool {
        self.compat | self.incompat | self.ro_compat != 0
    }
}

/// Features that this driver does not know. Displayed by name where they have
/// one, else as a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    bits: u32,
    names: &'static [&'static str],
}

impl Unknown {
    /// The bits as the superblock has them, never 0.
    pub const fn bits(self) -> u32 {
        self.bits
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for bit in 0..u32::BITS {
            if self.bits >> bit & 1 == 0 {
                continue;
            }
            f.write_str(separator)?;
            match self.names.get(bit as usize) {
                Some(name) if !name.is_empty() => f.write_str(name)?,
                _ => write!(f, "{:#x}", 1u32 << bit)?,
            }
            separator = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A block of a directory: entries one behind the other, up to its end.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `struct ext2_dir_entry_2` and the part of `fs/ext2/dir.c` that looks into a
//! block, `ext2_check_folio()` above all; `dirent_edit.rs` changes one.
//!
//! Nothing here believes what it reads: an entry is handed out after its fields
//! were checked, and none lies outside of the block.

use core::fmt;

use crate::format::bytes::{le16, le32};
use crate::format::superblock::Superblock;

/// Bytes of the longest name. C: `EXT2_NAME_LEN`.
pub const NAME_MAX: usize = 255;
/// Bytes of an entry before its name.
pub(super) const HEADER: usize = 8;

/// Bytes of an entry whose name has `name` bytes. C: `EXT2_DIR_REC_LEN()`.
pub const fn record_length(name: usize) -> usize {
    (HEADER + name).next_multiple_of(4)
}

/// What the entries of a filesystem have in common.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The highest number of an inode.
    pub inodes: u32,
    /// Whether entries hold the type of the file.
    pub filetype: bool,
}

impl Rules {
    /// Those of a filesystem.
    pub const fn of(superblock: &Superblock) -> Self {
        Self {
            inodes: superblock.inodes_count(),
            filetype: superblock.features().filetype(),
        }
    }
}

/// An entry of a directory, or room for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it begins, in bytes from the block's start.
    pub offset: usize,
    /// Its bytes up to the next one's start.
    pub length: usize,
    /// The inode; 0 if the entry is not in use.
    pub inode: u32,
    /// The type of the file, for
    /// [`Kind::from_dirent_type`](crate::format::inode::Kind::from_dirent_type);
    /// 0 if it is not known.
    pub file_type: u8,
    /// The name. Means nothing if the entry is not in use.
    pub name: &'a [u8],
}

impl Entry<'_> {
    /// Bytes that the entry itself needs of its length.
    pub const fn used(&self) -> usize {
        if self.inode == 0 {
            0
        } else {
            record_length(self.name.len())
        }
    }

    /// The first byte behind it.
    pub const fn end(&self) -> usize {
        self.offset + self.length
    }
}

/// What is wrong with an entry, and where it is, in bytes from the block's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirentError {
    /// What is wrong.
    pub what: Wrong,
    /// Where the entry is.
    pub offset: usize,
}

/// What is wrong with an entry, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Shorter than the shortest entry.
    Short(u16),
    /// Its length is not a multiple of 4.
    Unaligned(u16),
    /// Its name does not fit.
    Name(u8),
    /// It goes on behind the block.
    Spans(u16),
    /// There is no such inode.
    Inode(u32),
    /// No entry starts here.
    Missing,
    /// The name cannot be one.
    NotAName,
}

impl fmt::Display for DirentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match self.what {
            Wrong::Short(length) => write!(f, "rec_len {length} is smaller than minimal at {at}"),
            Wrong::Unaligned(length) => write!(f, "unaligned rec_len {length} at {at}"),
            Wrong::Name(length) => write!(f, "rec_len is too small for name_len {length} at {at}"),
            Wrong::Spans(length) => write!(f, "rec_len {length} leaves the block at {at}"),
            Wrong::Inode(inode) => write!(f, "inode {inode} out of bounds at {at}"),
            Wrong::Missing => write!(f, "no entry at {at}"),
            Wrong::NotAName => f.write_str("not a name"),
        }
    }
}

/// Reads and checks the entry at `offset`.
fn entry_at(block: &[u8], rules: Rules, offset: usize) -> Result<Entry<'_>, DirentError> {
    let bad = |what| DirentError { what, offset };
    let missing = bad(Wrong::Missing);
    let bytes = block.get(offset..).ok_or(missing)?;
    let inode = le32(bytes, 0).ok_or(missing)?;
    let raw_length = le16(bytes, 4).ok_or(missing)?;
    let name_length = *bytes.get(6).ok_or(missing)?;
    let file_type = *bytes.get(7).ok_or(missing)?;

    let length = usize::from(raw_length);
    if length < record_length(1) {
        return Err(bad(Wrong::Short(raw_length)));
    }
    if length % 4 != 0 {
        return Err(bad(Wrong::Unaligned(raw_length)));
    }
    // A nameless entry in use could not be split off without making it shorter
    // than the shortest.
    if length < record_length(name_length.into()) || (inode != 0 && name_length == 0) {
        return Err(bad(Wrong::Name(name_length)));
    }
    if length > bytes.len() {
        return Err(bad(Wrong::Spans(raw_length)));
    }
    // As in C reserved inodes are not looked for here: lost+found and the root
    // are fine, and iget refuses the others.
    if inode > rules.inodes {
        return Err(bad(Wrong::Inode(inode)));
    }
    let name = bytes
        .get(HEADER..HEADER + usize::from(name_length))
        .ok_or(bad(Wrong::Name(name_length)))?;
    Ok(Entry {
        offset,
        length,
        inode,
        file_type: if rules.filetype { file_type } else { 0 },
        name,
    })
}

/// Walks a block. Ends at the block's end or behind the first error; in between
/// each step takes it at least the shortest entry's length ahead.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    block: &'a [u8],
    rules: Rules,
    offset: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, DirentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.block.len() {
            return None;
        }
        let entry = entry_at(self.block, self.rules, self.offset);
        self.offset = match &entry {
            Ok(entry) => entry.end(),
            Err(_) => self.block.len(),
        };
        Some(entry)
    }
}

/// The entries of a block, those that are not in use included.
pub fn entries(block: &[u8], rules: Rules) -> Entries<'_> {
    entries_from(block, rules, 0)
}

/// The entries of a block from byte `offset` on, where one begins.
pub fn entries_from(block: &[u8], rules: Rules, offset: usize) -> Entries<'_> {
    Entries {
        block,
        rules,
        offset,
    }
}

/// Checks all entries of a block.
pub fn check(block: &[u8], rules: Rules) -> Result<(), DirentError> {
    entries(block, rules).try_for_each(|entry| entry.map(drop))
}

/// The entry of that name.
pub fn find<'a>(
    block: &'a [u8],
    rules: Rules,
    name: &[u8],
) -> Result<Option<Entry<'a>>, DirentError> {
    for entry in entries(block, rules) {
        let entry = entry?;
        if entry.inode != 0 && entry.name == name {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The second entry of a directory's first block, if it is what it should be.
pub fn dot_dot(block: &[u8], rules: Rules) -> Result<Entry<'_>, DirentError> {
    let dot = entry_at(block, rules, 0)?;
    let second = entry_at(block, rules, dot.end())?;
    if second.inode == 0 || second.name != b".." {
        return Err(DirentError {
            what: Wrong::Missing,
            offset: second.offset,
        });
    }
    Ok(second)
}

/// Where the first entry begins that does so at byte `offset` or behind it; the
/// block's length if none does. For a reader that comes back after the block was
/// changed. C: `ext2_validate_entry()`.
pub fn seek(block: &[u8], rules: Rules, offset: usize) -> Result<usize, DirentError> {
    for entry in entries(block, rules) {
        let entry = entry?;
        if entry.offset >= offset {
            return Ok(entry.offset);
        }
    }
    Ok(block.len())
}

/// Whether a block of directory `directory` has no entry but `.` and `..`. As in
/// C a `.` that names another inode makes a directory that is not empty.
pub fn is_empty(block: &[u8], rules: Rules, directory: u32) -> Result<bool, DirentError> {
    for entry in entries(block, rules) {
        let entry = entry?;
        let expected = match entry.name {
            b"." => entry.inode == directory,
            b".." => true,
            _ => false,
        };
        if entry.inode != 0 && !expected {
            return Ok(false);
        }
    }
    Ok(true)
}

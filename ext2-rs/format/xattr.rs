// SPDX-License-Identifier: GPL-2.0

//! The block of a file's extended attributes: a header, entries sorted by index
//! and name from the front, values from the back.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `struct ext2_xattr_header`, `struct ext2_xattr_entry` and the part of
//! `fs/ext2/xattr.c` that looks into a block; `xattr_edit.rs` changes one.

use core::cmp::Ordering;
use core::fmt;
use core::ops::Range;

use crate::format::bytes::{le16, le32, on_disk};

/// C: `EXT2_XATTR_MAGIC`.
pub const MAGIC: u32 = 0xea02_0000;
/// Files that may share a block. C: `EXT2_XATTR_REFCOUNT_MAX`.
pub const MAX_REFCOUNT: u32 = 1024;
/// Bytes of the longest name, less its prefix.
pub const NAME_MAX: usize = 255;
/// Bytes of the header.
pub(super) const HEADER: usize = 32;
/// Bytes of an entry before its name.
pub(super) const ENTRY: usize = 16;
/// Bytes of zeros behind the last entry.
pub(super) const END: usize = 4;

/// What stands for the prefix of a name. C: `EXT2_XATTR_INDEX_*`.
pub mod index {
    /// `user.`
    pub const USER: u8 = 1;
    /// `system.posix_acl_access`, which has no name behind it.
    pub const ACL_ACCESS: u8 = 2;
    /// `system.posix_acl_default`, which has no name behind it.
    pub const ACL_DEFAULT: u8 = 3;
    /// `trusted.`
    pub const TRUSTED: u8 = 4;
    /// `security.`
    pub const SECURITY: u8 = 6;
}

on_disk! {
    /// The start of a block of attributes as the disk has it.
    /// C: `struct ext2_xattr_header`.
    RawHeader, RawHeaderMut of HEADER bytes;
    /// [`MAGIC`].
    0: magic, set_magic as u32;
    /// Files that share the block.
    4: refcount, set_refcount as u32;
    /// 1.
    8: blocks, set_blocks as u32;
    /// A hash of all that the block holds, or 0: not to be shared.
    12: hash, set_hash as u32;
}

/// Bytes of an entry whose name has `name` bytes. C: `EXT2_XATTR_LEN()`.
pub const fn entry_size(name: usize) -> usize {
    (ENTRY + name).next_multiple_of(4)
}

/// Bytes that a value of `value` bytes takes. C: `EXT2_XATTR_SIZE()`.
pub const fn value_size(value: usize) -> usize {
    value.next_multiple_of(4)
}

/// An attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which prefix the name has, see [`index`].
    pub index: u8,
    /// The name behind the prefix.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// A hash of name and value, as the entry has it.
    pub hash: u32,
    /// Where the entry begins, in bytes from the block's start.
    pub(super) offset: usize,
    /// Where the value begins; 0 if there is none.
    pub(super) value_offset: usize,
}

impl Entry<'_> {
    /// The first byte behind the entry.
    pub(super) const fn end(&self) -> usize {
        self.offset + entry_size(self.name.len())
    }

    /// The bytes of the value, up to the next one.
    pub(super) const fn value_range(&self) -> Range<usize> {
        self.value_offset..self.value_offset + value_size(self.value.len())
    }

    /// How the sought attribute compares: where entries are sorted by that it
    /// would come before this entry, here, or behind it.
    pub(super) fn compare(&self, index: u8, name: &[u8]) -> Ordering {
        let lengths = || name.len().cmp(&self.name.len());
        let names = || name.cmp(self.name);
        index.cmp(&self.index).then_with(lengths).then_with(names)
    }
}

/// What is wrong with a block of attributes, and where, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XattrError {
    /// Not such a block at all.
    Magic(u32),
    /// It says that it has so many blocks.
    Blocks(u32),
    /// No file uses it.
    Unused,
    /// This entry does not end in the block.
    Entry(usize),
    /// This entry's value lies elsewhere, not in the block, or where entries are.
    Value(usize),
    /// This entry's value lies where another one is.
    Overlap(usize),
}

impl fmt::Display for XattrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic(magic) => write!(f, "bad magic number {magic:#x}"),
            Self::Blocks(blocks) => write!(f, "bad number of blocks {blocks}"),
            Self::Unused => f.write_str("reference count is 0"),
            Self::Entry(at) => write!(f, "entry at {at} exceeds the block"),
            Self::Value(at) => write!(f, "value of entry at {at} is not in the block"),
            Self::Overlap(at) => write!(f, "value of entry at {at} overlaps"),
        }
    }
}

/// A block of attributes whose entries and values lie inside.
///
/// # Invariants
///
/// Each entry up to the one at `end`, which is the end marker, and each entry's
/// value have been found to lie in the block, values behind `end`. Values begin
/// at multiples of 4 and do not overlap.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    bytes: &'a [u8],
    end: usize,
}

impl<'a> Block<'a> {
    /// Checks a block as a whole.
    ///
    /// Stricter than C, which relies on it without looking: values lie behind the
    /// entries and do not overlap, or else an insertion would damage others. That
    /// entries are sorted is not relied on.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, XattrError> {
        let header = RawHeader::new(bytes).ok_or(XattrError::Magic(0))?;
        if header.magic() != MAGIC {
            return Err(XattrError::Magic(header.magic()));
        }
        if header.blocks() != 1 {
            return Err(XattrError::Blocks(header.blocks()));
        }
        if header.refcount() == 0 {
            return Err(XattrError::Unused);
        }
        let mut end = HEADER;
        while let Some(entry) = entry_at(bytes, end)? {
            end = entry.end();
        }
        // INVARIANT: What is left to check follows.
        let block = Self { bytes, end };
        block.check_values()?;
        Ok(block)
    }

    fn check_values(&self) -> Result<(), XattrError> {
        // There may be as many entries as fit a block of 4 KiB: some 200.
        for (nth, entry) in self.entries().enumerate() {
            let range = entry.value_range();
            if range.is_empty() {
                continue;
            }
            if range.start < self.end + END || range.end > self.bytes.len() || range.start % 4 != 0
            {
                return Err(XattrError::Value(entry.offset));
            }
            let overlaps = |other: &Entry<'_>| {
                let other = other.value_range();
                range.start < other.end && other.start < range.end
            };
            if self.entries().take(nth).any(|other| overlaps(&other)) {
                return Err(XattrError::Overlap(entry.offset));
            }
        }
        Ok(())
    }

    fn header(&self) -> Option<RawHeader<'a>> {
        RawHeader::new(self.bytes)
    }

    /// Files that share the block, at least one.
    pub fn refcount(&self) -> u32 {
        self.header().map_or(1, RawHeader::refcount)
    }

    /// A hash of all that the block holds; 0: not to be shared.
    pub fn hash(&self) -> u32 {
        self.header().map_or(0, RawHeader::hash)
    }

    /// The attributes, in the order of the block.
    pub fn entries(&self) -> Entries<'a> {
        Entries {
            bytes: self.bytes,
            offset: HEADER,
            end: self.end,
        }
    }

    /// The attribute of that name.
    pub fn find(&self, index: u8, name: &[u8]) -> Option<Entry<'a>> {
        self.entries()
            .find(|entry| entry.compare(index, name) == Ordering::Equal)
    }

    /// Whether both hold the same attributes, so that files may share one of
    /// them. Reference counts do not count. C: `ext2_xattr_cmp()`.
    pub fn same_as(&self, other: &Block<'_>) -> bool {
        let alike = |(a, b): (Entry<'_>, Entry<'_>)| {
            (a.hash, a.index, a.name, a.value) == (b.hash, b.index, b.name, b.value)
        };
        self.entries().count() == other.entries().count()
            && self.entries().zip(other.entries()).all(alike)
    }

    /// The bytes behind the last entry, of which the marker of the end takes
    /// some, up to the first value.
    pub(super) fn gap(&self) -> Range<usize> {
        let values = self.entries().map(|entry| entry.value_range());
        let first = values
            .filter(|range| !range.is_empty())
            .map(|range| range.start)
            .min();
        self.end..first.unwrap_or(self.bytes.len())
    }
}

/// The attributes of a block, in its order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    offset: usize,
    end: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.offset >= self.end {
            return None;
        }
        let entry = entry_at(self.bytes, self.offset).ok()??;
        self.offset = entry.end();
        Some(entry)
    }
}

/// Reads the entry at `at`, and sees to it that it and its value lie in the
/// block; [`None`] if it is the marker of the end.
fn entry_at(bytes: &[u8], at: usize) -> Result<Option<Entry<'_>>, XattrError> {
    let outside = XattrError::Entry(at);
    let head = bytes.get(at..).ok_or(outside)?;
    if le32(head, 0).ok_or(outside)? == 0 {
        return Ok(None);
    }
    let [name_length, index, ..] = *head else {
        return Err(outside);
    };
    let value_offset = usize::from(le16(head, 2).ok_or(outside)?);
    let value_block = le32(head, 4).ok_or(outside)?;
    let value_length = le32(head, 8).ok_or(outside)? as usize;
    let hash = le32(head, 12).ok_or(outside)?;
    let name = head
        .get(ENTRY..ENTRY + usize::from(name_length))
        .ok_or(outside)?;

    let elsewhere = XattrError::Value(at);
    if value_block != 0 || value_length > bytes.len() {
        return Err(elsewhere);
    }
    let value_offset = if value_length == 0 { 0 } else { value_offset };
    let value = bytes
        .get(value_offset..value_offset + value_length)
        .ok_or(elsewhere)?;
    Ok(Some(Entry {
        index,
        name,
        value,
        hash,
        offset: at,
        value_offset,
    }))
}

/// The hash of an attribute. C: `ext2_xattr_hash_entry()`.
pub fn entry_hash(name: &[u8], value: &[u8]) -> u32 {
    let name = name
        .iter()
        .fold(0u32, |hash, &byte| hash.rotate_left(5) ^ u32::from(byte));
    value.chunks(4).fold(name, |hash, chunk| {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        hash.rotate_left(16) ^ u32::from_le_bytes(word)
    })
}

/// The hash of a block by those of its entries; 0 if one of them is 0.
/// C: `ext2_xattr_rehash()`.
pub fn block_hash(entries: impl Iterator<Item = u32>) -> u32 {
    let mut hash = 0u32;
    for entry in entries {
        if entry == 0 {
            return 0;
        }
        hash = hash.rotate_left(16) ^ entry;
    }
    hash
}

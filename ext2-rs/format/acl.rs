// SPDX-License-Identifier: GPL-2.0

//! Access control lists as the value of an attribute.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `ext2_acl_from_disk()` and `ext2_acl_to_disk()` of `fs/ext2/acl.c`.

use core::fmt;

use crate::format::bytes::{le16, le32, put_at};

/// C: `EXT2_ACL_VERSION`.
const VERSION: u32 = 1;
/// Bytes of the header, the version.
const HEADER: usize = 4;
/// Bytes of an entry that names nobody.
const SHORT: usize = 4;
/// Bytes of an entry that names a user or a group.
const LONG: usize = 8;
/// Entries that there is always one of, and so without a name.
const SHORT_ENTRIES: usize = 4;

/// Whom an entry is about. The numbers are those of C's `ACL_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The owner.
    UserObj = 0x01,
    /// A user.
    User = 0x02,
    /// The owning group.
    GroupObj = 0x04,
    /// A group.
    Group = 0x08,
    /// What all but the owner can have at most.
    Mask = 0x10,
    /// All others.
    Other = 0x20,
}

impl Tag {
    /// The tag of that number.
    pub const fn from_raw(raw: u16) -> Option<Self> {
        Some(match raw {
            0x01 => Self::UserObj,
            0x02 => Self::User,
            0x04 => Self::GroupObj,
            0x08 => Self::Group,
            0x10 => Self::Mask,
            0x20 => Self::Other,
            _ => return None,
        })
    }

    /// Whether an entry with it names somebody.
    pub const fn has_id(self) -> bool {
        matches!(self, Self::User | Self::Group)
    }
}

/// An entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whom it is about.
    pub tag: Tag,
    /// What they may do: read 4, write 2, execute 1. Not checked.
    pub permissions: u16,
    /// Which user or group; 0 unless the tag names one.
    pub id: u32,
}

impl Entry {
    const fn size(self) -> usize {
        if self.tag.has_id() {
            LONG
        } else {
            SHORT
        }
    }
}

/// What is wrong with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclError {
    /// Not of this version.
    Version(u32),
    /// Too short, or of no number of entries.
    Length(usize),
    /// There is no such tag.
    Tag(u16),
    /// It does not fit where it is to be written.
    NoSpace,
}

impl fmt::Display for AclError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Version(version) => write!(f, "bad ACL version {version}"),
            Self::Length(length) => write!(f, "bad ACL length {length}"),
            Self::Tag(tag) => write!(f, "bad ACL tag {tag:#x}"),
            Self::NoSpace => f.write_str("ACL too long"),
        }
    }
}

/// Entries that a value of `length` bytes has: the first four are short.
/// C: `ext2_acl_count()`.
fn count(length: usize) -> Option<usize> {
    let entries = length.checked_sub(HEADER)?;
    match entries.checked_sub(SHORT_ENTRIES * SHORT) {
        None if entries % SHORT == 0 => Some(entries / SHORT),
        Some(long) if long % LONG == 0 => Some(SHORT_ENTRIES + long / LONG),
        _ => None,
    }
}

/// Bytes of a list of `entries` entries. C: `ext2_acl_size()`.
pub const fn size(entries: usize) -> usize {
    if entries <= SHORT_ENTRIES {
        HEADER + entries * SHORT
    } else {
        HEADER + SHORT_ENTRIES * SHORT + (entries - SHORT_ENTRIES) * LONG
    }
}

/// A list that has been checked: an iterator over its entries.
#[derive(Clone, Debug)]
pub struct List<'a> {
    rest: &'a [u8],
    left: usize,
}

impl Iterator for List<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if self.left == 0 {
            return None;
        }
        let entry = first(self.rest).ok()?;
        self.rest = self.rest.get(entry.size()..)?;
        self.left -= 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for List<'_> {}

/// The first entry of what is left of a list.
fn first(bytes: &[u8]) -> Result<Entry, AclError> {
    let short = AclError::Length(bytes.len());
    let raw = le16(bytes, 0).ok_or(short)?;
    let permissions = le16(bytes, 2).ok_or(short)?;
    let tag = Tag::from_raw(raw).ok_or(AclError::Tag(raw))?;
    let id = match tag.has_id() {
        true => le32(bytes, 4).ok_or(short)?,
        false => 0,
    };
    Ok(Entry {
        tag,
        permissions,
        id,
    })
}

/// Checks a value and gives its entries. Whether they make a list that can be
/// obeyed is for the VFS to say (`posix_acl_valid()`). None at all: no list.
pub fn decode(value: &[u8]) -> Result<List<'_>, AclError> {
    let length = AclError::Length(value.len());
    let version = le32(value, 0).ok_or(length)?;
    if version != VERSION {
        return Err(AclError::Version(version));
    }
    let left = count(value.len()).ok_or(length)?;
    let entries = value.get(HEADER..).ok_or(length)?;
    let mut rest = entries;
    for _ in 0..left {
        let entry = first(rest)?;
        rest = rest.get(entry.size()..).ok_or(length)?;
    }
    if !rest.is_empty() {
        return Err(length);
    }
    Ok(List {
        rest: entries,
        left,
    })
}

/// Writes a list as the value of an attribute. Gives its length in bytes.
pub fn encode(
    entries: impl IntoIterator<Item = Entry>,
    value: &mut [u8],
) -> Result<usize, AclError> {
    put_at(value, 0, &VERSION.to_le_bytes()).ok_or(AclError::NoSpace)?;
    let mut at = HEADER;
    for entry in entries {
        let mut put = || {
            put_at(value, at, &(entry.tag as u16).to_le_bytes())?;
            put_at(value, at + 2, &entry.permissions.to_le_bytes())?;
            if entry.tag.has_id() {
                put_at(value, at + 4, &entry.id.to_le_bytes())?;
            }
            Some(())
        };
        put().ok_or(AclError::NoSpace)?;
        at += entry.size();
    }
    Ok(at)
}

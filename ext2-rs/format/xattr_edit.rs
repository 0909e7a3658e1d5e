// SPDX-License-Identifier: GPL-2.0

//! Changes to a block of extended attributes.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! the middle of `ext2_xattr_set()` of `fs/ext2/xattr.c`.
//!
//! Of a block that files share a copy is changed, whose reference count is then
//! 1; that is the caller's business.

use core::cmp::Ordering;
use core::fmt;

use crate::format::bytes::{le16, move_within, put_at};
use crate::format::xattr::{
    block_hash, entry_hash, entry_size, value_size, Block, Entry, RawHeaderMut, XattrError, END,
    HEADER, MAGIC, NAME_MAX,
};

/// Whether the attribute has to be there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It does not matter.
    Any,
    /// It is to be replaced. C: `XATTR_REPLACE`.
    Present,
    /// It is to be created. C: `XATTR_CREATE`.
    Absent,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Nothing was to be removed.
    Unchanged,
    /// The block is another one now.
    Changed,
    /// The last attribute is gone: the block is not needed any more.
    Emptied,
}

/// Why the block is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// It is not one that can be changed.
    Corrupt(XattrError),
    /// The name is too long, or the value longer than a block. C: `ERANGE`.
    Range,
    /// It does not fit with the others. C: `ENOSPC`.
    NoSpace,
    /// It is there already. C: `EEXIST`.
    Exists,
    /// It is not there. C: `ENODATA`.
    Missing,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(error) => error.fmt(f),
            Self::Range => f.write_str("name or value too long"),
            Self::NoSpace => f.write_str("no room for the value"),
            Self::Exists => f.write_str("exists"),
            Self::Missing => f.write_str("does not exist"),
        }
    }
}

impl From<XattrError> for SetError {
    fn from(error: XattrError) -> Self {
        Self::Corrupt(error)
    }
}

/// Makes `block` one without attributes that one file uses.
pub fn format(block: &mut [u8]) -> Option<()> {
    block.fill(0);
    let mut header = RawHeaderMut::new(block)?;
    header.set_magic(MAGIC);
    header.set_blocks(1);
    header.set_refcount(1);
    Some(())
}

/// Notes how many files share the block.
pub fn set_refcount(block: &mut [u8], count: u32) -> Option<()> {
    RawHeaderMut::new(block)?.set_refcount(count);
    Some(())
}

/// Where a change takes place.
#[derive(Clone, Copy)]
struct Site {
    /// Where the entry is, or where it belongs.
    entry: usize,
    /// Behind the last entry.
    end: usize,
    /// The first value, or the block's end.
    first_value: usize,
}

/// What the attribute was before.
#[derive(Clone, Copy)]
struct Old {
    value_offset: usize,
    value_size: usize,
}

/// Sets an attribute, or removes it if there is no `value`.
pub fn set(
    block: &mut [u8],
    index: u8,
    name: &[u8],
    value: Option<&[u8]>,
    before: Before,
) -> Result<Set, SetError> {
    let length = value.map_or(0, <[u8]>::len);
    if name.len() > NAME_MAX || length > block.len() {
        return Err(SetError::Range);
    }
    // Two zeros and two more would end the list.
    if name.is_empty() && index == 0 {
        return Err(SetError::Range);
    }
    let (site, old) = look(Block::parse(block)?, index, name);
    match (old, before) {
        (None, Before::Present) => return Err(SetError::Missing),
        (Some(_), Before::Absent) => return Err(SetError::Exists),
        (None, _) if value.is_none() => return Ok(Set::Unchanged),
        _ => {}
    }
    // What there is without the old entry and its value.
    let reclaimed = old.map_or(0, |old| old.value_size + entry_size(name.len()));
    let room = (site.first_value - site.end).saturating_sub(END) + reclaimed;
    if room < entry_size(name.len()) + value_size(length) {
        return Err(SetError::NoSpace);
    }
    change(block, site, old, index, name, value)
        // Everything lies in the block: it was checked.
        .ok_or(SetError::Corrupt(XattrError::Entry(site.entry)))
}

/// Finds the attribute, or its place.
fn look(block: Block<'_>, index: u8, name: &[u8]) -> (Site, Option<Old>) {
    let gap = block.gap();
    let mut site = Site {
        entry: gap.start,
        end: gap.start,
        first_value: gap.end,
    };
    if let Some(entry) = block.find(index, name) {
        site.entry = entry.offset;
        let old = Old {
            value_offset: entry.value_offset,
            value_size: value_size(entry.value.len()),
        };
        return (site, Some(old));
    }
    let behind = |entry: &Entry<'_>| entry.compare(index, name) == Ordering::Less;
    if let Some(entry) = block.entries().find(behind) {
        site.entry = entry.offset;
    }
    (site, None)
}

/// Changes the block, which has the room.
fn change(
    block: &mut [u8],
    mut site: Site,
    old: Option<Old>,
    index: u8,
    name: &[u8],
    value: Option<&[u8]>,
) -> Option<Set> {
    let size = entry_size(name.len());
    let mut place = 0;
    if let Some(old) = old {
        // A value that takes the same room takes the same place.
        match value {
            Some(value) if value_size(value.len()) == old.value_size => place = old.value_offset,
            _ => remove_value(block, &mut site, old)?,
        }
    } else {
        move_within(block, site.entry..site.end, site.entry + size)?;
        block.get_mut(site.entry..site.entry + size)?.fill(0);
        put_at(block, site.entry, &[u8::try_from(name.len()).ok()?, index])?;
        put_at(block, site.entry + 16, name)?;
        // Whatever there was behind the old end.
        put_at(block, site.end + size, &[0; END])?;
    }
    let Some(value) = value else {
        move_within(block, site.entry + size..site.end, site.entry)?;
        block.get_mut(site.end - size..site.end)?.fill(0);
        rehash(block)?;
        let emptied = site.end - size == HEADER;
        return Some(if emptied { Set::Emptied } else { Set::Changed });
    };
    if value.is_empty() {
        place = 0;
    } else if place == 0 {
        place = site.first_value - value_size(value.len());
    }
    if !value.is_empty() {
        block
            .get_mut(place..place + value_size(value.len()))?
            .fill(0);
        put_at(block, place, value)?;
    }
    put_at(
        block,
        site.entry + 2,
        &u16::try_from(place).ok()?.to_le_bytes(),
    )?;
    put_at(
        block,
        site.entry + 8,
        &u32::try_from(value.len()).ok()?.to_le_bytes(),
    )?;
    put_at(
        block,
        site.entry + 12,
        &entry_hash(name, value).to_le_bytes(),
    )?;
    rehash(block)?;
    Some(Set::Changed)
}

/// Moves the values in front of `old` up to where it ended.
fn remove_value(block: &mut [u8], site: &mut Site, old: Old) -> Option<()> {
    if old.value_size == 0 {
        return Some(());
    }
    let first = site.first_value;
    move_within(block, first..old.value_offset, first + old.value_size)?;
    block.get_mut(first..first + old.value_size)?.fill(0);
    let mut at = HEADER;
    while at < site.end {
        let offset = usize::from(le16(block, at + 2)?);
        // Values of no bytes are at 0.
        if offset != 0 && offset < old.value_offset {
            let moved = u16::try_from(offset + old.value_size).ok()?;
            put_at(block, at + 2, &moved.to_le_bytes())?;
        }
        at += entry_size(usize::from(*block.get(at)?));
    }
    site.first_value += old.value_size;
    put_at(block, site.entry + 2, &[0; 2])
}

/// Writes the block's hash anew.
fn rehash(block: &mut [u8]) -> Option<()> {
    let hash = block_hash(Block::parse(block).ok()?.entries().map(|entry| entry.hash));
    RawHeaderMut::new(block)?.set_hash(hash);
    Some(())
}

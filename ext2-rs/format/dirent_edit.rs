// SPDX-License-Identifier: GPL-2.0

//! Changes to a block of a directory.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `ext2_add_link()`, `ext2_delete_entry()`, `ext2_set_link()` and
//! `ext2_make_empty()` of `fs/ext2/dir.c`.
//!
//! A block is checked as far as a change depends on it, before it is changed;
//! an error leaves it as it was.

use crate::format::bytes::put_at;
use crate::format::dirent::{
    entries, find, record_length, DirentError, Entry, Rules, Wrong, HEADER, NAME_MAX,
};
use crate::format::inode::Kind;

/// The bytes of a block that a change has touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first one, from the block's start.
    pub offset: usize,
    /// How many.
    pub length: usize,
}

/// What came of an attempt to insert an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// It is there.
    Done(Span),
    /// There is one of that name already.
    Exists,
    /// There is no room in this block.
    Full,
}

fn not_a_name() -> DirentError {
    DirentError {
        what: Wrong::NotAName,
        offset: 0,
    }
}

/// Writes an entry. What is behind the name is left as it is.
fn write(
    block: &mut [u8],
    rules: Rules,
    entry: &Entry<'_>,
    kind: Option<Kind>,
) -> Result<(), DirentError> {
    let mut put = || {
        let length = u16::try_from(entry.length).ok()?;
        let name_length = u8::try_from(entry.name.len()).ok()?;
        let file_type = match kind {
            Some(kind) if rules.filetype => kind.dirent_type(),
            _ => 0,
        };
        let place = block.get_mut(entry.offset..entry.end())?;
        // The last that can fail comes first.
        put_at(place, HEADER, entry.name)?;
        put_at(place, 0, &entry.inode.to_le_bytes())?;
        put_at(place, 4, &length.to_le_bytes())?;
        put_at(place, 6, &[name_length, file_type])
    };
    put().ok_or(DirentError {
        what: Wrong::Missing,
        offset: entry.offset,
    })
}

fn set_length(block: &mut [u8], offset: usize, length: usize) -> Result<(), DirentError> {
    let mut put = || {
        put_at(
            block,
            offset + 4,
            &u16::try_from(length).ok()?.to_le_bytes(),
        )
    };
    put().ok_or(DirentError {
        what: Wrong::Missing,
        offset,
    })
}

/// Inserts an entry where there is room: an unused one, or what another one does
/// not need of its length. Looks through the whole block for the name first.
pub fn insert(
    block: &mut [u8],
    rules: Rules,
    name: &[u8],
    inode: u32,
    kind: Kind,
) -> Result<Insert, DirentError> {
    if name.is_empty() || name.len() > NAME_MAX || name.contains(&b'/') || name.contains(&0) {
        return Err(not_a_name());
    }
    if find(block, rules, name)?.is_some() {
        return Ok(Insert::Exists);
    }
    let needed = record_length(name.len());
    let mut place = None;
    for entry in entries(block, rules) {
        let entry = entry?;
        if entry.length - entry.used().min(entry.length) >= needed {
            place = Some((entry.offset, entry.length, entry.used()));
            break;
        }
    }
    let Some((offset, length, used)) = place else {
        return Ok(Insert::Full);
    };
    let new = Entry {
        offset: offset + used,
        length: length - used,
        inode,
        file_type: 0,
        name,
    };
    write(block, rules, &new, Some(kind))?;
    if used != 0 {
        set_length(block, offset, used)?;
    }
    Ok(Insert::Done(Span { offset, length }))
}

/// The entry that begins at `offset`, and where the one before it begins.
fn locate(
    block: &[u8],
    rules: Rules,
    offset: usize,
) -> Result<(Option<usize>, Entry<'_>), DirentError> {
    let mut before = None;
    for entry in entries(block, rules) {
        let entry = entry?;
        if entry.offset == offset && entry.inode != 0 {
            return Ok((before, entry));
        }
        before = Some(entry.offset);
    }
    Err(DirentError {
        what: Wrong::Missing,
        offset,
    })
}

/// Removes the entry that begins at `offset`: the one before it gets its room; a
/// block's first entry stays, unused.
pub fn remove(block: &mut [u8], rules: Rules, offset: usize) -> Result<Span, DirentError> {
    let (before, entry) = locate(block, rules, offset)?;
    let end = entry.end();
    let start = before.unwrap_or(offset);
    put_at(block, offset, &0u32.to_le_bytes()).ok_or(not_a_name())?;
    if before.is_some() {
        set_length(block, start, end - start)?;
    }
    Ok(Span {
        offset: start,
        length: end - start,
    })
}

/// Lets the entry that begins at `offset` name another inode.
pub fn set_inode(
    block: &mut [u8],
    rules: Rules,
    offset: usize,
    inode: u32,
    kind: Kind,
) -> Result<Span, DirentError> {
    let (_, entry) = locate(block, rules, offset)?;
    let length = entry.length;
    let file_type = if rules.filetype {
        kind.dirent_type()
    } else {
        0
    };
    let mut put = || {
        put_at(block, offset + 7, &[file_type])?;
        put_at(block, offset, &inode.to_le_bytes())
    };
    put().ok_or(DirentError {
        what: Wrong::Missing,
        offset,
    })?;
    Ok(Span { offset, length })
}

/// Makes `block` the only one of a new directory: `.` and `..`.
pub fn format_first(
    block: &mut [u8],
    rules: Rules,
    directory: u32,
    parent: u32,
) -> Result<(), DirentError> {
    block.fill(0);
    let dot = Entry {
        offset: 0,
        length: record_length(1),
        inode: directory,
        file_type: 0,
        name: b".",
    };
    let dot_dot = Entry {
        offset: dot.length,
        length: block.len().saturating_sub(dot.length),
        inode: parent,
        file_type: 0,
        name: b"..",
    };
    write(block, rules, &dot, Some(Kind::Directory))?;
    write(block, rules, &dot_dot, Some(Kind::Directory))
}

/// Makes `block` one that a directory grows by: room for entries, none in use.
pub fn format_unused(block: &mut [u8], rules: Rules) -> Result<(), DirentError> {
    block.fill(0);
    let room = Entry {
        offset: 0,
        length: block.len(),
        inode: 0,
        file_type: 0,
        name: &[],
    };
    write(block, rules, &room, None)
}

// SPDX-License-Identifier: GPL-2.0

//! Inodes.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `struct ext2_inode` and for the part of `ext2_iget()` and
//! `__ext2_write_inode()` that translates between it and memory.

use core::fmt;

use crate::format::bytes::{le32, on_disk, put_at};
use crate::format::device::Device;
use crate::format::superblock::Superblock;

/// Bytes of an inode that this driver knows.
pub const SIZE: usize = 128;
/// Pointers to blocks in an inode: 12 to data, then one to a block of such, one
/// to a block of those, one to a block of those.
pub const POINTERS: usize = 15;
/// Bytes of all pointers, or the longest fast symlink and a NUL.
pub const CONTENT_SIZE: usize = 60;
/// The first of them.
const CONTENT_AT: usize = 40;
/// Stands for a user that 16 bits cannot hold. C: `DEFAULT_FS_OVERFLOWUID`.
const OVERFLOW_ID: u16 = 65534;
/// Files with more bytes need the superblock to say so.
const LARGE_FILE: u64 = i32::MAX as u64;

on_disk! {
    /// An inode as the disk has it. C: `struct ext2_inode`.
    RawInode, RawInodeMut of SIZE bytes;
    /// Type and rights.
    0: mode, set_mode as u16;
    /// Owner, low bits.
    2: uid_low, set_uid_low as u16;
    /// Bytes, low bits.
    4: size_low, set_size_low as u32;
    /// Last access, in seconds since 1970.
    8: atime, set_atime as i32;
    /// Last change of the inode, in seconds since 1970.
    12: ctime, set_ctime as i32;
    /// Last change of the data, in seconds since 1970.
    16: mtime, set_mtime as i32;
    /// When it was deleted, in seconds since 1970.
    20: dtime, set_dtime as u32;
    /// Group, low bits.
    24: gid_low, set_gid_low as u16;
    /// Names that it has.
    26: links, set_links as u16;
    /// Space that it takes, in sectors of 512 bytes.
    28: sectors, set_sectors as u32;
    /// See [`flags`](crate::format::flags).
    32: flags, set_flags as u32;
    /// Tells it from others that had its number before.
    100: generation, set_generation as u32;
    /// The block of its extended attributes.
    104: file_acl, set_file_acl as u32;
    /// Bytes, high bits, of a regular file; otherwise not in use.
    108: size_high, set_size_high as u32;
    /// Fragments, which were never in use.
    112: fragment_block, set_fragment_block as u32;
    /// As above.
    116: fragment_number, set_fragment_number as u8;
    /// As above.
    117: fragment_size, set_fragment_size as u8;
    /// Owner, high bits.
    120: uid_high, set_uid_high as u16;
    /// Group, high bits.
    122: gid_high, set_gid_high as u16;
}

/// What sort of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A named pipe.
    Fifo,
    /// A character device.
    CharDevice,
    /// A directory.
    Directory,
    /// A block device.
    BlockDevice,
    /// A regular file.
    Regular,
    /// A symbolic link.
    Symlink,
    /// A socket.
    Socket,
}

impl Kind {
    /// The kind that a mode says. C: `S_IFMT`.
    pub const fn from_mode(mode: u16) -> Option<Self> {
        Some(match mode >> 12 {
            0o01 => Self::Fifo,
            0o02 => Self::CharDevice,
            0o04 => Self::Directory,
            0o06 => Self::BlockDevice,
            0o10 => Self::Regular,
            0o12 => Self::Symlink,
            0o14 => Self::Socket,
            _ => return None,
        })
    }

    /// How a directory entry says it. C: `fs_umode_to_ftype()`.
    pub const fn dirent_type(self) -> u8 {
        match self {
            Self::Regular => 1,
            Self::Directory => 2,
            Self::CharDevice => 3,
            Self::BlockDevice => 4,
            Self::Fifo => 5,
            Self::Socket => 6,
            Self::Symlink => 7,
        }
    }

    /// What a directory entry says, if it says anything.
    pub const fn from_dirent_type(file_type: u8) -> Option<Self> {
        Some(match file_type {
            1 => Self::Regular,
            2 => Self::Directory,
            3 => Self::CharDevice,
            4 => Self::BlockDevice,
            5 => Self::Fifo,
            6 => Self::Socket,
            7 => Self::Symlink,
            _ => return None,
        })
    }
}

/// The target of a symlink that is short enough for the inode itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastLink([u8; CONTENT_SIZE]);

impl FastLink {
    /// A link to `target`; [`None`] if it is too long or holds a NUL.
    pub fn new(target: &[u8]) -> Option<Self> {
        let mut bytes = [0; CONTENT_SIZE];
        if target.len() >= CONTENT_SIZE || target.contains(&0) {
            return None;
        }
        put_at(&mut bytes, 0, target)?;
        Some(Self(bytes))
    }

    /// The target, without a NUL.
    pub fn target(&self) -> &[u8] {
        let length = self.0.iter().position(|&byte| byte == 0);
        // There is a NUL: whoever made this saw to that.
        self.0.get(..length.unwrap_or(0)).unwrap_or(&[])
    }

    /// As [`Self::target`], with the NUL and the rest of the bytes.
    pub const fn bytes(&self) -> &[u8; CONTENT_SIZE] {
        &self.0
    }
}

/// What the place of the block pointers holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pointers to blocks. None of them has been checked.
    Blocks([u32; POINTERS]),
    /// The device that the file stands for.
    Device(Device),
    /// The target of the symlink.
    Link(FastLink),
    /// Nothing.
    Nothing,
}

/// An inode in use, whose fields make sense together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Type and rights. The type is one that [`Kind::from_mode`] knows.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names that it has.
    pub links: u16,
    /// Bytes. At most [`i64::MAX`].
    pub size: u64,
    /// Last access, in seconds since 1970.
    pub atime: i32,
    /// Last change of the inode, in seconds since 1970.
    pub ctime: i32,
    /// Last change of the data, in seconds since 1970.
    pub mtime: i32,
    /// When it was deleted, in seconds since 1970; 0 while it is in use.
    pub dtime: u32,
    /// Space that it takes, in sectors of 512 bytes.
    pub sectors: u32,
    /// See [`flags`](crate::format::flags).
    pub flags: u32,
    /// Tells it from others that had its number before.
    pub generation: u32,
    /// The block of its extended attributes, or 0. Not that of a superblock, and
    /// inside the filesystem.
    pub file_acl: u32,
    /// What the place of the block pointers holds.
    pub content: Content,
}

/// Why an inode cannot be used, and what is in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeError {
    /// It was deleted: who names it does so by an outdated handle.
    Deleted,
    /// No names, but not deleted either: the mode.
    NoLinks(u16),
    /// There is no such type of file: the mode.
    Mode(u16),
    /// More bytes than a file can have, or not whole blocks of a directory, or
    /// too many for a symlink.
    Size(u64),
    /// Not a block that can hold attributes.
    FileAcl(u32),
}

impl fmt::Display for InodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Deleted => f.write_str("deleted"),
            Self::NoLinks(mode) => write!(f, "zero i_nlink with mode {mode:#o} and no dtime"),
            Self::Mode(mode) => write!(f, "bogus mode {mode:#o}"),
            Self::Size(size) => write!(f, "bad size {size}"),
            Self::FileAcl(block) => write!(f, "bad extended attribute block {block}"),
        }
    }
}

impl Inode {
    /// What sort of file it is.
    pub const fn kind(&self) -> Option<Kind> {
        Kind::from_mode(self.mode)
    }

    /// Whether the superblock has to say that there is a file as large as this.
    pub fn is_large(&self) -> bool {
        self.kind() == Some(Kind::Regular) && self.size > LARGE_FILE
    }

    /// Checks an inode. With `short_ids` owners have 16 bits, whatever the high
    /// ones say.
    pub fn parse(
        raw: RawInode<'_>,
        superblock: &Superblock,
        short_ids: bool,
    ) -> Result<Self, InodeError> {
        let mode = raw.mode();
        if raw.links() == 0 {
            // The same test as e2fsck's.
            return Err(if mode == 0 || raw.dtime() != 0 {
                InodeError::Deleted
            } else {
                InodeError::NoLinks(mode)
            });
        }
        let kind = Kind::from_mode(mode).ok_or(InodeError::Mode(mode))?;
        let file_acl = raw.file_acl();
        if file_acl != 0 && !superblock.is_data(file_acl, 1) {
            return Err(InodeError::FileAcl(file_acl));
        }

        let mut size = u64::from(raw.size_low());
        if kind == Kind::Regular {
            size |= u64::from(raw.size_high()) << 32;
        }
        let block_size = u64::from(superblock.block_size());
        let fast = is_fast_link(kind, raw.sectors(), file_acl, superblock.block_bits());
        let fits = match kind {
            Kind::Directory => size & (block_size - 1) == 0,
            Kind::Symlink if fast => size < CONTENT_SIZE as u64,
            Kind::Symlink => size <= block_size,
            _ => size <= i64::MAX as u64,
        };
        if !fits {
            return Err(InodeError::Size(size));
        }

        let id = |low: u16, high: u16| match short_ids {
            true => u32::from(low),
            false => u32::from(high) << 16 | u32::from(low),
        };
        Ok(Self {
            mode,
            uid: id(raw.uid_low(), raw.uid_high()),
            gid: id(raw.gid_low(), raw.gid_high()),
            links: raw.links(),
            size,
            atime: raw.atime(),
            ctime: raw.ctime(),
            mtime: raw.mtime(),
            dtime: 0,
            sectors: raw.sectors(),
            flags: raw.flags(),
            generation: raw.generation(),
            file_acl,
            content: content(raw, kind, size, fast),
        })
    }

    /// Writes the inode to its place. Of a `fresh` inode nothing remains there of
    /// the one before; otherwise what this driver does not know stays.
    ///
    /// `slot` has all bytes of the inode. With `short_ids` owners have 16 bits.
    /// [`None`] if the slot is too short.
    pub fn store(&self, slot: &mut [u8], short_ids: bool, fresh: bool) -> Option<()> {
        if fresh {
            slot.fill(0);
        }
        let mut raw = RawInodeMut::new(slot)?;
        let low = |id: u32| match u16::try_from(id) {
            Err(_) if short_ids => OVERFLOW_ID,
            _ => id as u16,
        };
        // The next owner of a deleted inode may have short ids.
        let high = |id: u32| match short_ids || self.dtime != 0 {
            true => 0,
            false => (id >> 16) as u16,
        };
        raw.set_mode(self.mode);
        raw.set_uid_low(low(self.uid));
        raw.set_uid_high(high(self.uid));
        raw.set_gid_low(low(self.gid));
        raw.set_gid_high(high(self.gid));
        raw.set_links(self.links);
        raw.set_size_low(self.size as u32);
        if self.kind() == Some(Kind::Regular) {
            raw.set_size_high((self.size >> 32) as u32);
        }
        raw.set_atime(self.atime);
        raw.set_ctime(self.ctime);
        raw.set_mtime(self.mtime);
        raw.set_dtime(self.dtime);
        raw.set_sectors(self.sectors);
        raw.set_flags(self.flags);
        raw.set_generation(self.generation);
        raw.set_file_acl(self.file_acl);

        let bytes = match &self.content {
            Content::Link(link) => *link.bytes(),
            Content::Blocks(pointers) => encode(pointers),
            Content::Device(device) => encode(&device.encode()),
            Content::Nothing => encode(&[]),
        };
        put_at(slot, CONTENT_AT, &bytes)
    }
}

/// Whether the inode itself holds the target: it takes no space but that of its
/// attributes. C: `ext2_inode_is_fast_symlink()`.
fn is_fast_link(kind: Kind, sectors: u32, file_acl: u32, block_bits: u32) -> bool {
    let attributes = match file_acl {
        0 => 0,
        _ => 1 << (block_bits - 9),
    };
    kind == Kind::Symlink && sectors == attributes
}

/// Reads the place of the block pointers.
fn content(raw: RawInode<'_>, kind: Kind, size: u64, fast: bool) -> Content {
    let mut pointers = [0; POINTERS];
    for (pointer, at) in pointers.iter_mut().zip((CONTENT_AT..).step_by(4)) {
        *pointer = le32(raw.bytes(), at).unwrap_or(0);
    }
    let [first, second, ..] = pointers;
    match kind {
        Kind::Regular | Kind::Directory => Content::Blocks(pointers),
        Kind::Symlink if !fast => Content::Blocks(pointers),
        Kind::Symlink => {
            let mut target = encode(&pointers);
            // The end of the target is where the size says, whatever follows it.
            for byte in target.iter_mut().skip(size as usize) {
                *byte = 0;
            }
            Content::Link(FastLink(target))
        }
        Kind::CharDevice | Kind::BlockDevice => Content::Device(Device::decode(first, second)),
        Kind::Fifo | Kind::Socket => Content::Nothing,
    }
}

/// Pointers as the disk has them, zeros behind them.
fn encode(pointers: &[u32]) -> [u8; CONTENT_SIZE] {
    let mut bytes = [0; CONTENT_SIZE];
    for (place, pointer) in bytes.chunks_exact_mut(4).zip(pointers) {
        place.copy_from_slice(&pointer.to_le_bytes());
    }
    bytes
}

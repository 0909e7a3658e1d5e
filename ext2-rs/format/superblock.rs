// SPDX-License-Identifier: GPL-2.0

//! The superblock: the shape of the filesystem, checked once.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `struct ext2_super_block` and the checks of `ext2_fill_super()`;
//! `layout.rs` has what follows from the shape, `mount_state.rs` what changes
//! while the filesystem is mounted.

use core::{fmt, num::NonZeroU32};

use crate::format::bytes::{on_disk, take};
use crate::format::features::{Features, Unknown, COMPAT_SPARSE_SUPER2};

/// Bytes of a superblock.
pub const SIZE: usize = 1024;
/// C: `EXT2_SUPER_MAGIC`.
pub const MAGIC: u16 = 0xef53;
/// The root directory's inode. C: `EXT2_ROOT_INO`.
pub const ROOT_INODE: u32 = 2;
/// Bytes of an inode before it was up to the superblock.
pub const OLD_INODE_SIZE: u16 = 128;
/// The first inode that is not reserved, before it was up to the superblock.
pub const OLD_FIRST_INODE: u32 = 11;
/// Which of its 32-bit numbers is [`RawSuperblock::reserved_blocks_count`].
pub const RESERVED_BLOCKS: usize = 2;
/// Bytes of a group descriptor.
pub const DESCRIPTOR_SIZE: u32 = 32;

/// The revision since which inodes vary in size and features mean something.
pub const DYNAMIC_REVISION: u32 = 1;

on_disk! {
    /// The superblock as the disk has it. C: `struct ext2_super_block`.
    RawSuperblock, RawSuperblockMut of SIZE bytes;
    /// Inodes in all groups.
    0: inodes_count as u32;
    /// Blocks of the filesystem, those before the first group included.
    4: blocks_count as u32;
    /// Blocks that only the privileged may take.
    8: reserved_blocks_count as u32;
    /// Free blocks, by the last one to count them.
    12: free_blocks_count, set_free_blocks_count as u32;
    /// Free inodes, by the last one to count them.
    16: free_inodes_count, set_free_inodes_count as u32;
    /// The first group's first block.
    20: first_data_block as u32;
    /// log2 of the block size in KiB.
    24: log_block_size as u32;
    /// The same of fragments, which were never in use.
    28: log_frag_size as u32;
    /// Blocks of each group but the last.
    32: blocks_per_group as u32;
    /// Inodes of each group.
    40: inodes_per_group as u32;
    /// When it was last mounted, in seconds since 1970.
    44: mtime, set_mtime as u32;
    /// When the superblock was last written, in seconds since 1970.
    48: wtime, set_wtime as u32;
    /// Mounts since the last check.
    52: mount_count, set_mount_count as u16;
    /// Mounts after which to check; negative: never.
    54: max_mount_count, set_max_mount_count as u16;
    /// [`MAGIC`].
    56: magic as u16;
    /// Whether it was unmounted, and whether errors were seen.
    58: state, set_state as u16;
    /// What to do when errors are seen.
    60: errors as u16;
    /// When it was last checked, in seconds since 1970.
    64: last_check as u32;
    /// Seconds between checks; 0: no limit.
    68: check_interval as u32;
    /// 0: inodes of 128 bytes, no features.
    76: revision, set_revision as u32;
    /// Who may take reserved blocks.
    80: reserved_uid as u16;
    /// Whose group may take reserved blocks.
    82: reserved_gid as u16;
    /// The first inode that is not reserved.
    84: first_inode, set_first_inode as u32;
    /// Bytes of an inode.
    88: inode_size, set_inode_size as u16;
    /// See [`Features::compat`].
    92: compat, set_compat as u32;
    /// See [`Features::incompat`].
    96: incompat as u32;
    /// See [`Features::ro_compat`].
    100: ro_compat, set_ro_compat as u32;
    /// Mount options to start from.
    256: default_mount_options as u32;
    /// Of the blocks of descriptors, the first that lies in its own groups.
    260: first_meta_bg as u32;
    /// Where copies of the superblock are, in one way to place them.
    588: backup_group_a as u32;
    /// As above.
    592: backup_group_b as u32;
}

impl RawSuperblock<'_> {
    /// The filesystem's identity.
    pub fn uuid(self) -> [u8; 16] {
        take::<104, 16, SIZE>(self.bytes())
    }

    /// The three sets of features.
    pub fn features(self) -> Features {
        Features {
            compat: self.compat(),
            incompat: self.incompat(),
            ro_compat: self.ro_compat(),
        }
    }
}

/// What may be done with a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All.
    ReadWrite,
    /// Reading: features are in use that this driver does not know.
    Features(Unknown),
    /// Reading: the revision is newer than this driver.
    Revision(u32),
}

/// What to do when the filesystem turns out to be corrupt. C: `EXT2_ERRORS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// Report it and go on.
    Continue,
    /// Let nobody write any more.
    ReadOnly,
    /// Stop the machine.
    Panic,
}

/// A superblock all of whose fields make sense together: the shape of the
/// filesystem, which does not change while it is mounted.
///
/// # Invariants
///
/// The fields are as [`TryFrom`] checks them. In particular blocks and inodes of all groups are counted by a `u32`, and
/// the blocks of each group by the bits of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    pub(super) block_bits: u32,
    pub(super) blocks_count: u32,
    pub(super) first_data_block: u32,
    pub(super) blocks_per_group: NonZeroU32,
    pub(super) inodes_per_group: NonZeroU32,
    pub(super) inodes_count: u32,
    pub(super) groups: u32,
    /// log2 of the bytes of an inode.
    pub(super) inode_bits: u32,
    pub(super) first_inode: u32,
    pub(super) reserved_uid: u16,
    pub(super) reserved_gid: u16,
    pub(super) revision: u32,
    pub(super) features: Features,
    pub(super) first_meta_bg: u32,
    pub(super) backup_groups: Option<[u32; 2]>,
    pub(super) errors: u16,
    pub(super) default_mount_options: u32,
    pub(super) state: u16,
}

/// The field of a superblock that makes no sense, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuperblockError {
    /// Not an ext2, ext3 or ext4.
    Magic(u16),
    /// Features without which this filesystem cannot be understood.
    Features(Unknown),
    /// Blocks are not of 1, 2 or 4 KiB: log2 of the size in KiB.
    BlockSize(u32),
    /// Fragments are not of the size of blocks: log2 of their size in KiB.
    FragmentSize(u32),
    /// Not a power of two from 128 up to the block size.
    InodeSize(u16),
    /// Inodes that belong to the filesystem itself, or none at all.
    FirstInode(u32),
    /// 0, or more than the bits of a block, or they do not fill whole blocks.
    InodesPerGroup(u32),
    /// More than the bits of a block, or too few for the group's own metadata.
    BlocksPerGroup(u32),
    /// Not the block after the superblock's place.
    FirstDataBlock(u32),
    /// No group is left.
    BlocksCount(u32),
    /// Not the inodes of all groups.
    InodesCount {
        /// What the superblock says.
        says: u32,
        /// What the groups have.
        groups: u64,
    },
    /// The device is smaller than that: blocks of the filesystem, of the device.
    Device {
        /// What the superblock says.
        blocks: u32,
        /// Whole blocks of the device.
        device: u64,
    },
}

impl fmt::Display for SuperblockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic(magic) => write!(f, "no ext2 filesystem: magic number {magic:#06x}"),
            Self::Features(unknown) => write!(
                f,
                "unsupported optional features: {unknown} ({:#x})",
                unknown.bits()
            ),
            Self::BlockSize(log) => write!(f, "invalid log block size: {log}"),
            Self::FragmentSize(log) => write!(f, "fragment size is not the block size: log {log}"),
            Self::InodeSize(size) => write!(f, "unsupported inode size: {size}"),
            Self::FirstInode(inode) => write!(f, "invalid first inode: {inode}"),
            Self::InodesPerGroup(inodes) => write!(f, "invalid inodes per group: {inodes}"),
            Self::BlocksPerGroup(blocks) => write!(f, "invalid blocks per group: {blocks}"),
            Self::FirstDataBlock(block) => write!(f, "invalid first data block: {block}"),
            Self::BlocksCount(blocks) => write!(f, "invalid block count: {blocks}"),
            Self::InodesCount { says, groups } => {
                write!(
                    f,
                    "invalid inode count: {says}, but the groups have {groups}"
                )
            }
            Self::Device { blocks, device } => write!(
                f,
                "bad geometry: block count {blocks} exceeds size of device ({device} blocks)"
            ),
        }
    }
}

impl TryFrom<RawSuperblock<'_>> for Superblock {
    type Error = SuperblockError;

    /// Checks everything but the size of the device, for which see
    /// [`Superblock::check_device`].
    fn try_from(raw: RawSuperblock<'_>) -> Result<Self, SuperblockError> {
        use SuperblockError as Bad;

        if raw.magic() != MAGIC {
            return Err(Bad::Magic(raw.magic()));
        }
        // Features count in revision 0, too: who set them did not always set
        // the revision.
        let features = raw.features();
        if let Some(unknown) = features.forbid_mount() {
            return Err(Bad::Features(unknown));
        }
        let block_bits = match raw.log_block_size() {
            log @ 0..=2 => 10 + log,
            log => return Err(Bad::BlockSize(log)),
        };
        if raw.log_frag_size() != raw.log_block_size() {
            return Err(Bad::FragmentSize(raw.log_frag_size()));
        }
        let block_size = 1u32 << block_bits;
        let block_has_bits = block_size * 8;

        let (inode_size, first_inode) = if raw.revision() == 0 {
            (OLD_INODE_SIZE, OLD_FIRST_INODE)
        } else {
            (raw.inode_size(), raw.first_inode())
        };
        if inode_size < OLD_INODE_SIZE
            || !inode_size.is_power_of_two()
            || u32::from(inode_size) > block_size
        {
            return Err(Bad::InodeSize(inode_size));
        }
        let inode_bits = inode_size.ilog2();

        let inodes_per_group = raw.inodes_per_group();
        // Both are powers of two.
        let inodes_per_block_bits = block_bits - inode_bits;
        let table_blocks = inodes_per_group >> inodes_per_block_bits;
        if inodes_per_group > block_has_bits
            || table_blocks << inodes_per_block_bits != inodes_per_group
        {
            return Err(Bad::InodesPerGroup(inodes_per_group));
        }
        let inodes_per_group =
            NonZeroU32::new(inodes_per_group).ok_or(Bad::InodesPerGroup(inodes_per_group))?;

        // The table, two bitmaps and the superblock, and one block that is left.
        let blocks_per_group = raw.blocks_per_group();
        let blocks_per_group = NonZeroU32::new(blocks_per_group)
            .filter(|blocks| (table_blocks + 4..=block_has_bits).contains(&blocks.get()))
            .ok_or(Bad::BlocksPerGroup(blocks_per_group))?;
        // Where blocks have 1 KiB the first one is left to the boot loader.
        let first_data_block = raw.first_data_block();
        if first_data_block != u32::from(block_bits == 10) {
            return Err(Bad::FirstDataBlock(first_data_block));
        }
        let blocks_count = raw.blocks_count();
        let grouped = blocks_count
            .checked_sub(first_data_block)
            .filter(|&blocks| blocks > 0)
            .ok_or(Bad::BlocksCount(blocks_count))?;
        // At least one block is grouped.
        let groups = (grouped - 1) / blocks_per_group + 1;

        let inodes = u64::from(groups) * u64::from(inodes_per_group.get());
        let inodes_count = raw.inodes_count();
        if inodes != u64::from(inodes_count) {
            return Err(Bad::InodesCount {
                says: inodes_count,
                groups: inodes,
            });
        }
        if !(OLD_FIRST_INODE..=inodes_count).contains(&first_inode) {
            return Err(Bad::FirstInode(first_inode));
        }
        // INVARIANT: All of it was just checked.
        Ok(Self {
            block_bits,
            blocks_count,
            first_data_block,
            blocks_per_group,
            inodes_per_group,
            inodes_count,
            groups,
            inode_bits,
            first_inode,
            reserved_uid: raw.reserved_uid(),
            reserved_gid: raw.reserved_gid(),
            revision: raw.revision(),
            features,
            first_meta_bg: raw.first_meta_bg(),
            backup_groups: (features.compat & COMPAT_SPARSE_SUPER2 != 0)
                .then(|| [raw.backup_group_a(), raw.backup_group_b()]),
            errors: raw.errors(),
            default_mount_options: raw.default_mount_options(),
            state: raw.state(),
        })
    }
}

impl Superblock {
    /// Refuses a device of `bytes` bytes that is smaller than the filesystem.
    pub fn check_device(&self, bytes: u64) -> Result<(), SuperblockError> {
        let device = bytes >> self.block_bits;
        if device < u64::from(self.blocks_count) {
            return Err(SuperblockError::Device {
                blocks: self.blocks_count,
                device,
            });
        }
        Ok(())
    }

    /// Whether it may be written. The revision counts as in C, which mounts
    /// newer ones for reading.
    pub const fn access(&self) -> Access {
        if let Some(unknown) = self.features.forbid_writing() {
            return Access::Features(unknown);
        }
        if self.revision > DYNAMIC_REVISION {
            return Access::Revision(self.revision);
        }
        Access::ReadWrite
    }

    /// What the superblock wants done about errors.
    pub const fn error_policy(&self) -> ErrorPolicy {
        match self.errors {
            1 => ErrorPolicy::Continue,
            3 => ErrorPolicy::Panic,
            _ => ErrorPolicy::ReadOnly,
        }
    }
}

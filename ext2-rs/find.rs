// SPDX-License-Identifier: GPL-2.0

//! Reading a filesystem's superblock and descriptors.

use crate::{
    format::{
        group::{Counts, Group, RawGroup, SIZE as DESCRIPTOR_SIZE},
        mount_state::{self, Advice},
        superblock::{RawSuperblock, Superblock, SuperblockError, SIZE as SUPERBLOCK_SIZE},
    },
    mount::Ext2,
    space::Space,
    vfs::{self, Buffer, Level, NewSuperBlock, UnsizedSuperBlock},
};
use kernel::prelude::*;

/// The superblock, and where it was found.
pub(crate) struct FoundSuper {
    pub(crate) buffer: Buffer,
    pub(crate) offset: usize,
    pub(crate) geometry: Superblock,
    pub(crate) uuid: [u8; 16],
    pub(crate) advice: Option<Advice>,
    /// The block that it is in, of the filesystem's size.
    pub(crate) block: u32,
}

/// Reads the superblock in block `number` of 1 KiB. Sets the block size.
pub(crate) fn superblock<'a>(
    mut sb: UnsizedSuperBlock<'a, Ext2>,
    number: u32,
    silent: bool,
) -> Result<(NewSuperBlock<'a, Ext2>, FoundSuper)> {
    const UNREADABLE: &str = "unable to read superblock";
    let pos = u64::from(number).saturating_mul(SUPERBLOCK_SIZE as u64);
    let mut size = sb.set_min_block_size(SUPERBLOCK_SIZE as u32)?;
    // Once in the smallest size that the device can do, once in the filesystem's:
    // powers of two.
    loop {
        let block =
            u32::try_from(pos >> size.checked_ilog2().ok_or(EINVAL)?).map_err(|_| EINVAL)?;
        let offset = (pos & u64::from(size.wrapping_sub(1))) as usize;
        let parsed = sb.peek(block, |bytes| parse(bytes, offset)).map_err(|_| {
            sb.log(Level::Error, format_args!("{UNREADABLE}"));
            EINVAL
        })?;
        let (geometry, uuid, advice) = parsed.ok_or(EINVAL)?.map_err(|wrong| {
            if !silent {
                sb.log(Level::Error, format_args!("{wrong}"));
            }
            EINVAL
        })?;
        if geometry.block_size() == size {
            let sb = sb.sized();
            let buffer = sb.read_block(block).map_err(|_| {
                sb.log(Level::Error, format_args!("{UNREADABLE}"));
                EINVAL
            })?;
            let found = FoundSuper {
                buffer,
                offset,
                geometry,
                uuid,
                advice,
                block,
            };
            return Ok((sb, found));
        }
        size = geometry.block_size();
        sb.set_block_size(size).map_err(|_| {
            let message = "the device cannot do blocks of that size";
            sb.log(Level::Error, format_args!("{message}: {size}"));
            EINVAL
        })?;
    }
}

/// What a superblock says.
type Parsed = (Superblock, [u8; 16], Option<Advice>);

/// Checks the superblock at byte `offset` of a block; [`None`] if it is not in there.
fn parse(block: &[u8], offset: usize) -> Option<Result<Parsed, SuperblockError>> {
    let end = offset.saturating_add(SUPERBLOCK_SIZE);
    let raw = block.get(offset..end).and_then(RawSuperblock::new)?;
    let parsed = Superblock::try_from(raw);
    Some(parsed.map(|geometry| (geometry, raw.uuid(), mount_state::advice(raw, vfs::now()))))
}

/// How many groups there is memory for before their descriptors were seen: all of most
/// filesystems. A superblock may speak of hundreds of millions where there are none.
const BELIEVED: u32 = 1 << 16;

/// Reads and checks the groups' descriptors.
pub(crate) fn groups(
    sb: &NewSuperBlock<'_, Ext2>,
    found: &FoundSuper,
) -> Result<(KVVec<Buffer>, KVVec<Group>, Space)> {
    let geometry = &found.geometry;
    let room = |of: u32| of.min(BELIEVED) as usize;
    let mut descriptors = KVVec::with_capacity(room(geometry.descriptor_blocks()), GFP_KERNEL)?;
    let mut groups = KVVec::with_capacity(room(geometry.groups()), GFP_KERNEL)?;
    let mut counts = KVVec::with_capacity(room(geometry.groups()), GFP_KERNEL)?;
    for index in 0..geometry.groups() {
        let place = geometry
            .descriptor_place(found.block, index)
            .ok_or(EINVAL)?;
        if descriptors
            .as_slice()
            .last()
            .is_none_or(|last: &Buffer| last.block() != place.block)
        {
            let buffer = sb.read_block(place.block).map_err(|_| {
                sb.log(
                    Level::Error,
                    format_args!("unable to read group descriptors"),
                );
                EINVAL
            })?;
            descriptors.push(buffer, GFP_KERNEL)?;
        }
        let buffer = descriptors.as_slice().last().ok_or(EINVAL)?;
        let start = place.offset as usize;
        let parsed = {
            let bytes = buffer.lock();
            let raw = bytes.get(start..start.saturating_add(DESCRIPTOR_SIZE));
            let raw = raw.and_then(RawGroup::new).ok_or(EINVAL)?;
            Group::parse(geometry, index, raw)
                .map(|group| (group, Counts::read(geometry, index, raw)))
        };
        let (group, has) = parsed.map_err(|wrong| {
            sb.log(
                Level::Error,
                format_args!("group descriptors corrupted: group {index}: {wrong}"),
            );
            EINVAL
        })?;
        groups.push(group, GFP_KERNEL)?;
        counts.push(has, GFP_KERNEL)?;
    }
    Ok((descriptors, groups, Space::new(counts)?))
}

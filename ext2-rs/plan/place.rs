// SPDX-License-Identifier: GPL-2.0

//! Where new blocks and new inodes are looked for first.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `ext2_find_goal()`, `ext2_find_near()`, `ext2_has_free_blocks()`,
//! `find_group_orlov()`, `find_group_dir()` and `find_group_other()`.
//!
//! Files stay contiguous since a mapping is allocated as one run of blocks
//! (`bitmap::find_run()`), from where the last one ended. So there are no
//! reservation windows.

use crate::format::group::Counts;
use core::ops::Range;

/// What lies near a block of a file that is to be allocated.
#[derive(Clone, Copy, Debug)]
pub struct Nearby {
    /// Where the nearest one before it is, of those whose pointers are in the same
    /// block of pointers.
    pub before: Option<u32>,
    /// Where that block of pointers is, if it is not the inode.
    pub pointers: Option<u32>,
    /// The first block of the inode's group, and blocks in a group.
    pub group: (u32, u32),
    /// Tells files apart that grow at the same time, as the number of a process
    /// does.
    pub colour: u32,
}

/// The block of the device that `block` of a file should be at if the one before it was
/// allocated last. `last`: which one was, and where.
pub const fn next(block: u32, last: Option<(u32, u32)>) -> Option<u32> {
    match last {
        Some((last, place)) if place != 0 && last.wrapping_add(1) == block => {
            Some(place.saturating_add(1))
        }
        _ => None,
    }
}

/// The block of the device that a block of a file should be at otherwise.
pub const fn goal(nearby: Nearby) -> u32 {
    if let Some(before) = nearby.before {
        return before.saturating_add(1);
    }
    if let Some(pointers) = nearby.pointers {
        return pointers.saturating_add(1);
    }
    let (first, blocks) = nearby.group;
    first.saturating_add(nearby.colour % 16 * (blocks / 16))
}

/// Blocks that may be taken: the last `reserved` ones are for the privileged.
pub const fn available(free: u32, reserved: u32, privileged: bool) -> u32 {
    if privileged {
        free
    } else {
        free.saturating_sub(reserved)
    }
}

/// Groups of a filesystem.
pub trait Groups {
    /// How many there are, at least one.
    fn count(&self) -> u32;
    /// What a group's descriptor counts.
    fn counts(&self, group: u32) -> Counts;
    /// Directories by which a group is ahead of other files, up to 255.
    fn debt(&self, group: u32) -> u8;
    /// What they have together: [`total`] of their counts.
    fn total(&self) -> Counts;
}

/// What groups that have `counts` have together: as many as 32 bits can count, since all
/// are of one filesystem.
pub fn total(counts: impl Iterator<Item = Counts>) -> Counts {
    counts.fold(Counts::default(), Counts::plus)
}

/// All groups from `first` on, each once, in a circle.
pub fn circle(first: u32, count: u32) -> impl Iterator<Item = u32> + Clone {
    let first = if first < count { first } else { 0 };
    (first..count).chain(0..first)
}

/// How many free blocks groups have that are looked at for `wanted` blocks, which is not 0,
/// in two rounds from that of the goal on: first those that have as many, then those that
/// have any.
pub const fn rounds(wanted: u32) -> [Range<u32>; 2] {
    // No group has as many as there are numbers.
    [wanted..u32::MAX, 1..wanted]
}

/// The debt of a group after one more inode was allocated there.
pub const fn debt_after(debt: u8, directory: bool) -> u8 {
    if directory {
        debt.saturating_add(1)
    } else {
        debt.saturating_sub(1)
    }
}

/// What Orlov's rules depend on besides each group's counts.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Blocks of the filesystem.
    pub blocks: u32,
    /// Blocks of a group.
    pub blocks_per_group: u32,
    /// Inodes of a group.
    pub inodes_per_group: u32,
}

/// The group for a new directory whose parent is in group `parent`, by Orlov's
/// rules: directories at the top (`top`) are spread, from group `random` on, those
/// below stay near their parents as long as there is room for what they will hold.
/// None if no inode is free.
pub fn directory_group<G: Groups>(
    groups: &G,
    shape: Shape,
    parent: u32,
    top: bool,
    random: u32,
) -> Option<u32> {
    /// Bytes of debt that an inode and a block are worth.
    const INODE_COST: u32 = 64;
    const BLOCK_COST: u32 = 256;

    let count = groups.count().max(1);
    let total = groups.total();
    let average_inodes = total.free_inodes / count;
    let average_blocks = total.free_blocks / count;

    if top {
        let parent = random % count;
        // Of those no worse than average the one with the fewest directories.
        let best = circle(parent, count)
            .map(|group| (group, groups.counts(group)))
            .filter(|(_, has)| {
                has.free_inodes > 0
                    && has.directories < shape.inodes_per_group
                    && has.free_inodes >= average_inodes
                    && has.free_blocks >= average_blocks
            })
            .min_by_key(|(_, has)| has.directories);
        return match best {
            Some((group, _)) => Some(group),
            None => any_with_inodes(groups, parent, average_inodes),
        };
    }

    let directories = total.directories.max(1);
    let blocks_per_directory = shape.blocks.saturating_sub(total.free_blocks) / directories;
    let max_directories = total.directories / count + shape.inodes_per_group / 16;
    let min_inodes = average_inodes.saturating_sub(shape.inodes_per_group / 4);
    let min_blocks = average_blocks.saturating_sub(shape.blocks_per_group / 4);
    let max_debt = (shape.blocks_per_group / blocks_per_directory.max(BLOCK_COST))
        .min(shape.inodes_per_group / INODE_COST)
        .clamp(1, 255);

    circle(parent, count)
        .find(|&group| {
            let has = groups.counts(group);
            has.free_inodes > 0
                && u32::from(groups.debt(group)) < max_debt
                && has.directories < max_directories
                && has.free_inodes >= min_inodes
                && has.free_blocks >= min_blocks
        })
        .or_else(|| any_with_inodes(groups, parent, average_inodes))
}

/// The first group from `first` on with an average number of free inodes, or with
/// any.
fn any_with_inodes(groups: &impl Groups, first: u32, average: u32) -> Option<u32> {
    let search = |least: u32| {
        circle(first, groups.count()).find(|&group| groups.counts(group).free_inodes >= least)
    };
    search(average.max(1)).or_else(|| search(1))
}

/// The group for a new directory as it was before Orlov's rules (mount option
/// `oldalloc`): of those with an average number of free inodes the one with most
/// free blocks. None if no inode is free.
pub fn old_directory_group<G: Groups>(groups: &G) -> Option<u32> {
    let average = groups.total().free_inodes / groups.count().max(1);
    (0..groups.count())
        .map(|group| (group, groups.counts(group)))
        .filter(|(_, has)| has.free_inodes >= average.max(1))
        // The first of equals.
        .rev()
        .max_by_key(|(_, has)| has.free_blocks)
        .map(|(group, _)| group)
}

/// The group for a new file that is no directory, in directory `directory` in group
/// `parent`: there, or else in one that all files of that directory try in turn.
/// None if no inode is free.
pub fn file_group<G: Groups>(groups: &G, parent: u32, directory: u32) -> Option<u32> {
    let count = groups.count().max(1);
    let good = |group: &u32| {
        let has = groups.counts(*group);
        has.free_inodes > 0 && has.free_blocks > 0
    };
    if good(&parent) {
        return Some(parent);
    }
    let start = (u64::from(parent) + u64::from(directory)) % u64::from(count);
    let steps = core::iter::successors(Some(1u64), |step| Some(step << 1))
        .take_while(|&step| step < u64::from(count));
    let tried = steps.scan(start, |group, step| {
        *group = (*group + step) % u64::from(count);
        Some(*group as u32)
    });
    let mut tried = tried;
    tried.find(good).or_else(|| {
        // The parent's comes last: it was good for nothing but may have an inode.
        circle((parent + 1) % count, count).find(|&group| groups.counts(group).free_inodes > 0)
    })
}

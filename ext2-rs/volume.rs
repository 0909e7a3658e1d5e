// SPDX-License-Identifier: GPL-2.0

//! A mounted filesystem.
//!
//! Stands for `struct ext2_sb_info`, `ext2_error()` and `ext2_sync_super()`.

use crate::{
    format::{
        group::{self, Counts, Group, RawGroup},
        layout::Place,
        mount_state::{self, Advice},
        superblock::{
            ErrorPolicy, RawSuperblock, RawSuperblockMut, Superblock, RESERVED_BLOCKS,
            SIZE as SUPERBLOCK_SIZE,
        },
    },
    mount::Ext2,
    plan::{options::Options, place::Groups},
    space::{Bitmap, Space},
    vfs::{self, copy_bytes, corrupted, Buffer, FileSystem, Level, SuperBlock},
};
use core::{
    fmt,
    sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed},
};
use kernel::{c_str, new_mutex, prelude::*, sync::Mutex};

/// What is kept of a mounted filesystem. C: `struct ext2_sb_info`.
#[pin_data]
pub(crate) struct Volume {
    /// What does not change while it is mounted.
    pub(crate) geometry: Superblock,
    /// Which filesystem it is.
    pub(crate) uuid: [u8; 16],
    /// The options if none is given.
    pub(crate) defaults: Options,
    /// Where the groups have their metadata; it was checked.
    pub(crate) groups: KVVec<Group>,
    /// What is free.
    #[pin]
    pub(crate) space: Mutex<Space>,
    #[pin]
    options: Mutex<Options>,
    /// The superblock on disk.
    superblock: Buffer,
    /// Where in its block that is, in bytes.
    superblock_offset: usize,
    /// The groups' descriptors on disk, changed a 32-bit number at a time.
    descriptors: KVVec<Buffer>,
    /// The state that the superblock will have once it is at rest.
    state: AtomicU16,
    next_generation: AtomicU32,
}

/// What a volume is made of.
pub(crate) struct Parts {
    pub(crate) geometry: Superblock,
    pub(crate) uuid: [u8; 16],
    pub(crate) options: Options,
    pub(crate) groups: KVVec<Group>,
    pub(crate) space: Space,
    pub(crate) superblock: Buffer,
    pub(crate) superblock_offset: usize,
    pub(crate) descriptors: KVVec<Buffer>,
}

impl Volume {
    /// Puts a volume together.
    pub(crate) fn new(parts: Parts) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            defaults: Options::of(&parts.geometry),
            state: AtomicU16::new(parts.geometry.state()),
            geometry: parts.geometry,
            uuid: parts.uuid,
            groups: parts.groups,
            space <- new_mutex!(parts.space, "ext2_rs space"),
            options <- new_mutex!(parts.options, "ext2_rs options"),
            superblock: parts.superblock,
            superblock_offset: parts.superblock_offset,
            descriptors: parts.descriptors,
            next_generation: AtomicU32::new(vfs::random()),
        })
    }

    /// The mount options in force.
    pub(crate) fn options(&self) -> Options {
        *self.options.lock()
    }

    /// Puts other mount options in force.
    pub(crate) fn set_options(&self, options: Options) {
        *self.options.lock() = options;
    }

    /// A generation for a new inode.
    pub(crate) fn generation(&self) -> u32 {
        self.next_generation.fetch_add(1, Relaxed)
    }

    /// The group's place of metadata.
    pub(crate) fn group(&self, group: u32) -> Option<&Group> {
        self.groups.get(group as usize)
    }

    /// Where an inode is; [`None`] if there is no such file.
    pub(crate) fn inode_place(&self, ino: u32) -> Option<Place> {
        if !self.geometry.is_file_inode(ino) {
            return None;
        }
        let (group, index) = self.geometry.inode_group(ino)?;
        self.group(group)?.inode_place(&self.geometry, index)
    }

    /// Whether `count` blocks from `first` on can be a file's: they lie in the
    /// filesystem, and none of them is metadata of a group.
    #[inline]
    pub(crate) fn is_file_data(&self, first: u32, count: u32) -> bool {
        let group = self.geometry.block_group(first);
        group
            .and_then(|(group, _)| self.group(group))
            .is_some_and(|group| group.is_plain_data(first, count))
            || self.is_file_data_by_parts(first, count)
    }

    /// As [`Self::is_file_data`], where it is not as easy as mostly: several groups,
    /// or blocks between metadata.
    #[cold]
    fn is_file_data_by_parts(&self, first: u32, count: u32) -> bool {
        if !self.geometry.is_data(first, count) {
            return false;
        }
        let last = first.saturating_add(count.saturating_sub(1));
        let (Some((from, _)), Some((to, _))) = (
            self.geometry.block_group(first),
            self.geometry.block_group(last),
        ) else {
            return false;
        };
        (from..=to).all(|group| {
            self.group(group)
                .is_some_and(|group| !group.overlaps(&self.geometry, first, count))
        })
    }

    /// Sets what a group has free, in memory and in its descriptor. Nobody else does: `space`
    /// is locked.
    pub(crate) fn set_counts(&self, space: &mut Space, group: u32, counts: Counts) {
        space.set_counts(group, counts);
        let (nth, index) = self.geometry.descriptor_of(group);
        let Some(buffer) = self.descriptors.get(nth as usize) else {
            return;
        };
        let first = index as usize * group::WORDS;
        let free = first.wrapping_add(group::FREE);
        let directories = first.wrapping_add(group::DIRECTORIES);
        let Some(old) = buffer.le32(directories) else {
            return;
        };
        let stored = buffer
            .set_le32(free, counts.free_word())
            .and_then(|()| buffer.set_le32(directories, counts.directories_word(old)));
        if stored.is_ok() {
            buffer.mark_dirty();
        }
    }

    /// Looks anew at what is free, as the descriptors have it: what they say may have been
    /// corrected while the filesystem was mounted for reading.
    pub(crate) fn count_again(&self) {
        let mut space = self.space.lock();
        for group in 0..self.geometry.groups() {
            if let Some(counts) = self.counts_on_disk(group) {
                space.set_counts(group, counts);
            }
            space.set_bitmap(group, Bitmap::Unknown);
        }
    }

    fn counts_on_disk(&self, group: u32) -> Option<Counts> {
        let (nth, index) = self.geometry.descriptor_of(group);
        let first = index as usize * group::WORDS;
        let block = self.descriptors.get(nth as usize)?;
        let mut raw = [0; group::SIZE];
        let words = block.le32s(first..first.saturating_add(group::WORDS));
        for (to, word) in raw.chunks_exact_mut(size_of::<u32>()).zip(words) {
            copy_bytes(to, &word.to_le_bytes());
        }
        Some(Counts::read(&self.geometry, group, RawGroup::new(&raw)?))
    }

    /// Blocks that only the privileged may take. The kernel never changes that, but
    /// `tune2fs` does, through the cache of the device, while the filesystem is mounted.
    #[inline]
    pub(crate) fn reserved_blocks(&self) -> u32 {
        let place = (self.superblock_offset / size_of::<u32>()).wrapping_add(RESERVED_BLOCKS);
        self.superblock.le32(place).unwrap_or(0)
    }

    /// Changes the superblock on disk, and gives whether it has: `change` says so. It is
    /// written some time, again if that has failed before. C: `ext2_clear_super_error()`
    /// besides.
    pub(crate) fn change_superblock(
        &self,
        change: impl FnOnce(&mut RawSuperblockMut<'_>) -> bool,
    ) -> bool {
        let mut block = self.superblock.lock();
        let end = self.superblock_offset.saturating_add(SUPERBLOCK_SIZE);
        let raw = block.get_mut(self.superblock_offset..end);
        let changed = raw
            .and_then(RawSuperblockMut::new)
            .is_some_and(|mut raw| change(&mut raw));
        if changed {
            block.clear_write_error(Ext2::NAME, c_str!("superblock"));
            self.superblock.mark_dirty();
        }
        changed
    }

    /// Looks at the superblock on disk.
    fn look_at_superblock<R>(&self, look: impl FnOnce(RawSuperblock<'_>) -> R) -> Option<R> {
        let block = self.superblock.lock();
        let end = self.superblock_offset.saturating_add(SUPERBLOCK_SIZE);
        let raw = block.get(self.superblock_offset..end)?;
        Some(look(RawSuperblock::new(raw)?))
    }

    /// The state on disk.
    pub(crate) fn state_on_disk(&self) -> u16 {
        self.look_at_superblock(|raw| raw.state()).unwrap_or(0)
    }

    /// Whether the filesystem should be checked before it is written to.
    pub(crate) fn advice(&self) -> Option<Advice> {
        self.look_at_superblock(|raw| mount_state::advice(raw, vfs::now()))?
    }

    /// What the superblock is to say once it is at rest.
    pub(crate) fn state_at_rest(&self) -> u16 {
        self.state.load(Relaxed)
    }

    /// Takes the state on disk for what it is to be at rest.
    pub(crate) fn adopt_state(&self) {
        self.state.store(self.state_on_disk(), Relaxed);
    }

    /// Writes that the filesystem is at rest, as `release` says it. If that fails, it goes on
    /// being in use.
    pub(crate) fn rest(&self, release: impl FnOnce(&mut RawSuperblockMut<'_>)) -> Result {
        self.write_superblock(true, release).inspect_err(|_| {
            self.change_superblock(|raw| {
                mount_state::hold(raw);
                true
            });
        })
    }

    /// Writes the superblock with what is free; `change` says what else is new.
    /// C: `ext2_sync_super()`.
    pub(crate) fn write_superblock(
        &self,
        wait: bool,
        change: impl FnOnce(&mut RawSuperblockMut<'_>),
    ) -> Result {
        let total = self.space.lock().total();
        self.change_superblock(|raw| {
            mount_state::count_free(raw, total.free_blocks, total.free_inodes, vfs::now());
            change(raw);
            true
        });
        if wait {
            self.superblock.sync()?;
        }
        Ok(())
    }
}

impl SuperBlock<Ext2> {
    /// Something on disk is not as it should be: says so in the log, notes it in
    /// the superblock, and does what the mount option `errors=` wants. Returns
    /// the error that the operation fails with.
    ///
    /// No lock of a buffer is held. C: `ext2_error()`.
    #[cold]
    pub(crate) fn error(&self, message: fmt::Arguments<'_>) -> Error {
        let volume = self.data();
        self.log(Level::Error, message);
        if !self.is_read_only() {
            volume.state.fetch_or(mount_state::STATE_ERRORS, Relaxed);
            volume.change_superblock(|raw| {
                mount_state::note_errors(raw);
                true
            });
            if volume.superblock.sync().is_err() {
                self.log(Level::Warning, format_args!("cannot write superblock"));
            }
        }
        match volume.options().errors {
            ErrorPolicy::Continue => {}
            ErrorPolicy::ReadOnly if self.is_read_only() => {}
            ErrorPolicy::ReadOnly => {
                self.log(
                    Level::Error,
                    format_args!("remounting filesystem read-only"),
                );
                self.set_read_only();
            }
            ErrorPolicy::Panic => self.panic(),
        }
        corrupted()
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Mounting, remounting and unmounting.
//!
//! Stands for `fs/ext2/super.c`.

use crate::{
    find,
    format::{
        dirent::NAME_MAX,
        features::COMPAT_HAS_JOURNAL,
        mount_state::{self, Advice, STATE_VALID},
        superblock::{Access, Superblock, MAGIC, ROOT_INODE},
    },
    given::{Given, BLANK},
    map::{Flusher, Reader, Reporter},
    node::{self, Node},
    plan::{options::Options, path, place::Groups},
    vfs::{
        self, corrupted, stale, EvictedInode, FileSystem, Inode, InodeRef, Level, Limits,
        NewSuperBlock, PageCache, SeqFile, StatFs, SuperBlock, UnsizedSuperBlock, Usage,
    },
    volume::{Parts, Volume},
};
use kernel::{c_str, init::PinInit, prelude::*, str::CStr};

/// Links that a file may have.
const MAX_LINKS: u32 = 32000;

/// The second extended filesystem.
pub(crate) struct Ext2;

/// Whether a filesystem with these features can be written to.
fn check_writable(geometry: &Superblock, log: impl Fn(core::fmt::Arguments<'_>)) -> Result {
    match geometry.access() {
        Access::ReadWrite => Ok(()),
        Access::Features(unknown) => {
            log(format_args!(
                "couldn't mount RDWR because of unsupported optional features ({unknown})"
            ));
            Err(EINVAL)
        }
        Access::Revision(revision) => {
            log(format_args!(
                "revision level {revision} too high, forcing read-only mode"
            ));
            Err(EROFS)
        }
    }
}

/// Begins to write to the filesystem. C: `ext2_setup_super()`.
fn start_writing(sb: &SuperBlock<Ext2>, advice: Option<Advice>) -> Result {
    if let Some(advice) = advice {
        sb.log(Level::Warning, format_args!("{advice}"));
    }
    let volume = sb.data();
    if volume.options().debug {
        let geometry = &volume.geometry;
        sb.log(
            Level::Info,
            format_args!(
                "bs={}, gc={}, bpg={}, ipg={}",
                geometry.block_size(),
                geometry.groups(),
                geometry.blocks_per_group(),
                geometry.inodes_per_group()
            ),
        );
    }
    volume.write_superblock(true, |raw| {
        mount_state::count_mount(raw);
        mount_state::hold(raw);
    })
}

/// Says what is odd about a filesystem that can be mounted all the same.
fn warn(sb: &NewSuperBlock<'_, Ext2>, geometry: &Superblock) {
    let warn = |what: &str| sb.log(Level::Warning, format_args!("warning: {what}"));
    let features = geometry.features();
    if geometry.revision() == 0 && features.any() {
        warn("feature flags set on rev 0 fs, running e2fsck is recommended");
    }
    if features.compat & COMPAT_HAS_JOURNAL != 0 {
        warn("mounting ext3 filesystem as ext2");
    }
}

/// The root directory.
fn root(sb: &SuperBlock<Ext2>) -> Result<InodeRef<'_, Ext2>> {
    let root = node::get(sb, ROOT_INODE)?;
    if !root.is_dir() || root.size() == 0 || root.sectors() == 0 {
        sb.log(Level::Error, format_args!("corrupt root inode, run e2fsck"));
        return Err(EINVAL);
    }
    Ok(root)
}

impl FileSystem for Ext2 {
    const NAME: &'static CStr = c_str!("ext2_rs");
    type Options = Given;
    type Super = Volume;
    type Node = Node;

    fn node() -> impl PinInit<Node> {
        Node::new()
    }

    fn options(mounted: Option<&SuperBlock<Self>>) -> Result<Given> {
        Ok(Given::new(mounted.map_or(BLANK, |sb| sb.data().options())))
    }

    fn option(options: &mut Given, key: &str, value: Option<&str>) -> Result {
        options.add(key, value)
    }

    fn fill_super(
        sb: UnsizedSuperBlock<'_, Self>,
        given: Given,
        silent: bool,
    ) -> Result<InodeRef<'_, Self>> {
        let (sb, found) = find::superblock(sb, given.checked.superblock, silent)?;
        let geometry = found.geometry;
        let read_only = sb.is_read_only();
        if let Err(wrong) = geometry.check_device(sb.device_bytes()) {
            sb.log(Level::Error, format_args!("{wrong}"));
            return Err(EINVAL);
        }
        warn(&sb, &geometry);
        let mut advice = found.advice;
        if !read_only {
            let log = |message: core::fmt::Arguments<'_>| sb.log(Level::Error, message);
            match check_writable(&geometry, log) {
                Err(error) if error == EROFS => advice = None,
                other => other?,
            }
        }
        let options = given.apply_to(Options::of(&geometry))?;
        let (descriptors, groups, space) = find::groups(&sb, &found)?;
        let limits = Limits {
            magic: MAGIC.into(),
            max_bytes: path::max_size(geometry.block_bits()),
            max_links: MAX_LINKS,
            times: i32::MIN.into()..=i32::MAX.into(),
        };
        let volume = Volume::new(Parts {
            geometry,
            uuid: found.uuid,
            options,
            groups,
            space,
            superblock: found.buffer,
            superblock_offset: found.offset,
            descriptors,
        });
        let sb = sb.with_data(volume, &limits, &found.uuid)?;
        sb.set_posix_acl(options.acl);
        if geometry.access() != Access::ReadWrite {
            sb.set_read_only();
        }
        let root = root(sb)?;
        if !sb.is_read_only() {
            start_writing(sb, advice)?;
        }
        Ok(root)
    }

    fn reconfigure(sb: &SuperBlock<Self>, given: Given, read_only: bool) -> Result {
        let volume = sb.data();
        let now = volume.options();
        let mut options = given.apply_to(now)?;
        // Where the superblock was found is no news.
        options.superblock = now.superblock;
        if read_only != sb.is_read_only() {
            if read_only {
                let on_disk = volume.state_on_disk();
                // A filesystem that was not clean, or has been checked since.
                if on_disk & STATE_VALID == 0 && volume.state_at_rest() & STATE_VALID != 0 {
                    let state = volume.state_at_rest();
                    // A device that fails is to be written to no more, too: what it has
                    // says that it was in use.
                    let _ = volume.rest(|raw| {
                        mount_state::release_for_reading(raw, state, vfs::now());
                    });
                }
            } else {
                let log = |message: core::fmt::Arguments<'_>| sb.log(Level::Warning, message);
                check_writable(&volume.geometry, log).map_err(|_| EROFS)?;
                // It may have been checked while it was mounted for reading.
                volume.adopt_state();
                volume.count_again();
                start_writing(sb, volume.advice())?;
            }
        }
        volume.set_options(options);
        sb.set_posix_acl(options.acl);
        Ok(())
    }

    fn statfs(sb: &SuperBlock<Self>, stat: &mut StatFs) -> Result {
        let volume = sb.data();
        let geometry = &volume.geometry;
        let overhead = match volume.options().minix_df {
            true => 0,
            false => geometry.overhead(),
        };
        let total = volume.space.lock().total();
        let available = total.free_blocks.saturating_sub(volume.reserved_blocks());
        stat.set(&Usage {
            magic: MAGIC.into(),
            block_size: geometry.block_size(),
            blocks: geometry.blocks_count().saturating_sub(overhead).into(),
            free: total.free_blocks.into(),
            available: available.into(),
            inodes: geometry.inodes_count().into(),
            free_inodes: total.free_inodes.into(),
            name_length: NAME_MAX as u32,
            uuid: volume.uuid,
        });
        Ok(())
    }

    fn show_options(sb: &SuperBlock<Self>, seq: &mut SeqFile) -> Result {
        let volume = sb.data();
        volume
            .options()
            .show(&volume.defaults, seq)
            .map_err(|_| EINVAL)
    }

    fn sync(sb: &SuperBlock<Self>, wait: bool) -> Result {
        // If that fails, the device's page cache says so. It is synced next, and all that
        // is in it, whatever came of this.
        let _ = sb.data().write_superblock(wait, mount_state::hold);
        Ok(())
    }

    fn freeze(sb: &SuperBlock<Self>) -> Result {
        let volume = sb.data();
        if sb.has_unlinked() {
            // Nobody but a check would free those in what is on the device now.
            return volume.write_superblock(true, mount_state::hold);
        }
        let state = volume.state_at_rest();
        volume.rest(|raw| mount_state::release(raw, state))
    }

    fn unfreeze(sb: &SuperBlock<Self>) -> Result {
        if sb.is_read_only() {
            return Ok(());
        }
        // With an error it would stay frozen.
        Self::sync(sb, true)
    }

    fn put_super(sb: &SuperBlock<Self>) {
        if sb.is_read_only() {
            return;
        }
        let volume = sb.data();
        let state = volume.state_at_rest();
        let written = volume.write_superblock(true, |raw| mount_state::release(raw, state));
        if written.is_err() {
            sb.log(Level::Error, format_args!("cannot write superblock"));
        }
    }

    fn sync_failed(sb: &SuperBlock<Self>) {
        // Where that was is not known.
        sb.error(format_args!(
            "detected IO error when writing metadata buffers"
        ));
    }

    fn write_inode(inode: &Inode<Self>, wait: bool) -> Result {
        node::write(inode, wait)
    }

    fn sync_inode(inode: &Inode<Self>) -> Result {
        node::sync(inode)
    }

    fn evict(inode: EvictedInode<'_, Self>) {
        node::evict(&inode);
    }

    fn inode_of_handle(
        sb: &SuperBlock<Self>,
        ino: u64,
        generation: u32,
    ) -> Result<InodeRef<'_, Self>> {
        let ino = u32::try_from(ino).map_err(|_| stale())?;
        if !sb.data().geometry.is_file_inode(ino) {
            return Err(stale());
        }
        let inode = node::get(sb, ino)?;
        if generation != 0 && inode.generation() != generation {
            return Err(stale());
        }
        Ok(inode)
    }

    fn parent_of(dir: &Inode<Self>) -> Result<InodeRef<'_, Self>> {
        let found = crate::dir::find(dir, b"..")?.ok_or(ENOENT)?;
        node::get(dir.sb(), found.ino).map_err(|error| match error == stale() {
            true => corrupted(),
            false => error,
        })
    }
}

impl PageCache for Ext2 {
    type Reader<'a> = Reader<'a>;
    type Reporter<'a> = Reporter<'a>;
    type Writer<'a> = Flusher<'a>;

    fn reader(inode: &Inode<Self>) -> Reader<'_> {
        Reader(inode)
    }

    fn reporter(inode: &Inode<Self>) -> Reporter<'_> {
        Reporter::new(inode)
    }

    fn writer(inode: &Inode<Self>) -> Flusher<'_> {
        Flusher::new(inode)
    }
}

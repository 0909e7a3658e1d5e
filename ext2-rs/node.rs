// SPDX-License-Identifier: GPL-2.0

//! Inodes in memory: what is kept for them, reading, writing and deleting them.
//!
//! Stands for `struct ext2_inode_info`, `ext2_iget()`, `ext2_write_inode()`,
//! `ext2_new_inode()` and `ext2_evict_inode()`.

use crate::{
    format::{
        flags,
        inode::{Content, Inode as OnDisk, InodeError, Kind, RawInode, POINTERS},
        mount_state,
    },
    inodes,
    mount::Ext2,
    new_rwsem,
    pending::Pending,
    plan::{known::Known, path},
    stores::Stores,
    tree::Tree,
    truncate,
    vfs::{
        corrupted, stale, Buffer, Enforced, EvictedInode, Found, Inode, InodeRef, Name, NewInode,
        RwSem, SuperBlock, Times,
    },
    xattr,
};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use kernel::prelude::*;

/// What is kept for an inode. C: `struct ext2_inode_info`.
#[pin_data]
pub(crate) struct Node {
    /// Where its data is.
    #[pin]
    pub(crate) tree: RwSem<Tree>,
    /// What of that is known without a look at it.
    pub(crate) known: Known,
    /// Blocks that a write is about to reach.
    pub(crate) pending: Pending,
    /// Blocks that stores allocate.
    pub(crate) stores: Stores,
    /// The block of its extended attributes, or 0. C: `i_file_acl` under
    /// `xattr_sem`.
    #[pin]
    pub(crate) xattrs: RwSem<u32>,
    /// See [`flags`].
    pub(crate) flags: AtomicU32,
    /// The group that it is in.
    pub(crate) group: AtomicU32,
    /// When it was deleted, in seconds since 1970.
    dtime: AtomicU32,
    /// It was never written: nothing of what is in its place on disk counts.
    fresh: AtomicBool,
    /// What was written last may be in the device's page cache only.
    unsynced: AtomicBool,
    /// The block of a directory where a name was found last.
    pub(crate) hint: AtomicU32,
}

impl Node {
    /// One that nothing is known of.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            tree <- new_rwsem!(Tree::new(Content::Nothing), "ext2_rs tree"),
            known: Known::new(),
            pending: Pending::new(),
            stores: Stores::new(),
            xattrs <- new_rwsem!(0, "ext2_rs xattrs"),
            flags: AtomicU32::new(0),
            group: AtomicU32::new(0),
            dtime: AtomicU32::new(0),
            fresh: AtomicBool::new(false),
            unsynced: AtomicBool::new(false),
            hint: AtomicU32::new(0),
        })
    }

    /// Says that blocks are going to be freed: what was found out of where they are
    /// does not hold any more.
    pub(crate) fn start_freeing(&self, tree: &mut Tree) {
        self.known.forget();
        tree.frees = tree.frees.wrapping_add(1);
        tree.last = None;
    }
}

/// Has the VFS enforce what an inode's flags say. C: `ext2_set_inode_flags()`.
pub(crate) fn enforce_flags(inode: &Inode<Ext2>) {
    let set = inode.data().flags.load(Relaxed);
    inode.enforce(Enforced {
        sync: set & flags::SYNC != 0,
        append: set & flags::APPEND != 0,
        immutable: set & flags::IMMUTABLE != 0,
        noatime: set & flags::NOATIME != 0,
        dirsync: set & flags::DIRSYNC != 0,
    });
}

/// The block with an inode, and where it is in there.
fn place_of(sb: &SuperBlock<Ext2>, ino: u32) -> Result<(Buffer, core::ops::Range<usize>)> {
    let volume = sb.data();
    let Some(place) = volume.inode_place(ino) else {
        sb.error(format_args!("bad inode number: {ino}"));
        return Err(EINVAL);
    };
    let buffer = sb.read_block(place.block).map_err(|_| {
        sb.error(format_args!(
            "unable to read inode block - inode={ino}, block={}",
            place.block
        ));
        EIO
    })?;
    let start = place.offset as usize;
    let end = start.saturating_add(volume.geometry.inode_size() as usize);
    Ok((buffer, start..end))
}

/// Reads an inode from disk, and checks it.
fn read(sb: &SuperBlock<Ext2>, ino: u32) -> Result<OnDisk> {
    let (buffer, slot) = place_of(sb, ino)?;
    let volume = sb.data();
    let short_ids = volume.options().short_ids;
    let parsed = {
        let block = buffer.lock();
        let raw = block.get(slot).and_then(RawInode::new).ok_or(EIO)?;
        OnDisk::parse(raw, &volume.geometry, short_ids)
    };
    parsed.map_err(|wrong| match wrong {
        InodeError::Deleted => stale(),
        wrong => sb.error(format_args!("inode {ino}: {wrong}")),
    })
}

/// The inode with a number.
///
/// # Errors
///
/// `ESTALE` if it was deleted; [`EINVAL`] if there is no such number;
/// `EFSCORRUPTED`, [`EIO`], [`ENOMEM`].
pub(crate) fn get(sb: &SuperBlock<Ext2>, ino: u32) -> Result<InodeRef<'_, Ext2>> {
    let new = match sb.inode(ino)? {
        Found::Live(inode) => return Ok(inode),
        Found::New(new) => new,
    };
    match read(sb, ino).and_then(|inode| fill(&new, &inode)) {
        Ok(()) => Ok(new.publish()),
        Err(error) => {
            new.fail();
            Err(error)
        }
    }
}

/// Fills a new inode with what is on disk.
fn fill(new: &NewInode<'_, Ext2>, inode: &OnDisk) -> Result {
    new.set_owner(inode.mode, inode.uid, inode.gid)?;
    new.set_links(inode.links.into());
    new.set_times(Times {
        atime: inode.atime.into(),
        mtime: inode.mtime.into(),
        ctime: inode.ctime.into(),
    });
    new.exclusive().set_size(inode.size);
    new.set_sectors(inode.sectors.into());
    new.set_generation(inode.generation);
    let node = new.data();
    node.flags.store(inode.flags, Relaxed);
    let (group, _) = new
        .sb()
        .data()
        .geometry
        .inode_group(new.ino())
        .ok_or(EINVAL)?;
    node.group.store(group, Relaxed);
    *node.xattrs.write() = inode.file_acl;
    *node.tree.write() = Tree::new(inode.content);
    enforce_flags(new);
    set_operations(new, inode.kind().ok_or(corrupted())?, &inode.content)
}

/// Gives a new inode the operations of what it is.
fn set_operations(new: &NewInode<'_, Ext2>, kind: Kind, content: &Content) -> Result {
    match (kind, content) {
        (Kind::Regular, _) => {
            new.allow_large_folios();
            new.set_file_operations()
        }
        (Kind::Directory, _) => new.set_directory_operations(),
        (Kind::Symlink, Content::Link(link)) => new.set_fast_link(link.target()),
        (Kind::Symlink, _) => new.set_slow_link_operations(),
        (_, content) => {
            let (major, minor) = match content {
                Content::Device(device) => (device.major, device.minor),
                _ => (0, 0),
            };
            new.make_special(major, minor)
        }
    }
}

/// Makes an inode in `dir`: with one link, without data. Its link is to be taken
/// away if it does not become what it should.
///
/// # Errors
///
/// [`ENOSPC`], [`ENOMEM`], [`EIO`], those of access control lists.
pub(crate) fn make<'a>(
    dir: &'a Inode<Ext2>,
    name: Option<&Name<'_>>,
    mode: u16,
    content: Content,
) -> Result<NewInode<'a, Ext2>> {
    let sb = dir.sb();
    let volume = sb.data();
    let kind = Kind::from_mode(mode).ok_or(EINVAL)?;
    let unhashed = sb.unhashed_inode()?;
    let (ino, group) = inodes::allocate(dir, kind == Kind::Directory)?;
    unhashed.init_owner(dir, mode, volume.options().directory_group);
    let node = unhashed.data();
    let inherited = flags::inherited(kind, dir.data().flags.load(Relaxed));
    node.flags.store(inherited, Relaxed);
    node.group.store(group, Relaxed);
    node.fresh.store(true, Relaxed);
    *node.tree.write() = Tree::new(content);
    unhashed.set_generation(volume.generation());
    enforce_flags(&unhashed);
    let new = unhashed.hash(ino).inspect_err(|_| {
        sb.error(format_args!("inode number already in use - inode={ino}"));
    })?;
    let made = set_operations(&new, kind, &content)
        .and_then(|()| new.inherit_acl(dir))
        .and_then(|()| new.init_security(dir, name));
    if let Err(error) = made {
        new.clear_links();
        return Err(error);
    }
    new.mark_dirty();
    Ok(new)
}

/// What an inode says of itself on disk.
fn to_disk(inode: &Inode<Ext2>) -> OnDisk {
    let node = inode.data();
    let times = inode.times();
    // Kept in the range of 32 bits by the VFS, which knows the limits.
    let time = |seconds: i64| seconds.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    let content = node.tree.read().content();
    let content = match Kind::from_mode(inode.mode()) {
        Some(Kind::CharDevice | Kind::BlockDevice) => {
            let (major, minor) = inode.device();
            Content::Device(crate::format::device::Device { major, minor })
        }
        _ => content,
    };
    OnDisk {
        mode: inode.mode(),
        uid: inode.uid(),
        gid: inode.gid(),
        links: inode.nlink().min(u16::MAX.into()) as u16,
        size: inode.size(),
        atime: time(times.atime),
        ctime: time(times.ctime),
        mtime: time(times.mtime),
        dtime: node.dtime.load(Relaxed),
        sectors: inode.sectors().min(u32::MAX.into()) as u32,
        flags: node.flags.load(Relaxed),
        generation: inode.generation(),
        file_acl: *node.xattrs.read(),
        content,
    }
}

/// Writes an inode to its place, and to the device if `wait`.
pub(crate) fn write(inode: &Inode<Ext2>, wait: bool) -> Result {
    let sb = inode.sb();
    let volume = sb.data();
    let on_disk = to_disk(inode);
    let (buffer, slot) = place_of(sb, inode.ino()).map_err(|_| EIO)?;
    let node = inode.data();
    let fresh = node.fresh.swap(false, Relaxed);
    node.unsynced.store(true, Relaxed);
    let stored = {
        let mut block = buffer.lock();
        block
            .get_mut(slot)
            .and_then(|slot| on_disk.store(slot, volume.options().short_ids, fresh))
    };
    stored.ok_or(EIO)?;
    buffer.mark_dirty();
    if on_disk.is_large() {
        if volume.change_superblock(mount_state::add_large_file) {
            volume.write_superblock(true, |_| ())?;
        }
    }
    if wait {
        // What the buffer has is lost if that fails: it is to be filled anew.
        buffer.sync().inspect_err(|_| inode.mark_dirty())?;
        node.unsynced.store(false, Relaxed);
    }
    Ok(())
}

/// Writes to the device what was written before, without waiting: the kernel's flusher does
/// not wait, and takes the inode for clean then.
pub(crate) fn sync(inode: &Inode<Ext2>) -> Result {
    let node = inode.data();
    if !node.unsynced.swap(false, Relaxed) {
        return Ok(());
    }
    place_of(inode.sb(), inode.ino())
        .and_then(|(buffer, _)| buffer.sync())
        .map_err(|_| {
            // The same.
            node.unsynced.store(true, Relaxed);
            inode.mark_dirty();
            EIO
        })
}

/// Whether what is needed to find the file's data is on the device. The inode is locked.
#[inline]
pub(crate) fn is_durable(inode: &Inode<Ext2>) -> bool {
    !inode.data().unsynced.load(Relaxed) && !inode.is_datasync_dirty()
}

/// The end of an inode in memory, and of its file if that has no name any more.
pub(crate) fn evict(inode: &EvictedInode<'_, Ext2>) {
    if !inode.is_deleted() {
        return;
    }
    let sb = inode.sb();
    let _writing = sb.start_internal_write();
    let node = inode.data();
    node.dtime.store(crate::vfs::now() as u32, Relaxed);
    inode.mark_dirty();
    // What can still be done is done, whatever fails.
    let wait = inode.needs_sync();
    if write(inode, wait).is_err() {
        sb.error(format_args!("cannot write deleted inode {}", inode.ino()));
    }
    let exclusive = inode.exclusive();
    exclusive.set_size(0);
    truncate::truncate(inode, 0);
    xattr::delete(exclusive);
    inodes::free(sb, inode.ino(), inode.is_dir());
}

/// The first block of the inode's group, from which its blocks are allocated.
pub(crate) fn group_start(inode: &Inode<Ext2>) -> u32 {
    let group = inode.data().group.load(Relaxed);
    inode.sb().data().geometry.group_first_block(group)
}

/// The content of an inode whose data is in blocks, none of which is there yet.
pub(crate) const NO_BLOCKS: Content = Content::Blocks([0; POINTERS]);

/// The block of a file that holds byte `pos`; [`EFBIG`] if no file has it.
pub(crate) fn block_at(sb: &SuperBlock<Ext2>, pos: u64) -> Result<u32> {
    let bits = sb.block_bits();
    let block = u32::try_from(pos >> bits).map_err(|_| EFBIG)?;
    path::Path::to(block, bits).map(|_| block).ok_or(EFBIG)
}

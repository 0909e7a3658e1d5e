// SPDX-License-Identifier: GPL-2.0

//! Superblocks.

use super::{
    error::{check, corrupted, to_int},
    export,
    inode_cache::Slot,
    xattr, Attributes, Buffer, EvictedInode, FileSystem, Inode, InodeRef, NewInode, SeqFile,
    StatFs, UnhashedInode,
};
use crate::sys as bindings;
use core::{
    fmt::{self, Write},
    marker::PhantomData,
    mem::zeroed,
    ptr::NonNull,
};
use kernel::{prelude::*, types::ForeignOwnable, types::Opaque};

/// The superblock of a mounted filesystem. C: `struct super_block`.
///
/// # Invariants
///
/// A reference is to a superblock of a registration of `F` with an open device,
/// and with the data that `F` keeps for it.
#[repr(transparent)]
pub struct SuperBlock<F: FileSystem>(Opaque<bindings::super_block>, PhantomData<F>);

// SAFETY: What is reached through a shared reference is for all tasks.
unsafe impl<F: FileSystem> Sync for SuperBlock<F> {}

/// How bad it is what the log is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
    /// The filesystem is damaged.
    Error,
}

impl<F: FileSystem> SuperBlock<F> {
    /// Borrows a C superblock.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut bindings::super_block) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The C superblock.
    pub(super) fn as_ptr(&self) -> *mut bindings::super_block {
        self.0.get()
    }

    /// What the filesystem keeps for it. C: `s_fs_info`.
    pub fn data(&self) -> &F::Super {
        // SAFETY: By the type invariant; it is there until `put_super`.
        unsafe { &*(*self.as_ptr()).s_fs_info.cast() }
    }

    /// Whether it is mounted for reading only. C: `sb_rdonly()`.
    pub fn is_read_only(&self) -> bool {
        self.flags() & bindings::SB_RDONLY != 0
    }

    /// Whether everything is to be written at once. C: `SB_SYNCHRONOUS`.
    pub fn is_synchronous(&self) -> bool {
        self.flags() & bindings::SB_SYNCHRONOUS != 0
    }

    fn flags(&self) -> usize {
        // SAFETY: By the type invariant; others may change it meanwhile.
        unsafe { (&raw const (*self.as_ptr()).s_flags).read_volatile() }
    }

    /// Lets nobody write any more, after an error. C: `SB_RDONLY`.
    pub fn set_read_only(&self) {
        self.change_flags(bindings::SB_RDONLY, true);
    }

    /// Sets or clears a flag. C does it as racily.
    fn change_flags(&self, flag: usize, on: bool) {
        let flags = if on {
            self.flags() | flag
        } else {
            self.flags() & !flag
        };
        // SAFETY: By the type invariant.
        unsafe { (&raw mut (*self.as_ptr()).s_flags).write_volatile(flags) }
    }

    /// Whether ACLs are looked at. C: `SB_POSIXACL`.
    pub fn set_posix_acl(&self, on: bool) {
        self.change_flags(bindings::SB_POSIXACL, on);
    }

    /// Whether the device takes no writes. C: `bdev_read_only()`.
    pub fn is_device_read_only(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_is_ro_bdev(self.as_ptr()) }
    }

    /// The device, for mappings.
    pub fn device(&self) -> &iomap_rs::vfs::BlockDevice {
        // SAFETY: By the type invariant, open as long as the superblock is there;
        // a transparent wrapper of the same C struct.
        unsafe { &*(*self.as_ptr()).s_bdev.cast() }
    }

    /// Size of the device in bytes.
    pub fn device_bytes(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_bdev_bytes(self.as_ptr()) }
    }

    /// Size of a block in bytes. C: `s_blocksize`.
    pub fn block_size(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_blocksize }
    }

    /// Log2 of the size of a block in bytes. C: `s_blocksize_bits`.
    pub fn block_bits(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_blocksize_bits.into() }
    }

    /// Size of the largest file in bytes. C: `s_maxbytes`.
    pub fn max_bytes(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_maxbytes as u64 }
    }

    /// The number that `statfs()` and `stat()` have of the device.
    pub fn device_number(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_dev }
    }

    /// Reads a block, or takes it from the cache. Sleeps. C: `sb_bread()`.
    pub fn read_block(&self, block: u32) -> Result<Buffer> {
        // SAFETY: By the type invariant; the reference is the caller's.
        unsafe { Buffer::from_raw(bindings::fs_rs_sb_bread(self.as_ptr(), block.into())) }
            .ok_or(EIO)
    }

    /// Starts reading a block that will be wanted. C: `sb_breadahead()`.
    pub fn read_block_ahead(&self, block: u32) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_sb_breadahead(self.as_ptr(), block.into()) }
    }

    /// A block that is written anew: its buffer is zeroed, whatever is on the
    /// device. Sleeps. C: `sb_getblk()`.
    pub fn new_block(&self, block: u32) -> Result<Buffer> {
        // SAFETY: By the type invariant; the reference is the caller's.
        let buffer =
            unsafe { Buffer::from_raw(bindings::fs_rs_sb_getblk(self.as_ptr(), block.into())) }
                .ok_or(ENOMEM)?;
        buffer.zero();
        Ok(buffer)
    }

    /// Forgets what the cache has of `count` blocks from `block` on, which are a
    /// file's now: it must not be written over the file's data. Waits for
    /// writes under way. C: `clean_bdev_aliases()`.
    pub fn forget_blocks(&self, block: u32, count: u32) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::clean_bdev_aliases((*self.as_ptr()).s_bdev, block.into(), count.into());
        }
    }

    /// Writes all of the device's dirty blocks and waits. C: `sync_blockdev()`.
    pub fn sync_device(&self) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::sync_blockdev((*self.as_ptr()).s_bdev) })
    }

    /// Writes a line to the kernel's log.
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        let mut line = Line {
            text: [0; 200],
            len: 0,
        };
        // It is cut where it does not fit.
        let _ = line.write_fmt(message);
        // SAFETY: By the type invariant; the length is that of the text.
        unsafe {
            bindings::fs_rs_log(
                self.as_ptr(),
                F::NAME.as_char_ptr(),
                level as i32,
                line.text.as_ptr().cast(),
                line.len,
            );
        }
    }

    /// Stops the machine, for `errors=panic`.
    pub fn panic(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_panic(self.as_ptr(), F::NAME.as_char_ptr()) }
    }

    /// Says that the filesystem writes on its own account: it is not frozen
    /// meanwhile. Sleeps. C: `sb_start_intwrite()`.
    pub fn start_internal_write(&self) -> InternalWrite<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_start_intwrite(self.as_ptr()) };
        // INVARIANT: Just begun.
        InternalWrite(self)
    }

    /// The inode with a number: one that is in use, or a new one that is to be
    /// filled in; others who want it wait. C: `iget_locked()`.
    pub fn inode(&self, ino: u32) -> Result<Found<F>> {
        // SAFETY: By the type invariant.
        let inode = unsafe { bindings::iget_locked(self.as_ptr(), ino as _) };
        let inode = NonNull::new(inode).ok_or(ENOMEM)?;
        // SAFETY: Valid, of this superblock, and the reference is the caller's.
        unsafe {
            if (&raw const (*inode.as_ptr()).i_state).read_volatile() & bindings::I_NEW == 0 {
                Ok(Found::Live(InodeRef::from_raw(inode)))
            } else {
                Ok(Found::New(NewInode::from_raw(inode)))
            }
        }
    }

    /// An inode without a number. C: `new_inode()`.
    pub fn unhashed_inode(&self) -> Result<UnhashedInode<F>> {
        // SAFETY: By the type invariant.
        let inode = unsafe { bindings::new_inode(self.as_ptr()) };
        // SAFETY: Fresh.
        NonNull::new(inode)
            .map(|inode| unsafe { UnhashedInode::from_raw(inode) })
            .ok_or(ENOMEM)
    }
}

/// A write on the filesystem's own account. Dropping it ends it.
///
/// # Invariants
///
/// It has begun.
pub struct InternalWrite<'a, F: FileSystem>(&'a SuperBlock<F>);

impl<F: FileSystem> Drop for InternalWrite<'_, F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_end_intwrite(self.0.as_ptr()) }
    }
}

/// An inode that was asked for by its number.
pub enum Found<F: FileSystem> {
    /// It is in use.
    Live(InodeRef<F>),
    /// It has to be filled in.
    New(NewInode<F>),
}

/// A line of the log.
struct Line {
    text: [u8; 200],
    len: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for byte in piece.bytes() {
            let Some(place) = self.text.get_mut(self.len) else {
                return Err(fmt::Error);
            };
            *place = byte;
            self.len = self.len.wrapping_add(1);
        }
        Ok(())
    }
}

/// Limits of what a filesystem can keep.
pub struct Limits {
    /// What `statfs()` says that it is. C: `s_magic`.
    pub magic: u32,
    /// Size of the largest file in bytes. C: `s_maxbytes`.
    pub max_bytes: u64,
    /// Most links that a file may have. C: `s_max_links`.
    pub max_links: u32,
    /// First and last time that a timestamp may have, in seconds since 1970.
    pub times: core::ops::RangeInclusive<i64>,
}

/// A superblock whose filesystem is being mounted.
///
/// # Invariants
///
/// Of a registration of `F`, with an open device and without data of `F`.
pub struct NewSuperBlock<'a, F: FileSystem>(&'a Opaque<bindings::super_block>, PhantomData<F>);

impl<'a, F: FileSystem> NewSuperBlock<'a, F> {
    /// Access to the device before there is data of the filesystem's.
    fn as_super(&self) -> &'a SuperBlock<F> {
        // SAFETY: Nothing that is called looks at the data.
        unsafe { SuperBlock::from_raw(self.0.get()) }
    }

    /// Sets the block size to `bytes`, or the smallest that the device can do;
    /// returns that. C: `sb_min_blocksize()`.
    pub fn set_min_block_size(&self, bytes: u32) -> Result<u32> {
        // SAFETY: By the type invariant.
        match unsafe { bindings::sb_min_blocksize(self.0.get(), bytes as i32) } {
            0 => Err(EINVAL),
            size => Ok(size as u32),
        }
    }

    /// Sets the block size. [`EINVAL`] if the device cannot do it. Buffers that
    /// were got before are for nothing. C: `sb_set_blocksize()`.
    pub fn set_block_size(&self, bytes: u32) -> Result {
        // SAFETY: By the type invariant.
        match unsafe { bindings::sb_set_blocksize(self.0.get(), bytes as i32) } {
            0 => Err(EINVAL),
            _ => Ok(()),
        }
    }

    /// Reads a block of the size that was set. C: `sb_bread()`.
    pub fn read_block(&self, block: u32) -> Result<Buffer> {
        self.as_super().read_block(block)
    }

    /// Size of the device in bytes.
    pub fn device_bytes(&self) -> u64 {
        self.as_super().device_bytes()
    }

    /// Whether it is to be mounted for reading only.
    pub fn is_read_only(&self) -> bool {
        self.as_super().is_read_only()
    }

    /// As [`SuperBlock::log`].
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.as_super().log(level, message);
    }
}

impl<'a, F: Attributes> NewSuperBlock<'a, F> {
    /// Gives the filesystem its data: from now on it has inodes.
    pub fn with_data(
        self,
        data: impl PinInit<F::Super, Error>,
        limits: &Limits,
        uuid: &[u8; 16],
    ) -> Result<&'a SuperBlock<F>> {
        let data = KBox::pin_init(data, GFP_KERNEL)?;
        let sb = self.0.get();
        // SAFETY: By the type invariant, nobody else's yet. The tables are static.
        unsafe {
            (*sb).s_fs_info = data.into_foreign().cast_mut().cast();
            (*sb).s_magic = limits.magic as _;
            (*sb).s_maxbytes = limits.max_bytes.min(i64::MAX as u64) as i64;
            (*sb).s_max_links = limits.max_links;
            (*sb).s_time_gran = 1_000_000_000;
            (*sb).s_time_min = *limits.times.start();
            (*sb).s_time_max = *limits.times.end();
            (*sb).s_uuid.b = *uuid;
            (*sb).s_uuid_len = 16;
            (*sb).s_iflags |= bindings::SB_I_CGROUPWB;
            (*sb).s_op = &Table::<F>::OPERATIONS;
            (*sb).s_export_op = &export::Table::<F>::OPERATIONS;
            (*sb).s_xattr = xattr::Table::<F>::HANDLERS.as_ptr().cast();
        }
        // INVARIANT: The data is there.
        Ok(self.as_super())
    }
}

/// Has the filesystem fill a new superblock.
///
/// # Safety
///
/// `sb` is new, of a registration of `F`, and has its device.
pub(super) unsafe fn fill<F: FileSystem>(
    sb: *mut bindings::super_block,
    options: F::Options,
    silent: bool,
) -> Result {
    // SAFETY: By the contract.
    // INVARIANT: By the contract.
    let new = NewSuperBlock(unsafe { &*sb.cast() }, PhantomData);
    let mounted = F::fill_super(new, options, silent).and_then(|root| {
        if !root.is_dir() {
            return Err(corrupted());
        }
        // SAFETY: Takes over the reference, whether it fails or not.
        let root = unsafe { bindings::d_make_root(root.into_raw()) };
        // SAFETY: By the contract.
        unsafe { (*sb).s_root = root };
        if root.is_null() {
            return Err(ENOMEM);
        }
        Ok(())
    });
    if mounted.is_err() {
        // SAFETY: Inodes that there were are gone with their last reference, as
        // the superblock was not active yet; `put_super` will not be called.
        unsafe { drop_data::<F>(sb) }
    }
    mounted
}

/// Frees the filesystem's data.
///
/// # Safety
///
/// `sb` is of `F`, and nobody uses the data.
unsafe fn drop_data<F: FileSystem>(sb: *mut bindings::super_block) {
    // SAFETY: By the contract: null, or from `with_data()`.
    unsafe {
        let data = (*sb).s_fs_info;
        if !data.is_null() {
            (*sb).s_fs_info = core::ptr::null_mut();
            drop(Pin::<KBox<F::Super>>::from_foreign(
                data.cast_const().cast(),
            ));
        }
    }
}

struct Table<F>(PhantomData<F>);

impl<F: FileSystem> Table<F> {
    const OPERATIONS: bindings::super_operations = bindings::super_operations {
        alloc_inode: Some(Slot::<F>::alloc),
        evict_inode: Some(evict_inode::<F>),
        free_inode: Some(Slot::<F>::free),
        freeze_fs: Some(freeze_fs::<F>),
        put_super: Some(put_super::<F>),
        show_options: Some(show_options::<F>),
        statfs: Some(statfs::<F>),
        sync_fs: Some(sync_fs::<F>),
        unfreeze_fs: Some(unfreeze_fs::<F>),
        write_inode: Some(write_inode::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

/// # Safety
///
/// `inode` is of `F`, and has no other reference left.
unsafe extern "C" fn evict_inode<F: FileSystem>(inode: *mut bindings::inode) {
    // SAFETY: By the contract. The page cache goes first, whatever is done then.
    unsafe {
        bindings::truncate_inode_pages_final(&raw mut (*inode).i_data);
        F::evict(EvictedInode::from_raw(inode));
        bindings::invalidate_inode_buffers(inode);
        bindings::clear_inode(inode);
    }
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn freeze_fs<F: FileSystem>(sb: *mut bindings::super_block) -> i32 {
    // SAFETY: By the contract.
    to_int(F::freeze(unsafe { SuperBlock::from_raw(sb) }))
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn unfreeze_fs<F: FileSystem>(sb: *mut bindings::super_block) -> i32 {
    // SAFETY: By the contract.
    to_int(F::unfreeze(unsafe { SuperBlock::from_raw(sb) }))
}

/// # Safety
///
/// `sb` is of `F`, and has no inodes any more.
unsafe extern "C" fn put_super<F: FileSystem>(sb: *mut bindings::super_block) {
    // SAFETY: By the contract. Buffers go with the data, before the device is
    // closed.
    unsafe {
        F::put_super(SuperBlock::from_raw(sb));
        drop_data::<F>(sb);
    }
}

/// # Safety
///
/// `seq` is valid; `root` is that of a superblock of `F`.
unsafe extern "C" fn show_options<F: FileSystem>(
    seq: *mut bindings::seq_file,
    root: *mut bindings::dentry,
) -> i32 {
    // SAFETY: By the contract.
    let (sb, seq) = unsafe { (SuperBlock::from_raw((*root).d_sb), SeqFile::from_raw(seq)) };
    to_int(F::show_options(sb, seq))
}

/// # Safety
///
/// `stat` is valid; `dentry` is one of a superblock of `F`.
unsafe extern "C" fn statfs<F: FileSystem>(
    dentry: *mut bindings::dentry,
    stat: *mut bindings::kstatfs,
) -> i32 {
    // SAFETY: By the contract.
    let (sb, stat) = unsafe { (SuperBlock::from_raw((*dentry).d_sb), StatFs::from_raw(stat)) };
    to_int(F::statfs(sb, stat))
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn sync_fs<F: FileSystem>(sb: *mut bindings::super_block, wait: i32) -> i32 {
    // SAFETY: By the contract.
    to_int(F::sync(unsafe { SuperBlock::from_raw(sb) }, wait != 0))
}

/// # Safety
///
/// `inode` is of `F`; `control` is valid.
unsafe extern "C" fn write_inode<F: FileSystem>(
    inode: *mut bindings::inode,
    control: *mut bindings::writeback_control,
) -> i32 {
    // SAFETY: By the contract.
    let (inode, wait) = unsafe {
        let all = bindings::writeback_sync_modes_WB_SYNC_ALL;
        (Inode::<F>::from_raw(inode), (*control).sync_mode == all)
    };
    to_int(F::write_inode(inode, wait))
}

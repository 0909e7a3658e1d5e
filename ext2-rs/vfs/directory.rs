// SPDX-License-Identifier: GPL-2.0

//! Directories.

use super::{
    acl, attributes,
    error::{check_null, to_int, to_ptr},
    file,
    inode::{S_IFDIR, S_IFMT},
    ioctl,
    names::bytes_of,
    xattr, Attributes, DirContext, Exclusive, Inode, InodeRef, Name, NewInode, PageCache,
};
use crate::sys as bindings;
use core::{
    marker::PhantomData,
    mem::zeroed,
    ptr::{self, NonNull},
};
use kernel::{prelude::*, str::CStr};

/// Directories. C: `struct inode_operations` and `struct file_operations` of
/// directories.
///
/// The directory is locked: exclusively where it is changed, in shared mode at
/// least elsewhere. What is created is returned as new: the VFS gives it its
/// name in memory.
pub trait Directory: PageCache + Attributes {
    /// The inode with a name, if there is one. C: `lookup`.
    fn lookup<'a>(dir: &'a Inode<Self>, name: &Name<'_>) -> Result<Option<InodeRef<'a, Self>>>;

    /// Reports entries from the context's position on. C: `iterate_shared`.
    fn iterate(dir: &Inode<Self>, ctx: &mut DirContext<'_>) -> Result;

    /// Makes a regular file. C: `create`.
    fn create<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        mode: u16,
    ) -> Result<NewInode<'a, Self>>;

    /// Makes a file without a name; its link is taken back. C: `tmpfile`.
    fn tmpfile(dir: &Inode<Self>, mode: u16) -> Result<NewInode<'_, Self>>;

    /// Makes a device, fifo or socket. C: `mknod`.
    fn mknod<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        mode: u16,
        major: u32,
        minor: u32,
    ) -> Result<NewInode<'a, Self>>;

    /// Makes a symlink. C: `symlink`.
    fn symlink<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        target: &[u8],
    ) -> Result<NewInode<'a, Self>>;

    /// Makes a directory. C: `mkdir`.
    fn mkdir<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        mode: u16,
    ) -> Result<NewInode<'a, Self>>;

    /// Gives a file, which is locked, another name. C: `link`.
    fn link(inode: Exclusive<'_, Self>, dir: Exclusive<'_, Self>, name: &Name<'_>) -> Result;

    /// Takes a name from a file, which is locked. C: `unlink`.
    fn unlink(dir: Exclusive<'_, Self>, name: &Name<'_>, inode: Exclusive<'_, Self>) -> Result;

    /// Removes a directory, which is locked. C: `rmdir`.
    fn rmdir(dir: Exclusive<'_, Self>, name: &Name<'_>, inode: Exclusive<'_, Self>) -> Result;

    /// Moves a file to another name, in the place of `replaced` if that is
    /// there. All are locked, but `inode` if it is a directory that stays where
    /// it is: nothing of that changes but its inode. C: `rename`.
    fn rename(
        from: Place<'_, Self>,
        inode: Exclusive<'_, Self>,
        to: Place<'_, Self>,
        replaced: Option<Exclusive<'_, Self>>,
    ) -> Result;
}

/// A name in a directory that is locked.
pub struct Place<'a, F: Directory> {
    /// The directory.
    pub dir: Exclusive<'a, F>,
    /// The name.
    pub name: Name<'a>,
}

struct Table<F>(PhantomData<F>);

impl<F: Directory> Table<F> {
    const INODE: bindings::inode_operations = bindings::inode_operations {
        create: Some(create::<F>),
        fileattr_get: Some(attributes::fileattr_get::<F>),
        fileattr_set: Some(attributes::fileattr_set::<F>),
        get_inode_acl: Some(acl::get::<F>),
        getattr: Some(attributes::getattr::<F>),
        link: Some(link::<F>),
        listxattr: Some(xattr::list::<F>),
        lookup: Some(lookup::<F>),
        mkdir: Some(mkdir::<F>),
        mknod: Some(mknod::<F>),
        rename: Some(rename::<F>),
        rmdir: Some(rmdir::<F>),
        set_acl: Some(acl::set::<F>),
        setattr: Some(attributes::setattr::<F>),
        symlink: Some(symlink::<F>),
        tmpfile: Some(tmpfile::<F>),
        unlink: Some(unlink::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };

    const FILE: bindings::file_operations = bindings::file_operations {
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: Some(ioctl::compat::<F>),
        fsync: Some(file::fsync::<F>),
        iterate_shared: Some(iterate::<F>),
        llseek: Some(bindings::generic_file_llseek),
        read: Some(bindings::generic_read_dir),
        unlocked_ioctl: Some(ioctl::native::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

impl<F: Directory> NewInode<'_, F> {
    /// Gives it the operations of a directory; [`EINVAL`] if it is none by its mode.
    pub fn set_directory_operations(&self) -> Result {
        self.set_operations(
            |mode| mode & S_IFMT == S_IFDIR,
            &Table::<F>::INODE,
            Some(&Table::<F>::FILE),
            Some(&super::page_cache::Table::<F>::OPERATIONS),
        )
    }
}

/// A directory that the VFS has locked.
///
/// # Safety
///
/// `dir` is a directory of `F`, locked exclusively for `'a`.
unsafe fn locked<'a, F: Directory>(dir: *mut bindings::inode) -> Exclusive<'a, F> {
    // SAFETY: By the contract.
    unsafe { Exclusive::new(Inode::from_raw(dir)) }
}

/// Gives what was made its name in memory.
///
/// # Safety
///
/// `dentry` is negative, and the directory it is in is locked.
unsafe fn instantiate<F: Directory>(
    dentry: *mut bindings::dentry,
    made: Result<NewInode<'_, F>>,
) -> i32 {
    to_int(made.map(|inode| {
        // SAFETY: By the contract; the reference is given away.
        unsafe { bindings::d_instantiate_new(dentry, inode.into_raw()) }
    }))
}

/// # Safety
///
/// `dir` is a directory of `F`, locked; `dentry` is a new one in it.
unsafe extern "C" fn lookup<F: Directory>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    _flags: u32,
) -> *mut bindings::dentry {
    // SAFETY: By the contract.
    let found = unsafe { F::lookup(Inode::from_raw(dir), &Name::of(dentry)) };
    to_ptr(found.and_then(|inode| {
        let inode = inode.map_or(ptr::null_mut(), InodeRef::into_raw);
        // SAFETY: By the contract; the reference is given away.
        check_null(unsafe { bindings::d_splice_alias(inode, dentry) })
    }))
}

/// # Safety
///
/// `file` is an open directory of `F`, locked; `ctx` is valid.
unsafe extern "C" fn iterate<F: Directory>(
    file: *mut bindings::file,
    ctx: *mut bindings::dir_context,
) -> i32 {
    // SAFETY: By the contract.
    to_int(unsafe { F::iterate(Inode::from_raw((*file).f_inode), &mut DirContext(&mut *ctx)) })
}

/// # Safety
///
/// `dir` is a directory of `F`, locked exclusively; `dentry` is a negative one in
/// it. The same holds for those below that make something.
unsafe extern "C" fn create<F: Directory>(
    _idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: u16,
    _exclusive: bool,
) -> i32 {
    // SAFETY: By the contract.
    unsafe { instantiate(dentry, F::create(locked(dir), &Name::of(dentry), mode)) }
}

/// # Safety
///
/// As for [`create`].
unsafe extern "C" fn mknod<F: Directory>(
    _idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: u16,
    device: bindings::dev_t,
) -> i32 {
    const MINOR_BITS: u32 = 20;
    let (major, minor) = (device >> MINOR_BITS, device & ((1 << MINOR_BITS) - 1));
    // SAFETY: By the contract.
    unsafe {
        let made = F::mknod(locked(dir), &Name::of(dentry), mode, major, minor);
        instantiate(dentry, made)
    }
}

/// # Safety
///
/// As for [`create`]; `target` is a string.
unsafe extern "C" fn symlink<F: Directory>(
    _idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    target: *const kernel::ffi::c_char,
) -> i32 {
    // SAFETY: By the contract.
    unsafe {
        let target = bytes_of(CStr::from_char_ptr(target));
        instantiate(dentry, F::symlink(locked(dir), &Name::of(dentry), target))
    }
}

/// # Safety
///
/// As for [`create`].
unsafe extern "C" fn mkdir<F: Directory>(
    _idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: u16,
) -> i32 {
    // SAFETY: By the contract.
    unsafe { instantiate(dentry, F::mkdir(locked(dir), &Name::of(dentry), mode)) }
}

/// # Safety
///
/// `dir` is a directory of `F`; `file` is being opened.
unsafe extern "C" fn tmpfile<F: Directory>(
    _idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    file: *mut bindings::file,
    mode: u16,
) -> i32 {
    // SAFETY: By the contract; the reference is given away.
    unsafe {
        match F::tmpfile(Inode::from_raw(dir), mode) {
            Ok(inode) => {
                let inode = inode.into_raw();
                bindings::d_tmpfile(file, inode);
                bindings::unlock_new_inode(inode);
                bindings::fs_rs_finish_open_simple(file, 0)
            }
            Err(error) => bindings::fs_rs_finish_open_simple(file, error.to_errno()),
        }
    }
}

/// # Safety
///
/// As for [`create`]; `old` is the dentry of a locked file of `F`.
unsafe extern "C" fn link<F: Directory>(
    old: *mut bindings::dentry,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> i32 {
    // SAFETY: By the contract. The old name in memory has a reference, and the new one
    // gets one of its own.
    to_int(unsafe {
        let inode = locked::<F>((*old).d_inode);
        F::link(inode, locked(dir), &Name::of(dentry)).map(|()| {
            bindings::d_instantiate(dentry, inode.hold().into_raw());
        })
    })
}

/// # Safety
///
/// `dir` is a directory of `F`, locked exclusively; so is the file that `dentry`
/// in it is for.
unsafe extern "C" fn unlink<F: Directory>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> i32 {
    // SAFETY: By the contract.
    to_int(unsafe {
        let inode = locked::<F>((*dentry).d_inode);
        F::unlink(locked(dir), &Name::of(dentry), inode)
    })
}

/// # Safety
///
/// As for [`unlink`].
unsafe extern "C" fn rmdir<F: Directory>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> i32 {
    // SAFETY: By the contract.
    to_int(unsafe {
        let inode = locked::<F>((*dentry).d_inode);
        F::rmdir(locked(dir), &Name::of(dentry), inode)
    })
}

/// # Safety
///
/// Directories and files are of `F`, and locked as `rename` of C has it: all, but a
/// directory that keeps its parent, which that one's lock keeps from being moved.
unsafe extern "C" fn rename<F: Directory>(
    _idmap: *mut bindings::mnt_idmap,
    old_dir: *mut bindings::inode,
    old: *mut bindings::dentry,
    new_dir: *mut bindings::inode,
    new: *mut bindings::dentry,
    flags: u32,
) -> i32 {
    // That there is nothing to replace the VFS has seen to.
    if flags & !(bindings::RENAME_NOREPLACE) != 0 {
        return EINVAL.to_errno();
    }
    // SAFETY: By the contract.
    to_int(unsafe {
        let from = Place {
            dir: locked::<F>(old_dir),
            name: Name::of(old),
        };
        let to = Place {
            dir: locked::<F>(new_dir),
            name: Name::of(new),
        };
        let replaced = NonNull::new((*new).d_inode).map(|inode| locked(inode.as_ptr()));
        F::rename(from, locked((*old).d_inode), to, replaced)
    })
}

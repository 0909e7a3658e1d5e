// SPDX-License-Identifier: GPL-2.0

//! Size and flags of files.
//!
//! Stands for `ext2_setsize()`, `ext2_getattr()` and `fs/ext2/ioctl.c`.

use crate::{
    acl,
    file::zero_tail,
    format::flags,
    mount::Ext2,
    node::enforce_flags,
    truncate,
    vfs::{Acl, AclKind, Attributes, Exclusive, Inode, Namespace, Shown, XattrList, XattrMode},
    xattr,
};
use core::sync::atomic::Ordering::Relaxed;
use kernel::{page::PAGE_SIZE, prelude::*};

/// Whether a file of `old` bytes that is cut to `size` goes on to end in the same block,
/// the last one of a page. What is cut off was zeroed then, where it is cached, and nothing
/// else is to be dropped: the kernel would zero the rest of the folio, however large that
/// is. A page's other blocks may have been stored to behind the end of the file.
fn is_in_last_block(inode: &Inode<Ext2>, size: u64, old: u64) -> bool {
    let mask = (inode.sb().block_size() as u64).wrapping_sub(1);
    let end = size.saturating_add(mask) & !mask;
    size <= old && old <= end && end % PAGE_SIZE as u64 == 0
}

impl Attributes for Ext2 {
    fn set_size(inode: Exclusive<'_, Self>, size: u64) -> Result {
        if inode.data().tree.read().pointers().is_none() {
            return Err(EINVAL);
        }
        if inode.is_append_or_immutable() {
            return Err(EPERM);
        }
        inode.wait_for_direct_io();
        // What is cut off must read as zeros should the file grow again; and what
        // was stored behind its end through a mapping, too.
        let old = inode.size();
        zero_tail(inode.inode(), size.min(old))?;
        {
            let _cache = inode.lock_cache();
            if is_in_last_block(inode.inode(), size, old) {
                inode.set_size(size);
            } else {
                inode.truncate_cache(size);
            }
            truncate::truncate(inode.inode(), size);
        }
        inode.touch();
        inode.mark_dirty();
        Ok(())
    }

    fn shown(inode: &Inode<Self>) -> Shown {
        let set = inode.data().flags.load(Relaxed);
        Shown {
            append: set & flags::APPEND != 0,
            compressed: set & flags::COMPRESSED != 0,
            immutable: set & flags::IMMUTABLE != 0,
            nodump: set & flags::NODUMP != 0,
        }
    }

    fn flags(inode: &Inode<Self>) -> u32 {
        inode.data().flags.load(Relaxed) & flags::USER_VISIBLE
    }

    fn set_flags(inode: Exclusive<'_, Self>, wanted: u32) -> Result {
        let node = inode.data();
        let changed = flags::changed(node.flags.load(Relaxed), wanted);
        node.flags.store(changed, Relaxed);
        enforce_flags(inode.inode());
        inode.touch_ctime();
        inode.mark_dirty();
        Ok(())
    }

    fn xattr(
        inode: &Inode<Self>,
        namespace: Namespace,
        name: &[u8],
        value: Option<&mut [u8]>,
    ) -> Result<usize> {
        let index = xattr::index_of(inode, namespace)?;
        xattr::get(inode, index, name, value)
    }

    fn set_xattr(
        inode: Exclusive<'_, Self>,
        namespace: Namespace,
        name: &[u8],
        value: Option<&[u8]>,
        mode: XattrMode,
    ) -> Result {
        let index = xattr::index_of(inode.inode(), namespace)?;
        xattr::set(inode, index, name, value, mode)
    }

    fn list_xattrs(inode: &Inode<Self>, list: &mut XattrList<'_>) -> Result {
        xattr::list(inode, list)
    }

    fn acl(inode: &Inode<Self>, kind: AclKind) -> Result<Option<Acl>> {
        acl::get(inode, kind)
    }

    fn set_acl(inode: Exclusive<'_, Self>, kind: AclKind, acl: Option<&Acl>) -> Result {
        acl::set(inode, kind, acl)
    }
}

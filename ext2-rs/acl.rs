// SPDX-License-Identifier: GPL-2.0

//! Access control lists, kept as attributes.
//!
//! Stands for `fs/ext2/acl.c`.

use crate::{
    format::{
        acl::{self, Tag},
        xattr::index,
    },
    mount::Ext2,
    vfs::{no_data, not_supported, Acl, AclEntry, AclKind, Exclusive, Inode, XattrMode},
    xattr,
};
use kernel::prelude::*;

fn index_of(kind: AclKind) -> u8 {
    match kind {
        AclKind::Access => index::ACL_ACCESS,
        AclKind::Default => index::ACL_DEFAULT,
    }
}

/// Reads a list; [`None`] if there is none.
pub(crate) fn get(inode: &Inode<Ext2>, kind: AclKind) -> Result<Option<Acl>> {
    let index = index_of(kind);
    let len = match xattr::get(inode, index, b"", None) {
        Ok(0) => return Ok(None),
        Ok(len) => len,
        Err(error) if error == no_data() || error == not_supported() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut value = KVec::from_elem(0u8, len, GFP_KERNEL)?;
    let len = xattr::get(inode, index, b"", Some(value.as_mut_slice()))?;
    let value = value.as_slice().get(..len).ok_or(EIO)?;
    // C has it so: a list that makes no sense is the caller's to suffer.
    let list = acl::decode(value).map_err(|_| EINVAL)?;
    if list.len() == 0 {
        return Ok(None);
    }
    let acl = Acl::new(list.map(|entry| AclEntry {
        tag: entry.tag as u16,
        permissions: entry.permissions,
        id: entry.id,
    }))?;
    Ok(Some(acl))
}

/// Writes a list, or removes it. The inode is locked, or new.
pub(crate) fn set(inode: Exclusive<'_, Ext2>, kind: AclKind, acl: Option<&Acl>) -> Result {
    let index = index_of(kind);
    let Some(list) = acl else {
        return match xattr::set(inode, index, b"", None, XattrMode::Set) {
            Err(error) if error == no_data() => Ok(()),
            other => other,
        };
    };
    let mut value = KVec::from_elem(0u8, acl::size(list.len() as usize), GFP_KERNEL)?;
    let mut entries = KVec::with_capacity(list.len() as usize, GFP_KERNEL)?;
    for entry in list.entries() {
        let tag = Tag::from_raw(entry.tag).ok_or(EINVAL)?;
        let entry = acl::Entry {
            tag,
            permissions: entry.permissions,
            id: entry.id,
        };
        entries.push(entry, GFP_KERNEL)?;
    }
    let len = acl::encode(entries.iter().copied(), value.as_mut_slice()).map_err(|_| EINVAL)?;
    let value = value.as_slice().get(..len).ok_or(EIO)?;
    xattr::set(inode, index, b"", Some(value), XattrMode::Set)
}

// SPDX-License-Identifier: GPL-2.0

//! `format/flags.rs`.

use ext2_rs::format::flags::{
    changed, inherited, meaningful, APPEND, DIRSYNC, IMMUTABLE, INDEX, NOATIME, NODUMP, SYNC,
    TOPDIR, USER_MODIFIABLE, USER_VISIBLE,
};
use ext2_rs::format::inode::Kind;

#[test]
fn new_files_have_what_suits_them() {
    let directory = SYNC | DIRSYNC | TOPDIR | APPEND | IMMUTABLE | NODUMP | INDEX;
    assert_eq!(
        inherited(Kind::Directory, directory),
        SYNC | DIRSYNC | NODUMP
    );
    assert_eq!(inherited(Kind::Regular, directory), SYNC | NODUMP);
    for kind in [Kind::Fifo, Kind::Symlink, Kind::CharDevice, Kind::Socket] {
        assert_eq!(inherited(kind, directory | NOATIME), NODUMP | NOATIME);
    }
    assert_eq!(meaningful(Kind::Directory, u32::MAX), u32::MAX);
}

#[test]
fn only_some_flags_can_be_changed() {
    assert_eq!(changed(INDEX, 0), INDEX);
    assert_eq!(
        changed(INDEX | SYNC, IMMUTABLE | TOPDIR),
        INDEX | IMMUTABLE | TOPDIR
    );
    assert_eq!(changed(0, u32::MAX), USER_MODIFIABLE);
    assert_eq!(changed(u32::MAX, 0), !USER_MODIFIABLE);
    assert_eq!(USER_MODIFIABLE & !USER_VISIBLE, 0);
    assert_ne!(INDEX & USER_VISIBLE, 0);
}

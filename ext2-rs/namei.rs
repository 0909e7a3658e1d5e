// SPDX-License-Identifier: GPL-2.0

//! Names of files.
//!
//! Stands for `fs/ext2/namei.c`.

use crate::{
    dir,
    format::device::Device,
    format::{dirent::NAME_MAX, inode::Content, inode::Kind},
    mount::Ext2,
    node::{self, NO_BLOCKS},
    symlink,
    vfs::{
        corrupted, name_too_long, not_empty, stale, DirContext, Directory, Exclusive, Inode,
        InodeRef, Name, NewInode, Place, S_IFDIR,
    },
};
use kernel::prelude::*;

/// What sort of file an inode is.
fn kind_of(inode: &Inode<Ext2>) -> Result<Kind> {
    Kind::from_mode(inode.mode()).ok_or(corrupted())
}

/// Gives what was made its name, or takes its link away.
fn enter<'a>(
    dir: Exclusive<'_, Ext2>,
    name: &Name<'_>,
    new: NewInode<'a, Ext2>,
) -> Result<NewInode<'a, Ext2>> {
    let entered = kind_of(&new).and_then(|kind| dir::add(dir, name.bytes(), new.ino(), kind));
    match entered {
        Ok(()) => Ok(new),
        Err(error) => {
            new.exclusive().drop_link();
            Err(error)
        }
    }
}

/// Makes a directory in `dir`, which has counted the link of its `..`.
fn make_directory<'a>(
    dir: Exclusive<'a, Ext2>,
    name: &Name<'_>,
    mode: u16,
) -> Result<NewInode<'a, Ext2>> {
    let new = node::make(dir.inode(), Some(name), S_IFDIR | mode, NO_BLOCKS)?;
    // That of its `.`.
    new.exclusive().add_link();
    let made = dir::make_empty(new.exclusive(), dir.ino())
        .and_then(|()| dir::add(dir, name.bytes(), new.ino(), Kind::Directory));
    match made {
        Ok(()) => Ok(new),
        Err(error) => {
            new.clear_links();
            new.mark_dirty();
            Err(error)
        }
    }
}

impl Directory for Ext2 {
    fn lookup<'a>(dir: &'a Inode<Self>, name: &Name<'_>) -> Result<Option<InodeRef<'a, Self>>> {
        if name.bytes().len() > NAME_MAX {
            return Err(name_too_long());
        }
        let Some(found) = dir::find(dir, name.bytes())? else {
            return Ok(None);
        };
        match node::get(dir.sb(), found.ino) {
            Err(error) if error == stale() => {
                dir.sb()
                    .error(format_args!("deleted inode referenced: {}", found.ino));
                Err(EIO)
            }
            got => got.map(Some),
        }
    }

    fn iterate(dir: &Inode<Self>, ctx: &mut DirContext<'_>) -> Result {
        dir::iterate(dir, ctx)
    }

    fn create<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        mode: u16,
    ) -> Result<NewInode<'a, Self>> {
        let new = node::make(dir.inode(), Some(name), mode, NO_BLOCKS)?;
        enter(dir, name, new)
    }

    fn tmpfile(dir: &Inode<Self>, mode: u16) -> Result<NewInode<'_, Self>> {
        node::make(dir, None, mode, NO_BLOCKS)
    }

    fn mknod<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        mode: u16,
        major: u32,
        minor: u32,
    ) -> Result<NewInode<'a, Self>> {
        let content = match Kind::from_mode(mode) {
            Some(Kind::CharDevice | Kind::BlockDevice) => Content::Device(Device { major, minor }),
            // What `mknod()` makes a regular file of.
            Some(Kind::Regular) => NO_BLOCKS,
            _ => Content::Nothing,
        };
        let new = node::make(dir.inode(), Some(name), mode, content)?;
        enter(dir, name, new)
    }

    fn symlink<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        target: &[u8],
    ) -> Result<NewInode<'a, Self>> {
        let new = symlink::make(dir.inode(), name, target)?;
        enter(dir, name, new)
    }

    fn mkdir<'a>(
        dir: Exclusive<'a, Self>,
        name: &Name<'_>,
        mode: u16,
    ) -> Result<NewInode<'a, Self>> {
        // Counted before its contents are written, and both inodes with them.
        dir.add_link();
        make_directory(dir, name, mode).inspect_err(|_| dir.drop_link())
    }

    fn link(inode: Exclusive<'_, Self>, dir: Exclusive<'_, Self>, name: &Name<'_>) -> Result {
        let kind = kind_of(inode.inode())?;
        inode.touch_ctime();
        inode.add_link();
        dir::add(dir, name.bytes(), inode.ino(), kind).inspect_err(|_| {
            inode.drop_link();
        })
    }

    fn unlink(dir: Exclusive<'_, Self>, name: &Name<'_>, inode: Exclusive<'_, Self>) -> Result {
        let found = dir::find(dir.inode(), name.bytes())?.ok_or(ENOENT)?;
        dir::remove(dir, found)?;
        inode.set_ctime_of(dir.inode());
        inode.drop_link();
        Ok(())
    }

    fn rmdir(dir: Exclusive<'_, Self>, name: &Name<'_>, inode: Exclusive<'_, Self>) -> Result {
        if !dir::is_empty(inode.inode())? {
            return Err(not_empty());
        }
        Self::unlink(dir, name, inode)?;
        inode.set_size(0);
        inode.drop_link();
        dir.drop_link();
        Ok(())
    }

    fn rename(
        from: Place<'_, Self>,
        inode: Exclusive<'_, Self>,
        to: Place<'_, Self>,
        replaced: Option<Exclusive<'_, Self>>,
    ) -> Result {
        let kind = kind_of(inode.inode())?;
        let is_dir = kind == Kind::Directory;
        let moves_dir = is_dir && from.dir.ino() != to.dir.ino();
        let old = dir::find(from.dir.inode(), from.name.bytes())?.ok_or(ENOENT)?;
        let parent = match moves_dir {
            true => Some(dir::dot_dot(inode.inode()).map_err(|_| EIO)?),
            false => None,
        };
        if let Some(replaced) = replaced {
            if is_dir && !dir::is_empty(replaced.inode())? {
                return Err(not_empty());
            }
            let new = dir::find(to.dir.inode(), to.name.bytes())?.ok_or(ENOENT)?;
            dir::set(to.dir, new, inode.ino(), kind)?;
            replaced.touch_ctime();
            if is_dir {
                // Its own `.`.
                replaced.drop_link();
            }
            replaced.drop_link();
        } else {
            dir::add(to.dir, to.name.bytes(), inode.ino(), kind)?;
            if is_dir {
                to.dir.add_link();
            }
        }
        inode.touch_ctime();
        inode.mark_dirty();
        // An entry does not move within its directory, but where another was
        // inserted: it is looked for again there.
        let old = match from.dir.ino() == to.dir.ino() {
            true => dir::find(from.dir.inode(), from.name.bytes())?.ok_or(ENOENT)?,
            false => old,
        };
        dir::remove(from.dir, old)?;
        if is_dir {
            let changed = match parent {
                Some(parent) => dir::set_dot_dot(inode, parent, to.dir.ino()),
                None => Ok(()),
            };
            // It has gone from there in any case.
            from.dir.drop_link();
            changed?;
        }
        Ok(())
    }
}

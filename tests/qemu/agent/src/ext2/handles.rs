// SPDX-License-Identifier: GPL-2.0

//! Files opened by handle, as an NFS server does it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::ext2::second::Second;
use crate::suites;
use crate::sys::handle::Handle;

pub const CASES: &[Case] = &[Case::new("handles", suites::EXT2, handles).doc(
    "A handle opens its file after another mount, and no other file, even if that has the \
         inode now.",
)];

fn handles(context: &Context) -> Result<()> {
    let second = Second::mount(context, "")?;
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    let path = dir.join("file");
    fs::write(&path, "by handle")?;
    let (of_file, of_dir) = (Handle::of(&path)?, Handle::of(&dir)?);
    let second = second.again(context)?;

    // Nothing of it is in memory.
    let root = File::open(Second::root())?;
    let mut text = String::new();
    of_file
        .open(&root)
        .context("open_by_handle_at")?
        .read_to_string(&mut text)?;
    ensure!(text == "by handle");
    let opened = of_dir.open(&root)?;
    ensure!(opened.metadata()?.ino() == fs::metadata(&dir)?.ino());

    let inode = fs::metadata(&path)?.ino();
    fs::remove_file(&path)?;
    fails_with(
        of_file.open(&root),
        libc::ESTALE,
        "the handle of a removed file",
    )?;
    // Until one gets its inode; the generation tells them apart.
    let mut others = Vec::new();
    for number in 0..100 {
        let other = dir.join(format!("other-{number}"));
        let file = File::create_new(&other)?;
        others.push(other);
        if file.metadata()?.ino() == inode {
            fails_with(
                of_file.open(&root),
                libc::ESTALE,
                "the handle of another file",
            )?;
            context.note("the inode was used again");
            break;
        }
    }
    for inode in [1, 3, 7, u32::MAX] {
        let forged = of_file.with_inode(inode);
        fails_with(
            forged.open(&root),
            libc::ESTALE,
            "the handle of a reserved inode",
        )?;
    }
    drop((root, opened));
    fs::remove_dir_all(&dir)?;
    second.unmount()
}

// SPDX-License-Identifier: GPL-2.0

//! Reading a directory that changes meanwhile.

use std::collections::BTreeSet;
use std::fs::{self, File};

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{FileType, RawDir};

use crate::case::Case;
use crate::context::Context;
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("readdir_while_changing", suites::EXT2, while_changing).doc(
        "Whoever reads a directory while others change it sees once what was there all the \
         time.",
    ),
    Case::new("readdir_types", suites::EXT2, types)
        .doc("A directory tells the type of each file, itself and its parent included."),
];

const FILES: usize = 800;

/// Reads a little, changes a lot, reads on.
fn while_changing(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let name = |number: usize| format!("{number:04}-{}", "n".repeat(number % 90));
    for number in 0..FILES {
        File::create_new(dir.join(name(number)))?;
    }
    let open = File::open(&dir)?;
    let mut seen = BTreeSet::new();
    let mut buffer = Vec::with_capacity(512);
    let mut reads = 0;
    let mut removed = 0;
    loop {
        let mut some = false;
        let mut reader = RawDir::new(&open, buffer.spare_capacity_mut());
        // One call's entries.
        while let Some(entry) = reader.next() {
            let entry = entry.context("getdents64")?;
            some = true;
            let name = entry.file_name().to_string_lossy().into_owned();
            ensure!(seen.insert(name.clone()), "{name} is seen twice");
            if reader.is_buffer_empty() {
                break;
            }
        }
        if !some {
            break;
        }
        reads += 1;
        // Of each ten one goes and another comes, before and behind the reader.
        for _ in 0..4 {
            if removed < FILES {
                fs::remove_file(dir.join(name(removed)))?;
                File::create_new(dir.join(format!("new-{removed}")))?;
                removed += 10;
            }
        }
    }
    ensure!(reads > 20, "only {reads} reads");
    for number in (0..FILES).filter(|number| number % 10 != 0) {
        ensure!(seen.contains(&name(number)), "{} is not seen", name(number));
    }
    ensure!(seen.contains(".") && seen.contains(".."));
    Ok(())
}

fn types(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    File::create_new(dir.join("file"))?;
    fs::create_dir(dir.join("dir"))?;
    std::os::unix::fs::symlink("x", dir.join("link"))?;
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("fifo"), 0o600.into())?;
    let open = File::open(&dir)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut reader = RawDir::new(&open, buffer.spare_capacity_mut());
    let mut found = BTreeSet::new();
    while let Some(entry) = reader.next() {
        let entry = entry.context("getdents64")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let inode = rustix::fs::statat(
            &open,
            entry.file_name(),
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )?
        .st_ino;
        ensure!(
            entry.ino() == inode,
            "{name}: inode {} instead of {inode}",
            entry.ino()
        );
        found.insert((name, format!("{:?}", entry.file_type())));
    }
    let expected = [
        (".", FileType::Directory),
        ("..", FileType::Directory),
        ("file", FileType::RegularFile),
        ("dir", FileType::Directory),
        ("link", FileType::Symlink),
        ("fifo", FileType::Fifo),
    ];
    let expected = expected.map(|(name, kind)| (name.to_owned(), format!("{kind:?}")));
    ensure!(found == BTreeSet::from(expected), "{found:?}");
    Ok(())
}

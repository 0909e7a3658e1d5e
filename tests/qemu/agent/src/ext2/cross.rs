// SPDX-License-Identifier: GPL-2.0

//! What one driver writes others read.

use std::fs::{self, File};
use std::os::unix::fs::{symlink, FileExt};
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::decode_path;

use crate::case::Case;
use crate::context::Context;
use crate::data::digest;
use crate::data::mirror::open_read;
use crate::init::{mount_main, MOUNT_POINT};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mount;

pub const CASES: &[Case] = &[
    Case::new("cross_tree", suites::EXT2_CROSS, tree)
        .doc("What mke2fs put on the disk is read as it was put there."),
    Case::new("cross_drivers", suites::EXT2_CROSS, drivers)
        .doc("The other drivers that there are read what this one wrote, and the reverse."),
];

const CHUNK: usize = 1 << 20;

fn tree(context: &Context) -> Result<()> {
    read_tree(context)
}

/// Compares all files of the host's tree.
fn read_tree(context: &Context) -> Result<()> {
    let mut buffer = AlignedBuf::new(CHUNK)?;
    let manifest = context.manifest();
    ensure!(manifest.len() > 250, "a tree of {} files", manifest.len());
    for entry in &manifest {
        let path = decode_path(&entry.path).context("a bad path in the manifest")?;
        let path = context.mount_point().join(path);
        let (digest, size) = digest::of_file(&open_read(&path, 0)?, &mut buffer)
            .with_context(|| path.display().to_string())?;
        ensure!(
            (size, &digest) == (entry.size, &entry.sha256),
            "{} differs",
            path.display()
        );
    }
    Ok(())
}

/// A directory with something of everything, marked with `mark`.
fn write(dir: &Path, mark: u8) -> Result<()> {
    fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(dir.join("data"), vec![mark; 700_001])?;
    let sparse = File::create(dir.join("sparse"))?;
    sparse.write_all_at(&[mark; 3000], 70 << 20)?;
    sparse.set_len(80 << 20)?;
    symlink("f".repeat(usize::from(mark)), dir.join("fast"))?;
    symlink("s".repeat(300 + usize::from(mark)), dir.join("slow"))?;
    for number in 0..200 {
        fs::write(dir.join(format!("{number:0150}")), number.to_string())?;
    }
    for number in 0..100 {
        fs::remove_file(dir.join(format!("{:0150}", number * 2)))?;
    }
    rustix::fs::setxattr(
        dir.join("data"),
        "trusted.mark",
        &[mark],
        rustix::fs::XattrFlags::empty(),
    )?;
    Ok(())
}

fn check(dir: &Path, mark: u8) -> Result<()> {
    ensure!(fs::read(dir.join("data"))? == vec![mark; 700_001], "data");
    let sparse = File::open(dir.join("sparse"))?;
    let mut bytes = [1; 4000];
    sparse.read_exact_at(&mut bytes, 70 << 20)?;
    let (data, hole) = bytes.split_at(3000);
    ensure!(data.iter().all(|byte| *byte == mark), "sparse");
    ensure!(
        hole.iter().all(|byte| *byte == 0),
        "the hole behind sparse data"
    );
    sparse.read_exact_at(&mut bytes, 30 << 20)?;
    ensure!(bytes == [0; 4000], "the hole before sparse data");
    ensure!(fs::read_link(dir.join("fast"))?.as_os_str().len() == usize::from(mark));
    ensure!(fs::read_link(dir.join("slow"))?.as_os_str().len() == 300 + usize::from(mark));
    ensure!(
        fs::read_dir(dir)?.count() == 104,
        "{} names",
        fs::read_dir(dir)?.count()
    );
    for number in (1..200).step_by(2) {
        let text = fs::read_to_string(dir.join(format!("{number:0150}")))?;
        ensure!(text == number.to_string(), "file {number}");
    }
    Ok(())
}

fn check_attribute(dir: &Path, mark: u8) -> Result<()> {
    let mut value = [0; 1];
    rustix::fs::getxattr(dir.join("data"), "trusted.mark", &mut value[..])
        .context("the attribute")?;
    ensure!(value == [mark], "the attribute");
    Ok(())
}

/// Filesystem types that the kernel knows and that read ext2.
fn others(context: &Context) -> Result<Vec<&'static str>> {
    let known = fs::read_to_string("/proc/filesystems")?;
    let has = |kind: &&str| known.split_whitespace().any(|word| word == *kind);
    let kinds = ["ext2", "ext2_rs", "ext4"];
    Ok(kinds
        .into_iter()
        .filter(|kind| *kind != context.fs())
        .filter(has)
        .collect())
}

fn drivers(context: &Context) -> Result<()> {
    let root = Path::new(MOUNT_POINT);
    let own = root.join("cross-own");
    write(&own, 41)?;
    let device = context.disk("main")?.path();
    let others = others(context)?;
    ensure!(!others.is_empty(), "there is no other driver");
    for (mark, kind) in (42..).zip(&others) {
        mount::unmount(root)?;
        mount::mount(&device, root, kind, "")?;
        let result = check(&own, 41)
            .and_then(|()| check_attribute(&own, 41))
            .and_then(|()| read_tree(context))
            .and_then(|()| write(&root.join(format!("cross-{kind}")), mark))
            .with_context(|| format!("as {kind}"));
        mount::unmount(root)?;
        mount_main(context.spec())?;
        result?;
        let theirs = root.join(format!("cross-{kind}"));
        check(&theirs, mark).with_context(|| format!("what {kind} wrote"))?;
        // ext4 puts attributes into inodes, where ext2 does not look for them.
        if *kind != "ext4" {
            check_attribute(&theirs, mark).with_context(|| format!("what {kind} wrote"))?;
        }
        fs::remove_dir_all(theirs)?;
        context.note(format!("{kind} and {} agree", context.fs()));
    }
    fs::remove_dir_all(own).context("cannot remove what was written")
}

// SPDX-License-Identifier: GPL-2.0

//! Stores through a mapping to the last page of a file whose end moves within it, which
//! is of several blocks if they are small.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::check::transfers;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open};
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[
    Case::new("stores_after_growth", suites::EXT2, after_growth)
        .doc("What is stored where the file reaches by now is kept, however it grew."),
    Case::new("stores_behind_end", suites::EXT2, behind_end)
        .doc("What was stored behind the end of a file that is cut then is gone for ever."),
];

/// A file that does not fill a block, and bytes of its page that are in others.
const SIZE: usize = 500;
const LATER: [usize; 3] = [1100, 2100, 3100];

/// Makes the file longer than its page.
type Growth = fn(&File) -> Result<()>;

const GROWTHS: [(&str, Growth); 3] = [
    ("a direct write", |file| {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
        let direct = open(path.as_ref(), libc::O_DIRECT)?;
        let block = AlignedBuf::filled(PAGE_SIZE, b'd')?;
        let written = direct.write_at(&block, 2 * PAGE_SIZE as u64);
        transfers(written, PAGE_SIZE, "a direct write")
    }),
    ("a write", |file| {
        Ok(file.write_all_at(b"write", 2 * PAGE_SIZE as u64)?)
    }),
    ("a truncation", |file| {
        Ok(file.set_len(2 * PAGE_SIZE as u64)?)
    }),
];

/// A new file of [`SIZE`] bytes, on the disk.
fn create(context: &Context, name: &str) -> Result<File> {
    let path = context.path(name)?;
    File::create_new(&path)?.write_all_at(&[b'f'; SIZE], 0)?;
    let file = open(&path, 0)?;
    drop_cache(&file)?;
    Ok(file)
}

fn after_growth(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    for (number, (how, grow)) in GROWTHS.iter().enumerate() {
        let file = create(context, &format!("file-{number}"))?;
        let mapping = FileMapping::new(&file, PAGE_SIZE)?;
        // From now on there are no faults, unless the filesystem wants them.
        mapping.write(0, b"first")?;
        grow(&file).context(*how)?;
        for at in LATER {
            mapping.write(at, b"later")?;
        }
        file.sync_all().context("fsync")?;
        drop(mapping);
        drop_cache(&file)?;

        let mut expected = [0; PAGE_SIZE];
        expected[..SIZE].fill(b'f');
        expected[..5].copy_from_slice(b"first");
        for at in LATER {
            expected[at..at + 5].copy_from_slice(b"later");
        }
        expect(&file, &expected).with_context(|| format!("stores after {how}"))?;
    }
    Ok(())
}

/// The first page of the file is that.
fn expect(file: &File, expected: &[u8; PAGE_SIZE]) -> Result<()> {
    let mut found = [0xee; PAGE_SIZE];
    file.read_exact_at(&mut found, 0)?;
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    ensure!(differs.is_none(), "byte {differs:?} is another");
    Ok(())
}

fn behind_end(context: &Context) -> Result<()> {
    for size in [SIZE - 1, 0] {
        let file = create(context, &format!("file-{size}"))?;
        let mapping = FileMapping::new(&file, PAGE_SIZE)?;
        for at in LATER {
            mapping.write(at, b"lost")?;
        }
        file.set_len(size as u64).context("cutting it")?;
        file.set_len(PAGE_SIZE as u64).context("making it longer")?;

        let mut expected = [0; PAGE_SIZE];
        expected[..size].fill(b'f');
        expect(&file, &expected).with_context(|| format!("cut to {size} bytes"))?;
        drop(mapping);
        drop_cache(&file)?;
        expect(&file, &expected).with_context(|| format!("{size} bytes from the disk"))?;
    }
    Ok(())
}

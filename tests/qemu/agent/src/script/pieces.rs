// SPDX-License-Identifier: GPL-2.0

//! Where a bio ends because it has no room for another piece of memory. Pages that
//! are next to each other in memory are one piece.

use anyhow::{bail, ensure, Result};

use super::cached::{Cached, BASE};
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::{page_flags, processor};

pub const CASES: &[Case] = &[
    Case::new("readahead_pieces", SCRIPT, read)
        .doc("A bio that reads has at most 256 pieces; the next page is in another.")
        .holds(&["RD-14"]),
    Case::new("ioend_pieces", SCRIPT, write)
        .doc("An ioend has at most 256 pieces; what follows is another.")
        .holds(&["WB-12"]),
];

/// The most pieces that a bio has.
const MOST: usize = 256;
const PAGES: usize = 600;
const SIZE: usize = PAGES * PAGE_SIZE;

/// How often memory may turn out not to be scattered: what is free may all belong to
/// blocks of pages that the kernel uses for something else.
const ATTEMPTS: usize = 10;

fn read(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    // The free pages that are scattered are those of one processor.
    processor::stay(|| scattered(&fs, "RA", || fs.run(&format!("readahead pos=0 len={SIZE}"))))
}

fn write(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    let dirty_and_sync = || {
        fs.put_all(0, SIZE, 0xCC)?;
        Ok(fs.cache().sync_all()?)
    };
    processor::stay(|| scattered(&fs, "WS", dirty_and_sync))
}

/// Has `work` fill the page cache and do its I/O; the bios must be those that the
/// places of the pages in memory lead to, and more than two.
fn scattered(fs: &Cached, flags: &str, work: impl Fn() -> Result<()>) -> Result<()> {
    let mut tried = Vec::new();
    let mut found = Vec::new();
    for _ in 0..ATTEMPTS {
        fs.restart(&format!(
            "inode size={SIZE}\nextent offset=0 length={SIZE} addr={BASE}\nbuffered"
        ))?;
        // Kept when they do not serve, so that the next attempt gets other memory.
        tried.push(scatter_free_pages()?);
        let ((), bios) = fs.bios(&work)?;
        fs.expect_idle()?;
        let frames = page_flags::frames(&fs.mapping(SIZE)?, SIZE)?;
        let wanted = expected(flags, &frames);
        ensure!(bios == wanted, "bios {bios:?} instead of {wanted:?}");
        if bios.len() > 2 {
            return Ok(());
        }
        found.push(pieces(&frames));
    }
    bail!("{PAGES} pages were never in more than twice {MOST} pieces, but in {found:?}")
}

/// Has the kernel free more than enough pages none of which are neighbours, as long
/// as the result lives: those between them are in use.
fn scatter_free_pages() -> Result<AlignedBuf> {
    let mut buffer = AlignedBuf::filled(4 * SIZE, 1)?;
    let frames = page_flags::frames_of(&buffer)?;
    let odd = frames.iter().filter(|&frame| frame % 2 == 1).count();
    let most = usize::from(odd > frames.len() / 2);
    for (page, frame) in frames.iter().enumerate() {
        if frame % 2 == most {
            buffer.give_back(page * PAGE_SIZE)?;
        }
    }
    Ok(buffer)
}

/// How many pieces of memory these frames are.
fn pieces(frames: &[usize]) -> usize {
    let pairs = frames.iter().zip(frames.iter().skip(1));
    1 + pairs.filter(|&(one, next)| one + 1 != *next).count()
}

/// The bios for a file whose pages have these frames.
fn expected(flags: &str, frames: &[usize]) -> Vec<String> {
    /// Sectors of a page.
    const SECTORS: usize = PAGE_SIZE / 512;
    let mut bios = Vec::new();
    let (mut pages, mut pieces) = (0, 0);
    let mut start = BASE as usize / 512;
    let mut last = None;
    for &frame in frames {
        if last.map(|last: usize| last + 1) != Some(frame) || pieces == 0 {
            if pieces == MOST {
                bios.push(format!("{flags} {start}+{}", pages * SECTORS));
                start += pages * SECTORS;
                (pages, pieces) = (0, 0);
            }
            pieces += 1;
        }
        pages += 1;
        last = Some(frame);
    }
    bios.push(format!("{flags} {start}+{}", pages * SECTORS));
    bios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_piece() {
        let neighbours: Vec<usize> = (0..PAGES).collect();
        assert_eq!(expected("RA", &neighbours), ["RA 128+4800"]);
        let mut others: Vec<usize> = (0..PAGES).map(|page| 2 * page).collect();
        assert_eq!(
            expected("RA", &others),
            ["RA 128+2048", "RA 2176+2048", "RA 4224+704"]
        );
        others.insert(256, 511);
        assert_eq!(
            expected("RA", &others).first().map(String::as_str),
            Some("RA 128+2064")
        );
    }
}

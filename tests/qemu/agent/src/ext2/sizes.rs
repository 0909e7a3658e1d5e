// SPDX-License-Identifier: GPL-2.0

//! Large files: the edges of the tree of blocks, and the largest file.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open};
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("sizes_edges", suites::EXT2, edges)
        .doc("Blocks at the edges of each level of the tree hold what was written, and count."),
    Case::new("sizes_truncate", suites::EXT2, truncate)
        .doc("A truncation frees what is behind it, the blocks of pointers included, no more."),
    Case::new("sizes_limit", suites::EXT2, limit)
        .doc("A file reaches the largest size of the format, and not a byte further."),
];

/// The tree of a file, as ext2 describes it.
struct Tree {
    block: u64,
    pointers: u64,
}

impl Tree {
    fn new(context: &Context) -> Result<Self> {
        let block = context.block_size()?;
        Ok(Self {
            block,
            pointers: block / 4,
        })
    }

    /// The first blocks of each level.
    fn borders(&self) -> [u64; 3] {
        let p = self.pointers;
        [12, 12 + p, 12 + p + p * p]
    }

    /// The blocks of pointers above a block, told apart by numbers.
    fn above(&self, block: u64) -> Vec<(u64, u64)> {
        let p = self.pointers;
        let [single, double, triple] = self.borders();
        if block < single {
            vec![]
        } else if block < double {
            vec![(1, 0)]
        } else if block < triple {
            let at = block - double;
            vec![(2, 0), (3, at / p)]
        } else {
            let at = block - triple;
            vec![(4, 0), (5, at / p / p), (6, at / p)]
        }
    }

    /// What `st_blocks` must be of a file with these blocks of data.
    fn sectors(&self, data: &BTreeSet<u64>) -> u64 {
        let above: BTreeSet<_> = data.iter().flat_map(|&block| self.above(block)).collect();
        (data.len() + above.len()) as u64 * (self.block / 512)
    }

    /// Blocks around all edges, and some from within.
    fn interesting(&self, largest: u64) -> BTreeSet<u64> {
        let p = self.pointers;
        let [single, double, triple] = self.borders();
        let edges = [
            1,
            single,
            double,
            double + p,
            double + 2 * p,
            triple,
            triple + p,
            triple + p * p,
            triple + 3 * p * p + 5 * p + 7,
        ];
        edges
            .into_iter()
            .flat_map(|edge| [edge - 1, edge])
            .filter(|&block| block < largest)
            .collect()
    }
}

/// C's `ext2_max_size()`, worked out for the three block sizes.
fn largest(block: u64) -> Result<u64> {
    match block {
        1024 => Ok(17_247_252_480),
        2048 => Ok(275_415_851_008),
        4096 => Ok(2_196_873_666_560),
        _ => anyhow::bail!("no such block size: {block}"),
    }
}

/// Writes a word to each block.
fn write(file: &File, tree: &Tree, blocks: &BTreeSet<u64>) -> Result<()> {
    for &block in blocks {
        file.write_all_at(&(!block).to_le_bytes(), block * tree.block + 8)
            .with_context(|| format!("block {block}"))?;
    }
    Ok(())
}

fn check(file: &File, tree: &Tree, blocks: &BTreeSet<u64>) -> Result<()> {
    for &block in blocks {
        let mut bytes = vec![0; tree.block as usize];
        file.read_exact_at(&mut bytes, block * tree.block)
            .with_context(|| format!("block {block}"))
            .or_else(|error| match blocks.last() {
                // The last one ends where the file does.
                Some(last) if *last == block => Ok(()),
                _ => Err(error),
            })?;
        let mut expected = vec![0; tree.block as usize];
        expected[8..16].copy_from_slice(&(!block).to_le_bytes());
        ensure!(bytes == expected, "block {block} holds something else");
        // What is between two of them is a hole.
        if !blocks.contains(&(block + 1)) && Some(&block) != blocks.last() {
            file.read_exact_at(&mut bytes, (block + 1) * tree.block)?;
            ensure!(
                bytes.iter().all(|byte| *byte == 0),
                "block {} is no hole",
                block + 1
            );
        }
    }
    Ok(())
}

fn expect_sectors(file: &File, tree: &Tree, blocks: &BTreeSet<u64>, when: &str) -> Result<()> {
    file.sync_all()?;
    let (found, expected) = (file.metadata()?.blocks(), tree.sectors(blocks));
    ensure!(
        found == expected,
        "{when}: {found} sectors instead of {expected}"
    );
    Ok(())
}

fn edges(context: &Context) -> Result<()> {
    let tree = Tree::new(context)?;
    let path = context.path("file")?;
    File::create_new(&path)?;
    let file = open(&path, 0)?;
    let blocks = tree.interesting(largest(tree.block)? / tree.block);
    ensure!(blocks.len() > 12);
    write(&file, &tree, &blocks)?;
    check(&file, &tree, &blocks)?;
    expect_sectors(&file, &tree, &blocks, "after writing")?;
    drop_cache(&file)?;
    check(&file, &tree, &blocks).context("from the disk")
}

fn truncate(context: &Context) -> Result<()> {
    let tree = Tree::new(context)?;
    let path = context.path("file")?;
    File::create_new(&path)?;
    let file = open(&path, 0)?;
    let mut blocks = tree.interesting(largest(tree.block)? / tree.block);
    write(&file, &tree, &blocks)?;
    let cuts: Vec<u64> = blocks.iter().rev().copied().collect();
    for cut in cuts {
        // Just behind the block, in its middle before what it holds, at its start.
        for size in [
            (cut + 1) * tree.block,
            cut * tree.block + 4,
            cut * tree.block,
        ] {
            file.set_len(size)?;
            blocks.retain(|&block| block * tree.block < size);
            expect_sectors(&file, &tree, &blocks, &format!("cut to {size} bytes"))?;
            ensure!(file.metadata()?.len() == size);
            if size % tree.block == 4 {
                // Made longer again, the rest of the block is zeros.
                file.set_len(size + 100)?;
                let mut bytes = [1; 100];
                file.read_exact_at(&mut bytes, size)?;
                ensure!(bytes == [0; 100], "old data behind the cut at {size}");
            }
        }
        check(&file, &tree, &blocks)?;
    }
    ensure!(file.metadata()?.blocks() == 0);
    Ok(())
}

fn limit(context: &Context) -> Result<()> {
    let tree = Tree::new(context)?;
    let largest = largest(tree.block)?;
    let path = context.path("file")?;
    File::create_new(&path)?;
    let file = open(&path, 0)?;
    file.write_all_at(b"end", largest - 3)
        .context("the last bytes")?;
    ensure!(file.metadata()?.len() == largest);
    fails_with(file.write_at(b"x", largest), libc::EFBIG, "a byte more")?;
    fails_with(
        file.set_len(largest + 1),
        libc::EFBIG,
        "a file longer by truncation",
    )?;
    // A write over the limit ends there.
    let count = file.write_at(b"END and more", largest - 3)?;
    ensure!(count == 3, "{count} bytes written over the limit");
    drop_cache(&file)?;
    let mut bytes = [0; 8];
    let count = file.read_at(&mut bytes, largest - 3)?;
    ensure!(
        bytes.get(..count) == Some(b"END"),
        "{count} bytes: {bytes:?}"
    );
    ensure!(file.read_at(&mut bytes, largest)? == 0);
    expect_sectors(
        &file,
        &tree,
        &BTreeSet::from([largest / tree.block - 1]),
        "one block",
    )
}

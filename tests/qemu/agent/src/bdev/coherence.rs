// SPDX-License-Identifier: GPL-2.0

//! One disk, many ways: read, write, mapping, direct I/O see each other's data.

use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result};

use super::region::Region;
use super::{BLOCK_SIZES, KIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::pattern;
use crate::suites::BDEV;
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[
    Case::new("bdev_mapping", BDEV, mapping)
        .doc("Stores through a mapping and writes see each other, and reach the disk."),
    Case::new("bdev_direct", BDEV, direct)
        .doc("Direct I/O sees what is dirty in the cache, and the cache what direct I/O wrote."),
];

const SIZE: usize = 128 * KIB;

fn mapping(context: &Context) -> Result<()> {
    for block in BLOCK_SIZES {
        let mut region = Region::new(context, 0..SIZE as u64, block)?;
        let mapping = FileMapping::new(region.cached(), SIZE)?;
        for (offset, length) in [(100, 50), (4_090, 20), (50_000, 20_000), (SIZE - 1, 1)] {
            let bytes = region.stamp(offset as u64, length)?;
            mapping.write(offset, &bytes)?;
            region.verify_cached()?;
            region.write(offset as u64 / 2, length + 7)?;
            expect_mapped(&mapping, &region)?;
        }
        region.cached().sync_all()?;
        region
            .verify()
            .with_context(|| format!("blocks of {block} bytes"))?;
        expect_mapped(&mapping, &region)?;
    }
    Ok(())
}

fn direct(context: &Context) -> Result<()> {
    for block in BLOCK_SIZES {
        let mut region = Region::new(context, 0..SIZE as u64, block)?;
        let direct = region.direct()?;
        let mapping = FileMapping::new(region.cached(), SIZE)?;
        for (index, sector) in [0, 3, 40, 101].into_iter().enumerate() {
            // Dirty around the place of the direct write, and in it.
            region.write(sector * 512 + 100, 6_000)?;
            region.verify_cached()?;
            let bytes = region.stamp(sector * 512 + 512, 2_048)?;
            direct.write_all_at(&bytes, sector * 512 + 512)?;
            region
                .verify_cached()
                .with_context(|| format!("after direct write {index}"))?;
            expect_mapped(&mapping, &region)?;
            // And the other way round: no sync in between.
            region.write(sector * 512 + 700, 3_000)?;
            let mut found = crate::sys::buffer::AlignedBuf::new(SIZE)?;
            direct.read_exact_at(&mut found, 0)?;
            pattern::compare(region.bytes(), &found, 0).context("a direct read")?;
        }
        region
            .verify()
            .with_context(|| format!("blocks of {block} bytes"))?;
    }
    Ok(())
}

fn expect_mapped(mapping: &FileMapping, region: &Region) -> Result<()> {
    let mut found = vec![0; region.bytes().len()];
    mapping.read(0, &mut found)?;
    pattern::compare(region.bytes(), &found, 0).context("through the mapping")
}

// SPDX-License-Identifier: GPL-2.0

//! FIBMAP of scripted extents.

use anyhow::{ensure, Result};

use super::scripted::Scripted;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::fibmap::device_block;

pub const CASES: &[Case] = &[
    Case::new("bmap_flushes_first", SCRIPT, flushes_first)
        .doc("All dirty pages are written before; if that fails there is no block.")
        .holds(&["BM-1"]),
    Case::new("bmap_asks_once", SCRIPT, asks_once)
        .doc("One mapping of one block is asked for, and the answer is in blocks of the file.")
        .holds(&["BM-2", "BM-3", "IT-13"]),
    Case::new("bmap_only_written_blocks", SCRIPT, only_written_blocks)
        .doc("Anything but a written mapping has no block, and neither has an error.")
        .holds(&["BM-3"]),
];

fn flushes_first(context: &Context) -> Result<()> {
    const SCRIPT_TEXT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";
    let fs = Scripted::new(context, &format!("{SCRIPT_TEXT}\ncache index=9 dirty"))?;
    ensure!(device_block(fs.file(), 0)? == 16);
    fs.expect(&["writepages start=0 end=9223372036854775807", "begin", "end"])?;

    fs.restart(&format!(
        "{SCRIPT_TEXT}\ncache index=9 dirty\nerror writeback=-28"
    ))?;
    ensure!(device_block(fs.file(), 0)? == 0);
    fs.expect(&["writepages ret=-28"])
}

fn asks_once(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for (block_size, block, wanted) in [(4096, 3, 19), (1024, 5, 69), (512, 1, 129)] {
        fs.restart(&format!(
            "inode block_size={block_size} size=65536\nextent offset=0 length=65536 addr=65536"
        ))?;
        let found = device_block(fs.file(), block)?;
        ensure!(found == wanted, "{block_size}: {found}");
        let pos = block_size * block;
        let begin = format!("begin pos={pos} len={block_size} flags=report");
        let end = format!("end pos={pos} len={block_size} written=0 flags=report");
        fs.expect(&[&begin, &end])?;
    }
    Ok(())
}

fn only_written_blocks(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for script in [
        "answer offset=0 length=4096 addr=65536 type=hole",
        "answer offset=0 length=4096 addr=65536 type=unwritten",
        "answer offset=0 length=4096 addr=65536 type=delalloc",
        "answer offset=0 length=4096 addr=65536 type=inline",
        "answer ret=-5",
        "answer offset=0 length=4096 addr=65536\nend ret=-5",
    ] {
        fs.restart(script)?;
        let found = device_block(fs.file(), 0)?;
        ensure!(found == 0, "{script}: {found}");
    }
    Ok(())
}

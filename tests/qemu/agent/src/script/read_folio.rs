// SPDX-License-Identifier: GPL-2.0

//! Filling single folios.

use anyhow::{ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::{skip, Case};
use crate::context::Context;
use crate::null_disk::NullDisk;
use crate::suites::SCRIPT;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("read_folio_plain", SCRIPT, plain)
        .doc("A folio of one block is asked for without flags and read by one bio; it has no state.")
        .holds(&["RD-1", "RD-2", "RD-3", "RD-12", "RD-14", "RD-15", "RD-16"]),
    Case::new("read_folio_small_blocks", SCRIPT, small_blocks)
        .doc("A folio of several blocks gets a state before anything is read, and one bio if it can be.")
        .holds(&["RD-3", "RD-13", "RD-16"]),
    Case::new("read_folio_kinds", SCRIPT, kinds)
        .doc("Holes, reserved, preallocated and new blocks are zeroed, written ones read around them.")
        .holds(&["RD-8", "RD-12", "RD-13"]),
    Case::new("read_folio_only_zeros", SCRIPT, only_zeros)
        .doc("A folio that needs no bio is unlocked by the reader, up to date.")
        .holds(&["RD-8", "RD-18", "RD-22"]),
    Case::new("read_folio_eof", SCRIPT, eof)
        .doc("The block with the end of the file is read whole, those behind it are zeroed.")
        .holds(&["RD-6", "RD-8", "RD-9"]),
    Case::new("read_folio_eof_at_folio", SCRIPT, eof_at_folio)
        .doc("A folio at the very end of the file, and one of an empty file, are zeroed.")
        .holds(&["RD-6", "RD-8"]),
    Case::new("read_folio_skips_valid", SCRIPT, skips_valid)
        .doc("Blocks that are valid are left out at both ends and in the middle.")
        .holds(&["RD-4", "RD-7", "RD-17"]),
    Case::new("read_folio_mapping_in_block", SCRIPT, mapping_in_block)
        .doc("Mappings that begin within a block are counted in bytes.")
        .holds(&["RD-5"]),
    Case::new(
        "read_folio_mapping_ends_in_valid_block",
        SCRIPT,
        mapping_ends_in_valid_block,
    )
    .doc("A mapping that ends within a valid block is skipped to the byte.")
    .holds(&["RD-5", "DIFF-24"]),
    Case::new("read_folio_unmapped", SCRIPT, unmapped)
        .doc("An error of the filesystem is an unlocked folio that is not up to date, and EIO.")
        .holds(&["RD-2", "RD-18"]),
    Case::new("read_folio_error_in_block", SCRIPT, error_in_block)
        .doc("A block that cannot be read fails the folio; the others stay and are not read again.")
        .holds(&["RD-16", "RD-17", "RD-19"]),
    Case::new("read_folio_source_device", SCRIPT, source_device)
        .doc("A read takes the mapping's device and place, and looks at the source for what it is.")
        .holds(&["RD-8", "RD-14"]),
    Case::new("read_folio_two_devices", SCRIPT, two_devices)
        .doc("A bio ends where the device changes, even if the sectors go on.")
        .holds(&["DIFF-12"]),
    Case::new("read_folio_large", SCRIPT, large)
        .doc("A large folio is read by one bio of as many pages.")
        .holds(&["RD-3", "RD-14"]),
];

const PLAIN: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered";

fn plain(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    fs.expect_bios(&["R 136+8"], || fs.run("read_folio pos=4096"))?;
    fs.expect(&[
        "read_folio pos=4096 size=4096",
        "begin pos=4096 len=4096 flags=- private=0",
        "end pos=4096 len=4096 written=4096 flags=-",
        "read_folio_return ret=0 uptodate=1",
    ])?;
    fs.expect_folio(1, "uptodate=1 dirty=0 locked=0 state=none")?;
    let ((), events) = trace::record(&["iomap/iomap_readpage"], || fs.run("read_folio pos=8192"))?;
    let [event] = events.as_slice() else {
        anyhow::bail!("not one event but {events:?}");
    };
    ensure!(event.number("nr_pages")? == 1, "{event:?}");
    fs.expect_contents(4096, &stored(BASE + 4096, 8192))
}

fn small_blocks(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    fs.restart(&format!("inode block_size=512\n{PLAIN}"))?;
    fs.expect_bios(&["R 128+8"], || fs.run("read_folio pos=0"))?;
    fs.expect_folio(
        0,
        "uptodate=1 state=blocks uptodate_blocks=0-7 dirty_blocks= reading=0",
    )?;
    fs.expect_contents(0, &stored(BASE, 4096))?;

    // The state is there even if the first mapping fails to be one of blocks.
    fs.restart(
        "inode size=4096 block_size=1024\nextent offset=0 length=1024 addr=65536\nbuffered",
    )?;
    fs.expect_bios(&["R 128+2"], || fs.run("read_folio pos=0"))?;
    fs.expect_folio(0, "uptodate=1 state=blocks uptodate_blocks=0-3")
}

fn kinds(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=4096 block_size=512\n\
         extent offset=0 length=512 addr=65536\n\
         extent offset=1024 length=512 addr=66560\n\
         extent offset=1536 length=512 type=delalloc\n\
         extent offset=2048 length=512 addr=67584\n\
         extent offset=2560 length=512 addr=68096 type=unwritten\n\
         extent offset=3072 length=512 addr=68608 flags=new\n\
         extent offset=3584 length=512 addr=69120\n\
         buffered",
    )?;
    fs.expect_bios(&["R 128+1", "R 130+1", "R 132+1", "R 135+1"], || {
        fs.run("read_folio pos=0")
    })?;
    fs.expect_only(
        "begin",
        &[
            "begin pos=0 len=4096 type=mapped",
            "begin pos=512 len=3584 type=hole",
            "begin pos=1024 len=3072",
            "begin pos=1536 type=delalloc",
            "begin pos=2048",
            "begin pos=2560 type=unwritten",
            "begin pos=3072 mapflags=new",
            "begin pos=3584 len=512",
        ],
    )?;
    let mut wanted = stored(BASE, 4096);
    for (pos, length) in [(512, 512), (1536, 512), (2560, 1024)] {
        wanted = overlay(wanted, pos, length, 0);
    }
    fs.expect_contents(0, &wanted)?;
    fs.expect_idle()
}

fn only_zeros(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "inode size=4096 block_size=1024\nbuffered")?;
    fs.expect_bios(&[], || fs.run("read_folio pos=0"))?;
    fs.expect_of(
        &["begin", "read_folio_return"],
        &["begin type=hole", "read_folio_return ret=0 uptodate=1"],
    )?;
    fs.expect_folio(
        0,
        "uptodate=1 locked=0 state=blocks uptodate_blocks=0-3 reading=0",
    )?;
    fs.expect_contents(0, &[0; 4096])
}

fn eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (size, bio) in [(1, "R 128+2"), (1024, "R 128+2"), (1025, "R 128+4")] {
        fs.restart(&format!(
            "inode size={size} block_size=1024\nextent offset=0 length=65536 addr=65536\nbuffered"
        ))?;
        fs.expect_bios(&[bio], || fs.run("read_folio pos=0"))?;
        fs.expect_folio(0, "uptodate=1 uptodate_blocks=0-3")?;
        // The whole block was read, all behind it is zero.
        fs.run("inode size=4096")?;
        let read = if size > 1024 { 2048 } else { 1024 };
        fs.expect_contents(0, &overlay(stored(BASE, 4096), read, 4096 - read, 0))?;
    }
    Ok(())
}

fn eof_at_folio(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (size, pos) in [(0, 0), (4096, 4096), (4096, 8192)] {
        fs.restart(&format!(
            "inode size={size} block_size=1024\nextent offset=0 length=65536 addr=65536\nbuffered"
        ))?;
        fs.expect_bios(&[], || fs.run(&format!("read_folio pos={pos}")))?;
        fs.expect_only("begin", &[&format!("begin pos={pos} len=4096")])?;
        fs.expect_folio(pos / 4096, "uptodate=1 uptodate_blocks=0-3 locked=0")?;
        fs.run("inode size=65536")?;
        fs.expect_contents(pos, &[0; 4096])?;
    }
    Ok(())
}

fn skips_valid(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    // Each write makes its block valid without reading the others.
    for (blocks, bios) in [
        (&[0][..], &["R 129+7"][..]),
        (&[7], &["R 128+7"]),
        (&[3], &["R 128+3", "R 132+4"]),
        (&[0, 1, 4, 7], &["R 130+2", "R 133+2"]),
        (&[0, 2, 3, 4, 5, 6], &["R 129+1", "R 135+1"]),
    ] {
        fs.restart(&format!("inode block_size=512\n{PLAIN}"))?;
        let mut wanted = stored(BASE, 4096);
        for &block in blocks {
            fs.expect_bios(&[], || fs.put_all(block * 512, 512, 0xCC))?;
            wanted = overlay(wanted, (block * 512) as usize, 512, 0xCC);
        }
        fs.expect_bios(bios, || fs.run("read_folio pos=0"))?;
        fs.expect_folio(0, "uptodate=1 dirty=1 uptodate_blocks=0-7 reading=0")?;
        fs.expect_contents(0, &wanted)?;
    }
    Ok(())
}

fn mapping_in_block(context: &Context) -> Result<()> {
    // Blocks of 2 KiB, mappings that begin and end at sectors within them.
    let fs = Cached::new(
        context,
        "inode size=4096 block_size=2048\n\
         extent offset=0 length=512 addr=65536\n\
         extent offset=512 length=2048 addr=66048\n\
         extent offset=2560 length=1536 addr=68096\nbuffered",
    )?;
    fs.expect_bios(&["R 128+8"], || fs.run("read_folio pos=0"))?;
    fs.expect_only(
        "begin",
        &[
            "begin pos=0 len=4096",
            "begin pos=512 len=3584",
            "begin pos=2560 len=1536",
        ],
    )?;
    fs.expect_folio(0, "uptodate=1 uptodate_blocks=0-1 reading=0")?;
    fs.expect_contents(0, &stored(BASE, 4096))?;

    // The zeros of the first mapping make all of their block valid: the second
    // mapping skips what it has of that, to the byte.
    fs.restart(
        "inode size=4096 block_size=2048\nextent offset=512 length=3584 addr=66048\nbuffered",
    )?;
    fs.expect_bios(&["R 132+4"], || fs.run("read_folio pos=0"))?;
    fs.expect_only(
        "begin",
        &["begin pos=0 type=hole", "begin pos=512 len=3584"],
    )?;
    fs.expect_folio(0, "uptodate=1 uptodate_blocks=0-1 reading=0")
}

fn mapping_ends_in_valid_block(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine reads into other memory");
    }
    let fs = Cached::new(
        context,
        "inode size=4096 block_size=2048\nextent offset=0 length=65536 addr=65536\nbuffered",
    )?;
    fs.put_all(0, 2048, 0xCC)?;
    fs.clear_log()?;
    fs.run("answer offset=0 length=512 addr=65536")?;
    fs.expect_bios(&["R 132+4"], || fs.run("read_folio pos=0"))?;
    fs.expect_only("begin", &["begin pos=0", "begin pos=512 len=3584"])?;
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 0, 2048, 0xCC))
}

fn unmapped(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    fs.restart(&format!("{PLAIN}\nanswer ret=-28"))?;
    fs.run("read_folio pos=0")?;
    fs.expect(&[
        "read_folio",
        "begin ret=-28",
        "read_folio_return ret=0 uptodate=0",
    ])?;
    fs.expect_folio(0, "uptodate=0 locked=0")?;
    // The second of two mappings: what was read before is no use.
    fs.restart(&format!(
        "inode block_size=1024\n{PLAIN}\nanswer offset=0 length=1024 addr=65536\nanswer ret=-5"
    ))?;
    fs.run("read_folio pos=0")?;
    fs.expect_folio(
        0,
        "uptodate=0 locked=0 state=blocks uptodate_blocks=0 reading=0",
    )?;
    // read() has both the readahead and the folio fail.
    fs.restart(&format!("{PLAIN}\nanswer ret=-28\nanswer ret=-28"))?;
    expect_errno(fs.get(0, 4096), libc::EIO)?;
    fs.expect_idle()
}

fn error_in_block(context: &Context) -> Result<()> {
    // Behind the end of the device: fails while it is being submitted, when the
    // next block is not queued yet.
    const BEYOND: u64 = 1 << 40;
    let fs = Cached::new(
        context,
        &format!(
            "inode size=4096 block_size=1024\nbuffered\n\
             answer offset=0 length=1024 addr={BEYOND}\n\
             answer offset=1024 length=1024 addr=66560\n\
             answer offset=2048 length=1024 addr={BEYOND}\n\
             answer offset=3072 length=1024 addr=68608\n\
             extent offset=0 length=4096 addr=65536"
        ),
    )?;
    fs.run("read_folio pos=0")?;
    fs.expect_only("read_folio_return", &["read_folio_return ret=0 uptodate=0"])?;
    fs.expect_folio(
        0,
        "uptodate=0 locked=0 state=blocks uptodate_blocks=1,3 reading=0",
    )?;
    fs.expect_bios(&["R 128+2", "R 132+2"], || fs.run("read_folio pos=0"))?;
    fs.expect_folio(0, "uptodate=1 locked=0 uptodate_blocks=0-3 reading=0")?;
    fs.expect_contents(0, &stored(BASE, 4096))
}

fn source_device(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536\nbuffered\n\
         answer offset=0 length=4096 addr=65536 type=unwritten src offset=0 length=4096 addr=131072\n\
         answer offset=4096 length=4096 addr=69632 src offset=4096 length=4096 type=unwritten",
    )?;
    fs.expect_bios(&["R 128+8"], || fs.run("read_folio pos=0"))?;
    fs.expect_bios(&[], || fs.run("read_folio pos=4096"))?;
    let mut wanted = stored(BASE, 4096);
    wanted.extend([0; 4096]);
    fs.expect_contents(0, &wanted)
}

fn two_devices(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine reads on from the first device");
    }
    let disk = NullDisk::with_cache(true)?;
    let options = format!("bdev2={}", disk.path().display());
    let fs = Cached::with_options(
        context,
        &options,
        "inode size=4096 block_size=2048\n\
         extent offset=0 length=2048 addr=65536\n\
         extent offset=2048 length=2048 addr=67584 bdev=1\nbuffered",
    )?;
    fs.expect_bios(&["R 128+4"], || fs.run("read_folio pos=0"))?;
    // The other device holds zeros.
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 2048, 2048, 0))
}

fn large(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=131072\nextent offset=0 length=131072 addr=65536\nbuffered large=65536",
    )?;
    fs.expect_bios(&["R 256+128"], || fs.run("read_folio pos=65536 size=65536"))?;
    fs.expect_of(
        &["read_folio", "begin"],
        &[
            "read_folio pos=65536 size=65536",
            "begin pos=65536 len=65536",
        ],
    )?;
    fs.expect_folio(
        16,
        "size=65536 uptodate=1 state=blocks uptodate_blocks=0-15",
    )?;
    fs.expect_contents(65536, &stored(BASE + 65536, 65536))
}

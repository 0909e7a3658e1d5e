// SPDX-License-Identifier: GPL-2.0

//! What was counted, and the file that it goes to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A translated block. QEMU may translate the same code again: then there are two.
pub struct Block {
    address: u64,
    instructions: u64,
    times: AtomicU64,
}

impl Block {
    pub fn address(&self) -> u64 {
        self.address
    }

    pub fn entered(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
    }
}

/// An instruction that pushes.
pub struct Spot {
    address: u64,
    /// Bytes of stack in use after it, at most.
    depth: AtomicU64,
}

impl Spot {
    pub fn reached(&self, depth: u64) {
        self.depth.fetch_max(depth, Ordering::Relaxed);
    }
}

/// All that there is. Blocks and spots are never freed: QEMU keeps pointers.
pub struct Record {
    file: Mutex<File>,
    blocks: Mutex<Vec<&'static Block>>,
    spots: Mutex<Vec<&'static Spot>>,
}

impl Record {
    pub fn create(path: &str) -> io::Result<Self> {
        Ok(Self {
            file: Mutex::new(File::create(path)?),
            blocks: Mutex::default(),
            spots: Mutex::default(),
        })
    }

    pub fn block(&self, address: u64, instructions: u64) -> &'static Block {
        let block: &'static Block = Box::leak(Box::new(Block {
            address,
            instructions,
            times: AtomicU64::new(0),
        }));
        locked(&self.blocks).push(block);
        block
    }

    pub fn spot(&self, address: u64) -> &'static Spot {
        let spot: &'static Spot = Box::leak(Box::new(Spot {
            address,
            depth: AtomicU64::new(0),
        }));
        locked(&self.spots).push(spot);
        spot
    }

    /// Writes a line with all counts and sets them to zero.
    pub fn finish(&self) {
        let mut blocks: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for block in locked(&self.blocks).iter() {
            let times = block.times.swap(0, Ordering::Relaxed);
            if times > 0 {
                *blocks
                    .entry((block.address, block.instructions))
                    .or_default() += times;
            }
        }
        let mut depths: BTreeMap<u64, u64> = BTreeMap::new();
        for spot in locked(&self.spots).iter() {
            let depth = spot.depth.swap(0, Ordering::Relaxed);
            if depth > 0 {
                let most = depths.entry(spot.address).or_default();
                *most = depth.max(*most);
            }
        }
        let blocks: Vec<String> = blocks
            .iter()
            .map(|((address, instructions), times)| format!("[{address},{instructions},{times}]"))
            .collect();
        let depths: Vec<String> = depths
            .iter()
            .map(|(address, depth)| format!("[{address},{depth}]"))
            .collect();
        let line = format!(
            "{{\"blocks\":[{}],\"depths\":[{}]}}\n",
            blocks.join(","),
            depths.join(",")
        );
        let mut file = locked(&self.file);
        if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.flush()) {
            eprintln!("iomap-bench-plugin: cannot write: {error}");
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

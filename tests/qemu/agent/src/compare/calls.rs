// SPDX-License-Identifier: GPL-2.0

//! System calls that are taken down: each is a line with its arguments and what
//! came of it, and stands in the trace before what it causes.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::time::{clock_settime, ClockId, Timespec};

use crate::data::digest;
use crate::data::pattern::Stamp;
use crate::sys::huge::HugeBuf;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;
use crate::trace::Marker;

/// Bytes that one call can transfer at most.
const MEMORY: usize = 4 << 20;

/// From the start of a piece of memory to that of the next, which is no neighbour then.
const STRIDE: usize = 8 << 10;

/// What memory holds before something is read into it.
pub const UNREAD: u8 = 0x5A;

/// When workloads begin, in seconds since 1970.
const START: i64 = 1_900_000_000;

/// What a workload does, so far.
pub struct Calls<'a> {
    dir: PathBuf,
    marker: &'a Marker,
    /// Of huge pages, so that direct I/O makes the same bios of it in every run.
    memory: HugeBuf,
    /// Of the data that is written next.
    generation: u32,
    lines: Vec<String>,
    names: Vec<String>,
    /// What kept a call from being made, the first time.
    broken: Option<String>,
}

/// What a workload did.
pub struct Called {
    pub lines: Vec<String>,
    pub names: Vec<String>,
    pub broken: Option<String>,
}

/// An open file with the name that its calls go by.
pub struct Handle {
    pub name: String,
    pub file: File,
}

impl<'a> Calls<'a> {
    pub fn new(dir: &Path, marker: &'a Marker) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            marker,
            memory: HugeBuf::new(MEMORY).context("no memory of huge pages")?,
            generation: 0,
            lines: Vec::new(),
            names: Vec::new(),
            broken: None,
        })
    }

    /// The calls as lines, and the names of the files that were opened.
    pub fn finish(self) -> Called {
        Called {
            lines: self.lines,
            names: self.names,
            broken: self.broken,
        }
    }

    /// Carries out a call that `text` describes. The kernel's errors are results as others
    /// are: what a workload does next does not depend on them. If it could not even be
    /// made, the workload has failed: both sides would have the same line.
    pub fn call<T: Display>(
        &mut self,
        text: &str,
        work: impl FnOnce(&mut HugeBuf) -> io::Result<T>,
    ) {
        let number = self.lines.len() + 1;
        let text = format!("{number} {text}");
        let ready = set_clock(number).and_then(|()| self.marker.mark(&text));
        let result = ready.and_then(|()| result_line(work(&mut self.memory)));
        let result = result.unwrap_or_else(|error| {
            let broken = format!("{text}: {error}");
            self.broken.get_or_insert(broken);
            "not made".to_owned()
        });
        self.lines.push(format!("{text} = {result}"));
    }

    /// Opens or makes a file; a workload cannot go on without.
    pub fn open(&mut self, name: &str, flags: libc::c_int) -> Result<Handle> {
        let path = self.dir.join(name);
        let mut opened = None;
        self.call(&format!("open({name}, {flags:#o})"), |_| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .custom_flags(flags)
                .open(&path)?;
            opened = Some(file);
            Ok(0)
        });
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        let file = opened.with_context(|| format!("cannot open {}", path.display()))?;
        let name = name.to_owned();
        Ok(Handle { name, file })
    }

    /// Writes data that no other call writes.
    pub fn write(&mut self, handle: &Handle, offset: usize, length: usize) {
        let stamp = self.stamp();
        self.call(
            &format!("pwrite({}, {offset}, {length})", handle.name),
            |memory| {
                let data = part(memory, 0, length)?;
                stamp.fill(data, offset as u64);
                handle.file.write_at(data, offset as u64)
            },
        );
    }

    /// Writes from memory that starts `skip` bytes behind a page's start, with
    /// `RWF_` flags.
    pub fn write_with(
        &mut self,
        handle: &Handle,
        (offset, length): (usize, usize),
        skip: usize,
        flags: libc::c_int,
    ) {
        let stamp = self.stamp();
        let name = &handle.name;
        let text = format!("pwritev2({name}, {offset}, {length}, memory {skip}, {flags:#x})");
        self.call(&text, |memory| {
            let data = part(memory, skip, length)?;
            stamp.fill(data, offset as u64);
            raw_io::write_vectored(&handle.file, &[IoSlice::new(data)], offset as u64, flags)
        });
    }

    /// Writes at the end of a file that was opened for that.
    pub fn append(&mut self, handle: &Handle, length: usize) {
        let stamp = self.stamp();
        self.call(&format!("append({}, {length})", handle.name), |memory| {
            let data = part(memory, 0, length)?;
            stamp.fill(data, 0);
            io::Write::write(&mut &handle.file, data)
        });
    }

    /// Reads, and digests what was read.
    pub fn read(&mut self, handle: &Handle, offset: usize, length: usize) {
        let text = format!("pread({}, {offset}, {length})", handle.name);
        self.call(&text, |memory| {
            let data = part(memory, 0, length)?;
            data.fill(UNREAD);
            let count = handle.file.read_at(data, offset as u64)?;
            Ok(read_line(data, count))
        });
    }

    /// Reads into memory that starts `skip` bytes behind a page's start, with `RWF_`
    /// flags.
    pub fn read_with(
        &mut self,
        handle: &Handle,
        (offset, length): (usize, usize),
        skip: usize,
        flags: libc::c_int,
    ) {
        let name = &handle.name;
        let text = format!("preadv2({name}, {offset}, {length}, memory {skip}, {flags:#x})");
        self.call(&text, |memory| {
            let data = part(memory, skip, length)?;
            data.fill(UNREAD);
            let count = {
                let vectors = &mut [IoSliceMut::new(data)];
                raw_io::read_vectored(&handle.file, vectors, offset as u64, flags)?
            };
            Ok(read_line(data, count))
        });
    }

    /// Writes from pieces of memory of those lengths, each at the start of a page that is
    /// no neighbour of the one before.
    pub fn write_pieces(&mut self, handle: &Handle, offset: usize, lengths: &[usize]) {
        let stamp = self.stamp();
        let text = format!("pwritev({}, {offset}, {})", handle.name, told(lengths));
        self.call(&text, |memory| {
            let mut position = offset as u64;
            let mut vectors = Vec::new();
            for data in pieces(memory, lengths) {
                stamp.fill(data, position);
                position += data.len() as u64;
                vectors.push(IoSlice::new(data));
            }
            raw_io::write_vectored(&handle.file, &vectors, offset as u64, 0)
        });
    }

    /// Reads into such pieces.
    pub fn read_pieces(&mut self, handle: &Handle, offset: usize, lengths: &[usize]) {
        let text = format!("preadv({}, {offset}, {})", handle.name, told(lengths));
        self.call(&text, |memory| {
            let mut vectors = Vec::new();
            for data in pieces(memory, lengths) {
                data.fill(UNREAD);
                vectors.push(IoSliceMut::new(data));
            }
            let count = raw_io::read_vectored(&handle.file, &mut vectors, offset as u64, 0)?;
            let data: Vec<u8> = vectors
                .iter()
                .flat_map(|piece| piece.iter().copied())
                .collect();
            Ok(read_line(&data, count))
        });
    }

    /// A call that returns nothing but success.
    pub fn plain<T, E: Into<io::Error>>(
        &mut self,
        text: &str,
        work: impl FnOnce() -> Result<T, E>,
    ) {
        self.call(text, |_| work().map(|_| 0).map_err(Into::into));
    }

    /// A shared mapping of the start of a file.
    pub fn map(&mut self, handle: &Handle, length: usize) -> Result<FileMapping> {
        let mut mapping = None;
        self.plain(&format!("mmap({}, {length})", handle.name), || {
            mapping = Some(FileMapping::new(&handle.file, length)?);
            Ok::<(), io::Error>(())
        });
        mapping.with_context(|| format!("cannot map {}", handle.name))
    }

    /// Stores to mapped memory, which must not lie behind the end of the file.
    pub fn store(&mut self, mapping: &FileMapping, offset: usize, length: usize) {
        let stamp = self.stamp();
        self.call(&format!("store({offset}, {length})"), |memory| {
            let data = part(memory, 0, length)?;
            stamp.fill(data, offset as u64);
            mapping.write(offset, data).map(|()| length)
        });
    }

    /// Loads from mapped memory, which must not lie behind the end of the file.
    pub fn load(&mut self, mapping: &FileMapping, offset: usize, length: usize) {
        self.call(&format!("load({offset}, {length})"), |memory| {
            let data = part(memory, 0, length)?;
            mapping.read(offset, data)?;
            Ok(read_line(data, length))
        });
    }

    /// Data that differs from that of every other call.
    pub fn stamp(&mut self) -> Stamp {
        self.generation += 1;
        Stamp {
            file: 1,
            generation: self.generation,
        }
    }
}

/// Each call has a second of its own. Otherwise it would depend on the clock's ticks
/// whether a file has a new time of modification, which makes its inode dirty.
fn set_clock(call: usize) -> io::Result<()> {
    let time = Timespec {
        tv_sec: START.saturating_add_unsigned(call as u64),
        tv_nsec: 0,
    };
    Ok(clock_settime(ClockId::Realtime, time)?)
}

/// What a call came to. An error without a number is none of the kernel's: the call was not
/// made as it should have been.
pub fn result_line<T: Display>(result: io::Result<T>) -> io::Result<String> {
    match result {
        Ok(value) => Ok(value.to_string()),
        Err(error) => match error.raw_os_error() {
            Some(number) => Ok(format!("error {number}")),
            None => Err(error),
        },
    }
}

/// The result of a read: how much, and a digest of it.
fn read_line(data: &[u8], count: usize) -> String {
    let sha256 = digest::of_bytes(data.get(..count).unwrap_or_default());
    format!("{count}, {sha256}")
}

/// `300 pieces of 4096` or `pieces of [512, 3584]`
fn told(lengths: &[usize]) -> String {
    match lengths {
        [first, rest @ ..] if rest.iter().all(|length| length == first) => {
            format!("{} pieces of {first}", lengths.len())
        }
        _ => format!("pieces of {lengths:?}"),
    }
}

/// A piece of each length; what does not fit into its stride is cut.
fn pieces<'m>(memory: &'m mut HugeBuf, lengths: &'m [usize]) -> impl Iterator<Item = &'m mut [u8]> {
    let places = memory.chunks_mut(STRIDE).zip(lengths);
    places.map(|(place, length)| place.get_mut(..*length).unwrap_or_default())
}

fn part(memory: &mut HugeBuf, skip: usize, length: usize) -> io::Result<&mut [u8]> {
    memory
        .get_mut(skip..skip + length)
        .ok_or(io::ErrorKind::InvalidInput.into())
}

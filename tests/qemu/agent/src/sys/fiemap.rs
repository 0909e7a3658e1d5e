// SPDX-License-Identifier: GPL-2.0

//! The `FIEMAP` ioctl: the extents of a file.

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::ptr;

/// `_IOWR('f', 11, struct fiemap)` of `linux/fs.h`.
const FS_IOC_FIEMAP: libc::c_ulong = 0xc020_660b;

/// Flags of a request (`linux/fiemap.h`).
pub const FLAG_SYNC: u32 = 1;
pub const FLAG_XATTR: u32 = 2;

/// Flags of an extent (`linux/fiemap.h`).
pub const EXTENT_LAST: u32 = 0x1;
pub const EXTENT_UNKNOWN: u32 = 0x2;
pub const EXTENT_DELALLOC: u32 = 0x4;
pub const EXTENT_DATA_INLINE: u32 = 0x200;
pub const EXTENT_UNWRITTEN: u32 = 0x800;
pub const EXTENT_MERGED: u32 = 0x1000;
pub const EXTENT_SHARED: u32 = 0x2000;

/// `struct fiemap` without its array.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Header {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
}

/// `struct fiemap_extent`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// One extent, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub logical: u64,
    pub physical: u64,
    pub length: u64,
    pub flags: u32,
}

impl Extent {
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// End of the extent in the file.
    pub fn end(&self) -> u64 {
        self.logical + self.length
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Request {
    pub start: u64,
    pub length: u64,
    pub flags: u32,
    /// Room for that many extents; 0 just counts.
    pub room: u32,
}

impl Request {
    /// The whole file.
    pub const ALL: Self = Self {
        start: 0,
        length: u64::MAX,
        flags: FLAG_SYNC,
        room: 1024,
    };
}

/// What the kernel says.
pub struct Answer {
    /// The extents that it filled in.
    pub extents: Vec<Extent>,
    /// `fm_mapped_extents`.
    pub mapped: u32,
}

/// Asks for extents. With an error comes what it leaves in `fm_flags`: on `EBADR`
/// the flags that the filesystem does not know.
pub fn ask(file: &File, request: Request) -> Result<Answer, (io::Error, u32)> {
    let room = request.room as usize;
    let bytes = size_of::<Header>() + room * size_of::<RawExtent>();
    // Words keep the alignment of both structures.
    let mut memory = vec![0_u64; bytes / size_of::<u64>()];
    let header = Header {
        start: request.start,
        length: request.length,
        flags: request.flags,
        extent_count: request.room,
        ..Header::default()
    };
    let base: *mut Header = memory.as_mut_ptr().cast();
    // SAFETY: `memory` has room for the header, aligned.
    unsafe { base.write(header) };
    // SAFETY: the ioctl touches the header and `extent_count` extents, which
    // `memory` has room for.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, base) };
    let error = io::Error::last_os_error();
    // SAFETY: plain integers, initialised above.
    let header = unsafe { ptr::read(base) };
    if result != 0 {
        return Err((error, header.flags));
    }
    let filled = room.min(header.mapped_extents as usize);
    let extents = (0..filled)
        .map(|index| {
            // SAFETY: `index` is below the number of extents in `memory`.
            let raw = unsafe { ptr::read(base.add(1).cast::<RawExtent>().add(index)) };
            Extent {
                logical: raw.logical,
                physical: raw.physical,
                length: raw.length,
                flags: raw.flags,
            }
        })
        .collect();
    Ok(Answer {
        extents,
        mapped: header.mapped_extents,
    })
}

/// Asks for `extents` extents, with the header at the end of `memory`: behind it, where
/// there is nothing, is where they would go.
pub fn ask_beyond(file: &File, memory: &mut [u8], extents: u32) -> io::Result<()> {
    let at = memory.len().checked_sub(size_of::<Header>());
    let place = at.and_then(|at| memory.get_mut(at..));
    let base: *mut Header = place
        .ok_or(io::ErrorKind::InvalidInput)?
        .as_mut_ptr()
        .cast();
    let header = Header {
        length: u64::MAX,
        extent_count: extents,
        ..Header::default()
    };
    // SAFETY: `memory` has room for the header.
    unsafe { base.write_unaligned(header) };
    // SAFETY: the ioctl touches the header; what is behind it the kernel checks.
    if unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, base) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// All extents of a file, after its dirty pages are written.
pub fn extents(file: &File) -> io::Result<Vec<Extent>> {
    let mut all: Vec<Extent> = Vec::new();
    loop {
        let start = all.last().map_or(0, Extent::end);
        let answer = ask(
            file,
            Request {
                start,
                ..Request::ALL
            },
        )
        .map_err(|(error, _)| error)?;
        let last = answer.extents.last().copied();
        all.extend(answer.extents);
        match last {
            Some(extent) if !extent.has(EXTENT_LAST) && extent.end() > start => {}
            _ => return Ok(all),
        }
    }
}

/// Room for the extents of a file, to be asked for again and again.
pub struct Room {
    /// Words keep the alignment of both structures.
    memory: Vec<u64>,
    extents: u32,
}

impl Room {
    pub fn new(extents: u32) -> Self {
        let bytes = size_of::<Header>() + extents as usize * size_of::<RawExtent>();
        let memory = vec![0; bytes / size_of::<u64>()];
        Self { memory, extents }
    }

    /// Asks for all extents, without writing back first; how many there were.
    pub fn ask(&mut self, file: &File) -> io::Result<u32> {
        let base: *mut Header = self.memory.as_mut_ptr().cast();
        let header = Header {
            length: u64::MAX,
            extent_count: self.extents,
            ..Header::default()
        };
        // SAFETY: `memory` has room for the header, aligned.
        unsafe { base.write(header) };
        // SAFETY: the ioctl touches the header and `extent_count` extents, which
        // `memory` has room for.
        if unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, base) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: plain integers, initialised above.
        Ok(unsafe { ptr::read(base) }.mapped_extents)
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Linux's native asynchronous I/O, by the system calls under libaio.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use anyhow::{ensure, Context as _, Result};

use crate::transfer::{Direction, Transfer};

const IOCB_CMD_PREAD: u16 = 0;
const IOCB_CMD_PWRITE: u16 = 1;

/// `struct iocb` of `linux/aio_abi.h`, little endian.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Iocb {
    data: u64,
    key: u32,
    rw_flags: i32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    result_fd: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Event {
    data: u64,
    iocb: u64,
    result: i64,
    result2: i64,
}

/// An `aio_context_t`; dropping it waits for what is in flight.
pub struct Queue(libc::c_ulong);

impl Queue {
    /// A queue for `depth` transfers at a time.
    pub fn new(depth: usize) -> io::Result<Self> {
        let mut id: libc::c_ulong = 0;
        // SAFETY: the kernel writes the id.
        check(unsafe { libc::syscall(libc::SYS_io_setup, depth, &raw mut id) })?;
        Ok(Self(id))
    }

    fn submit(&self, iocbs: &mut [Iocb]) -> io::Result<usize> {
        let mut pointers: Vec<*mut Iocb> = iocbs.iter_mut().map(|iocb| &raw mut *iocb).collect();
        // SAFETY: the kernel copies the iocbs in this call; the buffers that
        // they name are borrowed by `run` until all events are there.
        check(unsafe {
            libc::syscall(
                libc::SYS_io_submit,
                self.0,
                pointers.len(),
                pointers.as_mut_ptr(),
            )
        })
    }

    /// Waits for one event at least; over interruptions, too: livepatch sends
    /// signals of a kind to tasks that it waits for.
    fn wait(&self, events: &mut [Event]) -> io::Result<usize> {
        loop {
            match self.wait_once(events) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn wait_once(&self, events: &mut [Event]) -> io::Result<usize> {
        // SAFETY: room for that many events; no time limit.
        check(unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.0,
                1_usize,
                events.len(),
                events.as_mut_ptr(),
                null_mut::<libc::timespec>(),
            )
        })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the id is of a live context.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}

/// Runs the transfers, up to `depth` at a time.
pub fn run(
    file: &File,
    transfers: &mut [Transfer],
    depth: usize,
) -> Result<Vec<io::Result<usize>>> {
    let queue = Queue::new(depth).context("io_setup")?;
    run_on(&queue, file, transfers, depth)
}

/// Runs the transfers on a queue that was made for `depth` of them at least.
pub fn run_on(
    queue: &Queue,
    file: &File,
    transfers: &mut [Transfer],
    depth: usize,
) -> Result<Vec<io::Result<usize>>> {
    let fd = u32::try_from(file.as_raw_fd()).context("a bad file descriptor")?;
    let mut iocbs = Vec::with_capacity(transfers.len());
    for (index, transfer) in transfers.iter_mut().enumerate() {
        iocbs.push(Iocb {
            data: index as u64,
            rw_flags: transfer.flags,
            opcode: match transfer.direction {
                Direction::Read => IOCB_CMD_PREAD,
                Direction::Write => IOCB_CMD_PWRITE,
            },
            fd,
            buffer: transfer.buffer.as_mut_ptr() as u64,
            length: transfer.buffer.len() as u64,
            offset: i64::try_from(transfer.offset).context("an offset too large")?,
            ..Iocb::default()
        });
    }

    let mut results: Vec<Option<io::Result<usize>>> = transfers.iter().map(|_| None).collect();
    let mut events = vec![Event::default(); depth];
    let mut submitted = 0;
    let mut done = 0;
    while done < iocbs.len() {
        let room = depth - (submitted - done);
        let next = iocbs.iter().skip(submitted).take(room).count();
        if next > 0 {
            let batch = iocbs
                .get_mut(submitted..submitted + next)
                .context("no such requests")?;
            submitted += queue.submit(batch).context("io_submit")?;
        }
        let count = queue.wait(&mut events).context("io_getevents")?;
        ensure!(count > 0, "io_getevents returned without an event");
        for event in events.iter().take(count) {
            let slot = usize::try_from(event.data)
                .ok()
                .and_then(|index| results.get_mut(index))
                .context("an event of no request")?;
            *slot = Some(result(event.result));
        }
        done += count;
    }
    results
        .into_iter()
        .map(|result| result.context("a request without an event"))
        .collect()
}

fn result(value: i64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| {
        let errno = i32::try_from(-value).unwrap_or(libc::EIO);
        io::Error::from_raw_os_error(errno)
    })
}

fn check(result: libc::c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

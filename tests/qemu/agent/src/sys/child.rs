// SPDX-License-Identifier: GPL-2.0

//! Other processes that make one system call each.

use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Another process; killed when dropped.
pub struct Child {
    pid: libc::pid_t,
    status: Option<libc::c_int>,
}

impl Child {
    /// Starts one that writes `length` zeros at the start of a file, and then ends.
    pub fn writing(file: &File, length: usize) -> io::Result<Self> {
        let buffer = vec![0_u8; length];
        // SAFETY: the buffer has that length.
        Self::start(|| unsafe {
            libc::pwrite(file.as_raw_fd(), buffer.as_ptr().cast(), buffer.len(), 0);
        })
    }

    /// Starts one that reads `length` bytes to any address, also bad ones, and then ends.
    pub fn reading(file: &File, to: *mut u8, length: usize) -> io::Result<Self> {
        // SAFETY: the kernel refuses addresses that are not there.
        Self::start(|| unsafe {
            libc::read(file.as_raw_fd(), to.cast(), length);
        })
    }

    /// `work` makes system calls only, none of which needs a lock that another thread may
    /// hold.
    fn start(work: impl FnOnce()) -> io::Result<Self> {
        // SAFETY: the child does no more than `work`, and ends.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            work();
            // SAFETY: takes an integer.
            unsafe { libc::_exit(0) };
        }
        check(pid).map(|_| Self { pid, status: None })
    }

    pub fn signal(&self, signal: libc::c_int) -> io::Result<()> {
        // SAFETY: takes integers.
        check(unsafe { libc::kill(self.pid, signal) }).map(drop)
    }

    /// Whether it has ended, in whatever way.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.wait(libc::WNOHANG)
    }

    /// Kills it, and waits until it is gone; an error if it had ended already.
    pub fn kill(mut self) -> io::Result<()> {
        self.signal(libc::SIGKILL)?;
        self.wait(0)?;
        match self.status {
            Some(status) if libc::WIFSIGNALED(status) => Ok(()),
            _ => Err(io::Error::other("it ended by itself")),
        }
    }

    /// How long it has kept processors busy.
    pub fn processor_time(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // Behind the name, which is in parentheses; the two are of user and system.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks: Result<Vec<_>, _> = ticks.collect();
        let ticks: u64 = ticks.map_err(io::Error::other)?.iter().sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    fn wait(&mut self, options: libc::c_int) -> io::Result<bool> {
        if self.status.is_none() {
            let mut status = 0;
            // SAFETY: takes integers, and room for one.
            let pid = unsafe { libc::waitpid(self.pid, &raw mut status, options) };
            if check(pid)? == self.pid {
                self.status = Some(status);
            }
        }
        Ok(self.status.is_some())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.signal(libc::SIGKILL);
            let _ = self.wait(0);
        }
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

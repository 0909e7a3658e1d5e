// SPDX-License-Identifier: GPL-2.0

//! A mounted `script_fs` and the file that a test works on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context as _, Result};

use super::log::{self, Line};
use crate::check::patience;
use crate::context::Context;
use crate::disk::Disk;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mount;
use crate::transfer::{Method, Transfer};

const CONTROL: &str = "/sys/kernel/debug/script_fs";

/// How long something that happens on another processor may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A mount for one test; its file 0 is open for direct I/O.
pub struct Scripted {
    // Closed before the mount goes: fields are dropped in this order.
    file: File,
    mount: Mount,
    disk: Disk,
}

impl Scripted {
    /// Mounts the scratch disk and runs `script` on file 0.
    pub fn new(context: &Context, script: &str) -> Result<Self> {
        Self::with_options(context, "", script)
    }

    pub fn with_options(context: &Context, options: &str, script: &str) -> Result<Self> {
        Self::on(context.disk("scratch")?, context, options, script)
    }

    /// The same on another disk.
    pub fn on(disk: Disk, context: &Context, options: &str, script: &str) -> Result<Self> {
        let mount = Mount::new(&disk, context.mount_point(), options)?;
        let file = open_direct(&mount.root.join("file0"), 0)?;
        let scripted = Self { file, mount, disk };
        scripted.run(script)?;
        Ok(scripted)
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn path(&self) -> PathBuf {
        self.mount.root.join("file0")
    }

    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Another descriptor of the file, with flags such as `libc::O_DSYNC`.
    pub fn open(&self, flags: libc::c_int) -> Result<File> {
        open_direct(&self.path(), flags)
    }

    /// Runs commands on top of what the script says already.
    pub fn run(&self, script: &str) -> Result<()> {
        fs::write(self.mount.control.join("file0/script"), script)
            .with_context(|| format!("script_fs refuses the script:\n{script}"))
    }

    /// Forgets the script, the page cache, the size and the log.
    pub fn restart(&self, script: &str) -> Result<()> {
        self.run("reset")?;
        self.run(script)?;
        self.clear_log()
    }

    /// Sets the start of the page that inline mappings and page 0 show.
    pub fn set_data(&self, data: &[u8]) -> Result<()> {
        fs::write(self.mount.control.join("file0/data"), data).context("cannot set the data page")
    }

    pub fn data(&self) -> Result<Vec<u8>> {
        fs::read(self.mount.control.join("file0/data")).context("cannot read the data page")
    }

    pub fn log(&self) -> Result<Vec<Line>> {
        let text = fs::read_to_string(self.mount.control.join("log")).context("no log")?;
        log::parse(&text)
    }

    pub fn clear_log(&self) -> Result<()> {
        fs::write(self.mount.control.join("log"), "0").context("cannot clear the log")
    }

    /// The log must be exactly this; it is empty afterwards.
    pub fn expect(&self, wanted: &[&str]) -> Result<()> {
        log::compare(&self.log()?, wanted)?;
        self.clear_log()
    }

    /// The lines of that name must be exactly these; the log is empty afterwards.
    pub fn expect_only(&self, name: &str, wanted: &[&str]) -> Result<()> {
        let mut lines = self.log()?;
        lines.retain(|line| line.name() == name);
        log::compare(&lines, wanted)?;
        self.clear_log()
    }

    /// As [`Self::expect_only`], with lines of several names.
    pub fn expect_of(&self, names: &[&str], wanted: &[&str]) -> Result<()> {
        let mut lines = self.log()?;
        lines.retain(|line| names.contains(&line.name()));
        log::compare(&lines, wanted)?;
        self.clear_log()
    }

    /// Runs a command that logs its result and expects all of what it logs.
    pub fn expect_run(&self, command: &str, wanted: &[&str]) -> Result<()> {
        self.clear_log()?;
        self.run(command)?;
        self.expect(wanted).with_context(|| command.to_owned())
    }

    /// Waits until the log has a line of that name.
    pub fn wait_for(&self, name: &str) -> Result<()> {
        self.wait_for_times(name, 1)
    }

    /// Waits until the log has so many lines of that name.
    pub fn wait_for_times(&self, name: &str, times: usize) -> Result<()> {
        let (started, patience) = (Instant::now(), patience(PATIENCE));
        loop {
            let log = self.log()?;
            let found = log.iter().filter(|line| line.name() == name).count();
            if found >= times {
                return Ok(());
            }
            if started.elapsed() > patience {
                bail!("\"{name}\" is {found} times in the log, not {times} times: {log:?}");
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the log has anything, complete or not.
    pub fn wait_for_any(&self) -> Result<()> {
        let (started, patience) = (Instant::now(), patience(PATIENCE));
        while fs::read(self.mount.control.join("log"))
            .context("no log")?
            .is_empty()
        {
            ensure!(started.elapsed() < patience, "the log stays empty");
            sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub fn read(&self, pos: u64, length: usize) -> io::Result<(usize, AlignedBuf)> {
        let mut buffer = AlignedBuf::filled(length, 0xEE)?;
        let count = self.file.read_at(&mut buffer, pos)?;
        Ok((count, buffer))
    }

    pub fn write(&self, pos: u64, length: usize, byte: u8) -> io::Result<usize> {
        self.file.write_at(&AlignedBuf::filled(length, byte)?, pos)
    }

    /// Starts one asynchronous transfer, runs `meanwhile` when the engine has
    /// queued it, and returns the result of the transfer.
    pub fn queued(
        &self,
        method: Method,
        transfer: &mut Transfer,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<io::Result<usize>> {
        thread::scope(|scope| {
            let request = scope.spawn(|| method.run(&self.file, std::slice::from_mut(transfer), 1));
            let result = self.wait_for("return").and_then(|()| meanwhile());
            if result.is_err() {
                // The request has to end, or so never will this.
                self.run("release")?;
            }
            let Ok(results) = request.join() else {
                bail!("the thread of the request panicked");
            };
            result?;
            results?.pop().context("no result")
        })
    }

    /// Bytes of the device under the filesystem.
    pub fn device(&self, addr: u64, length: usize) -> Result<AlignedBuf> {
        let mut buffer = AlignedBuf::new(length)?;
        let path = self.disk.path();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_DIRECT);
        options
            .open(&path)
            .and_then(|device| device.read_exact_at(&mut buffer, addr))
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(buffer)
    }
}

/// Bios that are held go to the disk when this is dropped.
pub struct Held<'a>(pub &'a Scripted);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.run("release") {
            eprintln!("cannot release the bios: {error:#}");
        }
    }
}

struct Mount {
    root: PathBuf,
    control: PathBuf,
}

impl Mount {
    fn new(disk: &Disk, root: &Path, options: &str) -> Result<Self> {
        mount::mount(&disk.path(), root, "script_fs", options)?;
        Ok(Self {
            root: root.to_owned(),
            control: Path::new(CONTROL).join(disk.name()),
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Err(error) = mount::unmount(&self.root) {
            eprintln!("script_fs: {error:#}");
        }
    }
}

fn open_direct(path: &Path, flags: libc::c_int) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_DIRECT | flags)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Fills a part of the scratch disk, which must not be mounted yet.
pub fn fill_device(context: &Context, addr: u64, length: usize, byte: u8) -> Result<()> {
    let path = context.disk("scratch")?.path();
    open_direct(&path, 0)?
        .write_all_at(&AlignedBuf::filled(length, byte)?, addr)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Fails unless the result is that error.
pub fn expect_errno<T>(result: io::Result<T>, errno: i32) -> Result<()> {
    match result {
        Ok(_) => bail!(
            "succeeded instead of: {}",
            io::Error::from_raw_os_error(errno)
        ),
        Err(error) => {
            ensure!(
                error.raw_os_error() == Some(errno),
                "failed with \"{error}\" instead of \"{}\"",
                io::Error::from_raw_os_error(errno)
            );
            Ok(())
        }
    }
}

/// Fails unless all bytes are `byte`.
pub fn expect_bytes(found: &[u8], byte: u8, what: &str) -> Result<()> {
    match found.iter().position(|&other| other != byte) {
        None => Ok(()),
        Some(offset) => bail!(
            "{what}: byte {offset} of {} is {:#04x}, not {byte:#04x}",
            found.len(),
            found.get(offset).copied().unwrap_or_default()
        ),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The guest's disks: found by role, asked by sysfs.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{anyhow, bail, Context as _, Result};
use iomap_qemu_protocol::RunSpec;

/// A virtio disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The name in `/sys/block`: `vda`.
    name: String,
}

impl Disk {
    /// The disk that has that role in a run.
    pub fn of_run(spec: &RunSpec, role: &str) -> Result<Self> {
        let serial = spec
            .disks
            .get(role)
            .with_context(|| format!("the suite has no disk {role:?}"))?;
        Self::by_serial(serial)
    }

    /// The disk with that serial.
    pub fn by_serial(serial: &str) -> Result<Self> {
        for entry in fs::read_dir("/sys/block").context("cannot list /sys/block")? {
            let entry = entry.context("cannot list /sys/block")?;
            let found = fs::read_to_string(entry.path().join("serial")).unwrap_or_default();
            if found.trim() == serial {
                let name = entry.file_name().to_string_lossy().into_owned();
                return Ok(Self { name });
            }
        }
        bail!("no disk has the serial {serial:?}: is it missing in QEMU's command line?")
    }

    /// The disk of that name in `/sys/block`.
    pub fn by_name(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }

    /// The device file.
    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// The name in `/sys/block`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file below `/sys/block/<disk>`, without the line end.
    pub fn attribute(&self, file: &str) -> Result<String> {
        let path = self.sysfs(file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.trim().to_owned())
    }

    pub fn set_attribute(&self, file: &str, value: &str) -> Result<()> {
        let path = self.sysfs(file);
        fs::write(&path, value)
            .with_context(|| format!("cannot write {value:?} to {}", path.display()))
    }

    /// A number below `/sys/block/<disk>`.
    pub fn number<T: FromStr>(&self, file: &str) -> Result<T> {
        let text = self.attribute(file)?;
        text.parse()
            .map_err(|_| anyhow!("{file} of {}: {text:?} is no number", self.name))
    }

    /// `MAJOR,MINOR`, as the events of the block layer write it.
    pub fn event_device(&self) -> Result<String> {
        Ok(self.attribute("dev")?.replace(':', ","))
    }

    /// Requests to flush the volatile cache that the disk has completed.
    pub fn flushes(&self) -> Result<u64> {
        self.count(16)
    }

    /// Sectors of 512 bytes that were read from the disk.
    pub fn sectors_read(&self) -> Result<u64> {
        self.count(3)
    }

    /// Sectors of 512 bytes that were written to the disk.
    pub fn sectors_written(&self) -> Result<u64> {
        self.count(7)
    }

    /// A field of the disk's statistics, the first of which is 1, as in
    /// Documentation/block/stat.rst.
    fn count(&self, field: usize) -> Result<u64> {
        let stat = self.attribute("stat")?;
        let mut fields = stat.split_whitespace();
        fields
            .nth(field - 1)
            .and_then(|field| field.parse().ok())
            .with_context(|| format!("field {field} of {stat:?} is no count"))
    }

    fn sysfs(&self, file: &str) -> PathBuf {
        Path::new("/sys/block").join(&self.name).join(file)
    }
}

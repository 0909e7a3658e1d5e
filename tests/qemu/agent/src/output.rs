// SPDX-License-Identifier: GPL-2.0

//! Where the results go: KTAP lines on the virtio console.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::encode_path;
use iomap_qemu_protocol::ktap::{Line, Outcome};

use crate::case::Skip;
use crate::sys::fiemap::Extent;

/// The virtio console, or where that is missing the ordinary one, so that a
/// guest started by hand shows something.
const DEVICES: [&str; 2] = ["/dev/hvc0", "/dev/console"];

/// Writes lines, each at once and whole.
pub struct Output {
    device: Mutex<File>,
}

impl Output {
    pub fn open() -> Result<Self> {
        let mut result = Err(anyhow::anyhow!("no console"));
        for path in DEVICES {
            result = OpenOptions::new()
                .write(true)
                .open(path)
                .with_context(|| format!("cannot open {path}"));
            if result.is_ok() {
                break;
            }
        }
        let device = Mutex::new(result?);
        Ok(Self { device })
    }

    /// Writes one line. There is nobody to tell if that fails.
    pub fn line(&self, line: &Line) {
        let text = format!("{line}\n");
        let mut device = match self.device.lock() {
            Ok(device) => device,
            Err(poisoned) => poisoned.into_inner(),
        };
        let _ = device.write_all(text.as_bytes());
    }

    /// Announces all items, then does one after the other and reports each.
    pub fn run_all<T>(
        &self,
        items: &[T],
        name: impl Fn(&T) -> &str,
        mut work: impl FnMut(&T) -> Result<()>,
    ) {
        self.line(&Line::Plan(items.len()));
        for (number, item) in (1..).zip(items) {
            let name = name(item).to_owned();
            self.line(&Line::Begin(name.clone()));
            let started = Instant::now();
            let result = work(item);
            let outcome = self.outcome(result, started);
            self.line(&Line::Result {
                number,
                name,
                outcome,
            });
        }
    }

    /// What a result comes to; an error that skips nothing is written as a comment.
    fn outcome(&self, result: Result<()>, started: Instant) -> Outcome {
        let Err(error) = result else {
            let millis = u64::try_from(started.elapsed().as_millis()).ok();
            return Outcome::Passed { millis };
        };
        match error.downcast::<Skip>() {
            Ok(Skip(reason)) => Outcome::Skipped { reason },
            Err(error) => {
                self.comment(&format!("{error:#}"));
                Outcome::Failed
            }
        }
    }

    /// Writes a comment, one line for each of the text's.
    pub fn comment(&self, text: &str) {
        for line in text.lines() {
            self.line(&Line::Comment(line.to_owned()));
        }
    }

    pub fn metric(&self, test: &str, key: &str, value: f64) {
        self.line(&Line::Metric {
            test: test.to_owned(),
            key: key.to_owned(),
            value,
        });
    }

    pub fn extent(&self, path: &Path, extent: &Extent) {
        self.line(&Line::Extent {
            path: encode_path(path),
            logical: extent.logical,
            physical: extent.physical,
            length: extent.length,
            flags: extent.flags,
        });
    }

    pub fn sha256(&self, path: &Path, hex: String) {
        let path = encode_path(path);
        self.line(&Line::Sha256 { path, hex });
    }
}

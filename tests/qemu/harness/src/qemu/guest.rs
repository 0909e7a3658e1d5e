// SPDX-License-Identifier: GPL-2.0

//! A running guest and what it says on its KTAP console.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iomap_qemu_protocol::ktap::Line;

/// What may come from the guest next.
#[derive(Debug, PartialEq)]
pub enum Event {
    Line(Line),
    /// Nothing within the time given.
    Silent,
    /// The virtual machine ended.
    Exited,
}

/// A booted guest; dropping it kills it.
pub struct Guest {
    child: Child,
    lines: Receiver<Line>,
}

impl Guest {
    /// Starts `command`, whose standard output is the KTAP console; a copy of
    /// it goes to `log`, QEMU's own complaints to `complaints`. The guest does not
    /// outlive the calling thread.
    pub fn boot(command: &mut Command, log: &Path, complaints: &Path) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))
        };
        let log = create(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(create(complaints)?)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
        let stdout = child.stdout.take().context("QEMU has no standard output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || forward(BufReader::new(stdout), log, &sender));
        Ok(Self { child, lines })
    }

    /// Waits for the next line, `patience` long.
    pub fn next(&mut self, patience: Duration) -> Event {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Event::Line(line),
            Err(RecvTimeoutError::Timeout) => Event::Silent,
            Err(RecvTimeoutError::Disconnected) => Event::Exited,
        }
    }
}

impl Guest {
    /// Waits until it ends by itself, at most `patience` long.
    pub fn wait(&mut self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            match self.next(patience.saturating_sub(start.elapsed())) {
                Event::Line(_) => {}
                Event::Silent => return false,
                Event::Exited => return true,
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(mut from: impl BufRead, mut log: impl Write, to: &Sender<Line>) {
    let mut raw = Vec::new();
    while let Ok(1..) = from.read_until(b'\n', &mut raw) {
        // A full disk must not stop the tests: the lines still arrive.
        let _ = log.write_all(&raw);
        let line = Line::parse(&String::from_utf8_lossy(&raw));
        raw.clear();
        if line.is_some_and(|line| to.send(line).is_err()) {
            break;
        }
    }
}

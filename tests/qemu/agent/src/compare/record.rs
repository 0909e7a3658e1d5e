// SPDX-License-Identifier: GPL-2.0

//! Runs a workload and writes down what could be seen of it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{bail, ensure, Context as _, Result};
use iomap_qemu_protocol::{Link, RunSpec, Stream, Transcript};
use rustix::thread::gettid;

use super::calls::Calls;
use super::disk::{CompareDisk, EventDevices};
use super::{files, Workload};
use crate::disk::Disk;
use crate::init::MOUNT_POINT;
use crate::sys::buffer::AlignedBuf;
use crate::trace::{Event, Marker, Tracer};

/// All of the engine, and every bio.
fn events(engine: Link) -> [&'static str; 2] {
    let engine = match engine {
        Link::Live => "iomap_rs",
        Link::Module | Link::Builtin | Link::C => "iomap",
    };
    [engine, "block/block_bio_queue"]
}

const BIO: &str = "block_bio_queue";

/// The disk with the transcripts is written by direct I/O.
const SECTOR: usize = 512;

/// Takes workloads down, one after the other.
pub struct Recorder<'a> {
    disk: &'a CompareDisk,
    devices: EventDevices,
    events: [&'static str; 2],
    marker: Marker,
    log: File,
    /// Where the next transcript goes, in bytes.
    end: u64,
}

impl<'a> Recorder<'a> {
    /// Of what happens on the disk while that engine serves; to the disk of the role `log`.
    pub fn new(spec: &RunSpec, engine: Link, log: &str, disk: &'a CompareDisk) -> Result<Self> {
        let path = Disk::of_run(spec, log)?.path();
        let log = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_DIRECT)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self {
            disk,
            devices: disk.event_devices()?,
            events: events(engine),
            marker: Marker::open()?,
            log,
            end: 0,
        })
    }

    /// Runs the workload in a directory of its own, which stays.
    pub fn record(&mut self, workload: &Workload) -> Result<()> {
        let dir = Path::new(MOUNT_POINT).join(workload.name);
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        self.disk.remount()?;
        let mut calls = Calls::new(&dir, &self.marker)?;
        let tracer = Tracer::start(&self.events)?;
        let result = (workload.run)(&mut calls);
        let events = tracer.stop()?;
        let called = calls.finish();
        let marked = check_marks(&events, &called.lines);
        let mut transcript = Transcript {
            workload: workload.name.to_owned(),
            streams: sort(&events, &self.devices)?,
        };
        transcript.streams.insert(Stream::Calls, called.lines);
        let made = called
            .broken
            .map_or(Ok(()), |what| bail!("a call could not be made: {what}"));
        let left = result
            .and(made)
            .and(marked)
            .and_then(|()| self.left(&dir, &called.names));
        // What came before an error is worth to be seen.
        let result = match left {
            Ok(lines) => {
                transcript.streams.insert(Stream::Files, lines);
                Ok(())
            }
            Err(error) => {
                let calls = transcript.streams.entry(Stream::Calls).or_default();
                calls.push(format!("the workload ended: {error:#}"));
                Err(error)
            }
        };
        self.write(&transcript)?;
        result
    }

    /// What the workload leaves, in memory and then on the disk: until the inodes are read
    /// again, nobody has seen what was written of them.
    fn left(&self, dir: &Path, names: &[String]) -> Result<Vec<String>> {
        let mut left = files::describe(dir, names)?;
        self.disk.remount()?;
        let again = files::describe(dir, names)?;
        left.extend(again.iter().map(|line| format!("remounted: {line}")));
        Ok(left)
    }

    fn write(&mut self, transcript: &Transcript) -> Result<()> {
        let mut text = serde_json::to_vec(transcript).context("cannot write a transcript")?;
        text.resize((text.len() + 1).next_multiple_of(SECTOR), b'\n');
        let mut buffer = AlignedBuf::new(text.len()).context("no memory")?;
        buffer.copy_from_slice(&text);
        self.log
            .write_all_at(&buffer, self.end)
            .context("cannot write to the log disk")?;
        self.end += text.len() as u64;
        Ok(())
    }
}

/// Is each call in the trace, where the events that it causes are told by that?
fn check_marks(events: &[Event], calls: &[String]) -> Result<()> {
    let marks = events.iter().filter(|event| event.name == Marker::EVENT);
    let marks: Vec<&str> = marks.map(|event| event.text.as_str()).collect();
    let fit = marks
        .iter()
        .zip(calls)
        .all(|(mark, call)| call.starts_with(mark));
    ensure!(
        fit && marks.len() == calls.len(),
        "the trace does not have the {} calls, but {} marks",
        calls.len(),
        marks.len()
    );
    Ok(())
}

/// Sorts events into their streams. The workload's own have the calls between them.
fn sort(events: &[Event], devices: &EventDevices) -> Result<BTreeMap<Stream, Vec<String>>> {
    let own = gettid().as_raw_nonzero().get();
    let mut streams = BTreeMap::<Stream, Vec<String>>::new();
    let mut put = |stream, line: &str| streams.entry(stream).or_default().push(line.to_owned());
    for event in events {
        let mine = event.task == own;
        if event.name == Marker::EVENT {
            put(Stream::Events, &event.text);
            put(Stream::Bios, &event.text);
        } else if event.name == BIO {
            if let Some(bio) = bio(event, devices)? {
                put(if mine { Stream::Bios } else { Stream::TaskBios }, &bio);
            }
        } else if event.field("dev").is_ok_and(|dev| dev == devices.iomap) {
            let stream = if mine {
                Stream::Events
            } else {
                Stream::TaskEvents
            };
            put(stream, &format!("{}: {}", event.name, event.text));
        }
    }
    Ok(streams)
}

/// `WS 2048 + 8` of `259,0 WS 2048 + 8 [agent]`, if it is of the disk. Of a filesystem's
/// log only the flags: how far it is depends on the clock.
fn bio(event: &Event, devices: &EventDevices) -> Result<Option<String>> {
    let (device, bio) = event
        .text
        .split_once(' ')
        .and_then(|(device, rest)| Some((device, rest.rsplit_once(" [")?.0)))
        .with_context(|| format!("this is no bio: {:?}", event.text))?;
    let flags = bio.split(' ').next().unwrap_or_default();
    let is_log = flags.contains('W') && flags.contains('M');
    let told = if is_log { flags } else { bio };
    Ok((device == devices.block).then(|| told.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(task: i32, name: &str, text: &str) -> Event {
        Event {
            task,
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn events_are_told_by_task_and_device() -> Result<()> {
        let devices = EventDevices {
            block: "259,1".into(),
            iomap: "259:1".into(),
        };
        let own = gettid().as_raw_nonzero().get();
        let events = [
            event(own, Marker::EVENT, "1 fsync(a)"),
            event(own, "iomap_writepage", "dev 259:1 ino 0x83"),
            event(own, "iomap_writepage", "dev 254:0 ino 0x83"),
            event(own, BIO, "259,1 W 8 + 8 [agent]"),
            event(own + 1, BIO, "259,1 FWS 0 + 0 [kworker/0:1H]"),
            event(own, BIO, "259,0 W 16 + 8 [agent]"),
            event(own, BIO, "259,1 FWFSM 32 + 5 [agent]"),
            event(own, BIO, "259,1 RM 40 + 8 [agent]"),
        ];
        let streams = sort(&events, &devices)?;
        let lines = |stream| streams.get(&stream).cloned().unwrap_or_default();
        assert_eq!(
            lines(Stream::Events),
            ["1 fsync(a)", "iomap_writepage: dev 259:1 ino 0x83"]
        );
        assert_eq!(
            lines(Stream::Bios),
            ["1 fsync(a)", "W 8 + 8", "FWFSM", "RM 40 + 8"]
        );
        assert_eq!(lines(Stream::TaskBios), ["FWS 0 + 0"]);
        assert!(sort(&[event(own, BIO, "259,1 W 8")], &devices).is_err());
        Ok(())
    }

    #[test]
    fn every_call_has_its_mark() {
        let events = [
            event(1, Marker::EVENT, "1 open(file, 0)"),
            event(1, "iomap_iter", "dev 259:1"),
            event(1, Marker::EVENT, "2 fsync(file)"),
        ];
        let check = |calls: &[&str]| {
            let calls: Vec<String> = calls.iter().map(|call| (*call).to_owned()).collect();
            check_marks(&events, &calls).is_ok()
        };
        assert!(check(&["1 open(file, 0) = 0", "2 fsync(file) = 0"]));
        assert!(!check(&["1 open(file, 0) = 0", "2 close(file) = 0"]));
        assert!(!check(&["1 open(file, 0) = 0"]));
        assert!(!check(&["1 open(file, 0) = 0", "2 fsync(file) = 0", "3"]));
    }
}

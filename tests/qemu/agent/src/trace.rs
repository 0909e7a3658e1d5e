// SPDX-License-Identifier: GPL-2.0

//! Trace events and calls of functions: switch some on, run something, read what came.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{bail, ensure, Context as _, Result};
use rustix::thread::gettid;

const TRACING: &str = "/sys/kernel/tracing";

/// Of work that must not be disturbed.
const ATTEMPTS: usize = 20;

/// One line of the trace.
#[derive(Clone, Debug)]
pub struct Event {
    /// The thread that caused it.
    pub task: i32,
    pub name: String,
    /// What follows the name: `dev 253:0 ino 0xc pos 0x0 ...`; the caller, if this
    /// is the call of a function.
    pub text: String,
}

impl Event {
    /// The word after the word `key`, for events that write keys and values.
    pub fn field(&self, key: &str) -> Result<&str> {
        let mut words = self.text.split_whitespace();
        words
            .by_ref()
            .find(|&word| word == key)
            .and_then(|_| words.next())
            .with_context(|| format!("{} has no field {key}: {}", self.name, self.text))
    }

    /// A field that is a number, decimal or hexadecimal.
    pub fn number(&self, key: &str) -> Result<i64> {
        let text = self.field(key)?;
        let number = match text.strip_prefix("0x") {
            // All 64 bits: the address of a hole is written as 2^64 - 1.
            Some(digits) => u64::from_str_radix(digits, 16).map(|bits| bits as i64),
            None => text.parse(),
        };
        number.with_context(|| format!("{}: {key} is {text:?}", self.name))
    }

    /// A field that is a list of flags: `WRITE|DIRECT`.
    pub fn flags(&self, key: &str) -> Result<Vec<&str>> {
        Ok(self.field(key)?.split('|').collect())
    }

    fn parse(line: &str) -> Option<Self> {
        // "  task-12  [000] .....  1.234567: iomap_iter: dev 253:0 ..."
        if line.starts_with('#') {
            return None;
        }
        let (head, rest) = line.split_once("] ")?;
        let task = head.split_once('[')?.0.trim_end().rsplit_once('-')?.1;
        let (_, rest) = rest.split_once(": ")?;
        let (name, text) = rest
            .split_once(": ")
            .or_else(|| Some((rest.strip_suffix(':')?, "")))
            // Of the function tracer: "iomap_finish_ioends <-xfs_end_ioend".
            .or_else(|| rest.split_once(" <-"))?;
        Some(Self {
            task: task.parse().ok()?,
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }
}

/// Runs `work` with events switched on and returns what came meanwhile. An event
/// is `iomap` for a whole system or `block/block_bio_queue` for one of it.
pub fn record<T>(events: &[&str], work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Event>)> {
    let tracer = Tracer::start(events)?;
    let value = work();
    let events = tracer.stop()?;
    Ok((value?, events))
}

/// As [`record`], with the calls of functions of the kernel, which must be there and
/// neither inlined nor kept from being traced.
pub fn record_calls<T>(
    functions: &[&str],
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Vec<Event>)> {
    let tracer = Tracer::start_calls(functions)?;
    let value = work();
    let calls = tracer.stop()?;
    Ok((value?, calls))
}

/// As [`record`], with the events of one inode of the `iomap` system.
pub fn record_iomap<T>(ino: u64, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Event>)> {
    let (value, mut events) = record(&["iomap"], work)?;
    let ino = format!("{ino:#x}");
    events.retain(|event| event.field("ino").is_ok_and(|found| found == ino));
    Ok((value, events))
}

/// As [`record_iomap`], for work that dirties the page cache and counts on finding
/// it dirty: the kernel may write back of its own accord at any time. Where it did,
/// the work is done again.
pub fn record_undisturbed<T>(
    ino: u64,
    mut work: impl FnMut() -> Result<T>,
) -> Result<(T, Vec<Event>)> {
    let own = gettid().as_raw_nonzero().get();
    for _ in 0..ATTEMPTS {
        let (value, events) = record_iomap(ino, &mut work)?;
        let disturbed = |event: &Event| event.name == "iomap_writepage" && event.task != own;
        if !events.iter().any(disturbed) {
            return Ok((value, events));
        }
    }
    bail!("the file was written back by another task in each of {ATTEMPTS} attempts")
}

/// Names of events, for messages and comparisons.
pub fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// Events or calls that are recorded until this is dropped.
pub struct Tracer {
    /// Files, and what to write to them in the end.
    undo: Vec<(String, &'static str)>,
}

impl Tracer {
    pub fn start(events: &[&str]) -> Result<Self> {
        let mut tracer = Self::prepare()?;
        for event in events {
            let switch = format!("events/{event}/enable");
            put(&switch, "1").with_context(|| format!("no events {event}"))?;
            tracer.undo.push((switch, "0"));
        }
        put("tracing_on", "1")?;
        Ok(tracer)
    }

    fn start_calls(functions: &[&str]) -> Result<Self> {
        let mut tracer = Self::prepare()?;
        tracer.undo.push(("current_tracer".to_owned(), "nop"));
        tracer.undo.push(("set_ftrace_filter".to_owned(), ""));
        put("set_ftrace_filter", &functions.join(" "))?;
        put("current_tracer", "function")?;
        put("tracing_on", "1")?;
        Ok(tracer)
    }

    fn prepare() -> Result<Self> {
        put("tracing_on", "0")?;
        put("trace", "")?;
        put("buffer_size_kb", "8192")?;
        Ok(Self { undo: Vec::new() })
    }

    /// Ends the recording and returns it.
    pub fn stop(self) -> Result<Vec<Event>> {
        put("tracing_on", "0")?;
        self.so_far()
    }

    /// What is recorded by now.
    pub fn so_far(&self) -> Result<Vec<Event>> {
        let path = Path::new(TRACING).join("trace");
        let text = fs::read(&path).context("cannot read the trace")?;
        let text = String::from_utf8_lossy(&text);
        parse(&text)
    }
}

/// The events of a trace, all of them: what is overlooked is missed by nobody.
fn parse(trace: &str) -> Result<Vec<Event>> {
    let (kept, written) = counts(trace).context("the trace has no heading")?;
    ensure!(
        kept == written,
        "the trace buffer kept {kept} of {written} events: make the test shorter"
    );
    let events: Vec<Event> = trace.lines().filter_map(Event::parse).collect();
    ensure!(
        events.len() as u64 == kept,
        "the trace has {kept} events, of which {} are understood",
        events.len()
    );
    Ok(events)
}

impl Drop for Tracer {
    fn drop(&mut self) {
        for (file, text) in &self.undo {
            let _ = put(file, text);
        }
    }
}

/// Puts lines of the agent's own between the events.
pub struct Marker(File);

impl Marker {
    /// The name of the events that its lines become.
    pub const EVENT: &'static str = "tracing_mark_write";

    pub fn open() -> Result<Self> {
        let path = Path::new(TRACING).join("trace_marker");
        let file = OpenOptions::new().write(true).open(&path);
        file.map(Self)
            .with_context(|| format!("cannot open {}", path.display()))
    }

    pub fn mark(&self, line: &str) -> io::Result<()> {
        (&self.0).write_all(line.as_bytes())
    }
}

/// The numbers of the heading `# entries-in-buffer/entries-written: 5/5   #P:2`.
fn counts(trace: &str) -> Option<(u64, u64)> {
    let (kept, written) = trace
        .lines()
        .find_map(|line| line.strip_prefix("# entries-in-buffer/entries-written: "))?
        .split_whitespace()
        .next()?
        .split_once('/')?;
    Some((kept.parse().ok()?, written.parse().ok()?))
}

fn put(file: &str, text: &str) -> Result<()> {
    let path = Path::new(TRACING).join(file);
    fs::write(&path, text).with_context(|| format!("cannot write {text:?} to {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "           agent-1       [001] .....     2.345678: iomap_iter: \
                        dev 253:0 ino 0xc pos 0x200 processed -22 flags WRITE|DIRECT (0x11)";

    #[test]
    fn a_line_is_taken_apart() -> Result<()> {
        let event = Event::parse(LINE).context("not parsed")?;
        assert_eq!(event.task, 1);
        assert_eq!(event.name, "iomap_iter");
        assert_eq!(event.field("dev")?, "253:0");
        assert_eq!(event.number("pos")?, 0x200);
        assert_eq!(event.number("processed")?, -22);
        assert_eq!(event.flags("flags")?, ["WRITE", "DIRECT"]);
        assert!(event.field("addr").is_err());
        Ok(())
    }

    #[test]
    fn a_call_has_its_caller() -> Result<()> {
        let line = "     kworker/0:1-27      [000] d..2.     2.345678: sort_ioends <-xfs_end_io";
        let event = Event::parse(line).context("not parsed")?;
        assert_eq!(event.task, 27);
        assert_eq!(event.name, "sort_ioends");
        assert_eq!(event.text, "xfs_end_io");
        Ok(())
    }

    #[test]
    fn the_heading_tells_of_lost_events() {
        let trace = "# tracer: nop\n#\n# entries-in-buffer/entries-written: 12/13   #P:2\n#\n";
        assert_eq!(counts(trace), Some((12, 13)));
        assert_eq!(counts("# tracer: nop\n"), None);
    }

    #[test]
    fn no_event_is_overlooked() -> Result<()> {
        let trace = |counts: &str, rest: &str| {
            let heading = "# tracer: nop\n# entries-in-buffer/entries-written: ";
            parse(&format!("{heading}{counts}   #P:1\n#\n{rest}\n"))
        };
        assert_eq!(trace("1/1", LINE)?.len(), 1);
        assert!(trace("1/2", LINE).is_err());
        assert!(trace("2/2", LINE).is_err());
        assert!(trace("2/2", &format!("{LINE}\nwhat is this")).is_err());
        Ok(())
    }

    #[test]
    fn headings_are_no_events() {
        assert!(Event::parse("# tracer: nop").is_none());
        assert!(Event::parse("").is_none());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The kernel's log, and which of its lines a test must not provoke.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::kernel_log::{Signs, COMPLAINT, TRACE, WARNING};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::Link;
use regex::Regex;

use crate::output::Output;

/// A reader of `/dev/kmsg`.
pub struct KernelLog {
    device: File,
    signs: Signs,
}

/// What a test left in the log, judged.
pub struct Verdict {
    /// Bad or expected lines, in order.
    pub lines: Vec<String>,
    /// Why the log fails the test; empty if it doesn't.
    pub complaints: Vec<String>,
}

impl KernelLog {
    /// Of a kernel to which the engine is linked like that.
    pub fn open(link: Link) -> Result<Self> {
        let device = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("cannot open /dev/kmsg")?;
        let signs = Signs::new(link).context("the signs of kernel bugs")?;
        Ok(Self { device, signs })
    }

    /// All messages since the last call.
    pub fn drain(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        // One read returns one record; 8 KiB is more than the kernel's longest.
        let mut record = [0; 8192];
        loop {
            match self.device.read(&mut record) {
                Ok(0) => break,
                Ok(length) => {
                    let record = record.get(..length).unwrap_or_default();
                    messages.push(message(&String::from_utf8_lossy(record)));
                }
                // The ring buffer overran the reader; the next read goes on
                // with what is left.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        messages
    }

    /// Judges what came since the last call, as [`Self::judge`] does, and shows the
    /// host the lines that matter. The complaints.
    pub fn complaints(&mut self, expected: &[&str], output: &Output) -> Result<Vec<String>> {
        let messages = self.drain();
        let verdict = self.judge(messages, expected)?;
        for line in verdict.lines {
            output.line(&Line::Log(line));
        }
        Ok(verdict.complaints)
    }

    /// Judges `messages` by what the test said it would provoke.
    pub fn judge(&self, messages: Vec<String>, expected: &[&str]) -> Result<Verdict> {
        let expected = expected
            .iter()
            .map(|pattern| Regex::new(pattern).with_context(|| format!("bad pattern {pattern}")))
            .collect::<Result<Vec<_>>>()?;
        // How many expected warnings, each of which comes with a stack, have still to show it.
        let mut stacks: usize = 0;
        let mut verdict = Verdict {
            lines: Vec::new(),
            complaints: Vec::new(),
        };
        let mut met = vec![false; expected.len()];
        for text in messages {
            let mut wanted = false;
            for (pattern, met) in expected.iter().zip(&mut met) {
                if pattern.is_match(&text) {
                    wanted = true;
                    *met = true;
                }
            }
            // It belongs to what a line before it says, whatever that is.
            let trace = text.contains(TRACE);
            let bad = trace || self.signs.fit(&text);
            let excused = wanted || (trace && stacks > 0);
            if trace {
                stacks = stacks.saturating_sub(1);
            } else if wanted && text.contains(WARNING) {
                stacks += 1;
            }
            if bad && !excused {
                let complaint = format!("{COMPLAINT}{text}");
                verdict.complaints.push(complaint);
            }
            if wanted || bad {
                verdict.lines.push(text);
            }
        }
        for (pattern, met) in expected.iter().zip(met) {
            if !met {
                let complaint = format!("the kernel log lacks a line that matches: {pattern}");
                verdict.complaints.push(complaint);
            }
        }
        Ok(verdict)
    }
}

/// Adds a line to the log.
pub fn say(text: &str) -> Result<()> {
    std::fs::write("/dev/kmsg", text).context("cannot write /dev/kmsg")
}

/// Has the log show a message that came without a line end: another one begins.
pub fn finish_line() -> Result<()> {
    say("end of the message before")
}

/// The text of a record: `<priority>,<sequence>,<time>,<flags>;<text>`, followed
/// by lines of attributes that start with a space.
fn message(record: &str) -> String {
    let text = record.split_once(';').map_or(record, |(_, text)| text);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(messages: &[&str], expected: &[&str]) -> Result<Verdict> {
        let log = KernelLog {
            device: File::open("/dev/null")?,
            signs: Signs::new(Link::Module)?,
        };
        log.judge(messages.iter().map(|&m| m.to_owned()).collect(), expected)
    }

    #[test]
    fn a_record_is_cut_to_its_text() {
        let record = "4,512,1234567,-;EXT4-fs: a; b\n SUBSYSTEM=block\n";
        assert_eq!(message(record), "EXT4-fs: a; b");
    }

    #[test]
    fn ordinary_lines_pass() -> Result<()> {
        let verdict = judge(&["EXT4-fs (vda): mounted", "debug: lock"], &[])?;
        assert!(verdict.complaints.is_empty() && verdict.lines.is_empty());
        Ok(())
    }

    #[test]
    fn a_warning_fails_unless_expected() -> Result<()> {
        let lines = ["WARNING: CPU: 0 PID: 1 at fs/x.c:1", "Call Trace:"];
        assert_eq!(judge(&lines, &[])?.complaints.len(), 2);
        assert!(judge(&lines, &["WARNING: .*fs/x.c"])?.complaints.is_empty());
        Ok(())
    }

    #[test]
    fn an_expected_warning_excuses_no_other_report() -> Result<()> {
        let wanted = "WARNING: CPU: 0 PID: 1 at fs/x.c:1";
        for report in [
            "WARNING: CPU: 0 PID: 1 at fs/y.c:1",
            "WARNING: possible circular locking dependency detected",
            "WARNING: inconsistent lock state",
            "WARNING: suspicious RCU usage",
            "BUG: KASAN: slab-use-after-free in f+0x1/0x2 [iomap_rs]",
            "BUG kmalloc-64 (Not tainted): Poison overwritten",
        ] {
            for lines in [
                [wanted, "Call Trace:", report, "Call Trace:"],
                [report, "Call Trace:", wanted, "Call Trace:"],
            ] {
                let complaints = judge(&lines, &["WARNING: .*fs/x.c"])?.complaints;
                let of = |line| format!("{COMPLAINT}{line}");
                assert_eq!(complaints, [of(report), of("Call Trace:")]);
            }
        }
        Ok(())
    }

    #[test]
    fn an_expected_warning_excuses_one_stack() -> Result<()> {
        let lines = ["WARNING: CPU: 0 PID: 1 at fs/x.c:1", "Call Trace:"];
        let expected = &["WARNING: .*fs/x.c"];
        // On two processors at once.
        let two = [lines[0], lines[0], lines[1], lines[1]];
        assert!(judge(&two, expected)?.complaints.is_empty());
        // As of an allocation that fails.
        let more = [lines[0], lines[1], "fsx: page allocation failure", lines[1]];
        assert_eq!(judge(&more, expected)?.complaints.len(), 1);
        // Only warnings have one.
        let lines = ["Direct I/O collision", "Call Trace:"];
        assert_eq!(judge(&lines, &["collision"])?.complaints.len(), 1);
        Ok(())
    }

    #[test]
    fn an_expected_line_must_come() -> Result<()> {
        assert_eq!(judge(&[], &["Direct I/O collision"])?.complaints.len(), 1);
        Ok(())
    }
}

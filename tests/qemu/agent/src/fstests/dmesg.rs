// SPDX-License-Identifier: GPL-2.0

//! How far fstests itself has read the kernel log of a test: the host reads the rest.
//!
//! `check` looks at what came since its line `run fstests generic/001`, with the test's own
//! filter, before it unmounts the tests' filesystem; a test that provokes reports has it not
//! look at all, by removing the file `check_dmesg`.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use iomap_qemu_protocol::{FstestsEnd, FstestsRun};

use crate::kmsg;

/// The variable that has fstests keep what it has looked at, and be it without a report.
pub const KEEP: (&str, &str) = ("KEEP_DMESG", "yes");

/// What fstests says if there is a report in what it has looked at.
const FOUND: &str = "_check_dmesg: something found";

/// Writes to the log that `check` has ended, and how far the log was read. `left` is where the run
/// has left its file of a suffix.
pub fn close(run: &FstestsRun, left: impl Fn(&str) -> PathBuf) -> Result<()> {
    let kept = left("dmesg");
    let wanted = kept.with_file_name("check_dmesg").exists();
    let text = fs::read(kept).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let read_until = match left("kmemleak").exists() {
        // That leaks were found the kernel says after the look, and it is told already.
        true => None,
        false => read_until(&text, wanted),
    };
    let run = run.clone();
    let ended = FstestsEnd { run, read_until };
    kmsg::say(&ended.to_string())
}

/// The time of the last message that was looked at; 0 if nobody did though it was `wanted`.
fn read_until(kept: &str, wanted: bool) -> Option<f64> {
    if wanted {
        return Some(0.0);
    }
    kept.lines().rev().find_map(time_of)
}

/// That of `[    1.234567] text`.
fn time_of(line: &str) -> Option<f64> {
    let (time, _text) = line.strip_prefix('[')?.split_once(']')?;
    time.trim().parse().ok()
}

/// Whether what `check` and the test have said tells of a report.
pub fn is_told(said: &[String]) -> bool {
    said.iter().any(|text| text.contains(FOUND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_is_how_far_the_log_was_read() {
        let kept = "[   10.000001] run fstests generic/001 at 2026-01-01\n\
                    [   12.345678] XFS (vdb): Unmounting\nno time\n";
        assert_eq!(read_until(kept, false), Some(12.345_678));
        // The test did not want it.
        assert_eq!(read_until("", false), None);
        // It was not run.
        assert_eq!(read_until("", true), Some(0.0));
    }

    #[test]
    fn a_report_is_told_by_check_or_in_the_tests_output() {
        let told = "_check_dmesg: something found in dmesg (see /results/generic/001.dmesg)";
        assert!(is_told(&[String::new(), told.to_owned()]));
        assert!(!is_told(&["generic/001  2s".to_owned()]));
    }
}

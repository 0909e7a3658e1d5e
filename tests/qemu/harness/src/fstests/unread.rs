// SPDX-License-Identifier: GPL-2.0

//! What a guest's kernel said that fstests does not look at: as the guest comes up, as engines are
//! switched, as `check` makes and mounts filesystems before a test and unmounts them after it.
//!
//! What a test says is fstests' to judge, from `run fstests generic/001` on to where the agent
//! has found that it was read: tests filter what they provoke, or have nobody look at all, and
//! then all is theirs until `check` has ended. A test that was not run has provoked nothing,
//! and nobody has looked at it. What a guest says that dies in a test is that test's failure.

use anyhow::{Context, Result};
use iomap_qemu_protocol::kernel_log::Signs;
use iomap_qemu_protocol::{FstestsEnd, Link};

use crate::kernel_log::split_time;

/// How `check` begins a test.
const START: &str = "run fstests ";

/// The signs of a bug in that part of the log, one text for each place, in a kernel to which the
/// engine is linked like that.
pub fn unread(console: &str, link: Link) -> Result<Vec<String>> {
    let signs = Signs::new(link).context("the signs of kernel bugs")?;
    let mut now = 0.0;
    let line = |line| {
        let (time, text) = split_time(line);
        now = time.unwrap_or(now);
        (now, text)
    };
    let lines: Vec<(f64, &str)> = console.lines().map(line).collect();
    let mut places: Vec<(String, Vec<&str>)> = Vec::new();
    let mut place = "before the first test".to_owned();
    let mut read_until = f64::NEG_INFINITY;
    for (number, &(time, text)) in lines.iter().enumerate() {
        if text.starts_with(START) {
            let mut rest = lines.iter().skip(number);
            let ended = rest.find_map(|(time, text)| Some((*time, FstestsEnd::parse(text)?)));
            let Some((end, ended)) = ended else {
                break;
            };
            read_until = ended.read_until.unwrap_or(end);
            place = format!("at the end of {} or after it", ended.run);
        }
        if time > read_until && signs.fit(text) {
            match places.last_mut() {
                Some((last, found)) if *last == place => found.push(text),
                _ => places.push((place.clone(), vec![text])),
            }
        }
    }
    Ok(places.iter().filter_map(told).collect())
}

fn told((place, found): &(String, Vec<&str>)) -> Option<String> {
    let (first, others) = found.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        count => format!(" (and {count} more such lines)"),
    };
    Some(format!(
        "{place}, where fstests does not look, the kernel said: {first}{more}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(console: &[&str]) -> Result<Vec<String>> {
        let lines = console.iter().enumerate();
        let timed = lines.map(|(second, text)| format!("[{second:5}.000000] {text}\r\n"));
        unread(&timed.collect::<String>(), Link::Module)
    }

    #[test]
    fn what_no_test_is_asked_for_is_named_with_the_test_before_it() -> Result<()> {
        let told = after(&[
            "WARNING: as the module is loaded",
            "EXT4-fs (vda): mounted",
            "run fstests generic/001 at 2026-01-01",
            "EXT4-fs (vda): unmounting",
            "BUG: as the filesystem is unmounted",
            "fstests: end of c:generic/001, read until 3.000000",
            "BUG: KASAN: as engines are switched",
            "run fstests generic/001 at 2026-01-01",
            "fstests: end of live:generic/001, read until 7.000000",
            "possible circular locking",
        ])?;
        let place = "where fstests does not look, the kernel said";
        let before = format!("before the first test, {place}: WARNING: as the module is loaded");
        let between = format!(
            "at the end of c:generic/001 or after it, {place}: BUG: as the filesystem is \
             unmounted (and 1 more such lines)"
        );
        let last = format!(
            "at the end of live:generic/001 or after it, {place}: possible circular locking"
        );
        assert_eq!(told, [before, between, last]);
        Ok(())
    }

    #[test]
    fn what_a_test_says_is_for_fstests_to_judge() -> Result<()> {
        let looked_at = [
            "run fstests xfs/439 at 2026-01-01",
            "WARNING: intended",
            "fstests: end of c:xfs/439, read until 1.000000",
        ];
        let not_wanted = [
            "run fstests xfs/452 at 2026-01-01",
            "WARNING: intended",
            "fstests: end of c:xfs/452",
        ];
        let died = ["run fstests xfs/001 at 2026-01-01", "Kernel panic - x"];
        for console in [&looked_at[..], &not_wanted, &died] {
            assert_eq!(after(console)?, [""; 0]);
        }
        Ok(())
    }

    #[test]
    fn a_test_that_was_not_run_is_looked_at_here() -> Result<()> {
        let told = after(&[
            "run fstests xfs/001 at 2026-01-01",
            "WARNING: as it looks for what it needs",
            "fstests: end of c:xfs/001, read until 0.000000",
        ])?;
        assert_eq!(told.len(), 1);
        Ok(())
    }
}

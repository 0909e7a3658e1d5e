// SPDX-License-Identifier: GPL-2.0

//! Reads a guest's console for signs of a bug that no test accounted for: what
//! happened before the first test, after the last, or while unmounting.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use iomap_qemu_protocol::kernel_log::Signs;
use iomap_qemu_protocol::Link;

/// Every kernel says something there when it boots.
const NOTHING: &str = "the log of the guest's console is empty, or is gone: is the disk full, \
                       has anybody removed the results under the run?";

/// What a guest's kernel has written to that file; nothing if there is none.
pub fn text_of(console: &Path) -> String {
    String::from_utf8_lossy(&fs::read(console).unwrap_or_default()).into_owned()
}

/// The lines of `console` that look like a bug and are not among `accounted`, in a
/// kernel to which the engine is linked like that. No line at all is no good sign.
pub fn unaccounted(console: &str, link: Link, accounted: &BTreeSet<String>) -> Result<Vec<String>> {
    if console.trim().is_empty() {
        return Ok(vec![NOTHING.to_owned()]);
    }
    let signs = Signs::new(link).context("the signs of kernel bugs")?;
    Ok(console
        .lines()
        .map(without_time)
        .filter(|line| signs.fit(line) && !accounted.contains(*line))
        .map(str::to_owned)
        .collect())
}

/// The last thing that went wrong, to say in one line why a guest died.
pub fn cause_of_death(console: &str) -> Option<String> {
    let mut lines = console.lines().map(without_time);
    lines
        // The last one is the host's doing if the guest hung.
        .rfind(|line| line.starts_with("Kernel panic") && !line.contains("NMI: Not continuing"))
        .map(str::to_owned)
}

/// The last line, which may tell how far a guest got.
pub fn last_words(console: &str) -> String {
    let mut lines = console.lines().map(str::trim);
    lines
        .rfind(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// `[    1.234567] text` without the time.
fn without_time(line: &str) -> &str {
    split_time(line).1
}

/// The time of `[    1.234567] text`, if there is one, and the text.
pub fn split_time(line: &str) -> (Option<f64>, &str) {
    let line = line.trim();
    let parts = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    match parts.map(|(time, text)| (time.trim().parse().ok(), text)) {
        Some((Some(time), text)) => (Some(time), text),
        _ => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "[    0.000000] Linux version 6.12\n\
        [    1.500000] WARNING: CPU: 0 PID: 1 at fs/iomap/iter.c:33 x+0x1/0x2\n\
        [    2.500000] EXT4-fs (vda): mounted\n\
        [    3.000000] BUG: kernel NULL pointer dereference, address: 0\n";

    #[test]
    fn what_no_test_accounted_for_is_found() -> Result<()> {
        let accounted =
            BTreeSet::from(["WARNING: CPU: 0 PID: 1 at fs/iomap/iter.c:33 x+0x1/0x2".to_owned()]);
        assert_eq!(
            unaccounted(CONSOLE, Link::Module, &accounted)?,
            ["BUG: kernel NULL pointer dereference, address: 0"]
        );
        assert_eq!(
            unaccounted(CONSOLE, Link::Module, &BTreeSet::new())?.len(),
            2
        );
        Ok(())
    }

    #[test]
    fn an_ordinary_boot_is_clean() -> Result<()> {
        let console = "[    0.1] debug: lock [x] and\n[ 1.0] Run /init as init process\nroot\n";
        assert!(unaccounted(console, Link::Module, &BTreeSet::new())?.is_empty());
        Ok(())
    }

    #[test]
    fn a_guest_without_a_log_is_not_clean() -> Result<()> {
        let gone = text_of(Path::new("/no/such/console.log"));
        for console in [gone.as_str(), "\n"] {
            let found = unaccounted(console, Link::Module, &BTreeSet::new())?;
            assert_eq!(found, [NOTHING]);
        }
        Ok(())
    }

    #[test]
    fn how_far_a_guest_got_is_its_last_line() {
        assert_eq!(last_words("[ 1.0] a\n[ 2.0] b\r\n\n"), "[ 2.0] b");
        assert_eq!(last_words(""), "");
    }

    #[test]
    fn a_panic_is_named() {
        let console = "[ 1.0] Kernel panic - not syncing: Attempted to kill init!\n[ 1.1] x\n";
        assert_eq!(
            cause_of_death(console).as_deref(),
            Some("Kernel panic - not syncing: Attempted to kill init!")
        );
        assert_eq!(cause_of_death(CONSOLE), None);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Bios whose ends are a matter of memory.
//!
//! A bio has room for 256 pieces of memory, and pages that happen to be neighbours in memory
//! are one piece. So where a bio of 256 pages or more ends depends on which pages the kernel had
//! to give for the page cache. That is the same in two boots, but not in one after the other.

use iomap_qemu_protocol::{Stream, Transcript};

/// As many pages as pieces, in sectors.
const FULL: u64 = 256 * 8;

/// Joins a bio that may have been full with the one that goes on where it ends, if it writes
/// back from the page cache: direct I/O is the engine's, wherever its bios end.
pub fn join_full_bios(transcript: &mut Transcript) {
    for (stream, write_back) in [(Stream::Bios, false), (Stream::TaskBios, true)] {
        if let Some(lines) = transcript.streams.get_mut(&stream) {
            *lines = joined(lines, write_back);
        }
    }
}

/// Whether the first lines write back has to be said; after a call that depends on the call.
fn joined(lines: &[String], mut write_back: bool) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for line in lines {
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            write_back = is_sync(line);
        }
        let last = joined.last_mut().filter(|_| write_back);
        match last.and_then(|last| Some((together(last, line)?, last))) {
            Some((whole, last)) => *last = whole,
            None => joined.push(line.clone()),
        }
    }
    joined
}

/// `6 fdatasync(file)`, but not a call with a file whose name has that in it.
fn is_sync(call: &str) -> bool {
    let (name, _) = call.split_once('(').unwrap_or((call, ""));
    name.contains("sync")
}

fn together(first: &str, second: &str) -> Option<String> {
    let ((flags, start, sectors), (also, next, more)) = (bio(first)?, bio(second)?);
    let goes_on = flags == also && start + sectors == next;
    (goes_on && sectors >= FULL).then(|| format!("{flags} {start} + {}", sectors + more))
}

/// `WS 2048 + 8`
pub fn bio(line: &str) -> Option<(&str, u64, u64)> {
    let (flags, place) = line.split_once(' ')?;
    let (start, sectors) = place.split_once(" + ")?;
    Some((flags, start.parse().ok()?, sectors.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined_text(text: &str) -> String {
        let lines: Vec<String> = text.split("; ").map(str::to_owned).collect();
        joined(&lines, false).join("; ")
    }

    #[test]
    fn where_a_full_bio_ends_does_not_matter() {
        let whole = "6 fsync(file); WS 41400 + 4096; 7 fadvise(file)";
        for parts in [
            "6 fsync(file); WS 41400 + 2064; WS 43464 + 2032; 7 fadvise(file)",
            "6 fsync(file); WS 41400 + 2496; WS 43896 + 1600; 7 fadvise(file)",
            "6 fsync(file); WS 41400 + 2048; WS 43448 + 2047; WS 45495 + 1; 7 fadvise(file)",
        ] {
            assert_eq!(joined_text(parts), whole);
        }
    }

    #[test]
    fn other_bios_stay_as_they_are() {
        for text in [
            "WS 0 + 2040; WS 2040 + 8",
            "WS 0 + 2048; WS 2056 + 8",
            "WS 0 + 2048; W 2048 + 8",
            "WS 0 + 2048; 7 fsync(file); WS 2048 + 8",
            "WSM; WSM",
        ] {
            let text = format!("6 fsync(file); {text}");
            assert_eq!(joined_text(&text), text);
        }
    }

    #[test]
    fn direct_io_stays_as_it_is() {
        let text = "3 pwritev(synced, 0); WS 0 + 2048; WS 2048 + 8";
        assert_eq!(joined_text(text), text);
        let bios = ["WS 0 + 2048", "WS 2048 + 8"].map(str::to_owned);
        assert_eq!(joined(&bios, false).len(), 2);
        assert_eq!(joined(&bios, true), ["WS 0 + 2056"]);
    }
}

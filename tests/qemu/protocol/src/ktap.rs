// SPDX-License-Identifier: GPL-2.0

//! The lines that the agent writes to `/dev/hvc0`: KTAP version 1 with a few
//! comment lines of our own. `Display` writes a line, [`Line::parse`] reads it,
//! so both sides agree by construction.
//!
//! ```text
//! KTAP version 1
//! 1..2
//! # begin dio_read
//! # metric dio_read bytes 1048576
//! ok 1 dio_read # 153 ms
//! # begin swap
//! not ok 2 swap
//! # end
//! ```

use std::fmt;

/// In [`Line::Dying`]: the host is to end the guest at once, as by pulling the plug.
pub const POWER_CUT: &str = "power cut";

/// One line of the agent's output.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// `KTAP version 1`
    Version,
    /// `1..N`
    Plan(usize),
    /// `# begin <test>`: lets the host know who hung or crashed.
    Begin(String),
    /// `ok ...` or `not ok ...`
    Result {
        number: usize,
        name: String,
        outcome: Outcome,
    },
    /// `# metric <test> <key> <value>`
    Metric {
        test: String,
        key: String,
        value: f64,
    },
    /// `# extent <path> <logical> <physical> <length> <flags>`, bytes in decimal,
    /// `fe_flags` in hex.
    Extent {
        path: String,
        logical: u64,
        physical: u64,
        length: u64,
        flags: u32,
    },
    /// `# sha256 <path> <hex>`
    Sha256 { path: String, hex: String },
    /// `# synced <path> <writes>`: so many of the file's writes last, whatever comes.
    Synced { path: String, writes: usize },
    /// `# log: <line of the kernel log>`
    Log(String),
    /// `# unplug <disk>`: asks the host to pull that disk out.
    Unplug(String),
    /// `# plug <disk>`: asks the host to put it back.
    Plug(String),
    /// `# dying: <how>`: the test that runs ends with the guest, by [`POWER_CUT`] or
    /// by a panic of the kernel whose message contains `how`. It is the host that says
    /// what came of it. With fstests: the guest is of no use any more, for that reason, and
    /// whatever test runs is to be run again in another one.
    Dying(String),
    /// `# end`: all was run and the guest is about to power off.
    End,
    /// Any other comment, without its `# `.
    Comment(String),
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Passed { millis: Option<u64> },
    Skipped { reason: String },
    Failed,
}

impl Line {
    /// Reads one line; `None` for a line that is no KTAP, such as what firmware says.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(comment) = line.strip_prefix("# ") {
            return Some(
                parse_comment(comment).unwrap_or_else(|| Self::Comment(comment.to_owned())),
            );
        }
        if line == "KTAP version 1" {
            return Some(Self::Version);
        }
        if let Some(count) = line.strip_prefix("1..") {
            return count.parse().ok().map(Self::Plan);
        }
        parse_result(line)
    }
}

fn parse_comment(comment: &str) -> Option<Line> {
    if comment == "end" {
        return Some(Line::End);
    }
    if let Some(text) = comment.strip_prefix("log: ") {
        return Some(Line::Log(text.to_owned()));
    }
    if let Some(how) = comment.strip_prefix("dying: ") {
        return Some(Line::Dying(how.to_owned()));
    }
    let mut words = comment.split(' ');
    let line = match words.next()? {
        "begin" => Line::Begin(words.next()?.to_owned()),
        "metric" => Line::Metric {
            test: words.next()?.to_owned(),
            key: words.next()?.to_owned(),
            value: words.next()?.parse().ok()?,
        },
        "extent" => Line::Extent {
            path: words.next()?.to_owned(),
            logical: words.next()?.parse().ok()?,
            physical: words.next()?.parse().ok()?,
            length: words.next()?.parse().ok()?,
            flags: u32::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?,
        },
        "unplug" => Line::Unplug(words.next()?.to_owned()),
        "plug" => Line::Plug(words.next()?.to_owned()),
        "sha256" => Line::Sha256 {
            path: words.next()?.to_owned(),
            hex: words.next()?.to_owned(),
        },
        "synced" => Line::Synced {
            path: words.next()?.to_owned(),
            writes: words.next()?.parse().ok()?,
        },
        _ => return None,
    };
    // More words than the form has: ordinary prose that happens to start alike.
    words.next().is_none().then_some(line)
}

fn parse_result(line: &str) -> Option<Line> {
    let (passed, rest) = if let Some(rest) = line.strip_prefix("ok ") {
        (true, rest)
    } else {
        (false, line.strip_prefix("not ok ")?)
    };
    let (rest, directive) = match rest.split_once(" # ") {
        Some((rest, directive)) => (rest, directive.trim()),
        None => (rest, ""),
    };
    let (number, name) = rest.split_once(' ')?;
    // KTAP allows a dash between number and name.
    let name = name.strip_prefix("- ").unwrap_or(name).trim();
    let outcome = if !passed {
        Outcome::Failed
    } else if let Some(reason) = directive.strip_prefix("SKIP") {
        let reason = reason.trim().to_owned();
        Outcome::Skipped { reason }
    } else {
        let millis = directive
            .strip_suffix(" ms")
            .and_then(|millis| millis.parse().ok());
        Outcome::Passed { millis }
    };
    Some(Line::Result {
        number: number.parse().ok()?,
        name: name.to_owned(),
        outcome,
    })
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("KTAP version 1"),
            Self::Plan(count) => write!(f, "1..{count}"),
            Self::Begin(test) => write!(f, "# begin {test}"),
            Self::Result {
                number,
                name,
                outcome,
            } => match outcome {
                Outcome::Passed { millis: None } => write!(f, "ok {number} {name}"),
                Outcome::Passed { millis: Some(ms) } => write!(f, "ok {number} {name} # {ms} ms"),
                Outcome::Skipped { reason } => write!(f, "ok {number} {name} # SKIP {reason}"),
                Outcome::Failed => write!(f, "not ok {number} {name}"),
            },
            Self::Metric { test, key, value } => write!(f, "# metric {test} {key} {value}"),
            Self::Extent {
                path,
                logical,
                physical,
                length,
                flags,
            } => write!(
                f,
                "# extent {path} {logical} {physical} {length} {flags:#x}"
            ),
            Self::Sha256 { path, hex } => write!(f, "# sha256 {path} {hex}"),
            Self::Synced { path, writes } => write!(f, "# synced {path} {writes}"),
            Self::Log(text) => write!(f, "# log: {text}"),
            Self::Unplug(disk) => write!(f, "# unplug {disk}"),
            Self::Plug(disk) => write!(f, "# plug {disk}"),
            Self::Dying(how) => write!(f, "# dying: {how}"),
            Self::End => f.write_str("# end"),
            Self::Comment(text) => write!(f, "# {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(number: usize, name: &str, outcome: Outcome) -> Line {
        Line::Result {
            number,
            name: name.into(),
            outcome,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let lines = [
            Line::Version,
            Line::Plan(12),
            Line::Begin("dio_read".into()),
            result(1, "dio_read", Outcome::Passed { millis: Some(153) }),
            result(2, "seek", Outcome::Passed { millis: None }),
            result(
                3,
                "swap",
                Outcome::Skipped {
                    reason: "rust only".into(),
                },
            ),
            result(4, "aio", Outcome::Failed),
            Line::Metric {
                test: "read".into(),
                key: "trace.iomap_iter".into(),
                value: 12.5,
            },
            Line::Extent {
                path: "a/b%20c".into(),
                logical: 0,
                physical: 1 << 40,
                length: 4096,
                flags: 0x801,
            },
            Line::Sha256 {
                path: "a".into(),
                hex: "00ff".into(),
            },
            Line::Synced {
                path: "main/a".into(),
                writes: 3,
            },
            Line::Log("WARNING: CPU: 0".into()),
            Line::Unplug("main".into()),
            Line::Plug("main".into()),
            Line::Dying(POWER_CUT.into()),
            Line::End,
            Line::Comment("anything else".into()),
        ];
        for line in lines {
            assert_eq!(Line::parse(&format!("{line}\r\n")), Some(line));
        }
    }

    #[test]
    fn noise_is_not_ktap() {
        for noise in ["", "SeaBIOS", "ok", "ok x name", "1..many", "not okay 1 x"] {
            assert_eq!(Line::parse(noise), None, "{noise:?}");
        }
    }

    #[test]
    fn a_comment_that_only_starts_like_ours_stays_a_comment() {
        let text = "begin with the first of them";
        assert_eq!(
            Line::parse(&format!("# {text}")),
            Some(Line::Comment(text.into()))
        );
    }

    #[test]
    fn skip_wants_no_reason_and_dash_is_tolerated() {
        assert_eq!(
            Line::parse("ok 7 - name # SKIP"),
            Some(result(
                7,
                "name",
                Outcome::Skipped {
                    reason: String::new()
                }
            ))
        );
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What a guest in compare mode is told, and what it tells of its workloads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Link;

/// What compare mode needs beyond the rest: [`crate::RunSpec::extra`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareSpec {
    /// Only workloads whose names contain this.
    #[serde(default)]
    pub filter: Option<String>,
    /// The engines that serve one after the other, each beginning with the same disk.
    pub engines: Vec<Link>,
}

impl CompareSpec {
    /// The role of the disk that transcripts are written to: each as a line of JSON,
    /// empty lines between, zeros behind the last.
    pub const LOG: &'static str = "log";

    /// The same for the first engine of two, and the role of the disk that takes what that
    /// leaves of the main one, which the second begins with.
    pub const FIRST_LOG: &'static str = "first-log";
    pub const FIRST_DISK: &'static str = "first-disk";

    /// The role of the disk that has the filesystem in the beginning, and in the end what the
    /// last engine leaves.
    pub const MAIN: &'static str = "main";

    /// For each of so many engines, the roles of the disks that take its transcripts and what
    /// it leaves.
    pub fn places(engines: usize) -> &'static [(&'static str, &'static str)] {
        match engines {
            1 => &[(Self::LOG, Self::MAIN)],
            _ => &[(Self::FIRST_LOG, Self::FIRST_DISK), (Self::LOG, Self::MAIN)],
        }
    }
}

/// One kind of what a workload makes the kernel do, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// System calls with what they return, and digests of what they read.
    Calls,
    /// Trace events of the engine that the workload's own task causes, with the
    /// calls between them.
    Events,
    /// Those that the kernel's tasks cause.
    TaskEvents,
    /// Bios that the workload's own task submits, with the calls between them.
    Bios,
    /// Those that the kernel's tasks submit.
    TaskBios,
    /// What the workload leaves: sizes, extents and contents of its files.
    Files,
}

impl Stream {
    pub const ALL: [Self; 6] = [
        Self::Calls,
        Self::Events,
        Self::TaskEvents,
        Self::Bios,
        Self::TaskBios,
        Self::Files,
    ];

    /// In names of files and in `explained.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Events => "events",
            Self::TaskEvents => "task_events",
            Self::Bios => "bios",
            Self::TaskBios => "task_bios",
            Self::Files => "files",
        }
    }
}

/// All that was seen of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    pub workload: String,
    pub streams: BTreeMap<Stream, Vec<String>>,
}

impl Transcript {
    /// The lines of a stream; none if it is not there.
    pub fn lines(&self, stream: Stream) -> &[String] {
        self.streams.get(&stream).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_survives_the_journey() -> Result<(), serde_json::Error> {
        let lines = |stream: Stream| (stream, vec![format!("a line of {}", stream.name())]);
        let transcript = Transcript {
            workload: "sequential".into(),
            streams: Stream::ALL.map(lines).into(),
        };
        let text = serde_json::to_string(&transcript)?;
        assert!(
            !text.contains('\n') && text.contains(r#""task_bios":["#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Transcript>(&text)?, transcript);
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Transcripts in which too little was seen to compare.

use iomap_qemu_protocol::{Stream, Transcript};

/// What is missing of workloads that hand something to the engine. If the trace was not
/// understood, or no event taken for one of the disk, both sides have nothing but the calls,
/// and are equal whatever the engines do.
pub fn missing(transcripts: &[Transcript]) -> Vec<&'static str> {
    let any = |streams: [Stream; 2], fits: fn(&str) -> bool| {
        let mut lines = transcripts
            .iter()
            .flat_map(|transcript| streams.iter().flat_map(|s| transcript.lines(*s)));
        lines.any(|line| fits(line))
    };
    let mut missing = Vec::new();
    if !any([Stream::Events, Stream::TaskEvents], is_event) {
        missing.push("no event of the engine");
    }
    if !any([Stream::Bios, Stream::TaskBios], is_bio) {
        missing.push("no bio");
    }
    missing
}

fn is_event(line: &str) -> bool {
    line.starts_with("iomap_")
}

/// Calls, which stand between bios, begin with their numbers.
fn is_bio(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_of(streams: &[(Stream, &str)]) -> Vec<&'static str> {
        let mut transcript = Transcript::default();
        for (stream, line) in streams {
            let lines = transcript.streams.entry(*stream).or_default();
            lines.push((*line).to_owned());
        }
        missing(&[transcript])
    }

    #[test]
    fn calls_alone_are_not_enough() {
        let call = "2 pwrite(file, 0, 4096)";
        let event = (Stream::Events, "iomap_writepage: dev 259:1 ino 0x83");
        let bio = (Stream::TaskBios, "WS 2048 + 8");
        let calls = [(Stream::Events, call), (Stream::Bios, call)];
        assert_eq!(missing_of(&calls), ["no event of the engine", "no bio"]);
        assert_eq!(missing_of(&[calls[0], calls[1], event]), ["no bio"]);
        assert_eq!(missing_of(&[bio]), ["no event of the engine"]);
        assert!(missing_of(&[event, bio]).is_empty());
    }

    #[test]
    fn one_workload_may_have_what_another_has_not() {
        let with = |stream, line: &str| Transcript {
            workload: String::new(),
            streams: [(stream, vec![line.to_owned()])].into(),
        };
        let event = with(Stream::Events, "iomap_iter: dev 259:1");
        let bio = with(Stream::Bios, "WS 2048 + 8");
        assert_eq!(missing(std::slice::from_ref(&event)), ["no bio"]);
        assert!(missing(&[event, bio]).is_empty());
    }
}

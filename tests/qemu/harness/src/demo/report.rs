// SPDX-License-Identifier: GPL-2.0

//! The report that a person reads.

use std::fmt::Write;

use anyhow::Result;
use iomap_qemu_protocol::Link;

use super::record::{count, Phase, Record};
use super::verify::Agreement;
use crate::lab::Lab;
use crate::suites::Suite;

/// What ran, and on what.
pub fn head(lab: &Lab) -> Result<String> {
    let tools = &lab.tools;
    Ok(format!(
        "kernel   Linux {} (Debian's {} {} patches/linux-6.12)\n\
         engine   {}: rustc {}, bindgen {}, clang {}\n\
         machine  QEMU {} on {}, virtio-blk disks\n",
        lab.kernel.release()?,
        tools.linux_source_version,
        if lab.link == Link::Live {
            "without"
        } else {
            "with"
        },
        match lab.link {
            Link::Module => "iomap_rs.ko",
            Link::Live => "iomap_rs_live.ko",
            Link::Builtin | Link::C => lab.link.engine(),
        },
        tools.rustc_version,
        tools.bindgen_version,
        tools.clang_version,
        tools.qemu_version,
        lab.accel.name(),
    ))
}

/// One filesystem's part.
pub fn disk(suite: &Suite, record: &Record, agreement: &Agreement) -> String {
    let mut text = String::new();
    if let Some(filesystem) = suite.filesystem() {
        let (name, block) = (filesystem.name(), filesystem.block_size());
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "{name}, blocks of {} bytes: {name}.ko from untouched fs/{name}",
            block.unwrap_or_default()
        );
    }
    let _ = writeln!(
        text,
        "  {:<12} {:>6} {:>11} {:>9} {:>13}   through the engine",
        "phase", "files", "data", "time", "speed"
    );
    for phase in &record.phases {
        let _ = writeln!(text, "{}", row(phase));
    }
    let events: Vec<String> = record
        .events()
        .into_iter()
        .map(|(event, times)| format!("{event} {times}"))
        .collect();
    let _ = writeln!(text, "  trace events: {}", events.join(", "));
    let _ = writeln!(
        text,
        "  debugfs agrees with FIEMAP on {} extents of {} files",
        agreement.extents, agreement.mapped_files
    );
    let _ = writeln!(
        text,
        "  {} files that the guest wrote read back on the host, SHA-256 as it should be",
        agreement.written_files
    );
    for problem in &record.problems {
        let _ = writeln!(text, "  WRONG: {problem}");
    }
    if record.problems.is_empty() {
        let _ = writeln!(text, "  e2fsck -fn: clean");
    }
    text
}

fn row(phase: &Phase) -> String {
    let (bytes, seconds) = (phase.metric("bytes"), phase.metric("seconds"));
    let mib = bytes / 1_048_576.0;
    let operations = count(phase.metric("trace.iomap_dio_rw_begin"));
    let mappings = count(phase.metric("trace.iomap_iter_dstmap"));
    // Without I/O, the data is only talked about.
    let speed = if operations > 0 && seconds > 0.0 {
        format!("{:.1} MiB/s", mib / seconds)
    } else {
        String::new()
    };
    format!(
        "  {:<12} {:>6} {mib:>7.1} MiB {seconds:>7.2} s {speed:>13}   \
         {operations} direct I/Os, {mappings} mappings",
        phase.name,
        count(phase.metric("files")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_speed_and_operations() {
        let metrics = [
            ("files", 3.0),
            ("bytes", 2_097_152.0),
            ("seconds", 0.5),
            ("trace.iomap_dio_rw_begin", 12.0),
            ("trace.iomap_iter_dstmap", 20.0),
        ];
        let phase = Phase {
            name: "read".into(),
            metrics: metrics.map(|(key, value)| (key.to_owned(), value)).into(),
        };
        let row = row(&phase);
        assert!(
            row.contains("2.0 MiB") && row.contains("4.0 MiB/s"),
            "{row}"
        );
        assert!(row.ends_with("12 direct I/Os, 20 mappings"), "{row}");
    }

    #[test]
    fn a_phase_without_io_has_no_speed() {
        assert!(!row(&Phase::default()).contains("MiB/s"));
    }
}

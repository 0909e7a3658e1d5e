// SPDX-License-Identifier: GPL-2.0

//! What it costs that livepatch redirects calls to the engine.

use std::fmt::Write;

use crate::results::Meta;

/// A workload's way into an engine that a running kernel was patched with, per
/// operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redirected {
    pub workload: String,
    /// How often a function of the C engine was redirected.
    pub calls: f64,
    /// Instructions of the trampolines and of livepatch's handler.
    pub instructions: f64,
}

/// The page about a filesystem.
pub fn page(suite: &str, meta: &Meta, rows: &[Redirected]) -> String {
    let mut text = format!(
        "# {suite}: what the trampolines of livepatch cost\n\nIn instructions, on the kernel \
         of `MODE=live`: those of ftrace's trampolines and of \
         `klp_ftrace_handler()`, from where a function of the C engine calls a trampoline, \
         which is its first instruction, to the first one of the Rust engine's function. Made \
         by `make bench LIVE={suite}/`.\n\n{}\
         | workload | calls in an operation | instructions in it | in a call |\n\
         | --- | ---: | ---: | ---: |\n",
        meta.line()
    );
    for row in rows.iter().filter(|row| row.calls > 0.0) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.1} | {:.1} |",
            row.workload,
            row.calls,
            row.instructions,
            row.instructions / row.calls
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_divided_by_calls() {
        let row = |workload: &str, calls, instructions| Redirected {
            workload: workload.into(),
            calls,
            instructions,
        };
        let text = page(
            "xfs-4k",
            &Meta::default(),
            &[row("a", 2.0, 150.0), row("b", 0.0, 0.0)],
        );
        assert!(text.contains("| a | 2.00 | 150.0 | 75.0 |"), "{text}");
        assert!(!text.contains("| b |"), "{text}");
    }
}

// SPDX-License-Identifier: GPL-2.0

//! How deep the kernel's stack got.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::results::Meta;

/// A workload on both engines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub workload: String,
    pub c: Side,
    pub rust: Side,
}

/// Bytes of stack that are in use on one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// At the deepest, and in which function.
    pub deepest: (u64, String),
    /// Where functions of the rest of the kernel begin.
    pub hand_overs: BTreeMap<String, u64>,
}

/// What the Rust engine may need more than the C engine, in bytes.
pub const ALLOWED: u64 = 256;

/// The page about a filesystem.
pub fn page(suite: &str, meta: &Meta, depths: &[Depth]) -> String {
    let mut text = format!(
        "# {suite}: the kernel's stack at its deepest\n\nIn bytes, from the system call \
         on, with the function that got there. Made by `make bench PROFILE={suite}/`.\n\n\
         {}\
         | workload | C | in | Rust | in | Rust - C |\n\
         | --- | ---: | --- | ---: | --- | ---: |\n",
        meta.line()
    );
    for depth in depths {
        let (c, rust) = (&depth.c.deepest, &depth.rust.deepest);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} | `{}` | {:+} |",
            depth.workload,
            c.0,
            c.1,
            rust.0,
            rust.1,
            difference(c.0, rust.0)
        );
    }
    let deepest = |of: fn(&Depth) -> u64| depths.iter().map(of).max().unwrap_or_default();
    let (c, rust) = (
        deepest(|depth| depth.c.deepest.0),
        deepest(|depth| depth.rust.deepest.0),
    );
    let _ = writeln!(text, "\nThe deepest of all: C {c}, Rust {rust}.");
    text + &hand_overs(depths)
}

fn difference(c: u64, rust: u64) -> i64 {
    rust as i64 - c as i64
}

/// Where the rest of the kernel takes over, which needs the same from there on: once what
/// it keeps at hand is used up, much.
fn hand_overs(depths: &[Depth]) -> String {
    let called = depths.iter().flat_map(|depth| depth.c.hand_overs.keys());
    let functions: BTreeSet<&String> = called.collect();
    let rows: Vec<_> = functions
        .into_iter()
        .filter_map(|function| {
            let both = depths.iter().filter_map(|depth| {
                let c = *depth.c.hand_overs.get(function)?;
                let rust = *depth.rust.hand_overs.get(function)?;
                Some((rust, c, depth.workload.as_str()))
            });
            both.max().map(|deepest| (function, deepest))
        })
        .collect();
    let differences = rows.iter().map(|(_, (rust, c, _))| difference(*c, *rust));
    let Some(most) = differences.max() else {
        return String::new();
    };
    let mut text = String::from(
        "\nHow much more the rest of the kernel needs below that is chance: its allocators go \
         deep when what they keep at hand is used up. This is what is in use where it takes \
         over, in the workload in which that is most in Rust:\n\n\
         | function | workload | C | Rust | Rust - C |\n\
         | --- | --- | ---: | ---: | ---: |\n",
    );
    for (function, (rust, c, workload)) in rows {
        let more = difference(c, rust);
        let _ = writeln!(
            text,
            "| `{function}` | {workload} | {c} | {rust} | {more:+} |"
        );
    }
    let verdict = match most <= ALLOWED as i64 {
        true => "within",
        false => "beyond",
    };
    let _ = writeln!(
        text,
        "\nAt most {most:+}: {verdict} the {ALLOWED} bytes that Rust may need more."
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(deepest: (u64, &str), hand_over: Option<u64>) -> Side {
        Side {
            deepest: (deepest.0, deepest.1.to_owned()),
            hand_overs: hand_over
                .map(|depth| ("bio_alloc".to_owned(), depth))
                .into_iter()
                .collect(),
        }
    }

    fn depth(workload: &str, c: Option<u64>, rust: Option<u64>) -> Depth {
        Depth {
            workload: workload.into(),
            c: side((1000, "kmalloc"), c),
            rust: side((1300, "start"), rust),
        }
    }

    #[test]
    fn hand_overs_are_judged_where_both_have_them() {
        let page = |rust| {
            let depths = [
                depth("write", Some(700), Some(900)),
                depth("read", Some(800), Some(rust)),
                depth("seek", None, Some(5000)),
            ];
            page("xfs-4k", &Meta::default(), &depths)
        };
        let good = page(1056);
        assert!(
            good.contains("| write | 1000 | `kmalloc` | 1300 | `start` | +300 |"),
            "{good}"
        );
        assert!(
            good.contains("The deepest of all: C 1000, Rust 1300."),
            "{good}"
        );
        assert!(
            good.contains("| `bio_alloc` | read | 800 | 1056 | +256 |"),
            "{good}"
        );
        assert!(good.contains("At most +256: within"), "{good}");
        assert!(page(1057).contains("At most +257: beyond"));
    }

    #[test]
    fn without_hand_overs_nothing_is_judged() {
        let text = page("xfs-4k", &Meta::default(), &[depth("write", None, None)]);
        assert!(!text.contains("may need more"), "{text}");
    }
}

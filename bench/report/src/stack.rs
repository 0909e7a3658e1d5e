// SPDX-License-Identifier: GPL-2.0

//! How deep the kernel's stack got.

use std::fmt::Write;

use crate::results::Meta;

/// A workload on both engines: bytes of stack at its deepest, and the function there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub workload: String,
    pub c: (u64, String),
    pub rust: (u64, String),
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
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} | `{}` | {:+} |",
            depth.workload,
            depth.c.0,
            depth.c.1,
            depth.rust.0,
            depth.rust.1,
            depth.rust.0 as i64 - depth.c.0 as i64
        );
    }
    let deepest = |of: fn(&Depth) -> u64| depths.iter().map(of).max().unwrap_or_default();
    let (c, rust) = (deepest(|depth| depth.c.0), deepest(|depth| depth.rust.0));
    let verdict = if rust <= c + ALLOWED {
        "within"
    } else {
        "beyond"
    };
    let _ = writeln!(
        text,
        "\nThe deepest of all: C {c}, Rust {rust}; that is {verdict} the {ALLOWED} bytes that \
         Rust may need more."
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_of_all_is_judged() {
        let depth = |c, rust| Depth {
            workload: "write".into(),
            c: (c, "kmalloc".into()),
            rust: (rust, "start".into()),
        };
        let good = page(
            "xfs-4k",
            &Meta::default(),
            &[depth(1000, 1300), depth(2000, 2256)],
        );
        assert!(
            good.contains("| 1000 | `kmalloc` | 1300 | `start` | +300 |"),
            "{good}"
        );
        assert!(good.contains("C 2000, Rust 2256; that is within"), "{good}");
        let bad = page("xfs-4k", &Meta::default(), &[depth(2000, 2257)]);
        assert!(bad.contains("beyond"), "{bad}");
    }
}

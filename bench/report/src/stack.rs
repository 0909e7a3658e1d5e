// SPDX-License-Identifier: GPL-2.0

//! How deep the kernel's stack got.

use std::fmt::Write;

/// A workload on both engines: bytes of stack at its deepest, and the function there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub workload: String,
    pub c: (u64, String),
    pub rust: (u64, String),
    /// C, Rust, and the function: the deepest that both got to.
    pub on_both: (u64, u64, String),
}

/// What the Rust engine may need more than the C engine, in bytes.
pub const ALLOWED: u64 = 256;

/// The page about a filesystem.
pub fn page(suite: &str, depths: &[Depth]) -> String {
    let mut text = format!(
        "# {suite}: the kernel's stack at its deepest\n\nIn bytes, from the system call \
         on, with the function that got there, and in the deepest function that both got to: \
         whether memory management has to fill its lists, and goes deeper for that, is no \
         engine's doing. Made by `make bench PROFILE={suite}/`.\n\n\
         | workload | C | in | Rust | in | Rust - C | on both | C | Rust | Rust - C |\n\
         | --- | ---: | --- | ---: | --- | ---: | --- | ---: | ---: | ---: |\n"
    );
    for depth in depths {
        let (c, rust, function) = &depth.on_both;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} | `{}` | {:+} | `{function}` | {c} | {rust} | {:+} |",
            depth.workload,
            depth.c.0,
            depth.c.1,
            depth.rust.0,
            depth.rust.1,
            difference(depth.c.0, depth.rust.0),
            difference(*c, *rust)
        );
    }
    let deepest = |of: fn(&Depth) -> u64| depths.iter().map(of).max().unwrap_or_default();
    let (c, rust) = (deepest(|depth| depth.c.0), deepest(|depth| depth.rust.0));
    let on_both = depths.iter().map(|depth| &depth.on_both).max();
    let (like_c, like_rust, function) = on_both.cloned().unwrap_or_default();
    let verdict = if like_rust <= like_c + ALLOWED {
        "within"
    } else {
        "beyond"
    };
    let _ = writeln!(
        text,
        "\nThe deepest of all: C {c}, Rust {rust}. The deepest function that both got to, \
         `{function}`: C {like_c}, Rust {like_rust}; that is {verdict} the {ALLOWED} bytes that \
         Rust may need more."
    );
    text
}

fn difference(c: u64, rust: u64) -> i64 {
    rust as i64 - c as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_of_all_is_judged() {
        let depth = |c, rust| Depth {
            workload: "write".into(),
            c: (c + 10, "kmalloc".into()),
            rust: (rust + 500, "start".into()),
            on_both: (c, rust, "submit".into()),
        };
        let good = page("xfs-4k", &[depth(1000, 1300), depth(2000, 2256)]);
        let row = "| 1010 | `kmalloc` | 1800 | `start` | +790 | `submit` | 1000 | 1300 | +300 |";
        assert!(good.contains(row), "{good}");
        assert!(
            good.contains("C 2010, Rust 2756. ")
                && good.contains("C 2000, Rust 2256; that is within"),
            "{good}"
        );
        let bad = page("xfs-4k", &[depth(2000, 2257)]);
        assert!(bad.contains("beyond"), "{bad}");
    }
}

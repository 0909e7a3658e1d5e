// SPDX-License-Identifier: GPL-2.0

//! The engine and ext2_rs cannot panic: the compiler has found every slice to be long
//! enough, or has been told what to do otherwise, so that nothing calls what panics. On
//! kernels with Rust's overflow checks it does.

use anyhow::{ensure, Context, Result};

use super::{Subject, MODULES};
use crate::kernel::value_of;
use crate::paths::read_text;
use crate::process::output_of;

pub fn check(subject: &Subject) -> Result<()> {
    let config = read_text(&subject.kernel.dir.join(".config"))?;
    let checked = value_of(&config, "CONFIG_RUST_OVERFLOW_CHECKS").is_some();
    for module in MODULES {
        let path = subject.paths.checkout.join(module);
        let mut nm = subject.tools.command("llvm-nm");
        nm.args(["--undefined-only", "--just-symbol-name"])
            .arg(&path);
        let symbols =
            output_of(&mut nm).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(!symbols.is_empty(), "{module} calls nothing of the kernel");
        let panics = panics(&symbols);
        if checked {
            ensure!(!panics.is_empty(), "{module} has no overflow checks");
            continue;
        }
        ensure!(
            panics.is_empty(),
            "{module} may panic by {}; `llvm-objdump -dr {module}` shows where",
            panics.join(", ")
        );
    }
    Ok(())
}

/// Functions of `core::panicking` and the like, and `rust_begin_unwind()`, which they call.
fn panics(symbols: &str) -> Vec<&str> {
    let names = symbols.lines().map(str::trim);
    names
        .filter(|name| {
            [
                "panicking",
                "unwrap_failed",
                "expect_failed",
                "_fail",
                "rust_begin_unwind",
            ]
            .iter()
            .any(|part| name.starts_with("_R") && name.contains(part) || name == part)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_is_found() {
        let symbols = "\
_RNvNtCs2DxGA1hvVcO_4core9panicking5panic
_RNvNtNtCs2DxGA1hvVcO_4core5slice5index26slice_start_index_len_fail
_RNvNtCs2DxGA1hvVcO_4core6option13unwrap_failed
rust_begin_unwind
";
        assert_eq!(panics(symbols).len(), 4);
    }

    #[test]
    fn other_calls_are_fine() {
        // ext2's mount option errors=panic.
        let symbols = "panic\nkfree\n_RNvNtCsX_8iomap_rs3vfs9warn_once\nioend_submit_fail\n";
        assert!(panics(symbols).is_empty());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Where the kernel has its symbols.

use std::fs;

use anyhow::{Context as _, Result};

/// The address of a symbol of the kernel image's, as a number that C understands.
pub fn address(symbol: &str) -> Result<String> {
    let text = fs::read_to_string("/proc/kallsyms").context("no /proc/kallsyms")?;
    text.lines()
        .find_map(|line| address_in(line, symbol))
        .with_context(|| format!("the kernel has no symbol {symbol}"))
}

/// The address in a line like `ffffffff81000000 T _text`, which names no module.
fn address_in(line: &str, symbol: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let address = words.next()?;
    let right = words.nth(1) == Some(symbol) && words.next().is_none();
    right.then(|| format!("0x{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_modules_do_not_count() {
        let line = "ffffffff812b3c10 T iomap_iter";
        let found = address_in(line, "iomap_iter");
        assert_eq!(found.as_deref(), Some("0xffffffff812b3c10"));
        assert_eq!(address_in(line, "iomap"), None);
        let module = format!("{line}\t[iomap_rs_live]");
        assert_eq!(address_in(&module, "iomap_iter"), None);
    }
}

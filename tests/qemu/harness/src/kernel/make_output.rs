// SPDX-License-Identifier: GPL-2.0

//! What the kernel's make says: steps to count, and modpost's complaints.

/// Is this the line of one build step, such as `  CC      fs/iomap/iter.o`?
pub fn is_step(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("  ") else {
        return false;
    };
    let verb = rest.split_whitespace().next().unwrap_or_default();
    !rest.starts_with(' ')
        && verb.len() >= 2
        && verb.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// The undefined symbols that modpost names and that no engine will provide:
/// in module mode filesystems miss `iomap_*` until `iomap_rs.ko` is there, and
/// must miss nothing else.
pub fn foreign_undefined_symbols(log: &str) -> Vec<&str> {
    let mut symbols: Vec<&str> = log
        .lines()
        .filter_map(undefined_symbol)
        .filter(|symbol| !is_the_engines(symbol))
        .collect();
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

fn is_the_engines(symbol: &str) -> bool {
    symbol.trim_start_matches('_').starts_with("iomap_")
}

/// `WARNING: modpost: "iomap_fiemap" [fs/ext2/ext2.ko] undefined!`
fn undefined_symbol(line: &str) -> Option<&str> {
    let rest = line.trim_end().strip_suffix("undefined!")?;
    let (_, rest) = rest.split_once("modpost: \"")?;
    rest.split_once('"').map(|(symbol, _)| symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_other_lines() {
        for line in [
            "  CC      fs/iomap/iter.o",
            "  RUSTC L rust/core.o",
            "  LD [M]  fs/ext2/ext2.ko",
            "  AR      built-in.a",
        ] {
            assert!(is_step(line), "{line}");
        }
        for line in [
            "make[1]: Entering directory",
            "    note: this",
            "Kernel: arch/x86/boot/bzImage is ready",
            "  A",
            "",
        ] {
            assert!(!is_step(line), "{line}");
        }
    }

    #[test]
    fn only_the_engines_symbols_may_be_undefined() {
        let log = "WARNING: modpost: \"iomap_fiemap\" [fs/ext2/ext2.ko] undefined!\n\
                   WARNING: modpost: \"__iomap_dio_rw\" [fs/ext4/ext4.ko] undefined!\n\
                   ERROR: modpost: \"crc32c\" [fs/ext4/ext4.ko] undefined!\n\
                   ERROR: modpost: \"crc32c\" [fs/xfs/xfs.ko] undefined!\n";
        assert_eq!(foreign_undefined_symbols(log), ["crc32c"]);
    }
}

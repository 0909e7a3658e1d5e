// SPDX-License-Identifier: GPL-2.0

//! What a line of the kernel's log looks like that tells of a bug.

use regex::RegexSet;

/// Regular expressions of what kernels say when something is wrong.
const SIGNS: &[&str] = &[
    "WARNING:",
    "BUG:",
    r"\bOops\b",
    "general protection",
    "KASAN",
    "UBSAN",
    r"\blockdep\b",
    "locking correctness validator",
    "possible circular",
    "INFO: trying to register non-static key",
    "INFO: task .* blocked",
    "(?i)kernel panic",
    "refcount_t",
    r"INFO: \S+ (self-)?detected (expedited )?stall",
    "list_add corruption",
    "memory leak",
];

/// What kernels full of checks say of themselves when they boot.
const INTRODUCTIONS: &[&str] = &[
    "RCU lockdep checking is enabled",
    "Kernel memory leak detector initialized",
];

/// How functions of the engine and of ext2-rs can be told by their names.
const OURS: &[&str] = &["iomap_rs", "ext2_rs", "rust_helper"];

/// Recognises signs of a bug.
#[derive(Debug)]
pub struct Signs(RegexSet);

impl Signs {
    /// An error would be one in the list above.
    pub fn new() -> Result<Self, regex::Error> {
        RegexSet::new(SIGNS).map(Self)
    }

    /// Whether a line tells of a bug.
    pub fn fit(&self, line: &str) -> bool {
        let introduction = || INTRODUCTIONS.iter().any(|text| line.contains(text));
        self.0.is_match(line) && !introduction() && !is_race_of_others(line)
    }
}

/// KCSAN names the two functions that race. The kernel has such pairs which nobody
/// minds, in its scheduler, block layer and page cache.
fn is_race_of_others(line: &str) -> bool {
    line.contains("BUG: KCSAN: ") && !OURS.iter().any(|name| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_boot_has_none() -> Result<(), regex::Error> {
        let signs = Signs::new()?;
        for line in [
            "debug: lock [x] and",
            "rcu: \tRCU lockdep checking is enabled.",
            "kmemleak: Kernel memory leak detector initialized (mem pool available: 3)",
            "kasan: KernelAddressSanitizer initialized",
            // A frame of the stack that an expected warning shows.
            " ? lockdep_softirqs_on+0xf7/0x210",
        ] {
            assert!(!signs.fit(line), "{line}");
        }
        Ok(())
    }

    #[test]
    fn what_checkers_report_is_one() -> Result<(), regex::Error> {
        let signs = Signs::new()?;
        for line in [
            "INFO: lockdep is turned off.",
            "WARNING: possible circular locking dependency detected",
            "BUG: sleeping function called from invalid context at mm/filemap.c:1",
            "turning off the locking correctness validator.",
            "refcount_t: underflow; use-after-free.",
        ] {
            assert!(signs.fit(line), "{line}");
        }
        Ok(())
    }

    #[test]
    fn a_race_counts_if_one_side_is_ours() -> Result<(), regex::Error> {
        let signs = Signs::new()?;
        assert!(!signs.fit("BUG: KCSAN: data-race in __xa_clear_mark / xas_find_marked"));
        assert!(!signs.fit("BUG: KCSAN: data-race in xfs_a [xfs] / xfs_b [xfs]"));
        assert!(signs.fit("BUG: KCSAN: data-race in xas_x / _RNvCs1_8iomap_rs1f [iomap_rs]"));
        assert!(signs.fit("BUG: KASAN: slab-use-after-free in xfs_a+0x1/0x2 [xfs]"));
        Ok(())
    }
}
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D }",
            "INFO: rcu_tasks_trace detected stalls on tasks:",

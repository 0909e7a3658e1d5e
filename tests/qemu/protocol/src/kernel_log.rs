// SPDX-License-Identifier: GPL-2.0

//! What a line of the kernel's log looks like that tells of a bug.

use regex::{Regex, RegexSet};

use crate::Link;

/// What a test's complaint of a line of the log begins with.
pub const COMPLAINT: &str = "the kernel log has: ";

/// What begins the trace that belongs to a line before it.
pub const TRACE: &str = "Call Trace";

/// What is in the first line of a warning.
pub const WARNING: &str = "WARNING:";

/// Regular expressions of what kernels say when something is wrong.
const SIGNS: &[&str] = &[
    WARNING,
    "BUG:",
    // SLUB's reports: the cache comes before the colon.
    r"\bBUG .+ \((Not t|T)ainted",
    r"\bOops\b",
    "general protection",
    "KASAN",
    "UBSAN",
    r"\blockdep\b",
    "locking correctness validator",
    "Disabling lock debugging",
    "possible circular",
    "INFO: trying to register non-static key",
    "INFO: task .* blocked",
    r"INFO: \S+ (self-)?detected (expedited )?stall",
    "(?i)kernel panic",
    "refcount_t",
    "list_add corruption",
    "memory leak",
];

/// What kernels full of checks say of themselves when they boot.
const INTRODUCTIONS: &[&str] = &[
    "RCU lockdep checking is enabled",
    "Kernel memory leak detector initialized",
];

/// How functions of the engine and of ext2-rs can be told by their names, or by the
/// modules that the kernel puts behind them.
const OURS: &str = "iomap_rs|ext2_rs|rust_helper";

/// Those that the engine exports, where it is built in. Elsewhere the C engine, built
/// in as well, has the same; filesystems put their own names in front.
const EXPORTED: &str = r"\b(__)?iomap_\w+";

/// Recognises signs of a bug.
#[derive(Debug)]
pub struct Signs {
    any: RegexSet,
    /// What names a function of ours.
    ours: Regex,
}

impl Signs {
    /// Of a kernel to which the engine is linked like that. An error would be one in
    /// the lists above.
    pub fn new(link: Link) -> Result<Self, regex::Error> {
        let ours = match link {
            Link::Builtin => &format!("{OURS}|{EXPORTED}"),
            Link::Module | Link::C | Link::Live => OURS,
        };
        Ok(Self {
            any: RegexSet::new(SIGNS)?,
            ours: Regex::new(ours)?,
        })
    }

    /// Whether a line tells of a bug.
    pub fn fit(&self, line: &str) -> bool {
        let introduction = || INTRODUCTIONS.iter().any(|text| line.contains(text));
        self.any.is_match(line) && !introduction() && !self.is_race_of_others(line)
    }

    /// KCSAN names the two functions that race. The kernel has such pairs which nobody
    /// minds, in its scheduler, block layer and page cache.
    fn is_race_of_others(&self, line: &str) -> bool {
        line.contains("BUG: KCSAN: ") && !self.ours.is_match(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_boot_has_none() -> Result<(), regex::Error> {
        let signs = Signs::new(Link::Module)?;
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
        let signs = Signs::new(Link::Module)?;
        for line in [
            "INFO: lockdep is turned off.",
            "WARNING: possible circular locking dependency detected",
            "BUG kmalloc-64 (Not tainted): Poison overwritten",
            "BUG ext4_inode_cache (Tainted: G    B      O      ): Object already free",
            "Disabling lock debugging due to kernel taint",
            "BUG: sleeping function called from invalid context at mm/filemap.c:1",
            "turning off the locking correctness validator.",
            "refcount_t: underflow; use-after-free.",
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D }",
            "INFO: rcu_tasks_trace detected stalls on tasks:",
        ] {
            assert!(signs.fit(line), "{line}");
        }
        Ok(())
    }

    #[test]
    fn a_race_counts_if_one_side_is_ours() -> Result<(), regex::Error> {
        let signs = Signs::new(Link::Module)?;
        assert!(!signs.fit("BUG: KCSAN: data-race in __xa_clear_mark / xas_find_marked"));
        assert!(!signs.fit("BUG: KCSAN: data-race in xfs_a [xfs] / xfs_b [xfs]"));
        assert!(signs.fit("BUG: KCSAN: data-race in xas_x / _RNvCs1_8iomap_rs1f [iomap_rs]"));
        assert!(signs.fit("BUG: KASAN: slab-use-after-free in xfs_a+0x1/0x2 [xfs]"));
        Ok(())
    }

    #[test]
    fn exported_names_are_ours_only_where_no_c_engine_has_them() -> Result<(), regex::Error> {
        let races = [
            "BUG: KCSAN: data-race in iomap_writepages / iomap_dirty_folio",
            "BUG: KCSAN: data-race in xas_find_marked / __iomap_dio_rw",
        ];
        for line in races {
            assert!(Signs::new(Link::Builtin)?.fit(line), "{line}");
            for link in [Link::Module, Link::C, Link::Live] {
                assert!(!Signs::new(link)?.fit(line), "{line}");
            }
        }
        let others = "BUG: KCSAN: data-race in xfs_iomap_x [xfs] / dax_iomap_rw";
        assert!(!Signs::new(Link::Builtin)?.fit(others));
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What a line of the kernel's log looks like that tells of a bug in the kernel.

/// Regular expressions. They must not fit what kernels full of checks say of
/// themselves when they boot.
pub const SIGNS: &[&str] = &[
    "WARNING:",
    "BUG:",
    r"\bOops\b",
    "general protection",
    "KASAN: .* in ",
    "UBSAN: ",
    "locking correctness validator",
    "INFO: trying to register non-static key",
    "INFO: task .* blocked",
    "(?i)kernel panic",
    "Call Trace",
    "refcount_t",
    "list_add corruption",
    "suspected memory leak",
];

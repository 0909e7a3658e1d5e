// SPDX-License-Identifier: GPL-2.0

//! What kernels full of checks do only when they are told to.
//!
//! kmemleak looks for memory that nothing points to any more
//! (Documentation/dev-tools/kmemleak.rst), KCSAN for accesses of two CPUs to the same
//! memory that nothing orders (Documentation/dev-tools/kcsan.rst).

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::kmsg;

const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";
const KCSAN: &str = "/sys/kernel/debug/kcsan";

/// Of lockdep (Documentation/locking/lockdep-design.rst).
const LOCKDEP: &str = "/proc/lockdep_stats";

/// What is said if it has stopped.
const STOPPED: &str = "lockdep has stopped: since then nobody has looked at the order of locks";

/// How long KCSAN waits for another CPU, in microseconds. The usual 80 are nothing to a
/// CPU that is a thread of the host.
const KCSAN_DELAY: &str = "/sys/module/kcsan/parameters/udelay_task";

/// Younger objects are not reported: a pointer to them may be in a register.
const MIN_AGE: Duration = Duration::from_secs(6);

/// Why what is in use says nothing on kernels that [`look_for_leaks`] holds for.
pub const KEPT: &str = "what is freed stays in use here, and kmemleak finds what is lost";

/// Whether the kernel itself looks for memory that is lost, and keeps what is freed for
/// a while.
pub fn look_for_leaks() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// Whether the kernel looks at the order of locks. It stops for good when it has reported one, or
/// when another checker has found the kernel unreliable.
pub fn watch_locks() -> bool {
    let stats = fs::read_to_string(LOCKDEP).unwrap_or_default();
    are_locks_watched(&stats)
}

fn are_locks_watched(stats: &str) -> bool {
    let mut states = stats
        .lines()
        .filter_map(|line| line.trim().strip_prefix("debug_locks:"));
    states.any(|state| state.trim() == "1")
}

/// By how much the checks slow the kernel down, at most: as the host has it for its own
/// limits (`Flavor::slowness`).
const SLOWNESS: u32 = 10;

/// By how much tests may take longer on this kernel than on one that checks nothing.
pub fn slowness() -> u32 {
    let checks = [KMEMLEAK, KCSAN].map(|file| Path::new(file).exists());
    match checks.contains(&true) {
        true => SLOWNESS,
        false => 1,
    }
}

/// Before the tests. What was lost while the kernel booted is left out.
pub fn begin() -> Result<()> {
    tell(KMEMLEAK, &["scan", "clear"])?;
    tell(KCSAN_DELAY, &["500"])?;
    tell(KCSAN, &["on"])
}

/// After the tests and the last unmount: has the kernel log say what was lost, which the
/// host reads, and how much was looked at.
pub fn end() -> Result<()> {
    if Path::new(KMEMLEAK).exists() {
        thread::sleep(MIN_AGE);
        // What is found once may have moved meanwhile; what is found twice is lost.
        tell(KMEMLEAK, &["scan", "scan"])?;
    }
    for control in [KMEMLEAK, KCSAN] {
        eprint!("{}", fs::read_to_string(control).unwrap_or_default());
    }
    Ok(())
}

/// After the tests: has the kernel log say, which the host reads, if nobody looks at the order
/// of locks any more. What came last in that guest was not checked then. It takes the kernel
/// too long to be asked after each test.
pub fn tell_of_locks() -> Result<()> {
    match fs::read_to_string(LOCKDEP) {
        Ok(stats) if !are_locks_watched(&stats) => kmsg::say(STOPPED),
        _ => Ok(()),
    }
}

/// Does nothing where the kernel has no such file.
fn tell(control: &str, commands: &[&str]) -> Result<()> {
    for command in commands {
        if Path::new(control).exists() {
            fs::write(control, command)
                .with_context(|| format!("cannot tell {control} to {command}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use iomap_qemu_protocol::kernel_log::Signs;
    use iomap_qemu_protocol::Link;

    use super::*;

    #[test]
    fn the_host_takes_what_is_said_of_locks_for_a_bug() -> Result<()> {
        assert!(Signs::new(Link::Module)?.fit(STOPPED));
        Ok(())
    }

    #[test]
    fn lockdep_tells_whether_it_has_stopped() {
        let stats =
            |state| format!(" max lock depth:  20\n debug_locks:      {state}\n\n zapped: 1\n");
        assert!(are_locks_watched(&stats(1)));
        assert!(!are_locks_watched(&stats(0)));
        assert!(!are_locks_watched(""));
    }
}

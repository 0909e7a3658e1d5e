// SPDX-License-Identifier: GPL-2.0

//! KVM or not. That `/dev/kvm` opens proves nothing: some machines then never
//! get a guest past its firmware. So a guest is booted, and the answer kept until
//! the host reboots or QEMU changes.

use std::fs::{self, OpenOptions};
use std::path::Path;

use anyhow::Result;

use crate::paths::Paths;
use crate::toolchain::Toolchain;

/// How the guest's instructions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    Kvm,
    Tcg,
    /// One processor whose clock counts its instructions: every run is the same.
    Counted,
    /// The same with a clock that goes twice as fast, so that what depends on time
    /// comes at other places.
    CountedTwice,
}

impl Accel {
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-accel", "kvm", "-cpu", "host", "-smp", "2"],
            Self::Tcg => &["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"],
            Self::Counted => const { &counted("shift=0,sleep=off") },
            Self::CountedTwice => const { &counted("shift=1,sleep=off") },
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
            Self::Counted => "TCG that counts instructions",
            Self::CountedTwice => "TCG that counts instructions, with a fast clock",
        }
    }
}

/// One processor, and how its instructions become time.
const fn counted(icount: &'static str) -> [&'static str; 8] {
    [
        "-accel", "tcg", "-cpu", "max", "-smp", "1", "-icount", icount,
    ]
}

/// Finds out; `probe` boots a guest on KVM and says whether it came up.
pub fn choose(
    paths: &Paths,
    tools: &Toolchain,
    probe: impl FnOnce() -> Result<bool>,
) -> Result<Accel> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/kvm");
    if device.is_err() {
        return Ok(Accel::Tcg);
    }
    let cache = paths.cache.join("kvm-probe");
    let situation = situation(tools);
    if let Some(works) = recall(&cache, &situation) {
        return Ok(accel(works));
    }
    let works = probe()?;
    let answer = format!("{situation} {works}\n");
    // Without it the next run only has to ask again.
    let _ = fs::write(&cache, answer);
    Ok(accel(works))
}

fn accel(kvm_works: bool) -> Accel {
    if kvm_works {
        Accel::Kvm
    } else {
        Accel::Tcg
    }
}

/// This boot of this machine with this QEMU.
fn situation(tools: &Toolchain) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{} {}", boot.trim(), tools.qemu_version)
}

fn recall(cache: &Path, situation: &str) -> Option<bool> {
    let answer = fs::read_to_string(cache).ok()?;
    answer
        .trim_end()
        .strip_prefix(situation)?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_its_situation_only() -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        fs::write(file.path(), "boot-1 10.0.2 true\n")?;
        assert_eq!(recall(file.path(), "boot-1 10.0.2"), Some(true));
        assert_eq!(recall(file.path(), "boot-2 10.0.2"), None);
        assert_eq!(recall(Path::new("/no/such/file"), "boot-1 10.0.2"), None);
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The guest's root for fstests: that of the host, shared read-only, under a
//! layer of memory that takes all changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::{FstestsSpec, Link};
use rustix::mount::MountFlags;

use crate::sys::mount;

const LOWER: &str = "/host";
const UPPER: &str = "/upper";
const ROOT: &str = "/root";

/// In the new root: where the host takes what the tests leave, by engines.
const RESULTS: &str = "/results";

/// Options of a 9p mount. The host's files do not change meanwhile, so they may
/// be cached.
const SHARE: &str = "trans=virtio,version=9p2000.L,msize=524288";

/// What the tests expect to be mounted, in the order of mounting.
const MOUNTS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("devpts", "/dev/pts"),
    ("tmpfs", "/dev/shm"),
    ("tmpfs", "/run"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// In the new root: where the host takes what the tests on that engine leave.
pub fn results(engine: Link) -> PathBuf {
    Path::new(RESULTS).join(engine.name())
}

/// Makes the host's userland the root of this process and of all that it starts, with a
/// place for the results of each engine.
pub fn enter(engines: &[Link]) -> Result<()> {
    for dir in [LOWER, UPPER, ROOT] {
        make(Path::new(dir))?;
    }
    mount::mount_with(
        Path::new(FstestsSpec::ROOT_SHARE),
        Path::new(LOWER),
        "9p",
        MountFlags::RDONLY,
        &format!("{SHARE},cache=loose"),
    )?;
    mount::mount(Path::new("tmpfs"), Path::new(UPPER), "tmpfs", "")?;
    for dir in ["data", "work"] {
        make(&Path::new(UPPER).join(dir))?;
    }
    let layers = format!("lowerdir={LOWER},upperdir={UPPER}/data,workdir={UPPER}/work");
    mount::mount(Path::new("overlay"), Path::new(ROOT), "overlay", &layers)?;
    for (kind, target) in MOUNTS {
        let target = in_root(Path::new(target));
        make(&target)?;
        mount::mount(Path::new(kind), &target, kind, "")?;
    }
    for engine in engines {
        let target = in_root(&results(*engine));
        make(&target)?;
        let share = FstestsSpec::results_share(*engine);
        mount::mount(Path::new(share), &target, "9p", SHARE)?;
    }
    rustix::process::chroot(ROOT).context("cannot make the host's userland the root")?;
    rustix::process::chdir("/").context("cannot enter the new root")
}

/// Lets go of what the host waits for.
pub fn leave(engines: &[Link]) -> Result<()> {
    engines
        .iter()
        .try_for_each(|engine| mount::unmount(&results(*engine)))
}

/// Puts a script into the guest's layer, over the host's program of that path if there is one.
pub fn add_program(path: &str, text: &str) -> Result<()> {
    if let Some(dir) = Path::new(path).parent() {
        make(dir)?;
    }
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {path} in the guest"))
}

/// Where that path of the new root is before it is the root.
fn in_root(path: &Path) -> PathBuf {
    Path::new(ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

fn make(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

// SPDX-License-Identifier: GPL-2.0

//! What fstests wants to find: a configuration, disks, mount points, users.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context as _, Result};
use iomap_qemu_protocol::{FstestsSpec, Link, RunSpec};

use super::{dmesg, root};
use crate::disk::Disk;
use crate::sanitizers;

/// Disks by role, and what fstests calls them. That of the tests is the engine's own.
const DISKS: &[(&str, &str)] = &[("scratch", "SCRATCH_DEV"), ("logwrites", "LOGWRITES_DEV")];

/// Where disks are mounted.
const MOUNTS: &str = "/mnt";

/// Users that tests act as; the name of one begins with a digit.
const USERS: &[(&str, u32)] = &[("fsgqa", 7901), ("fsgqa2", 7902), ("123456-fsgqa", 7903)];

/// The configuration that fstests is pointed to on that engine, so that it does not read
/// one that lies in the person's tree.
pub fn file(engine: Link) -> PathBuf {
    Path::new("/tmp").join(format!("fstests-{}.config", engine.name()))
}

/// Writes the configurations and makes what they name.
pub fn prepare(run: &RunSpec, spec: &FstestsSpec) -> Result<()> {
    for &engine in &spec.engines {
        let variables = variables(spec, engine)?;
        for name in ["TEST_DIR", "SCRATCH_MNT"] {
            let dir = variables.get(name).with_context(|| format!("no {name}"))?;
            fs::create_dir_all(dir).with_context(|| format!("cannot make {dir}"))?;
        }
        let file = file(engine);
        fs::write(&file, render(&variables))
            .with_context(|| format!("cannot write {}", file.display()))?;
        make_test_filesystem(run, &variables)?;
    }
    add_users()
}

/// What the tests on that engine find.
fn variables(spec: &FstestsSpec, engine: Link) -> Result<BTreeMap<String, String>> {
    let test = spec.test_disk(engine);
    let mut variables = spec.variables.clone();
    let mut set = |name: &str, path: &Path| {
        variables.insert(name.to_owned(), path.display().to_string());
    };
    for (role, name) in DISKS.iter().copied().chain([(test, "TEST_DEV")]) {
        set(name, &Disk::by_serial(role)?.path());
    }
    set("TEST_DIR", &Path::new(MOUNTS).join(test));
    set("SCRATCH_MNT", &Path::new(MOUNTS).join("scratch"));
    set("RESULT_BASE", &root::results(engine));
    let (name, value) = dmesg::KEEP;
    variables.insert(name.to_owned(), value.to_owned());
    ask_for_leaks(&mut variables, sanitizers::look_for_leaks());
    Ok(variables)
}

/// fstests has the kernel look for lost memory after each test, but throws away what that finds
/// unless it is asked for it.
fn ask_for_leaks(variables: &mut BTreeMap<String, String>, kernel_looks: bool) {
    if kernel_looks {
        let asked = variables.entry("USE_KMEMLEAK".to_owned());
        asked.or_insert_with(|| "yes".to_owned());
    }
}

/// Shell assignments, one for each variable.
fn render(variables: &BTreeMap<String, String>) -> String {
    let quoted = |value: &str| value.replace('\'', r"'\''");
    variables
        .iter()
        .map(|(name, value)| format!("export {name}='{}'\n", quoted(value)))
        .collect()
}

/// In the guest's layer alone: the host's files stay as they are. `x` for the password would
/// send PAM to /etc/shadow, and without a line there `su` lets nobody in.
fn add_users() -> Result<()> {
    let known = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    for (name, id) in USERS {
        if known
            .lines()
            .any(|line| line.starts_with(&format!("{name}:")))
        {
            continue;
        }
        append(
            "/etc/passwd",
            &format!("{name}:*:{id}:{id}::/tmp:/bin/bash\n"),
        )?;
        append("/etc/group", &format!("{name}:x:{id}:\n"))?;
    }
    Ok(())
}

fn append(file: &str, line: &str) -> Result<()> {
    OpenOptions::new()
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .with_context(|| format!("cannot add to {file}"))
}

/// The filesystem as fstests calls it.
pub fn kind<'a>(run: &RunSpec, variables: &'a BTreeMap<String, String>) -> Result<&'a str> {
    let kind = variables.get("FSTYP").map(String::as_str);
    kind.with_context(|| format!("{}: FSTYP is not set", run.suite))
}

/// fstests makes the scratch filesystem itself, but finds that of the tests made.
fn make_test_filesystem(run: &RunSpec, variables: &BTreeMap<String, String>) -> Result<()> {
    let kind = kind(run, variables)?;
    let device = variables.get("TEST_DEV").context("TEST_DEV is not set")?;
    let options = variables.get("MKFS_OPTIONS").map_or("", String::as_str);
    let force = match kind {
        "ext2" | "ext3" | "ext4" => "-F",
        _ => "-f",
    };
    let mkfs = format!("mkfs.{kind}");
    let output = Command::new(&mkfs)
        .arg(force)
        .args(options.split_whitespace())
        .arg(Path::new(device))
        .env("PATH", super::one::PATH)
        .output()
        .with_context(|| format!("cannot run the host's {mkfs}: is it installed?"))?;
    if !output.status.success() {
        bail!(
            "{mkfs} {options} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_shell() {
        let variables = BTreeMap::from([("A".to_owned(), "-o 'x y'".to_owned())]);
        assert_eq!(render(&variables), "export A='-o '\\''x y'\\'''\n");
    }

    #[test]
    fn leaks_are_asked_for_where_the_kernel_looks_and_nobody_has_said_no() {
        let asked = |set: &[(&str, &str)], kernel_looks| {
            let owned = set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            let mut variables = owned.collect();
            ask_for_leaks(&mut variables, kernel_looks);
            variables.remove("USE_KMEMLEAK")
        };
        assert_eq!(asked(&[], true).as_deref(), Some("yes"));
        assert_eq!(
            asked(&[("USE_KMEMLEAK", "no")], true).as_deref(),
            Some("no")
        );
        assert_eq!(asked(&[], false), None);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Programs of the host for the guest, with the libraries and files that they need.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::initramfs::Initramfs;
use crate::process::output_of;

/// What ldd says, and fails, of a program that is linked statically.
const STATIC: &str = "not a dynamic executable";

/// Puts the programs into `/bin`, and libraries where the programs look for them. A
/// name with a slash is that of a file, which goes where it is on the host.
pub fn add(archive: &mut Initramfs, programs: &[&str]) -> Result<()> {
    let mut files = BTreeSet::new();
    for program in programs {
        if program.contains('/') {
            files.insert(PathBuf::from(program));
            continue;
        }
        let path = find(program)?;
        archive.copy(&format!("bin/{program}"), &path)?;
        let libraries =
            libraries_of(&path).with_context(|| format!("cannot learn what {program} needs"))?;
        files.extend(libraries);
    }
    let mut made = BTreeSet::new();
    for file in &files {
        let name = file.strip_prefix("/").unwrap_or(file);
        let mut above: Vec<&Path> = name.ancestors().skip(1).collect();
        above.retain(|dir| !dir.as_os_str().is_empty());
        for dir in above.into_iter().rev() {
            if made.insert(dir.to_owned()) {
                archive.directory(&dir.to_string_lossy())?;
            }
        }
        archive.copy(&name.to_string_lossy(), file)?;
    }
    Ok(())
}

/// Where the host has a program.
pub fn find(program: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/bin", "/usr/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
        .with_context(|| format!("{program} is not installed; scripts/setup.sh does that"))
}

/// The libraries of a program, where the loader finds them in the guest: without what the
/// environment here tells it.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>> {
    let mut ldd = Command::new("ldd");
    ldd.arg(program)
        .env("LC_ALL", "C")
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("LD_PRELOAD");
    match output_of(&mut ldd) {
        Ok(said) => Ok(libraries(&said).collect()),
        Err(error) if error.to_string().contains(STATIC) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The files that ldd names: `libc.so.6 => /lib/libc.so.6 (0x7f00)`, or, for the
/// loader itself, `/lib64/ld-linux-x86-64.so.2 (0x7f00)`.
fn libraries(said: &str) -> impl Iterator<Item = PathBuf> + '_ {
    said.lines().filter_map(|line| {
        let (before, _address) = line.rsplit_once(" (0x")?;
        let path = before
            .rsplit_once("=> ")
            .map_or(before, |(_, path)| path)
            .trim();
        path.starts_with('/').then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_comes_with_its_loader_and_another_alone() -> Result<()> {
        let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
        let own = libraries_of(&env::current_exe()?)?;
        assert!(own.iter().any(|path| path == loader));
        let dir = tempfile::tempdir()?;
        let script = dir.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n")?;
        assert!(libraries_of(&script)?.is_empty());
        assert!(libraries_of(&dir.path().join("missing")).is_err());
        Ok(())
    }

    #[test]
    fn libraries_are_told_from_what_the_kernel_brings() {
        let said = "\tlinux-vdso.so.1 (0x00007ffc0)\n\
                    \tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f1)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n";
        let found: Vec<_> = libraries(said).collect();
        let expected = [
            "/lib/x86_64-linux-gnu/libz.so.1",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
        assert_eq!(libraries("\tstatically linked\n").count(), 0);
    }
}

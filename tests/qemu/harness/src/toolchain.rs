// SPDX-License-Identifier: GPL-2.0

//! The tools that `scripts/setup.sh` found, as it wrote them down.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths::{read_text, Paths};

/// What `toolchain.env` says.
#[derive(Clone, Debug)]
pub struct Toolchain {
    tools_bin: PathBuf,
    llvm_bin: PathBuf,
    llvm_suffix: String,
    pub rustc: PathBuf,
    rustfmt: PathBuf,
    clippy_driver: PathBuf,
    bindgen: PathBuf,
    pub rustc_version: String,
    pub bindgen_version: String,
    pub clang_version: String,
    pub qemu_version: String,
    /// The Debian package with the kernel's source.
    pub linux_source: PathBuf,
    pub linux_source_version: String,
}

/// What compiles a kernel's C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    Clang,
    /// Only a kernel that a person built may be gcc's.
    Gcc,
}

/// Variables of an outer make or cargo that would change what an inner one does.
const INHERITED: &[&str] = &[
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "ARCH",
    "CROSS_COMPILE",
    "KCFLAGS",
    "KRUSTFLAGS",
    "KBUILD_OUTPUT",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTUP_TOOLCHAIN",
    "LD_LIBRARY_PATH",
    "T",
    "KDIR",
    "ENGINE",
];

impl Toolchain {
    pub fn load(paths: &Paths) -> Result<Self> {
        let file = paths.cache.join("toolchain.env");
        let text = read_text(&file).context("the tools are not set up; run scripts/setup.sh")?;
        Self::parse(&text)
            .with_context(|| format!("{} is damaged; run scripts/setup.sh", file.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let values: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        let get = |key: &str| {
            let value = values.get(key).copied();
            value.with_context(|| format!("{key} is missing"))
        };
        Ok(Self {
            tools_bin: get("TOOLS_BIN")?.into(),
            llvm_bin: get("LLVM_BIN")?.into(),
            llvm_suffix: get("LLVM_SUFFIX")?.into(),
            rustc: get("RUSTC")?.into(),
            rustfmt: get("RUSTFMT")?.into(),
            clippy_driver: get("CLIPPY_DRIVER")?.into(),
            bindgen: get("BINDGEN")?.into(),
            rustc_version: get("RUSTC_VERSION")?.into(),
            bindgen_version: get("BINDGEN_VERSION")?.into(),
            clang_version: get("CLANG_VERSION")?.into(),
            qemu_version: get("QEMU_VERSION")?.into(),
            linux_source: get("LINUX_SOURCE")?.into(),
            linux_source_version: get("LINUX_SOURCE_VERSION")?.into(),
        })
    }

    /// A program with these tools before all others on its PATH, and with
    /// nothing left over from a make or cargo that runs us.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for variable in INHERITED {
            command.env_remove(variable);
        }
        command.env("PATH", self.search_path()).env("LC_ALL", "C");
        command
    }

    /// `make` with the kernel's variables for these tools.
    pub fn make(&self, compiler: Compiler) -> Command {
        let mut make = self.command("make");
        if compiler == Compiler::Clang {
            make.arg(format!("LLVM={}", self.llvm_suffix));
        }
        for (variable, tool) in [
            ("RUSTC", &self.rustc),
            ("RUSTFMT", &self.rustfmt),
            ("CLIPPY_DRIVER", &self.clippy_driver),
            ("BINDGEN", &self.bindgen),
        ] {
            make.arg(format!("{variable}={}", tool.display()));
        }
        make
    }

    /// Everything about the tools that a kernel build depends on.
    pub fn fingerprint(&self) -> String {
        format!(
            "rustc {} bindgen {} clang {}",
            self.rustc_version, self.bindgen_version, self.clang_version
        )
    }

    fn search_path(&self) -> OsString {
        let mut path = OsString::from(&self.tools_bin);
        path.push(":");
        path.push(&self.llvm_bin);
        if let Some(inherited) = env::var_os("PATH") {
            path.push(":");
            path.push(inherited);
        }
        // Where Debian has mkfs and fsck, outside of most people's PATH.
        path.push(":/usr/sbin:/sbin");
        path
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    const TEXT: &str = "TOOLS_BIN=/c/tools/bin\nLLVM_BIN=/usr/lib/llvm-19/bin\nLLVM_SUFFIX=-19\n\
        RUSTC=/c/tools/bin/rustc\nRUSTFMT=/c/tools/bin/rustfmt\nCLIPPY_DRIVER=/c/tools/bin/clippy-driver\n\
        BINDGEN=/c/tools/bin/bindgen\nRUSTC_VERSION=1.85.0\nBINDGEN_VERSION=0.71.1\n\
        CLANG_VERSION=19.1.7\nQEMU_VERSION=7.2.0\nLINUX_SOURCE=/c/packages/l.deb\n\
        LINUX_SOURCE_VERSION=6.12.107-1\n";

    pub fn sample() -> Result<Toolchain> {
        Toolchain::parse(TEXT)
    }

    #[test]
    fn what_setup_writes_is_read() -> Result<()> {
        let tools = sample()?;
        assert_eq!(tools.rustc_version, "1.85.0");
        assert_eq!(tools.linux_source_version, "6.12.107-1");
        Ok(())
    }

    #[test]
    fn a_missing_line_is_named() {
        let text = TEXT.replace("BINDGEN=", "BIND=");
        let message = Toolchain::parse(&text).err().map(|error| error.to_string());
        assert_eq!(message.as_deref(), Some("BINDGEN is missing"));
    }

    #[test]
    fn an_outer_make_does_not_reach_an_inner_one() -> Result<()> {
        let command = sample()?.make(Compiler::Clang);
        let removed = command
            .get_envs()
            .any(|(name, value)| name == "MAKEFLAGS" && value.is_none());
        assert!(removed);
        Ok(())
    }
}

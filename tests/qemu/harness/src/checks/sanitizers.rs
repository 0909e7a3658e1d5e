// SPDX-License-Identifier: GPL-2.0

//! Whether what looks for bugs in the debug kernel and in that of KCSAN sees the Rust code of
//! our modules. It lives off calls that the compiler puts before accesses to memory. The kernel
//! asks the compiler of C for them; if that of Rust puts none, all tests pass.

use anyhow::{bail, ensure, Context, Result};

use super::{Subject, MODULES};
use crate::kernel::Flavor;
use crate::process::output_of;

struct Sanitizer {
    name: &'static str,
    /// The kernels that have it.
    flavor: Flavor,
    /// What the names of the functions that it is called by begin with.
    prefix: &'static str,
}

const SANITIZERS: [Sanitizer; 2] = [
    Sanitizer {
        name: "KASAN",
        flavor: Flavor::Debug,
        prefix: "__asan_",
    },
    Sanitizer {
        name: "KCSAN",
        flavor: Flavor::Kcsan,
        prefix: "__tsan_",
    },
];

pub fn check(subject: &Subject) -> Result<()> {
    for module in MODULES {
        let path = subject.paths.checkout.join(module);
        let mut objdump = subject.tools.command("llvm-objdump");
        objdump
            .args(["--disassemble", "--reloc", "--no-show-raw-insn"])
            .arg(&path);
        let listing =
            output_of(&mut objdump).with_context(|| format!("cannot read {}", path.display()))?;
        judge(&listing, subject.recipe.flavor).with_context(|| module.to_owned())?;
    }
    Ok(())
}

/// Looks at all code of a module for a kernel of that flavor.
fn judge(listing: &str, flavor: Flavor) -> Result<()> {
    let functions = functions(listing);
    let rust: Vec<&Function> = functions.iter().filter(|one| one.is_rust()).collect();
    ensure!(
        rust.iter().any(|one| !one.refers_to.is_empty()),
        "no Rust function calls any other: does objdump show what it did?"
    );
    for sanitizer in &SANITIZERS {
        let name = sanitizer.name;
        if sanitizer.flavor == flavor {
            let seen = rust.iter().filter(|one| one.calls(sanitizer)).count();
            let all = rust.len();
            // There are some that touch no memory.
            ensure!(
                seen * 2 > all,
                "{name} sees {seen} of {all} Rust functions: does rustc still get its flags?"
            );
        } else if let Some(one) = functions.iter().find(|one| one.calls(sanitizer)) {
            bail!("{} calls {name}, which is not in the kernel", one.name);
        }
    }
    Ok(())
}

struct Function<'a> {
    name: &'a str,
    /// Names of functions and data.
    refers_to: Vec<&'a str>,
}

impl Function<'_> {
    /// What C calls has a name as in C; that is little.
    fn is_rust(&self) -> bool {
        self.name.starts_with("_R")
    }

    fn calls(&self, sanitizer: &Sanitizer) -> bool {
        let mut names = self.refers_to.iter();
        names.any(|name| name.starts_with(sanitizer.prefix))
    }
}

/// Reads what `objdump` shows: `0000000000000010 <name>:` before each function, and for what
/// the linker fills in `0000000000000025:  R_X86_64_PLT32`, a tab and `name-0x4`.
fn functions(listing: &str) -> Vec<Function<'_>> {
    let mut functions: Vec<Function> = Vec::new();
    for line in listing.lines() {
        let start = line
            .strip_suffix(">:")
            .and_then(|line| line.split_once(" <"));
        if let Some((_address, name)) = start {
            functions.push(Function {
                name,
                refers_to: Vec::new(),
            });
        }
        let target = line
            .split_once(":  R_")
            .and_then(|(_, rest)| rest.split_once('\t'));
        if let (Some((_kind, name)), Some(function)) = (target, functions.last_mut()) {
            function.refers_to.push(name);
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two Rust functions and one of C, with what they call.
    fn listing(one: &str, two: &str, c: &str) -> String {
        let call = |name: &str| match name {
            "" => String::new(),
            name => format!(
                "      11:      \tcallq\t0x16 <.text+0x16>\n\
                 \t\t0000000000000012:  R_X86_64_PLT32\t{name}-0x4\n"
            ),
        };
        format!(
            "iomap_rs.ko:\tfile format elf64-x86-64\n\nDisassembly of section .text:\n\n\
             0000000000000010 <_RNvCsX_8iomap_rs3one>:\n{}      16:      \tretq\n\n\
             0000000000000020 <_RNvCsX_8iomap_rs3two>:\n{}{}      26:      \tretq\n\n\
             0000000000000030 <iomap_rs_helper>:\n{}",
            call(one),
            call("kfree"),
            call(two),
            call(c),
        )
    }

    const FLAVORS: [Flavor; 5] = [
        Flavor::Release,
        Flavor::Debug,
        Flavor::Kcsan,
        Flavor::Preempt,
        Flavor::Bench,
    ];

    /// The kernels that modules with such functions are right for.
    fn right(one: &str, two: &str, c: &str) -> Vec<Flavor> {
        let listing = listing(one, two, c);
        let flavors = FLAVORS.into_iter();
        flavors
            .filter(|&flavor| judge(&listing, flavor).is_ok())
            .collect()
    }

    #[test]
    fn each_kernel_has_its_own_sanitizer_or_none() {
        let asan = ["__asan_load8_noabort", "__asan_store4_noabort"];
        let [load, store] = asan;
        assert_eq!(right(load, store, load), [Flavor::Debug]);
        assert_eq!(right("__tsan_read8", "__tsan_write4", ""), [Flavor::Kcsan]);
        let none = [Flavor::Release, Flavor::Preempt, Flavor::Bench];
        assert_eq!(right("", "", ""), none);
        assert!(right(load, "__tsan_write4", "").is_empty());
    }

    #[test]
    fn that_c_is_seen_is_not_enough() {
        for call in ["__asan_load8_noabort", "__tsan_read8"] {
            assert!(right("", "", call).is_empty());
            // Nor is a part of the functions.
            assert!(right(call, "", call).is_empty());
        }
    }

    #[test]
    fn a_listing_without_rust_is_none() {
        assert!(judge("", Flavor::Release).is_err());
        let c = listing("", "", "__asan_load8_noabort").replace("_RNv", "c_");
        assert!(judge(&c, Flavor::Debug).is_err());
        // Of which what is called was not read.
        let bare = listing("", "", "").replace(":  R_", ": R_");
        assert!(judge(&bare, Flavor::Release).is_err());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `doc`: rustdoc of the engine. Kbuild has no target for that outside of the
//! kernel's own crates, so rustdoc gets the flags that Kbuild gave rustc.

use anyhow::{Context, Result};

use crate::kernel::KernelTree;
use crate::modules;
use crate::paths::{read_text, Paths};
use crate::process::run_logged;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain, kernel: &KernelTree) -> Result<()> {
    modules::build_engine(paths, tools, kernel)?;
    let crate_dir = paths.checkout.join("iomap-rs");
    let saved = read_text(&crate_dir.join(".iomap_rs.o.cmd"))?;
    let flags =
        flags_of(&saved).context("Kbuild's record of the compiler's flags is not as expected")?;
    let output = paths.checkout.join("target/doc");
    let script = format!(
        "exec rustdoc {flags} --document-private-items --output '{}' '{}'",
        output.display(),
        crate_dir.join("lib.rs").display()
    );
    let mut shell = tools.command("sh");
    shell
        .current_dir(&kernel.dir)
        .args(["-c", &script])
        // As Kbuild does: the kernel uses unstable features with a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUST_MODFILE", "iomap_rs")
        .env(
            "IOMAP_RS_BINDINGS",
            crate_dir.join("sys/bindings_generated.rs"),
        );
    run_logged(&mut shell, &paths.logs().join("doc.log")).context("cannot make the docs")?;
    println!("{}", output.join("iomap_rs/index.html").display());
    Ok(())
}

/// The flags in the line that Kbuild saves of each object's command, still quoted
/// for a shell, less those that say what to compile and where to.
fn flags_of(saved: &str) -> Option<String> {
    let command = saved.lines().next()?.split_once(":=")?.1;
    let command = command.split(" ; ").next()?;
    let mut words = command.split_whitespace();
    words.find(|word| word.ends_with("/rustc"))?;
    let mut flags = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "--out-dir" | "--crate-type" => drop(words.next()),
            _ if word.starts_with("--emit") || word.ends_with(".rs") => {}
            // rustdoc knows no lints of clippy.
            _ if word.contains("clippy::") => {}
            _ => flags.push(word),
        }
    }
    Some(flags.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rustdoc_does_not_take_is_left_out() {
        let saved = "savedcmd_/c/iomap_rs.o := RUST_MODFILE=/c/iomap_rs /usr/bin/rustc \
             --edition=2021 -Wclippy::all -Zcrate-attr='feature(a,b)' --crate-type rlib \
             -L ./rust/ --out-dir /c/ --emit=obj=/c/iomap_rs.o /c/lib.rs  ; objtool x\n\
             source_/c/iomap_rs.o := /c/lib.rs\n";
        assert_eq!(
            flags_of(saved).as_deref(),
            Some("--edition=2021 -Zcrate-attr='feature(a,b)' -L ./rust/")
        );
        assert_eq!(flags_of("nothing of the kind"), None);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! How `ext2_rs.ko` calls the engine: by code of its own, compiled from the engine's
//! generic and inline functions, and by the Rust symbols of what is neither.
//! Nothing goes by the C interface, whose tables of functions the engine would call
//! back through.

use anyhow::{ensure, Context, Result};

use super::Subject;
use crate::process::output_of;

/// Parts of the engine, as mangled names have them, of which something is to be compiled
/// into the module, and not all inlined.
const PARTS: [&str; 3] = ["8iomap_rs4iter", "8iomap_rs6direct", "8iomap_rs8buffered"];

pub fn check(subject: &Subject) -> Result<()> {
    let module = subject.paths.checkout.join("ext2_rs.ko");
    let mut nm = subject.tools.command("llvm-nm");
    nm.arg(&module);
    let symbols =
        output_of(&mut nm).with_context(|| format!("cannot read {}", module.display()))?;
    judge(&symbols)
}

/// Looks at lines of `nm`: an address unless it is undefined, a letter, a name.
fn judge(symbols: &str) -> Result<()> {
    let all = symbols.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().rev();
        let name = fields.next()?;
        Some((fields.next()?, name))
    });
    let (mut c, mut own) = (Vec::new(), Vec::new());
    for (kind, name) in all {
        match kind {
            "U" if is_c_interface(name) => c.push(name),
            "t" | "T" => own.push(name),
            _ => {}
        }
    }
    ensure!(c.is_empty(), "called by the C interface: {}", c.join(", "));
    for part in PARTS {
        ensure!(
            own.iter().any(|name| name.contains(part)),
            "nothing of {part} is compiled into the module"
        );
    }
    Ok(())
}

/// The C interface is what `fs/iomap` exports; helpers of the engine's inline
/// functions have the project's prefix.
fn is_c_interface(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    name.starts_with("iomap_") && !name.starts_with("iomap_rs_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
                 U iomap_rs_cond_resched
                 U __tracepoint_iomap_iter
                 U _RNvNtCsX_8iomap_rs3vfs9warn_once
0000000000000010 t _RINvNtCsX_8iomap_rs4iter4turnNtCsY_7ext2_rs3map6Reader
0000000000000020 t _RINvNtCsX_8iomap_rs6direct5startNtCsY_7ext2_rs3map6Reader
0000000000000030 t _RINvNtCsX_8iomap_rs8buffered5writeNtCsY_7ext2_rs3map6Writer
";

    #[test]
    fn own_code_and_rust_symbols_are_fine() -> Result<()> {
        judge(GOOD)
    }

    #[test]
    fn a_call_by_the_c_interface_is_found() {
        for name in ["iomap_dio_rw", "__iomap_dio_rw"] {
            let symbols = format!("{GOOD}                 U {name}\n");
            assert!(judge(&symbols).is_err_and(|error| error.to_string().contains(name)));
        }
    }

    #[test]
    fn a_part_that_is_not_compiled_in_is_found() {
        let elsewhere = GOOD.replace("8iomap_rs6direct5start", "8iomap_rs5start");
        assert!(judge(&elsewhere).is_err());
        let undefined = GOOD.replace("0000000000000030 t", "                 U");
        assert!(judge(&undefined).is_err());
    }
}

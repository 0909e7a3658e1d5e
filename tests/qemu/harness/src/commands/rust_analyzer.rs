// SPDX-License-Identifier: GPL-2.0

//! `rust-analyzer`: `rust-project.json` for editors. The kernel's generator lists
//! the kernel's own crates; 6.12's fails for modules outside of the tree when the
//! kernel was built in a directory of its own, so the engine's crate is added here.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{json, Value};

use crate::kernel::KernelTree;
use crate::modules;
use crate::paths::{read_text, Paths};
use crate::process::run_logged;
use crate::toolchain::Toolchain;

/// The kernel's crates that the engine may name.
const DEPENDENCIES: &[&str] = &["core", "alloc", "macros", "build_error", "kernel"];

pub fn run(paths: &Paths, tools: &Toolchain, kernel: &KernelTree) -> Result<()> {
    // The generated bindings are part of the crate.
    modules::build_engine(paths, tools, kernel)?;
    let mut make = tools.make(kernel.compiler);
    make.arg("-C").arg(&kernel.dir).arg("rust-analyzer");
    run_logged(&mut make, &paths.logs().join("rust-analyzer.log"))
        .context("cannot list the kernel's crates")?;
    let of_kernel = kernel.dir.join("rust-project.json");
    let project = serde_json::from_str(&read_text(&of_kernel)?)
        .with_context(|| format!("cannot parse {}", of_kernel.display()))?;
    let project = with_engine(project, &paths.checkout.join("iomap-rs"))
        .context("the kernel's list of crates is not as expected")?;
    let file = paths.checkout.join("rust-project.json");
    let text = serde_json::to_string_pretty(&project).context("cannot write the project")?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}

/// The project with one more crate; `None` if it lists none.
fn with_engine(mut project: Value, crate_dir: &Path) -> Option<Value> {
    let crates = project.get_mut("crates")?.as_array_mut()?;
    let index_of = |name: &str| crates.iter().position(|c| c["display_name"] == name);
    let dependencies: Vec<Value> = DEPENDENCIES
        .iter()
        .filter_map(|name| Some(json!({"crate": index_of(name)?, "name": name})))
        .collect();
    let kernel = crates.get(index_of("kernel")?)?;
    let engine = json!({
        "display_name": "iomap_rs",
        "root_module": crate_dir.join("lib.rs"),
        "is_workspace_member": true,
        "is_proc_macro": false,
        "deps": dependencies,
        "cfg": kernel["cfg"],
        "edition": kernel["edition"],
        "env": {
            "RUST_MODFILE": "This is only for rust-analyzer",
            "IOMAP_RS_BINDINGS": crate_dir.join("sys/bindings_generated.rs"),
        },
    });
    crates.push(engine);
    Some(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_depends_on_the_crates_that_there_are() {
        let project = json!({"crates": [
            {"display_name": "core"},
            {"display_name": "kernel", "cfg": ["A=\"y\""], "edition": "2021"},
        ]});
        let project = with_engine(project, Path::new("/c")).unwrap_or_default();
        let engine = &project["crates"][2];
        assert_eq!(engine["root_module"], "/c/lib.rs");
        assert_eq!(engine["cfg"], json!(["A=\"y\""]));
        assert_eq!(
            engine["deps"],
            json!([{"crate": 0, "name": "core"}, {"crate": 1, "name": "kernel"}])
        );
    }

    #[test]
    fn a_project_without_crates_is_refused() {
        assert!(with_engine(json!({}), Path::new("/c")).is_none());
    }
}

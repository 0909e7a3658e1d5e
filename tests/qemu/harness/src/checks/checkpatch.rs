// SPDX-License-Identifier: GPL-2.0

//! The kernel's own style check over the kernel patch.

use anyhow::{bail, Context, Result};

use super::Subject;

pub fn check(subject: &Subject) -> Result<()> {
    for patch in subject.recipe.patches() {
        let output = subject
            .tools
            .command("perl")
            .current_dir(&subject.source.dir)
            .args([
                "scripts/checkpatch.pl",
                "--strict",
                "--terse",
                "--show-types",
            ])
            .arg(&patch.path)
            .output()
            .context("cannot run perl")?;
        if !output.status.success() {
            let complaints = String::from_utf8_lossy(&output.stdout);
            bail!("{}", complaints.trim_end());
        }
    }
    Ok(())
}

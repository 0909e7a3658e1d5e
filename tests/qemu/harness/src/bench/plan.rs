// SPDX-License-Identifier: GPL-2.0

//! What guests are to do, and booting them.

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{BenchSpec, Mode};

use super::{collect, Collected};
use crate::filter::split;
use crate::lab::{Boot, Lab};
use crate::paths::make_dir;
use crate::progress::Progress;
use crate::qemu::Console;
use crate::suites::{Comparison, BENCH};

/// What every guest of a run is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub spec: BenchSpec,
    /// A plugin of QEMU with its arguments.
    pub plugin: Option<String>,
}

impl Plan {
    /// Boots a guest and listens until it is done.
    pub fn boot(&self, lab: &Lab, comparison: &Comparison) -> Result<Collected> {
        let name = format!("{}-{}", comparison.name, lab.link.name());
        let logs = lab.paths.checkout.join("target/bench").join(&name);
        make_dir(&logs)?;
        let spec = BenchSpec {
            offers: comparison.offers.to_vec(),
            ..self.spec.clone()
        };
        let mut machine = lab.assemble(&Boot {
            suite: comparison.on(lab.link),
            mode: Mode::Bench,
            tests: Vec::new(),
            extra: serde_json::to_value(spec).context("cannot write what to bench")?,
            console: Console::Log(logs.join("console.log")),
            tree: None,
        })?;
        machine.plugin.clone_from(&self.plugin);
        let mut progress = Progress::new(format!("{name}: measuring"), None);
        let mut guest = lab.start(&machine, &logs)?;
        let collected = collect(&mut guest, &mut progress)
            .with_context(|| format!("{name}; logs in {}", logs.display()))?;
        progress.finish();
        for failed in &collected.failed {
            eprintln!("{name}: {failed}");
        }
        Ok(collected)
    }
}

/// Which comparisons and which of their workloads a person means.
#[derive(Clone, Debug)]
pub struct Choice {
    pub comparisons: Vec<&'static Comparison>,
    /// Part of the names of workloads.
    pub workloads: Option<String>,
}

impl Choice {
    /// `xfs-1k/fsync`, `xfs-1k/`, `fsync`; all of them without. At most `count`
    /// comparisons.
    pub fn of(filter: Option<&str>, count: usize) -> Result<Self> {
        let (wanted, workloads) = split(filter);
        let exact = wanted.filter(|wanted| BENCH.iter().any(|one| one.name == *wanted));
        let fits = |one: &&Comparison| match (exact, wanted) {
            (Some(exact), _) => one.name == exact,
            (None, Some(wanted)) => one.name.contains(wanted),
            (None, None) => true,
        };
        let comparisons: Vec<_> = BENCH.iter().filter(fits).take(count).collect();
        if comparisons.is_empty() {
            bail!("no filesystem of that name is measured");
        }
        Ok(Self {
            comparisons,
            workloads: workloads.map(str::to_owned),
        })
    }

    /// What to tell whom no guest had a workload for.
    pub fn without_workloads(&self) -> String {
        format!(
            "no workload has {:?} in its name: bench/results has all names",
            self.workloads.as_deref().unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_name_is_that_filesystem_alone() -> Result<()> {
        let names = |filter| -> Result<Vec<&str>> {
            let choice = Choice::of(Some(filter), usize::MAX)?;
            Ok(choice.comparisons.iter().map(|one| one.name).collect())
        };
        assert_eq!(names("xfs-4k/")?, ["xfs-4k"]);
        assert_eq!(names("xfs/write")?, ["xfs-4k", "xfs-1k"]);
        assert_eq!(names("write")?.len(), BENCH.len());
        assert!(names("ntfs/").is_err());
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Writing results down: figures, tables and charts of each filesystem, and a page
//! about all that are there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use iomap_bench_report::{chart, pairs, table, Results, Suite};

use crate::paths::{make_dir, read_text};

/// What the charts of growing costs are about.
const FAMILIES: &[(&str, &str)] = &[
    ("size", "first write to a page, by the file's size in MiB"),
    ("extents", "direct read of 4 KiB, by the file's extents"),
    ("order", "overwrite of 4 KiB, by the order of the folios"),
];

const FIGURES: &str = "instructions.json";

/// Writes each filesystem's results to a directory of its name in `into`, and the
/// page about all that are there.
pub fn publish(results: &Results, into: &Path) -> Result<()> {
    for (own, suite) in of_each(results) {
        let dir = into.join(&suite.name);
        put_figures(&own, &dir, FIGURES)?;
        put(&dir.join("instructions.md"), &table::page(&own))?;
        let ratios = dir.join(format!("{}.svg", suite.name));
        chart::ratios(suite, &results.meta.unit, &ratios)?;
        for (family, title) in FAMILIES {
            let path = dir.join(format!("{}-{family}.svg", suite.name));
            chart::growth(suite, family, title, &path)?;
        }
    }
    put(&into.join("README.md"), &table::overview(&read(into)?))
}

/// Writes what pairs of boots say, as `name` in the directories of their filesystems.
pub fn publish_pairs(results: &Results, into: &Path, name: &str, clock: &str) -> Result<()> {
    for (own, suite) in of_each(results) {
        let dir = into.join(&suite.name);
        put_figures(&own, &dir, &format!("{name}.json"))?;
        put(&dir.join(format!("{name}.md")), &pairs::page(&own, clock))?;
    }
    Ok(())
}

/// Results of a filesystem alone, and that.
fn of_each(results: &Results) -> impl Iterator<Item = (Results, &Suite)> {
    results.suites.iter().map(|suite| {
        let own = Results {
            suites: vec![suite.clone()],
            ..results.clone()
        };
        (own, suite)
    })
}

/// Writes the raw figures as `name` to `dir`, which is made if need be.
fn put_figures(own: &Results, dir: &Path, name: &str) -> Result<()> {
    make_dir(dir)?;
    let json = serde_json::to_string_pretty(own).context("cannot write the results")?;
    put(&dir.join(name), &format!("{json}\n"))
}

/// Writes a page about a filesystem.
pub fn publish_page(suite: &str, name: &str, page: &str, into: &Path) -> Result<()> {
    let dir = into.join(suite);
    make_dir(&dir)?;
    put(&dir.join(name), page)
}

/// All results that were written below `dir`, by name.
fn read(dir: &Path) -> Result<Vec<Results>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path().join(FIGURES))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    let parse = |file: &std::path::PathBuf| {
        serde_json::from_str(&read_text(file)?)
            .with_context(|| format!("{} is not as it was written", file.display()))
    };
    files.iter().map(parse).collect()
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use iomap_bench_report::{Run, Workload};

    fn results(name: &str) -> Results {
        let run = |ticks| {
            vec![Run {
                batches: vec![ticks],
                idle_ms: 0.0,
            }]
        };
        let workload = Workload {
            name: "write".into(),
            ops: 1,
            c: run(100),
            rust: run(90),
            ..Workload::default()
        };
        Results {
            suites: vec![Suite {
                name: name.into(),
                workloads: vec![workload],
                ..Suite::default()
            }],
            ..Results::default()
        }
    }

    #[test]
    fn the_page_is_about_all_that_was_ever_written() -> Result<()> {
        let dir = tempfile::tempdir()?;
        publish(&results("xfs-4k"), dir.path())?;
        publish(&results("ext4-4k"), dir.path())?;
        let page = read_text(&dir.path().join("README.md"))?;
        for name in ["ext4-4k", "xfs-4k"] {
            assert!(
                page.contains(&format!("[{name}]({name}/instructions.md)")),
                "{page}"
            );
            assert!(dir.path().join(name).join(format!("{name}.svg")).is_file());
        }
        Ok(())
    }
}

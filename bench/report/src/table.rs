// SPDX-License-Identifier: GPL-2.0

//! The results as Markdown.

use std::fmt::Write;

use crate::figures::{geometric_mean, Figures};
use crate::results::{Memory, Results, Suite};

/// Idle time up to this is the granularity of what it is read from.
const IDLE_NOISE_MS: f64 = 10.5;

/// The whole page.
pub fn page(results: &Results) -> String {
    let meta = &results.meta;
    let mut text = format!(
        "# Rust against C: {} per operation\n\n\
         Linux {}, rustc {}, clang {}, QEMU {}. Made by `make bench`; how it is done \
         and what it can tell is in `docs/benchmarks.md`.\n\n",
        meta.unit, meta.kernel, meta.rustc, meta.clang, meta.qemu
    );
    text.push_str(&summary(results));
    for suite in &results.suites {
        text.push_str(&section(suite));
    }
    text.push_str(&memory(&results.memory));
    text
}

/// A line for each filesystem: the geometric means.
pub fn summary(results: &Results) -> String {
    let mut text = String::from(
        "| filesystem | workloads | Rust/C, all counted | Rust/C, without the copying | worst |\n\
         | --- | ---: | ---: | ---: | --- |\n",
    );
    for suite in &results.suites {
        let compared = compared(suite);
        let total = geometric_mean(compared.iter().map(|(_, f)| f.ratio()));
        let share = geometric_mean(compared.iter().map(|(_, f)| f.share_ratio()));
        let worst = compared
            .iter()
            .max_by(|(_, a), (_, b)| a.share_ratio().total_cmp(&b.share_ratio()));
        let (Some(total), Some(share), Some((name, figures))) = (total, share, worst) else {
            continue;
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {total:.3} | {share:.3} | {name} {:.3} |",
            suite.name,
            compared.len(),
            figures.share_ratio()
        );
    }
    text.push('\n');
    text
}

/// The workloads that an engine has a part in.
fn compared(suite: &Suite) -> Vec<(&str, Figures)> {
    suite
        .workloads
        .iter()
        .filter(|workload| !workload.control)
        .filter_map(|workload| Some((workload.name.as_str(), Figures::of(workload)?)))
        .collect()
}

fn section(suite: &Suite) -> String {
    let mut text = format!(
        "## {}\n\n\
         | workload | C | Rust | Rust/C | copied | C, rest | Rust, rest | Rust/C | spread |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        suite.name
    );
    for workload in &suite.workloads {
        let Some(f) = Figures::of(workload) else {
            continue;
        };
        let control = if workload.control { " (control)" } else { "" };
        let idle = if f.idle_ms > IDLE_NOISE_MS {
            format!(", idle {:.0} ms", f.idle_ms)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| {}{control} | {:.0} | {:.0} | {:.3} | {:.0} | {:.0} | {:.0} | {:.3} | {:.2} %{idle} |",
            workload.name,
            f.c,
            f.rust,
            f.ratio(),
            f.copied,
            f.c_share(),
            f.rust_share(),
            f.share_ratio(),
            f.spread * 100.0
        );
    }
    text.push('\n');
    text
}

fn memory(memory: &Memory) -> String {
    if memory.c.is_empty() && memory.rust.is_empty() {
        return String::new();
    }
    let mut text = String::from("## Size\n\n| section | C | Rust |\n| --- | ---: | ---: |\n");
    let mut names: Vec<&String> = memory.c.keys().chain(memory.rust.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let bytes = |of: Option<&u64>| of.map_or("-".to_owned(), u64::to_string);
        let (c, rust) = (bytes(memory.c.get(name)), bytes(memory.rust.get(name)));
        let _ = writeln!(text, "| `{name}` | {c} | {rust} |");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Run, Workload};

    fn workload(name: &str, c: u64, rust: u64, control: bool) -> Workload {
        let run = |ticks| {
            vec![Run {
                batches: vec![ticks],
                idle_ms: 0.0,
            }]
        };
        Workload {
            name: name.into(),
            ops: 1,
            copied: 100.0,
            control,
            c: run(c),
            rust: run(rust),
        }
    }

    fn results() -> Results {
        let suite = Suite {
            name: "xfs-4k".into(),
            workloads: vec![
                workload("write", 300, 200, false),
                workload("hot", 900, 9000, true),
            ],
        };
        Results {
            suites: vec![suite],
            ..Results::default()
        }
    }

    #[test]
    fn controls_are_shown_and_not_counted() {
        let text = page(&results());
        assert!(
            text.contains("| xfs-4k | 1 | 0.667 | 0.500 | write 0.500 |"),
            "{text}"
        );
        assert!(text.contains("| hot (control) | 900 | 9000 |"), "{text}");
    }

    #[test]
    fn idle_time_shows() {
        let mut results = results();
        for run in results
            .suites
            .iter_mut()
            .flat_map(|suite| &mut suite.workloads)
            .flat_map(|workload| &mut workload.c)
        {
            run.idle_ms = 70.0;
        }
        assert!(page(&results).contains("idle 70 ms"));
    }
}

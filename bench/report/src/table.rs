// SPDX-License-Identifier: GPL-2.0

//! The results as Markdown.

use std::fmt::Write;

use crate::figures::{geometric_mean, median_of, Figures};
use crate::results::{Memory, Results, Suite};

/// Idle time up to this is the granularity of what it is read from.
const IDLE_NOISE_MS: f64 = 10.5;

/// The whole page.
pub fn page(results: &Results) -> String {
    let mut text = format!(
        "# Rust against C: {} per operation\n\n{}Made by `make bench`; how it is done \
         and what it can tell is in `docs/benchmarks.md`.\n\n",
        results.meta.unit,
        results.meta.line()
    );
    text.push_str(HEAD);
    for suite in &results.suites {
        text.push_str(&line(suite, &suite.name));
    }
    text.push('\n');
    for suite in &results.suites {
        text.push_str(&section(suite));
    }
    text.push_str(&memory(&results.memory));
    text
}

/// A page about results that were written to directories named like their
/// filesystems, each with a page of its own.
pub fn overview(all: &[Results]) -> String {
    let mut text = String::from(
        "# Rust against C\n\nMade by `make bench`; how it is done and what it can tell \
         is in `docs/benchmarks.md`.\n\n",
    );
    text.push_str(HEAD);
    for suite in all.iter().flat_map(|results| &results.suites) {
        let name = &suite.name;
        text.push_str(&line(suite, &format!("[{name}]({name}/instructions.md)")));
    }
    let everything = Suite {
        workloads: all
            .iter()
            .flat_map(|results| &results.suites)
            .flat_map(|suite| suite.workloads.clone())
            .collect(),
        ..Suite::default()
    };
    text.push_str(&line(&everything, "all"));
    text.push('\n');
    // As a rule all were measured on the same.
    let mut measured: Vec<(String, Vec<&str>)> = Vec::new();
    for results in all {
        let names = results.suites.iter().map(|suite| suite.name.as_str());
        let on = results.meta.line();
        match measured.iter_mut().find(|(other, _)| *other == on) {
            Some((_, all)) => all.extend(names),
            None => measured.push((on, names.collect())),
        }
    }
    for (on, names) in measured {
        let _ = write!(text, "{}: {on}", names.join(", "));
    }
    text
}

const HEAD: &str =
    "| filesystem | workloads | Rust/C, all counted | Rust/C, without the copying | worst |\n\
     | --- | ---: | ---: | ---: | --- |\n";

/// A filesystem's geometric means; nothing if nothing was compared.
fn line(suite: &Suite, name: &str) -> String {
    let compared = compared(suite);
    let total = geometric_mean(compared.iter().map(|(_, f)| f.ratio()));
    let share = geometric_mean(compared.iter().map(|(_, f)| f.share_ratio()));
    let worst = compared
        .iter()
        .max_by(|(_, a), (_, b)| a.share_ratio().total_cmp(&b.share_ratio()));
    match (total, share, worst) {
        (Some(total), Some(share), Some((worst, figures))) => format!(
            "| {name} | {} | {total:.3} | {share:.3} | {worst} {:.3} |\n",
            compared.len(),
            figures.share_ratio()
        ),
        _ => String::new(),
    }
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
         | workload | C | Rust | Rust/C | spread | copied | C, rest | Rust, rest | Rust/C | spread |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
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
            "| {}{control} | {:.0} | {:.0} | {:.3} | {:.2} % | {:.0} | {:.0} | {:.0} | {:.3} | {:.2} %{idle} |",
            workload.name,
            f.c,
            f.rust,
            f.ratio(),
            f.spread * 100.0,
            f.copied,
            f.c_share(),
            f.rust_share(),
            f.share_ratio(),
            f.share_spread * 100.0
        );
    }
    text.push('\n');
    text.push_str(&state(suite));
    text
}

fn state(suite: &Suite) -> String {
    if suite.state.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "Bytes of slab memory for a MiB of data:\n\n\
         | data | C | Rust | Rust - C |\n| --- | ---: | ---: | ---: |\n",
    );
    for state in &suite.state {
        let (Some(c), Some(rust)) = (median_of(&state.c), median_of(&state.rust)) else {
            continue;
        };
        let _ = writeln!(
            text,
            "| {} | {c:.0} | {rust:.0} | {:+.0} |",
            state.name,
            rust - c
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
    use crate::results::{Run, State, Workload};

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
            ..Suite::default()
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
    fn memory_in_use_is_compared() {
        let mut results = results();
        for suite in &mut results.suites {
            suite.state.push(State {
                name: "pages".into(),
                c: vec![100.0, 102.0],
                rust: vec![90.0],
            });
        }
        let text = page(&results);
        assert!(text.contains("| pages | 101 | 90 | -11 |"), "{text}");
    }

    #[test]
    fn an_overview_links_to_each() {
        let text = overview(&[results(), results()]);
        let row = "| [xfs-4k](xfs-4k/instructions.md) | 1 | 0.667 | 0.500 |";
        assert_eq!(text.matches(row).count(), 2, "{text}");
        assert_eq!(text.matches("Linux ").count(), 1, "{text}");
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

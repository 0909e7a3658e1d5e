// SPDX-License-Identifier: GPL-2.0

//! In which order a guest goes through tests and engines.

use iomap_qemu_protocol::{FstestsRun, Link};

/// Every test on every engine where `has` knows no result yet, before the next test. A test
/// begins on the engine that the one before it has ended on: so one switch for each test
/// is enough.
pub fn order(
    tests: &[String],
    engines: &[Link],
    has: impl Fn(Link, &str) -> bool,
) -> Vec<FstestsRun> {
    let mut runs: Vec<FstestsRun> = Vec::new();
    for test in tests {
        let mut missing: Vec<Link> = engines.to_vec();
        missing.retain(|engine| !has(*engine, test));
        if runs.last().map(|run| run.engine) == missing.last().copied() {
            missing.reverse();
        }
        runs.extend(missing.into_iter().map(|engine| FstestsRun {
            engine,
            test: test.clone(),
        }));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(engines: &[Link], done: &[(Link, &str)]) -> Vec<String> {
        let tests = ["g/1", "g/2", "g/3"].map(String::from);
        let runs = order(&tests, engines, |engine, test| {
            done.contains(&(engine, test))
        });
        runs.iter().map(FstestsRun::to_string).collect()
    }

    #[test]
    fn engines_take_turns_with_one_switch_for_a_test() {
        assert_eq!(
            names(&[Link::C, Link::Live], &[]),
            ["c:g/1", "live:g/1", "live:g/2", "c:g/2", "c:g/3", "live:g/3"]
        );
        assert_eq!(
            names(&[Link::Module], &[]),
            ["module:g/1", "module:g/2", "module:g/3"]
        );
    }

    #[test]
    fn only_what_has_no_result_is_run() {
        let done = [(Link::C, "g/1"), (Link::Live, "g/3")];
        assert_eq!(
            names(&[Link::C, Link::Live], &done),
            ["live:g/1", "live:g/2", "c:g/2", "c:g/3"]
        );
    }
}

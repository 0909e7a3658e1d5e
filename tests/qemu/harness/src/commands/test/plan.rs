// SPDX-License-Identifier: GPL-2.0

//! What is to run: on which kernels, and which tests on each.

use iomap_qemu_protocol::{Link, TestInfo};

use crate::checks;
use crate::cli::TestArguments;
use crate::filter::Filter;
use crate::kernel::{Flavor, Kind};
use crate::suites::{self, full_name, Suite};

/// The suites that a run of everything has on the debug kernel, too: the one that gets
/// into every corner of the engine. All take hours there. With them goes the check that this
/// kernel sees the engine.
const ON_DEBUG: &[&str] = &["script"];

/// What a person has asked for.
pub struct Plan {
    runs: Vec<Run>,
    wants_cargo_tests: bool,
}

/// The tests for one kernel.
pub struct Run {
    pub kernel: Kind,
    /// Nobody has asked for this kernel.
    pub is_extra: bool,
    /// Their full names.
    names: Vec<String>,
}

impl Plan {
    pub fn new(tests: &[TestInfo], arguments: &TestArguments) -> Self {
        let asked = !arguments.link.is_empty();
        let mut runs = match asked {
            true => {
                let links = arguments.link.iter().map(|&link| link.into());
                let flavor = arguments.kernel.unwrap_or_default();
                let kernels = links.map(|link| Kind::new(link, flavor));
                kernels.map(|kernel| Run::of_all(tests, kernel)).collect()
            }
            false => everything(tests, arguments.kernel),
        };
        let names = runs.iter().flat_map(|run| &run.names);
        let filter = Filter::new(arguments.filter.as_deref(), names.map(String::as_str));
        for run in &mut runs {
            run.names.retain(|name| filter.selects(name));
        }
        runs.retain(|run| !run.names.is_empty());
        if !asked && !filter.selects_all() {
            // Who looks for a test by its name does not want it twice.
            runs.truncate(1);
            // What is left has been asked for, on whatever kernel it is.
            for run in &mut runs {
                run.is_extra = false;
            }
        }
        Self {
            wants_cargo_tests: filter.selects_all() || runs.is_empty(),
            runs,
        }
    }

    /// Are the tests of the host's programs part of it?
    pub fn wants_cargo_tests(&self) -> bool {
        self.wants_cargo_tests
    }

    /// In their order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The full names of all tests.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.runs.iter().flat_map(|run| &run.names)
    }
}

impl Run {
    /// All that there is for that kernel.
    fn of_all(tests: &[TestInfo], kernel: Kind) -> Self {
        let mut run = Self::of_suites(tests, kernel, |_| true);
        run.names.extend(checks::names(kernel));
        run
    }

    fn of_suites(tests: &[TestInfo], kernel: Kind, wanted: impl Fn(&Suite) -> bool) -> Self {
        let runs_there = |test: &&TestInfo| {
            let mut suites = suites::TEST.iter();
            suites.any(|suite| {
                suite.name == test.suite && suite.runs_on(kernel.link) && wanted(suite)
            })
        };
        let names = tests.iter().filter(runs_there);
        Self {
            kernel,
            is_extra: false,
            names: names.map(|test| full_name(test, kernel)).collect(),
        }
    }

    /// The full names of its tests.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// The tests of a suite.
    pub fn of_suite(&self, suite: &Suite, tests: &[TestInfo]) -> Vec<TestInfo> {
        let own = tests.iter().filter(|test| test.suite == suite.name);
        own.filter(|test| self.has(&full_name(test, self.kernel)))
            .cloned()
            .collect()
    }
}

/// What is run if nobody says how the engine is linked. Switching engines is all that
/// the third way to link adds, and the debug kernel is too slow for more than a part.
fn everything(tests: &[TestInfo], flavor: Option<Flavor>) -> Vec<Run> {
    let kernel = |link| Kind::new(link, flavor.unwrap_or_default());
    let mut runs = vec![
        Run::of_all(tests, kernel(Link::Module)),
        Run::of_all(tests, kernel(Link::Builtin)),
        Run::of_suites(tests, kernel(Link::Live), |suite| suite.loads_engine),
    ];
    if flavor.is_none() {
        let debug = Kind::new(Link::Module, Flavor::Debug);
        let mut run = Run::of_suites(tests, debug, |suite| ON_DEBUG.contains(&suite.name));
        run.names.push(checks::full_name(checks::SANITIZERS, debug));
        run.is_extra = true;
        runs.push(run);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::LinkArgument;

    fn plan(filter: Option<&str>, links: &[LinkArgument], kernel: Option<Flavor>) -> Plan {
        let test = |suite: &str, name: &str| TestInfo {
            name: name.into(),
            suite: suite.into(),
            behaviours: Vec::new(),
            doc: String::new(),
            expect_log: Vec::new(),
            timeout_secs: None,
        };
        let tests = [
            test("xfs-4k", "mmap"),
            test("bdev", "punch"),
            test("live", "switch"),
            test("script", "loop"),
        ];
        let arguments = TestArguments {
            filter: filter.map(str::to_owned),
            link: links.to_vec(),
            kernel,
            fsx_operations: None,
            fsx_seed: None,
            switches: 0,
            soak_seconds: 0,
            soak_seed: None,
            show_output: false,
            repeat: 1,
            jobs: None,
            within: None,
            list: false,
        };
        Plan::new(&tests, &arguments)
    }

    fn in_guests(plan: &Plan) -> Vec<&str> {
        let names = plan.names().map(String::as_str);
        names.filter(|name| !name.contains("host/")).collect()
    }

    fn for_filter(filter: &str) -> Vec<String> {
        let plan = plan(Some(filter), &[], None);
        in_guests(&plan).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn everything_is_all_ways_to_link_and_a_part_on_the_debug_kernel() {
        let plan = plan(None, &[], None);
        let all = [
            "xfs-4k/mmap",
            "script/loop",
            "builtin:xfs-4k/mmap",
            "builtin:bdev/punch",
            "builtin:script/loop",
            "live:live/switch",
            "debug:script/loop",
        ];
        assert_eq!(in_guests(&plan), all);
        assert!(plan.wants_cargo_tests());
        let extra = plan.runs().iter().filter(|run| run.is_extra);
        let extra: Vec<&str> = extra
            .flat_map(|run| run.names())
            .map(String::as_str)
            .collect();
        assert_eq!(
            extra,
            ["debug:script/loop", "debug:host/sanitizers_see_rust"]
        );
    }

    #[test]
    fn the_suites_of_that_part_exist() {
        let exists = |name: &&str| suites::TEST.iter().any(|suite| suite.name == *name);
        assert!(ON_DEBUG.iter().all(exists));
    }

    #[test]
    fn a_name_means_one_run() {
        assert_eq!(for_filter("mmap"), ["xfs-4k/mmap"]);
        assert_eq!(for_filter("loop"), ["script/loop"]);
        for name in ["punch", "bdev", "bdev/punch", "builtin:bdev/punch"] {
            assert_eq!(for_filter(name), ["builtin:bdev/punch"]);
        }
        assert_eq!(for_filter("switch"), ["live:live/switch"]);
        assert_eq!(for_filter("builtin:xfs-4k/mmap"), ["builtin:xfs-4k/mmap"]);
        assert_eq!(for_filter("debug:"), ["debug:script/loop"]);
        assert!(plan(Some("harness's own"), &[], None).wants_cargo_tests());
    }

    #[test]
    fn what_is_asked_for_by_name_is_not_left_out_for_want_of_time() {
        for filter in ["debug:script/loop", "debug:", "loop"] {
            let plan = plan(Some(filter), &[], None);
            assert_eq!(plan.runs().len(), 1);
            assert!(plan.runs().iter().all(|run| !run.is_extra), "{filter}");
        }
    }

    #[test]
    fn a_person_may_ask_for_any() {
        let ask = |filter, link, kernel| {
            let plan = plan(filter, &[link], kernel);
            let names: Vec<String> = in_guests(&plan).iter().map(|&name| name.into()).collect();
            names
        };
        let builtin = ask(Some("mmap"), LinkArgument::Builtin, None);
        assert_eq!(builtin, ["builtin:xfs-4k/mmap"]);
        let c = ask(None, LinkArgument::C, None);
        assert_eq!(c, ["xfs-4k/mmap", "bdev/punch", "script/loop"]);
        let live = ask(Some("mmap"), LinkArgument::Live, None);
        assert_eq!(live, ["live:xfs-4k/mmap"]);
        let debug = ask(Some("mmap"), LinkArgument::Builtin, Some(Flavor::Debug));
        assert_eq!(debug, ["debug:builtin:xfs-4k/mmap"]);
        assert!(ask(Some("punch"), LinkArgument::Module, None).is_empty());
    }

    #[test]
    fn all_can_be_run_on_the_debug_kernel() {
        let plan = plan(None, &[], Some(Flavor::Debug));
        assert_eq!(plan.runs().len(), 3);
        assert!(in_guests(&plan).contains(&"debug:live:live/switch"));
    }
}

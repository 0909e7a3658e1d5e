// SPDX-License-Identifier: GPL-2.0

//! What there is no time for.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::plan::Run;
use crate::kernel::{is_built, Recipe};
use crate::paths::Paths;
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

/// What a kernel takes that starts from no other one's objects, on two processors.
const TO_BUILD: Duration = Duration::from_secs(30 * 60);

/// How long tests may go on before what nobody has asked for is left out.
pub struct Time {
    start: Instant,
    within: Option<Duration>,
}

impl Time {
    /// From now on; without a number for as long as it takes.
    pub fn start(minutes: Option<u64>) -> Self {
        Self {
            start: Instant::now(),
            within: minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
        }
    }

    /// Whether it may turn out that there is none for `run`.
    pub fn may_lack(&self, run: &Run) -> bool {
        run.is_extra && self.within.is_some()
    }

    /// What to report instead of running `run`: nothing, if there is time for it.
    pub fn left_out(&self, paths: &Paths, tools: &Toolchain, run: &Run) -> Result<Vec<TestResult>> {
        let Some(within) = self.within.filter(|_| run.is_extra) else {
            return Ok(Vec::new());
        };
        let recipe = Recipe::new(paths, tools, run.kernel.link, run.kernel.flavor)?;
        let is_built = is_built(paths, &recipe)?;
        if is_enough(within, self.start.elapsed(), is_built) {
            return Ok(Vec::new());
        }
        let skip = |name: &String| TestResult {
            name: name.clone(),
            verdict: Verdict::Skipped("no time for it (WITHIN)".into()),
            seconds: 0.0,
            details: Vec::new(),
        };
        Ok(run.names().iter().map(skip).collect())
    }
}

/// Whether a run whose kernel is there, or is to be built, may begin.
fn is_enough(within: Duration, elapsed: Duration, is_built: bool) -> bool {
    let wait = if is_built { Duration::ZERO } else { TO_BUILD };
    elapsed.saturating_add(wait) < within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_there_needs_less_time() {
        let minutes = |number: u64| Duration::from_secs(60 * number);
        assert!(is_enough(minutes(55), minutes(54), true));
        assert!(!is_enough(minutes(55), minutes(55), true));
        assert!(is_enough(minutes(55), minutes(24), false));
        assert!(!is_enough(minutes(55), minutes(25), false));
        assert!(!is_enough(minutes(0), minutes(0), true));
    }
}

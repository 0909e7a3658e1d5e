// SPDX-License-Identifier: GPL-2.0

//! How a test is declared: one entry in the `CASES` table of the file that holds
//! its function.
//!
//! ```ignore
//! pub const CASES: &[Case] = &[
//!     Case::new("dio_read_eof", suites::BLOCK, read_eof)
//!         .doc("Reads at, over and after the end of the file are short.")
//!         .holds(&["DIO-3", "DIO-23"]),
//! ];
//! ```

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use crate::context::Context;

/// What a test runs: an error fails it, a [`Skip`] skips it.
pub type TestFn = fn(&Context) -> Result<()>;

/// One test, and the suites that it runs in.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub suites: &'static [&'static str],
    pub run: TestFn,
    pub doc: &'static str,
    pub behaviours: &'static [&'static str],
    pub expect_log: &'static [&'static str],
    pub timeout: Option<Duration>,
}

impl Case {
    pub const fn new(name: &'static str, suites: &'static [&'static str], run: TestFn) -> Self {
        Self {
            name,
            suites,
            run,
            doc: "",
            behaviours: &[],
            expect_log: &[],
            timeout: None,
        }
    }

    /// One sentence: what holds if the test passes.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Ids of the behaviours in `behaviours.toml` that the test holds.
    pub const fn holds(mut self, behaviours: &'static [&'static str]) -> Self {
        self.behaviours = behaviours;
        self
    }

    /// Regular expressions of kernel log lines: each must match a line that the
    /// test provokes, and what they match does not fail the test.
    pub const fn logs(mut self, expect_log: &'static [&'static str]) -> Self {
        self.expect_log = expect_log;
        self
    }

    /// How long the guest may be silent in this test, if that is not the usual time.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// The error of a test that cannot run here, with the reason.
#[derive(Debug)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

/// Ends a test as skipped: `return skip("the device cannot poll")`.
pub fn skip<T>(reason: impl Into<String>) -> Result<T> {
    Err(Skip(reason.into()).into())
}

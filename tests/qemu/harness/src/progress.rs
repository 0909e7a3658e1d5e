// SPDX-License-Identifier: GPL-2.0

//! What runs, how far it is, for how long: a bar on a terminal, a line now and
//! then elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{FormattedDuration, ProgressBar, ProgressStyle};

/// How often a line is written where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

thread_local! {
    static LINES_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// From now on, steps of this thread are a line when they begin and one when they end:
/// others use the terminal meanwhile.
pub fn write_lines_only() {
    LINES_ONLY.set(true);
}

/// A long step. Dropping it takes the bar away.
pub struct Progress {
    what: String,
    start: Instant,
    total: Option<u64>,
    done: u64,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// `total` is an estimate: how many times [`Progress::advance`] will be called.
    pub fn new(what: impl Into<String>, total: Option<u64>) -> Self {
        let what = what.into();
        let start = Instant::now();
        let with_bar = std::io::stderr().is_terminal() && !LINES_ONLY.get();
        let bar = with_bar.then(|| bar(&what, total));
        if bar.is_none() {
            eprintln!("{what} ...");
        }
        Self {
            what,
            start,
            total,
            done: 0,
            bar,
            last_line: start,
        }
    }

    /// One more unit of work is done.
    pub fn advance(&mut self) {
        self.done += 1;
        // An estimate that turns out too low must not show 103 %.
        let total = self.total.map(|total| total.max(self.done + 1));
        match &self.bar {
            Some(bar) => {
                if let Some(total) = total {
                    bar.set_length(total);
                }
                bar.set_position(self.done);
            }
            None if self.last_line.elapsed() >= PLAIN_INTERVAL && !LINES_ONLY.get() => {
                self.last_line = Instant::now();
                let of = total.map(|total| format!(" of about {total}"));
                eprintln!(
                    "{} ... {}{}, {}",
                    self.what,
                    self.done,
                    of.unwrap_or_default(),
                    FormattedDuration(self.start.elapsed())
                );
            }
            None => {}
        }
    }

    /// Ends the step with a line of how long it took.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!(
            "{}: done in {:.1} s",
            self.what,
            self.start.elapsed().as_secs_f64()
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{msg} [{bar:30}] {pos}/{len} {elapsed_precise}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{msg} {spinner} {elapsed_precise}",
        ),
    };
    // The templates are constants; one that does not parse leaves the default look.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

// SPDX-License-Identifier: GPL-2.0

//! Threads of the agent as the kernel sees them.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, Result};
use rustix::thread::gettid;

/// A thread, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task(pub i32);

impl Task {
    /// The thread that asks.
    pub fn current() -> Self {
        Self(gettid().as_raw_nonzero().get())
    }

    /// Which functions it is on while tasks are being switched: 0 the original ones, 1
    /// those of the patch; -1 at other times.
    pub fn patch_state(self) -> Result<i32> {
        let text = fs::read_to_string(self.file("patch_state")).context("no patch state")?;
        text.trim().parse().context("the patch state")
    }

    /// Whether it sleeps in a call of this function of this module, or of the kernel
    /// itself.
    pub fn sleeps_in(self, function: &str, module: Option<&str>) -> bool {
        let stack = fs::read_to_string(self.file("stack")).unwrap_or_default();
        let stat = fs::read_to_string(self.file("stat")).unwrap_or_default();
        // Behind the name, which is in parentheses.
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        state == Some('D')
            && stack
                .lines()
                .filter_map(call)
                .any(|call| call == (function, module))
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/task/{}/{name}", self.0))
    }
}

/// Starts a thread and tells its number.
pub fn in_thread<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    work: impl FnOnce() -> Result<T> + Send + 'scope,
) -> Result<(Task, thread::ScopedJoinHandle<'scope, Result<T>>)> {
    let (sender, receiver) = mpsc::channel();
    let thread = scope.spawn(move || {
        sender.send(Task::current()).context("nobody listens")?;
        work()
    });
    Ok((receiver.recv().context("the thread has ended")?, thread))
}

/// Function and module of a line like `[<0>] iomap_iter+0x25/0xc0 [iomap_rs]`.
fn call(line: &str) -> Option<(&str, Option<&str>)> {
    let mut words = line.split_whitespace().skip(1);
    let (function, _) = words.next()?.split_once('+')?;
    let module = words.next();
    let name = module.map(|word| word.trim_matches(['[', ']']));
    Some((function, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_of_the_kernel_or_of_a_module() {
        let line = "[<0>] iomap_writepages+0x2e5/0x8c0";
        assert_eq!(call(line), Some(("iomap_writepages", None)));
        let line = "[<0>] iomap_writepages+0x2e5/0x8c0 [iomap_rs_live]";
        assert_eq!(
            call(line),
            Some(("iomap_writepages", Some("iomap_rs_live")))
        );
        assert_eq!(call(""), None);
    }
}

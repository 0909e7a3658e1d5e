// SPDX-License-Identifier: GPL-2.0

//! Guests side by side. One rarely keeps more than one processor busy.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{bail, Result};

/// How many guests a machine has processors for.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does `work` to all of `tasks`, up to `jobs` at a time, and returns the results in
/// their order. After an error nothing is begun any more.
pub fn all<T: Send, R: Send>(
    tasks: Vec<T>,
    jobs: usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let count = tasks.len();
    let waiting: Mutex<VecDeque<(usize, T)>> = Mutex::new(tasks.into_iter().enumerate().collect());
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    };
    let run = || -> Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        while let Some((at, task)) = next() {
            match work(task) {
                Ok(result) => done.push((at, result)),
                Err(error) => {
                    waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .clear();
                    return Err(error);
                }
            }
        }
        Ok(done)
    };
    let mut results = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.clamp(1, count.max(1)))
            .map(|_| scope.spawn(run))
            .collect();
        let mut results = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(done) => results.extend(done?),
                Err(_) => bail!("a thread has panicked"),
            }
        }
        Ok(results)
    })?;
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_tasks() -> Result<()> {
        let tasks = (0..20).collect();
        let results = all(tasks, 3, |number: u64| Ok(number * 2))?;
        assert_eq!(
            results,
            (0..20).map(|number| number * 2).collect::<Vec<_>>()
        );
        Ok(())
    }

    #[test]
    fn an_error_ends_it() {
        let result = all(vec![1, 2, 3], 2, |number| match number {
            2 => bail!("no"),
            _ => Ok(()),
        });
        assert!(result.is_err());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Process 1 is given the children of processes that end before them. Tests wait until `ps`
//! shows no more of what they have started, and it shows those that nobody has waited for.

use anyhow::{Context as _, Result};
use rustix::io::Errno;
use rustix::process::{wait, Pid, WaitOptions};

/// A process that has ended, and whether it has succeeded.
type Ended = (Pid, bool);

/// Takes note of all that have ended since the last call: whether `child` has succeeded, if it is
/// one of them. Nobody else may wait for a child meanwhile.
pub fn reap(child: Pid) -> Result<Option<bool>> {
    outcome_of(child, next_ended)
}

fn outcome_of(child: Pid, mut next: impl FnMut() -> Result<Option<Ended>>) -> Result<Option<bool>> {
    let mut outcome = None;
    while let Some((pid, succeeded)) = next()? {
        if pid == child {
            outcome = Some(succeeded);
        }
    }
    Ok(outcome)
}

fn next_ended() -> Result<Option<Ended>> {
    match wait(WaitOptions::NOHANG) {
        Ok(ended) => Ok(ended.map(|(pid, status)| (pid, status.exit_status() == Some(0)))),
        // There is none left.
        Err(Errno::CHILD) => Ok(None),
        Err(error) => Err(error).context("cannot wait for children"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans_go_and_the_child_is_known_among_them() -> Result<()> {
        let [child, orphan] = [2, 3].map(Pid::from_raw);
        let (child, orphan) = (child.context("no pid")?, orphan.context("no pid")?);
        let outcome = |ended: &[Ended]| {
            let mut ended = ended.iter().copied();
            let outcome = outcome_of(child, || Ok(ended.next()));
            assert_eq!(ended.len(), 0, "some stay defunct");
            outcome
        };
        assert_eq!(outcome(&[(orphan, true), (orphan, false)])?, None);
        let all = [(orphan, true), (child, false), (orphan, true)];
        assert_eq!(outcome(&all)?, Some(false));
        assert_eq!(outcome(&[(child, true), (orphan, false)])?, Some(true));
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Settings of the guest that one test changes, and that the next must find as they were.

use anyhow::Result;

/// Sets something back: when it is told to, or else when it is dropped, as after a panic.
#[must_use = "it would be set back at once"]
pub struct Restore<F: FnOnce() -> Result<()>>(Option<F>);

impl<F: FnOnce() -> Result<()>> Restore<F> {
    /// Made before the setting is changed.
    pub fn new(restore: F) -> Self {
        Self(Some(restore))
    }

    /// Sets it back, and tells whether that worked.
    pub fn now(mut self) -> Result<()> {
        self.0.take().map_or(Ok(()), |restore| restore())
    }
}

impl<F: FnOnce() -> Result<()>> Drop for Restore<F> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|restore| restore()) {
            eprintln!("cannot set it back: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::Cell;
    use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

    use anyhow::bail;

    #[test]
    fn it_is_set_back_once_and_tells() {
        let times = Cell::new(0);
        let restore = Restore::new(|| {
            times.set(times.get() + 1);
            bail!("refused")
        });
        assert!(restore.now().is_err());
        assert_eq!(times.get(), 1);
    }

    #[test]
    fn a_panic_sets_it_back() {
        let changed = Cell::new(true);
        let test = || {
            let _restore = Restore::new(|| {
                changed.set(false);
                Ok(())
            });
            resume_unwind(Box::new(()))
        };
        assert!(catch_unwind(AssertUnwindSafe(test)).is_err());
        assert!(!changed.get());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A call that is made again and again.

use std::io;

use anyhow::{bail, ensure, Context as _, Result};

use super::Subject;

/// Brings the file into a state and returns a call to be made on it. The mirror
/// holds what the file holds after the call.
pub type Call = fn(&mut Subject) -> Result<Attempt>;

/// The call itself and what to do after it.
pub struct Attempt {
    pub call: Box<dyn FnMut() -> io::Result<()>>,
    /// What the file held before it.
    before: Vec<u8>,
    undo: Option<Box<dyn FnOnce() -> io::Result<()>>>,
}

impl Attempt {
    /// `before` are the contents that the call changes.
    pub fn new(before: Vec<u8>, call: impl FnMut() -> io::Result<()> + 'static) -> Self {
        Self {
            call: Box::new(call),
            before,
            undo: None,
        }
    }

    /// Something to undo once the call has worked.
    pub fn then(mut self, undo: impl FnOnce() -> io::Result<()> + 'static) -> Self {
        self.undo = Some(Box::new(undo));
        self
    }

    pub fn undo(&mut self) -> Result<()> {
        match self.undo.take() {
            Some(undo) => undo().context("undoing"),
            None => Ok(()),
        }
    }

    /// After a failure each byte is as before or as it was to be, and the size is
    /// one of the two or between.
    pub fn check_partial(&self, found: &[u8], after: &[u8]) -> Result<()> {
        let sizes = [self.before.len(), after.len()];
        let (least, most) = (sizes.iter().min(), sizes.iter().max());
        ensure!(
            least <= Some(&found.len()) && Some(&found.len()) <= most,
            "{} bytes after a failure, {sizes:?} before and after the call",
            found.len()
        );
        for (at, byte) in found.iter().enumerate() {
            let expected = [self.before.get(at), after.get(at)];
            if !expected.contains(&Some(byte)) {
                bail!("at {at} there is {byte:#x} after a failure, not one of {expected:x?}");
            }
        }
        Ok(())
    }
}

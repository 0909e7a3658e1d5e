// SPDX-License-Identifier: GPL-2.0

//! Mount options, before the superblock is read.

use crate::{
    format::superblock::ErrorPolicy,
    plan::options::{Options, SUPERBLOCK},
};
use kernel::prelude::*;

/// Mount options as they were given: what they change is known once the
/// superblock was read, and where that is, is among them.
pub(crate) struct Given {
    /// What they amount to, but for what the superblock says.
    pub(crate) checked: Options,
    /// One after the other, `key` or `key=value`, with a comma before each.
    text: KVec<u8>,
}

impl Given {
    pub(crate) fn new(checked: Options) -> Self {
        Self {
            checked,
            text: KVec::new(),
        }
    }

    pub(crate) fn add(&mut self, key: &str, value: Option<&str>) -> Result {
        match self.checked.apply(key, value) {
            Ok(None) => {}
            Ok(Some(note)) => pr_info!("option {key}: {}\n", note.0),
            Err(wrong) => {
                pr_err!("option {key}: {wrong}\n");
                return Err(EINVAL);
            }
        }
        let value = value.map(|value| (b"=", value.as_bytes()));
        self.text.push(b',', GFP_KERNEL)?;
        self.text.extend_from_slice(key.as_bytes(), GFP_KERNEL)?;
        if let Some((equals, value)) = value {
            self.text.extend_from_slice(equals, GFP_KERNEL)?;
            self.text.extend_from_slice(value, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// `options`, with these applied.
    pub(crate) fn apply_to(&self, mut options: Options) -> Result<Options> {
        let text = core::str::from_utf8(self.text.as_slice()).map_err(|_| EINVAL)?;
        options.parse(text).map_err(|_| EINVAL)?;
        Ok(options)
    }
}

/// What options are before the superblock is known.
pub(crate) const BLANK: Options = Options {
    superblock: SUPERBLOCK,
    reserved_uid: 0,
    reserved_gid: 0,
    errors: ErrorPolicy::Continue,
    minix_df: false,
    directory_group: false,
    short_ids: false,
    debug: false,
    old_allocator: false,
    user_xattr: false,
    acl: false,
};

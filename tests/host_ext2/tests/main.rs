// SPDX-License-Identifier: GPL-2.0

//! Tests of the pure files of ext2-rs, a module for each of them.
//!
//! Ways to test: rules by example, named after the rule; every case there is,
//! where they are few; cases by chance against a model that is written down in
//! another way; structures that mke2fs and debugfs made on this machine, as they
//! are and with every byte changed.

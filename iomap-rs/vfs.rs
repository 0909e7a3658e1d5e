// SPDX-License-Identifier: GPL-2.0

//! Safe types for the kernel objects that the engine works with.
//!
//! One object per file. What C keeps in the programmer's head is a type here:
//! an unsubmitted bio is a [`Bio`], one that will call back is an [`ArmedBio`],
//! one that came back is a [`CompletedBio`]; a request is [`InFlight`] while
//! bios refer to it and [`Last`] for whoever drops the final reference.
//!
//! What runs for every request reads the kernel's structures in place; what is
//! rare calls the C of `sys/helpers.c`.

mod bdev;
mod bio;
mod error;
mod fiemap;
mod file;
mod in_flight;
mod inode;
mod iov_iter;
mod kiocb;
mod mapped;
mod plug;
mod state;
mod swap;
mod task;
pub(crate) mod trace;
mod warn;
mod zero_pages;

pub use bdev::BlockDevice;
pub(crate) use bio::end_io;
pub use bio::{ArmedBio, Bio, BioOwner, BioSet, CompletedBio, Opf};
pub(crate) use error::check;
pub use fiemap::{ExtentFlags, FiemapInfo, Fill};
pub use file::{AddressSpace, File};
pub use in_flight::{Deferred, InFlight, Last};
pub use inode::Inode;
pub use iov_iter::{Direction, IovIter};
pub(crate) use kiocb::to_ssize;
pub use kiocb::{IocbRef, Kiocb};
pub use mapped::Mapping;
pub use plug::with_plug;
pub use state::{Client, IterState, Maps};
pub(crate) use swap::warn_no_usable_page;
pub use swap::SwapInfo;
pub(crate) use task::account_write;
pub use warn::{warn_once, Warning};
pub(crate) use zero_pages::ZeroPages;

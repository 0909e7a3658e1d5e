// SPDX-License-Identifier: GPL-2.0

//! Safe types for the kernel objects that the engine works with.
//!
//! One object, or one job, per file. What C keeps in the programmer's head is a type here:
//! an unsubmitted bio is a [`Bio`], one that will call back is an [`ArmedBio`],
//! one that came back is a [`CompletedBio`]; a request is a [`Submission`] for
//! its submitter, [`InFlight`] for its bios, and [`Last`] for whoever drops the
//! final reference.
//!
//! Plain reads of the kernel's structures are done in place. C in `sys/` is called for
//! the rest: inline functions and macros that depend on the configuration (locks, `current`,
//! scheduling), and what is rare or large.

mod bdev;
mod bio;
mod cached;
mod callback;
mod completed_bio;
mod dio;
mod error;
mod fault;
mod fiemap;
mod file;
mod folio;
mod folio_lock;
mod folio_private;
mod in_flight;
mod inode;
mod ioend;
mod ioend_list;
mod ioend_queue;
mod iov_iter;
mod kiocb;
mod mapped;
mod page_cache;
mod plug;
mod read_bio;
mod readahead;
mod state;
#[cfg(CONFIG_SWAP)]
mod swap;
mod task;
pub(crate) mod trace;
mod tracking;
mod warn;
mod writeback;
mod writeback_folio;
#[cfg_attr(iomap_rs_live, path = "vfs/zero_pages_live.rs")]
mod zero_pages;

pub use bdev::BlockDevice;
pub(crate) use bio::end_io;
pub use bio::{ArmedBio, Bio, BioOwner, BioSet, Opf};
pub use completed_bio::CompletedBio;
pub use dio::Dio;
pub(crate) use error::{check, from_errno_ptr, to_int};
pub(crate) use fault::fault_error;
pub use fault::{Fault, FaultFolio};
pub use fiemap::{ExtentFlags, FiemapInfo, Room};
pub use file::{AddressSpace, File};
pub use folio::Folio;
pub use folio_lock::{LockedFolio, ReadFolio, WriteFolio};
pub use folio_private::{Allocate, Guard, IomapFolio, State};
pub use in_flight::{Deferred, InFlight, Last, Shared, Submission};
pub use inode::Inode;
pub(crate) use ioend::IoendPool;
pub use ioend::{CompletedIoend, Ioend, IoendEnd};
pub use ioend_list::CompletedIoends;
pub(crate) use ioend_list::{Glance, IoendList, IoendRef};
pub use ioend_queue::IoendQueue;
pub use iov_iter::{Direction, IovIter};
pub(crate) use kiocb::to_ssize;
pub use kiocb::{IocbRef, Kiocb};
pub use mapped::Mapping;
pub use page_cache::PageCache;
pub use plug::with_plug;
pub(crate) use read_bio::read_folio_sync;
pub use read_bio::FolioReader;
pub use readahead::Readahead;
pub use state::{Client, IterState, Maps};
#[cfg(CONFIG_SWAP)]
pub(crate) use swap::warn_no_usable_page;
#[cfg(CONFIG_SWAP)]
pub use swap::SwapInfo;
pub use task::wait_for_completions;
pub(crate) use task::{
    account_write, cond_resched, fatal_signal_pending, in_direct_reclaim, might_sleep,
};
pub use tracking::{BufferFolio, Tracking};
pub use warn::{warn_once, Warning};
pub use writeback::{WritebackControl, WritebackCtx};
pub use writeback_folio::{DirtyFolio, DirtyFolios, WritebackFolio};
pub(crate) use zero_pages::ZeroPages;

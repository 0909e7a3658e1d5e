// SPDX-License-Identifier: GPL-2.0

//! The decisions of direct I/O.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! what `iomap_dio_bio_iter()`, `iomap_dio_bio_opflags()`, `iomap_dio_done()`
//! and `iomap_dio_complete()` of `fs/iomap/direct-io.c` decide.

use crate::mapping::{flag_set, Kind, MapFlags};

flag_set! {
    /// What a request came across, and what is left to do at its end.
    State(u32) {
        /// Wrote to unwritten extents. The first two are what `end_io` is told.
        UNWRITTEN = 1 << 0;
        /// Wrote to blocks for copy on write.
        COW = 1 << 1;
        /// The issuer may run the end of the write.
        CALLER_COMP = 1 << 26;
        /// The last bio's completion may run the end, in any context.
        INLINE_COMP = 1 << 27;
        /// So far each data bio was a FUA write, or the device has no volatile cache.
        WRITE_THROUGH = 1 << 28;
        /// What was written must be synced at the end.
        NEED_SYNC = 1 << 29;
        /// It is a write.
        WRITE = 1 << 30;
        /// The memory is a user's and is read into: its pages are to be dirtied.
        DIRTIES_PAGES = 1 << 31;
    }
}

/// What a read starts with: nothing is left to do after it that would have to
/// sleep.
pub const READ: State = State::INLINE_COMP;

/// The state that a write starts with. `caller_completes`: the issuer may run its end.
/// `dsync`: its data and the metadata needed to find that are to be durable by then; with
/// `full_sync` all metadata.
#[inline]
pub fn write(caller_completes: bool, dsync: bool, full_sync: bool) -> State {
    State::NONE
        .with_if(caller_completes, State::CALLER_COMP)
        .with_if(dsync, State::NEED_SYNC)
        // For a full sync metadata has to be flushed anyway.
        .with_if(dsync && !full_sync, State::WRITE_THROUGH)
}

/// What there is to know of a piece of a write before its bios are built.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// [`Kind::Mapped`] or [`Kind::Unwritten`].
    pub kind: Kind,
    /// What the filesystem said of the mapping.
    pub flags: MapFlags,
    /// First byte, as an offset in the file.
    pub pos: i64,
    /// The file size now.
    pub i_size: i64,
    /// A write can be made durable without a flush of the device's cache: it knows FUA, or
    /// has no volatile cache.
    pub writes_through: bool,
}

/// How a piece is to be transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The request's state from here on, but see [`after_data`].
    pub state: State,
    /// Write with FUA: durable when the bio ends.
    pub fua: bool,
    /// Blocks that are written in part hold nothing of use otherwise: zero the
    /// rest of them.
    pub zero: bool,
}

/// Plans a read. Only writes convert, remap or zero anything: what a mapping is
/// otherwise does not matter.
#[inline]
pub fn plan_read(state: State) -> Plan {
    Plan {
        state,
        fua: false,
        zero: false,
    }
}

/// Plans the transfer of a piece of a write.
#[inline]
pub fn plan_write(state: State, piece: Piece) -> Plan {
    let unwritten = piece.kind == Kind::Unwritten;
    let new = piece.flags.contains(MapFlags::NEW);
    let shared = piece.flags.contains(MapFlags::SHARED);
    let dirty = piece.flags.contains(MapFlags::DIRTY);

    let zero = unwritten || new;
    // Once written the data is where metadata on stable storage says: then
    // getting the data there is all that a data sync asks for.
    let fua =
        !zero && !shared && !dirty && state.contains(State::WRITE_THROUGH) && piece.writes_through;
    // More than the issuer can do: zeroing and conversion, a cache flush, a new
    // file size.
    let needs_worker =
        zero || (state.contains(State::NEED_SYNC) && !fua) || piece.pos >= piece.i_size;

    let state = state
        .with_if(unwritten, State::UNWRITTEN)
        .with_if(shared, State::COW);
    Plan {
        state: if needs_worker {
            state.without(State::CALLER_COMP)
        } else {
            state
        },
        fua,
        zero,
    }
}

/// The state once a data bio of a write has been built: after one without FUA the device's
/// cache must be flushed at the end.
#[inline]
pub fn after_data(state: State, fua: bool) -> State {
    if fua {
        state
    } else {
        state.without(State::WRITE_THROUGH)
    }
}

/// Whether the issuer may poll: only if nobody else need run at the end.
#[inline]
pub fn may_poll(state: State) -> bool {
    state.intersects(State::INLINE_COMP.with(State::CALLER_COMP))
}

/// The state once all bios are submitted: if each is durable when it ends, there is
/// nothing to sync.
#[inline]
pub fn submitted(state: State) -> State {
    if state.contains(State::WRITE_THROUGH) {
        state.without(State::NEED_SYNC)
    } else {
        state
    }
}

/// Whether `[pos, pos + len)` and the device's smallest unit of I/O, a power of
/// two, go together.
#[inline]
pub fn is_aligned(pos: i64, len: u64, logical_block_size: u32) -> bool {
    (pos as u64 | len) & u64::from(logical_block_size).wrapping_sub(1) == 0
}

/// Bytes to zero from the start of the block up to `pos`. `block_size` is a
/// power of two.
#[inline]
pub fn head_pad(pos: i64, block_size: u32) -> u32 {
    pos as u32 & block_size.wrapping_sub(1)
}

/// Bytes to zero from `pos`, where the data of a write ends, up to the end of the
/// block.
///
/// That is for blocks that hold nothing of use otherwise, and for a write that
/// reaches the end of the file: what is behind it can be seen through a mapping
/// of the page.
#[inline]
pub fn tail_pad(zero: bool, pos: i64, i_size: i64, block_size: u32) -> u32 {
    if !zero && pos < i_size {
        return 0;
    }
    match head_pad(pos, block_size) {
        0 => 0,
        used => block_size.wrapping_sub(used),
    }
}

/// Who runs the end of an asynchronous request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finisher {
    /// The last bio's completion itself, in any context.
    Completion,
    /// The issuer, in task context.
    Issuer,
    /// A workqueue.
    Worker,
}

/// Decides who runs the end. Errors are handled in a task always: that is not
/// a matter of speed, and filesystems take sleeping locks for it.
#[inline]
pub fn finisher(state: State, failed: bool) -> Finisher {
    if state.contains(State::INLINE_COMP) && !failed {
        Finisher::Completion
    } else if state.contains(State::CALLER_COMP) {
        Finisher::Issuer
    } else {
        Finisher::Worker
    }
}

/// The bytes of a request that count: a read ends at the end of the file, even
/// if the device was read beyond.
#[inline]
pub fn clip_to_size(write: bool, pos: i64, bytes: i64, i_size: i64) -> i64 {
    let in_file = i_size.wrapping_sub(pos);
    if !write && bytes > in_file {
        in_file
    } else {
        bytes
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Warnings about what must not happen: a filesystem, memory management or the engine
//! breaks the rules.

use crate::sys as bindings;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A mapping starts after the position that was asked for.
    OffsetPastPos,
    /// A mapping has no byte.
    EmptyMapping,
    /// A mapping ends at or before the position that was asked for.
    NotCoveringPos,
    /// A mapping is marked stale from the start.
    StaleMapping,
    /// A mapping is of a type that does not exist.
    UnknownType,
    /// A mapping starts before the file or its end exceeds 64 bits.
    RangeOverflow,
    /// A source mapping has one of the defects above.
    BadSourceMapping,
    /// More was processed than the mapping served.
    TooMuchProcessed,
    /// A direct write was mapped to a hole.
    DioWriteToHole,
    /// A block is larger than direct I/O can pad.
    DioBlockTooLarge,
    /// Direct I/O was mapped to no block device.
    DioNoBdev,
    /// Inline data is missing or crosses a page.
    InlineBeyondPage,
    /// A required operation is not there.
    OperationMissing,
    /// Inline data ends before the file does, or reaches over its folio.
    InlineTooShort,
    /// Blocks were mapped to no block device.
    NoBlockDevice,
    /// A mapping goes on where a readahead request has no folio.
    ReadaheadWithoutFolio,
    /// A folio is released while it is read.
    FreedWhileRead,
    /// A folio is released while it is written back.
    FreedWhileWritten,
    /// The blocks of a folio are uptodate and it is not, or the reverse.
    UptodateBitsDisagree,
    /// A folio is invalidated while it is written back.
    InvalidatedUnderWriteback,
    /// A folio that was made ready is not uptodate.
    NotUptodate,
    /// A write of what is in the folio already was refused.
    WriteEndRefused,
    /// Blocks to be unshared have no data.
    UnshareOfZeros,
    /// Inline data that is written to is not at the start of the file.
    InlineNotAtStart,
    /// A write reaches over its mapping.
    WriteOutsideOfMapping,
    /// A search of the page cache failed.
    SeekFailed,
    /// Buffer heads took part of a write only.
    BuffersWroteInPart,
    /// Memory management wants to write pages in a task that needs memory.
    WritebackInReclaim,
    /// A folio that is to be written back is not locked.
    WritebackUnlocked,
    /// A folio that is to be written back is dirty still.
    WritebackDirty,
    /// A folio that is to be written back is being so already.
    WritebackTwice,
    /// Bytes of a folio are being written though it is not under writeback.
    WritebackPending,
    /// More of a folio was written than was submitted.
    WritebackNotPending,
    /// A folio of several blocks was written without a state.
    WritebackWithoutState,
    /// Part of a folio without a state is mapped: nobody would count the parts.
    WritebackInPieces,
    /// Part of a folio without a state is to be read: nobody would count the parts.
    ReadInPieces,
    /// An empty bio has no room for a piece of a folio.
    BioRefusesFolio,
    /// Writeback was mapped to what has no blocks.
    WritebackKind,
    /// Writeback was given a mapping that cannot be used.
    WritebackMapping,
}

/// Warns with a backtrace, once for each kind. Any context.
/// C: `WARN_ON_ONCE()`.
#[cold]
pub fn warn_once(warning: Warning) {
    let warn = match warning {
        Warning::OffsetPastPos => bindings::iomap_rs_mapping_starts_after_pos,
        Warning::EmptyMapping => bindings::iomap_rs_mapping_is_empty,
        Warning::NotCoveringPos => bindings::iomap_rs_mapping_ends_before_pos,
        Warning::StaleMapping => bindings::iomap_rs_mapping_is_stale,
        Warning::UnknownType => bindings::iomap_rs_mapping_has_unknown_type,
        Warning::RangeOverflow => bindings::iomap_rs_mapping_is_outside_of_any_file,
        Warning::BadSourceMapping => bindings::iomap_rs_mapping_has_bad_source,
        Warning::TooMuchProcessed => bindings::iomap_rs_more_processed_than_mapped,
        Warning::DioWriteToHole => bindings::iomap_rs_dio_write_to_hole,
        Warning::DioBlockTooLarge => bindings::iomap_rs_dio_block_too_large_to_pad,
        Warning::DioNoBdev => bindings::iomap_rs_dio_without_block_device,
        Warning::InlineBeyondPage => bindings::iomap_rs_inline_data_crosses_page,
        Warning::OperationMissing => bindings::iomap_rs_operation_missing,
        Warning::InlineTooShort => bindings::iomap_rs_inline_data_too_short,
        Warning::NoBlockDevice => bindings::iomap_rs_mapping_without_block_device,
        Warning::ReadaheadWithoutFolio => bindings::iomap_rs_readahead_without_folio,
        Warning::FreedWhileRead => bindings::iomap_rs_folio_freed_while_read,
        Warning::FreedWhileWritten => bindings::iomap_rs_folio_freed_while_written,
        Warning::UptodateBitsDisagree => bindings::iomap_rs_folio_uptodate_bits_disagree,
        Warning::InvalidatedUnderWriteback => bindings::iomap_rs_folio_invalidated_under_writeback,
        Warning::NotUptodate => bindings::iomap_rs_folio_not_uptodate,
        Warning::WriteEndRefused => bindings::iomap_rs_write_end_refused,
        Warning::UnshareOfZeros => bindings::iomap_rs_unshare_of_zeros,
        Warning::InlineNotAtStart => bindings::iomap_rs_inline_data_not_at_start,
        Warning::WriteOutsideOfMapping => bindings::iomap_rs_write_outside_of_mapping,
        Warning::SeekFailed => bindings::iomap_rs_page_cache_seek_failed,
        Warning::BuffersWroteInPart => bindings::iomap_rs_buffer_heads_wrote_in_part,
        Warning::WritebackInReclaim => bindings::iomap_rs_writeback_in_reclaim,
        Warning::WritebackUnlocked => bindings::iomap_rs_writeback_of_unlocked_folio,
        Warning::WritebackDirty => bindings::iomap_rs_writeback_of_dirty_folio,
        Warning::WritebackTwice => bindings::iomap_rs_writeback_of_folio_twice,
        Warning::WritebackPending => bindings::iomap_rs_writeback_bytes_pending_early,
        Warning::WritebackNotPending => bindings::iomap_rs_writeback_bytes_not_pending,
        Warning::WritebackWithoutState => bindings::iomap_rs_writeback_without_state,
        Warning::WritebackInPieces => bindings::iomap_rs_writeback_of_part_of_block,
        Warning::ReadInPieces => bindings::iomap_rs_read_of_part_of_block,
        Warning::BioRefusesFolio => bindings::iomap_rs_empty_bio_refuses_folio,
        Warning::WritebackKind => bindings::iomap_rs_writeback_to_no_blocks,
        Warning::WritebackMapping => bindings::iomap_rs_writeback_mapping_unusable,
    };
    // SAFETY: Always sound.
    unsafe { warn() }
}

// SPDX-License-Identifier: GPL-2.0

//! Warnings about filesystems that break the rules.

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
    };
    // SAFETY: Always sound.
    unsafe { warn() }
}

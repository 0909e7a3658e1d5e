// SPDX-License-Identifier: GPL-2.0

//! Warnings about filesystems that break the rules.

use crate::sys as bindings;

/// What is wrong. Each is reported once per boot, with a backtrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "the texts are in sys/helpers.c")]
pub enum Warning {
    OffsetPastPos = bindings::iomap_rs_warning_IOMAP_RS_WARN_OFFSET_PAST_POS,
    EmptyMapping = bindings::iomap_rs_warning_IOMAP_RS_WARN_EMPTY_MAPPING,
    NotCoveringPos = bindings::iomap_rs_warning_IOMAP_RS_WARN_NOT_COVERING_POS,
    StaleMapping = bindings::iomap_rs_warning_IOMAP_RS_WARN_STALE_MAPPING,
    UnknownType = bindings::iomap_rs_warning_IOMAP_RS_WARN_UNKNOWN_TYPE,
    RangeOverflow = bindings::iomap_rs_warning_IOMAP_RS_WARN_RANGE_OVERFLOW,
    BadSourceMapping = bindings::iomap_rs_warning_IOMAP_RS_WARN_BAD_SOURCE_MAPPING,
    TooMuchProcessed = bindings::iomap_rs_warning_IOMAP_RS_WARN_TOO_MUCH_PROCESSED,
    DioWriteToHole = bindings::iomap_rs_warning_IOMAP_RS_WARN_DIO_WRITE_TO_HOLE,
    DioBlockTooLarge = bindings::iomap_rs_warning_IOMAP_RS_WARN_DIO_BLOCK_TOO_LARGE,
    DioNoBdev = bindings::iomap_rs_warning_IOMAP_RS_WARN_DIO_NO_BDEV,
    InlineBeyondPage = bindings::iomap_rs_warning_IOMAP_RS_WARN_INLINE_BEYOND_PAGE,
}

/// Warns once. Any context. C: `WARN_ON_ONCE()`.
#[cold]
pub fn warn_once(warning: Warning) {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_warn_once(warning as u32) }
}

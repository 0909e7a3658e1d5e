// SPDX-License-Identifier: GPL-2.0

//! Compile-time checks of the engine against `<linux/iomap.h>`.
//!
//! What bindgen read is C's truth. Sizes and offsets of its structs are asserted
//! in the generated file itself; here it is prototypes, constants, and that
//! nothing new in the header passes unnoticed.

#[cfg(any(not(MODULE), iomap_rs_live))]
use super::iter;
use super::{buffered, direct, report, writeback};
use crate::{
    direct::plan::State,
    mapping::{Kind, MapFlags, OpFlags},
    operations::{DioCovers, DioFlags},
    sys as bindings,
    vfs::{ExtentFlags, IterState, Mapping},
};
use core::mem::{align_of, size_of};

/// Each function has the type of its prototype: an array has but one type.
macro_rules! same_prototype {
    ($($module:ident::$function:ident;)*) => {
        $(const _: () = { let _ = [bindings::$function, $module::$function]; };)*
    };
}

same_prototype! {
    buffered::iomap_dirty_folio;
    buffered::iomap_file_buffered_write;
    buffered::iomap_file_unshare;
    buffered::iomap_get_folio;
    buffered::iomap_invalidate_folio;
    buffered::iomap_is_partially_uptodate;
    buffered::iomap_page_mkwrite;
    buffered::iomap_read_folio;
    buffered::iomap_readahead;
    buffered::iomap_release_folio;
    buffered::iomap_truncate_page;
    buffered::iomap_write_delalloc_release;
    buffered::iomap_zero_range;
    direct::__iomap_dio_rw;
    direct::iomap_dio_bio_end_io;
    direct::iomap_dio_complete;
    direct::iomap_dio_rw;
    report::iomap_bmap;
    report::iomap_fiemap;
    report::iomap_seek_data;
    report::iomap_seek_hole;
    writeback::iomap_finish_ioends;
    writeback::iomap_ioend_try_merge;
    writeback::iomap_sort_ioends;
    writeback::iomap_writepages;
}

#[cfg(any(not(MODULE), iomap_rs_live))]
same_prototype! {
    iter::iomap_iter;
}

#[cfg(CONFIG_SWAP)]
same_prototype! {
    report::iomap_swapfile_activate;
}

/// Constants that the engine has a value of its own for.
macro_rules! same_value {
    ($($c:ident == $rust:expr;)*) => {
        $(const _: () = assert!(bindings::$c as u64 == $rust as u64);)*
    };
}

same_value! {
    IOMAP_HOLE == Kind::Hole;
    IOMAP_DELALLOC == Kind::Delalloc;
    IOMAP_MAPPED == Kind::Mapped;
    IOMAP_UNWRITTEN == Kind::Unwritten;
    IOMAP_INLINE == Kind::Inline;
    IOMAP_F_NEW == MapFlags::NEW.bits();
    IOMAP_F_DIRTY == MapFlags::DIRTY.bits();
    IOMAP_F_SHARED == MapFlags::SHARED.bits();
    IOMAP_F_MERGED == MapFlags::MERGED.bits();
    IOMAP_F_XATTR == MapFlags::XATTR.bits();
    IOMAP_F_SIZE_CHANGED == MapFlags::SIZE_CHANGED.bits();
    IOMAP_F_STALE == MapFlags::STALE.bits();
    IOMAP_F_PRIVATE == MapFlags::PRIVATE.bits();
    IOMAP_WRITE == OpFlags::WRITE.bits();
    IOMAP_ZERO == OpFlags::ZERO.bits();
    IOMAP_REPORT == OpFlags::REPORT.bits();
    IOMAP_FAULT == OpFlags::FAULT.bits();
    IOMAP_DIRECT == OpFlags::DIRECT.bits();
    IOMAP_NOWAIT == OpFlags::NOWAIT.bits();
    IOMAP_OVERWRITE_ONLY == OpFlags::OVERWRITE_ONLY.bits();
    IOMAP_UNSHARE == OpFlags::UNSHARE.bits();
    IOMAP_DIO_FORCE_WAIT == DioFlags::FORCE_WAIT.bits();
    IOMAP_DIO_OVERWRITE_ONLY == DioFlags::OVERWRITE_ONLY.bits();
    IOMAP_DIO_PARTIAL == DioFlags::PARTIAL.bits();
    IOMAP_DIO_UNWRITTEN == DioCovers::UNWRITTEN.bits();
    IOMAP_DIO_COW == DioCovers::COW.bits();
    IOMAP_DIO_UNWRITTEN == State::UNWRITTEN.bits();
    IOMAP_DIO_COW == State::COW.bits();
    IOMAP_DIO_CALLER_COMP == State::CALLER_COMP.bits();
    IOMAP_DIO_INLINE_COMP == State::INLINE_COMP.bits();
    IOMAP_DIO_WRITE_THROUGH == State::WRITE_THROUGH.bits();
    IOMAP_DIO_NEED_SYNC == State::NEED_SYNC.bits();
    IOMAP_DIO_WRITE == State::WRITE.bits();
    IOMAP_DIO_DIRTY == State::DIRTIES_PAGES.bits();
    FIEMAP_EXTENT_LAST == ExtentFlags::LAST.bits();
    FIEMAP_EXTENT_UNKNOWN == ExtentFlags::UNKNOWN.bits();
    FIEMAP_EXTENT_DELALLOC == ExtentFlags::DELALLOC.bits();
    FIEMAP_EXTENT_DATA_INLINE == ExtentFlags::DATA_INLINE.bits();
    FIEMAP_EXTENT_UNWRITTEN == ExtentFlags::UNWRITTEN.bits();
    FIEMAP_EXTENT_MERGED == ExtentFlags::MERGED.bits();
    FIEMAP_EXTENT_SHARED == ExtentFlags::SHARED.bits();
}

// 0 in C where the kernel is built without them.
const _: () = assert!(
    bindings::IOMAP_F_BUFFER_HEAD == 0
        || bindings::IOMAP_F_BUFFER_HEAD == MapFlags::BUFFER_HEAD.bits()
);
const _: () = assert!(bindings::IOMAP_DAX == 0 || bindings::IOMAP_DAX == OpFlags::DAX.bits());

/// The constants of the header, and of `direct-io.c`, that this file knows, in the order
/// of ASCII.
const KNOWN_CONSTANTS: &[&str] = &[
    "IOMAP_DAX",
    "IOMAP_DELALLOC",
    "IOMAP_DIO_CALLER_COMP",
    "IOMAP_DIO_COW",
    "IOMAP_DIO_DIRTY",
    "IOMAP_DIO_FORCE_WAIT",
    "IOMAP_DIO_INLINE_COMP",
    "IOMAP_DIO_NEED_SYNC",
    "IOMAP_DIO_OVERWRITE_ONLY",
    "IOMAP_DIO_PARTIAL",
    "IOMAP_DIO_UNWRITTEN",
    "IOMAP_DIO_WRITE",
    "IOMAP_DIO_WRITE_THROUGH",
    "IOMAP_DIRECT",
    "IOMAP_FAULT",
    "IOMAP_F_BUFFER_HEAD",
    "IOMAP_F_DIRTY",
    "IOMAP_F_MERGED",
    "IOMAP_F_NEW",
    "IOMAP_F_PRIVATE",
    "IOMAP_F_SHARED",
    "IOMAP_F_SIZE_CHANGED",
    "IOMAP_F_STALE",
    "IOMAP_F_XATTR",
    "IOMAP_HOLE",
    "IOMAP_INLINE",
    "IOMAP_MAPPED",
    "IOMAP_NOWAIT",
    "IOMAP_OVERWRITE_ONLY",
    "IOMAP_REPORT",
    "IOMAP_UNSHARE",
    "IOMAP_UNWRITTEN",
    "IOMAP_WRITE",
    "IOMAP_ZERO",
];

/// Whether two lists of names are the same.
const fn same_names(a: &[&str], b: &[&str]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([a, rest_a @ ..], [b, rest_b @ ..]) => {
            same_bytes(a.as_bytes(), b.as_bytes()) && same_names(rest_a, rest_b)
        }
        _ => false,
    }
}

const fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([a, rest_a @ ..], [b, rest_b @ ..]) => *a == *b && same_bytes(rest_a, rest_b),
        _ => false,
    }
}

// A constant that is new in the header, or gone, stops the build here.
const _: () = assert!(same_names(bindings::IOMAP_CONSTANTS, KNOWN_CONSTANTS));

/// Fails to compile when a field is added to a C struct that filesystems and the engine
/// share.
macro_rules! all_fields {
    ($($struct:ident { $($field:ident,)* })*) => {
        $(const _: fn(bindings::$struct) = |bindings::$struct { $($field: _,)* }| ();)*
    };
}

all_fields! {
    iomap {
        addr,
        offset,
        length,
        type_,
        flags,
        bdev,
        dax_dev,
        inline_data,
        private,
        folio_ops,
        validity_cookie,
    }
    iomap_iter {
        inode,
        pos,
        len,
        processed,
        flags,
        iomap,
        srcmap,
        private,
    }
    iomap_ops {
        iomap_begin,
        iomap_end,
    }
    iomap_dio_ops {
        end_io,
        submit_io,
        bio_set,
    }
    iomap_folio_ops {
        get_folio,
        put_folio,
        iomap_valid,
    }
    iomap_writeback_ops {
        map_blocks,
        prepare_ioend,
        discard_folio,
    }
    iomap_writepage_ctx {
        iomap,
        ioend,
        ops,
        nr_folios,
    }
    iomap_ioend {
        io_list,
        io_type,
        io_flags,
        io_inode,
        io_size,
        io_offset,
        io_sector,
        io_bio,
    }
}

// What filesystems are handed is C's struct, nothing around it.
const _: () = assert!(
    size_of::<Mapping<'_>>() == size_of::<bindings::iomap>()
        && align_of::<Mapping<'_>>() == align_of::<bindings::iomap>()
        && size_of::<IterState<'_>>() == size_of::<bindings::iomap_iter>()
        && align_of::<IterState<'_>>() == align_of::<bindings::iomap_iter>()
);

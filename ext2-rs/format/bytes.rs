// SPDX-License-Identifier: GPL-2.0

//! Little-endian numbers in bytes, and structures made of them.
//!
//! Relies on nothing: this file also compiles on the host. Stands for
//! `le16_to_cpu()` and its like, and for the pointer casts around them.

use core::cell::Cell;
use core::ops::Range;

/// `N` bytes at `AT` of a structure of `SIZE` bytes. That they lie inside is
/// seen when this is compiled.
#[inline]
pub fn take<const AT: usize, const N: usize, const SIZE: usize>(bytes: &[u8; SIZE]) -> [u8; N] {
    const { assert!(AT + N <= SIZE) };
    let field = bytes.get(AT..).and_then(<[u8]>::first_chunk);
    field.copied().unwrap_or([0; N])
}

/// Puts `value` at `AT` of a structure of `SIZE` bytes.
#[inline]
pub fn put<const AT: usize, const N: usize, const SIZE: usize>(
    bytes: &mut [u8; SIZE],
    value: [u8; N],
) {
    const { assert!(AT + N <= SIZE) };
    if let Some(field) = bytes.get_mut(AT..).and_then(<[u8]>::first_chunk_mut) {
        *field = value;
    }
}

/// The 16-bit number at byte `at`; [`None`] if it does not lie inside.
#[inline]
pub fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*field))
}

/// The 32-bit number at byte `at`; [`None`] if it does not lie inside.
#[inline]
pub fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}

/// Writes `value` at byte `at`; [`None`] if it does not fit there.
#[inline]
pub fn put_at(bytes: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    let end = at.checked_add(value.len())?;
    bytes.get_mut(at..end)?.copy_from_slice(value);
    Some(())
}

/// Moves `from` to where `to` begins; [`None`] if either does not lie inside. They may
/// overlap.
#[inline]
pub fn move_within(bytes: &mut [u8], from: Range<usize>, to: usize) -> Option<()> {
    let up = from.start < to;
    let end = to.checked_add(from.end.checked_sub(from.start)?)?;
    // Unlike `copy_within()`, this has nothing to panic about.
    let cells = Cell::from_mut(bytes).as_slice_of_cells();
    let moves = cells.get(to..end)?.iter().zip(cells.get(from)?);
    let copy = |(to, from): (&Cell<u8>, &Cell<u8>)| to.set(from.get());
    if up {
        moves.rev().for_each(copy);
    } else {
        moves.for_each(copy);
    }
    Some(())
}

/// Defines two views of an on-disk structure: one to read, one to change it.
///
/// A line per field: its byte, the function that reads it, the function that
/// writes it if there is use for one, its type.
macro_rules! on_disk {
    (
        $(#[$doc:meta])*
        $view:ident, $edit:ident of $size:ident bytes;
        $($(#[$field_doc:meta])* $at:literal: $get:ident $(, $set:ident)? as $int:ident;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $view<'a>(&'a [u8; $size]);

        impl<'a> $view<'a> {
            /// The structure at the start of `bytes`; [`None`] if they are too few.
            #[inline]
            pub fn new(bytes: &'a [u8]) -> Option<Self> {
                bytes.first_chunk().map(Self)
            }

            /// The bytes behind the view.
            #[inline]
            pub const fn bytes(self) -> &'a [u8; $size] {
                self.0
            }

            $(
                $(#[$field_doc])*
                #[inline]
                pub fn $get(self) -> $int {
                    <$int>::from_le_bytes($crate::format::bytes::take::<$at, { size_of::<$int>() }, _>(self.0))
                }
            )*
        }

        #[doc = concat!("What [`", stringify!($view), "`] reads, to be changed in place.")]
        #[derive(Debug)]
        pub struct $edit<'a>(&'a mut [u8; $size]);

        impl<'a> $edit<'a> {
            /// The structure at the start of `bytes`; [`None`] if they are too few.
            #[inline]
            pub fn new(bytes: &'a mut [u8]) -> Option<Self> {
                bytes.first_chunk_mut().map(Self)
            }

            /// The structure as it is now.
            #[inline]
            pub fn view(&self) -> $view<'_> {
                $view(self.0)
            }

            $($(
                #[doc = concat!("Writes what [`", stringify!($view), "::", stringify!($get), "`] reads.")]
                #[inline]
                pub fn $set(&mut self, value: $int) {
                    $crate::format::bytes::put::<$at, { size_of::<$int>() }, _>(self.0, value.to_le_bytes());
                }
            )?)*
        }
    };
}
pub(crate) use on_disk;

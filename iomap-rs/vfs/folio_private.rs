// SPDX-License-Identifier: GPL-2.0

//! What the engine attaches to a folio of several blocks.
//!
//! The layout is that of 6.12's `struct iomap_folio_state`: when engines are
//! switched in a running kernel, folios have what the other one attached.

use super::Folio;
use crate::{
    folio_state::{
        bits::{Bits, BitsMut},
        pending::{Reading, Writing},
    },
    sys as bindings,
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::{offset_of, size_of},
    ops::Deref,
    ptr::NonNull,
    slice,
    sync::atomic::AtomicUsize,
};
use kernel::types::Opaque;

/// What is attached. C: `struct iomap_folio_state`.
#[repr(C)]
struct Attached {
    lock: Opaque<bindings::spinlock_t>,
    /// Guarded by `lock`.
    read_bytes_pending: UnsafeCell<Reading>,
    write_bytes_pending: Writing,
    /// A bit per block that is uptodate, then one per block that is dirty;
    /// changed under `lock`.
    bits: [AtomicUsize; 0],
}

/// Each field lies where C has it.
macro_rules! same_place {
    ($($field:ident == $c:ident;)*) => {
        $(const _: () = assert!(
            offset_of!(Attached, $field) == offset_of!(bindings::iomap_folio_state, $c)
        );)*
    };
}

same_place! {
    lock == state_lock;
    read_bytes_pending == read_bytes_pending;
    write_bytes_pending == write_bytes_pending;
    bits == state;
}

const _: () = assert!(size_of::<Attached>() == size_of::<bindings::iomap_folio_state>());

/// How many words the bits of `blocks` blocks take.
#[inline]
const fn words_of(blocks: usize) -> usize {
    blocks.wrapping_mul(2).div_ceil(usize::BITS as usize)
}

/// How the state may be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocate {
    /// Sleep until there is memory, without calling filesystems. C:
    /// `GFP_NOFS | __GFP_NOFAIL`.
    Always,
    /// Do not sleep, and fail if there is none. C: `GFP_NOWAIT`.
    Nowait,
}

/// A folio in a page cache that the engine manages: what is attached to it is
/// the engine's, or nothing.
///
/// # Invariants
///
/// As [`Folio`], and its private data is null or a valid [`Attached`] for the
/// folio's number of blocks.
#[repr(transparent)]
pub struct IomapFolio(Folio);

impl Deref for IomapFolio {
    type Target = Folio;

    #[inline]
    fn deref(&self) -> &Folio {
        &self.0
    }
}

impl IomapFolio {
    /// Borrows a C folio.
    ///
    /// # Safety
    ///
    /// `ptr` is a folio in a page cache, stays there for all of `'a`, and has
    /// no private data but the engine's.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::folio) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// What is attached. It stays while the folio is locked or under writeback, or mapped
    /// by a page table that is locked: every reference to a folio implies one of these.
    #[inline]
    pub fn state(&self) -> Option<State<'_>> {
        // INVARIANT: By that of the folio.
        Some(State {
            attached: NonNull::new(self.private().cast())?,
            blocks: self.blocks(),
            _folio: PhantomData,
        })
    }

    /// Attaches a state whose bits `init` has set, unless there is one. [`None`] if there is
    /// no memory. May sleep, as `allocate` says.
    ///
    /// The folio is locked; or its page table alone is, and then there is a state already: the
    /// fault that made the page writable dirtied the folio under its lock, and a dirty folio
    /// keeps its state.
    pub fn attach_state(
        &self,
        allocate: Allocate,
        init: impl FnOnce(BitsMut<'_>, usize),
    ) -> Option<State<'_>> {
        let blocks = self.blocks();
        if let Some(attached) = NonNull::new(self.private().cast()) {
            // INVARIANT: By that of the folio.
            return Some(State {
                attached,
                blocks,
                _folio: PhantomData,
            });
        }
        let words = words_of(blocks);
        let gfp = match allocate {
            Allocate::Always => bindings::GFP_NOFS | bindings::__GFP_NOFAIL,
            Allocate::Nowait => bindings::GFP_NOWAIT,
        };
        // A folio has far fewer blocks than there are bytes of memory.
        let size = size_of::<Attached>().wrapping_add(words.wrapping_mul(size_of::<usize>()));
        // SAFETY: Zeroed memory, with a lock initialised in it, is a valid
        // state; its size fits the number of blocks. Nobody else knows it while
        // its bits are set. The folio has no private data, and nobody else attaches any: it
        // is locked, see above.
        unsafe {
            let attached = NonNull::new(bindings::iomap_rs_alloc_state(size, gfp))?;
            // INVARIANT: Fresh, with room for that many bits.
            let state = State {
                attached: attached.cast(),
                blocks,
                _folio: PhantomData,
            };
            init(BitsMut::new(state.words()), blocks);
            bindings::iomap_rs_attach_state(self.as_ptr(), attached.as_ptr());
            Some(state)
        }
    }

    /// Detaches and frees the state, if there is one. `check` sees it before.
    ///
    /// # Safety
    ///
    /// The folio is locked and not under writeback, and no [`State`] of it is in
    /// use.
    pub(crate) unsafe fn detach_state(&self, check: impl FnOnce(State<'_>)) {
        if let Some(state) = self.state() {
            check(state);
            // SAFETY: By the contract; it was allocated by `attach_state()` of
            // this or the C engine.
            unsafe { bindings::iomap_rs_detach_state(self.as_ptr()) }
        }
    }
}

/// What is attached to a folio of `blocks` blocks.
///
/// # Invariants
///
/// Points to an [`Attached`] that lives for `'a`, with bits for twice `blocks`
/// behind it. No reference, since that would not reach to the bits.
#[derive(Clone, Copy)]
pub struct State<'a> {
    attached: NonNull<Attached>,
    blocks: usize,
    _folio: PhantomData<&'a IomapFolio>,
}

impl<'a> State<'a> {
    /// How many blocks the folio has.
    #[inline]
    pub fn blocks(self) -> usize {
        self.blocks
    }

    #[inline]
    fn attached(self) -> &'a Attached {
        // SAFETY: By the type invariant; what may change is in cells.
        unsafe { self.attached.as_ref() }
    }

    #[inline]
    fn words(self) -> &'a [AtomicUsize] {
        let count = words_of(self.blocks);
        // SAFETY: By the type invariant.
        unsafe { slice::from_raw_parts((&raw const (*self.attached.as_ptr()).bits).cast(), count) }
    }

    /// All bits, to be read without the lock.
    #[inline]
    pub fn bits(self) -> Bits<'a> {
        Bits::new(self.words())
    }

    /// Bytes being written back.
    #[inline]
    pub(crate) fn writing(self) -> &'a Writing {
        &self.attached().write_bytes_pending
    }

    /// Takes the lock, with interrupts off: completions of reads take it in any
    /// context.
    #[inline]
    pub fn lock(self) -> Guard<'a> {
        // SAFETY: Initialised when it was attached.
        let flags = unsafe { bindings::iomap_rs_spin_lock_irqsave(self.attached().lock.get()) };
        // INVARIANT: Just locked.
        Guard {
            state: self,
            flags,
            _not_send: PhantomData,
        }
    }
}

/// The lock of a folio's state: bits may be changed, and bytes being read
/// counted.
///
/// # Invariants
///
/// The lock of `state` is held by this value; `flags` are the interrupt flags from before.
#[must_use = "dropping it unlocks"]
pub struct Guard<'a> {
    state: State<'a>,
    flags: usize,
    _not_send: PhantomData<*mut ()>,
}

impl<'a> Guard<'a> {
    /// What is locked.
    #[inline]
    pub fn state(&self) -> State<'a> {
        self.state
    }

    /// All bits, to be changed.
    #[inline]
    pub(crate) fn bits_mut(&mut self) -> BitsMut<'_> {
        BitsMut::new(self.state.words())
    }

    /// Bytes being read.
    #[inline]
    pub(crate) fn reading(&mut self) -> &mut Reading {
        // SAFETY: By the type invariant the lock is held.
        unsafe { &mut *self.state.attached().read_bytes_pending.get() }
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::iomap_rs_spin_unlock_irqrestore(self.state.attached().lock.get(), self.flags)
        }
    }
}

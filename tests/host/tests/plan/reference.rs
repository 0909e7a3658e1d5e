// SPDX-License-Identifier: GPL-2.0

//! The decisions for a direct write once more, in the order in which
//! `direct-io.c` comes to them: a request with a field for each thing that can
//! be true of it.
//!
//! There is none for reads. C lets mappings that are unwritten, shared or new
//! change a read as well; the engine, as mainline does by now, does not.

use iomap_rs::{
    direct::plan::{Piece, State},
    mapping::{Kind, MapFlags},
};

/// C: the `flags` of `struct iomap_dio`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub unwritten: bool,
    pub cow: bool,
    pub caller_comp: bool,
    pub inline_comp: bool,
    pub write_through: bool,
    pub need_sync: bool,
}

/// What a piece's bios look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bios {
    pub fua: bool,
    pub zero: bool,
}

impl Request {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..1 << 6).map(|n: u32| Self {
            unwritten: n & 1 != 0,
            cow: n & 2 != 0,
            caller_comp: n & 4 != 0,
            inline_comp: n & 8 != 0,
            write_through: n & 16 != 0,
            need_sync: n & 32 != 0,
        })
    }

    /// As the engine has it.
    pub fn state(self) -> State {
        State::NONE
            .with_if(self.unwritten, State::UNWRITTEN)
            .with_if(self.cow, State::COW)
            .with_if(self.caller_comp, State::CALLER_COMP)
            .with_if(self.inline_comp, State::INLINE_COMP)
            .with_if(self.write_through, State::WRITE_THROUGH)
            .with_if(self.need_sync, State::NEED_SYNC)
    }

    /// C: the start of `__iomap_dio_rw()`.
    pub fn start(caller_completes: bool, dsync: bool, full_sync: bool) -> Self {
        let mut request = Self {
            caller_comp: caller_completes,
            ..Self::default()
        };
        if dsync {
            request.need_sync = true;
            if !full_sync {
                request.write_through = true;
            }
        }
        request
    }

    /// C: `iomap_dio_bio_iter()` up to its first data bio.
    pub fn piece(&mut self, piece: Piece) -> Bios {
        let has = |flag| piece.flags.contains(flag);
        let mut bios = Bios {
            fua: false,
            zero: false,
        };
        if piece.kind == Kind::Unwritten {
            self.unwritten = true;
            bios.zero = true;
        }
        if has(MapFlags::SHARED) {
            self.cow = true;
        }
        if has(MapFlags::NEW) {
            bios.zero = true;
        } else if piece.kind == Kind::Mapped {
            let pure = !has(MapFlags::SHARED) && !has(MapFlags::DIRTY);
            if pure && self.write_through && piece.writes_through {
                bios.fua = true;
            } else if self.need_sync {
                self.caller_comp = false;
            }
        }
        if bios.zero || (self.need_sync && !bios.fua) || piece.pos >= piece.i_size {
            self.caller_comp = false;
        }
        bios
    }

    /// C: `iomap_dio_bio_opflags()`.
    pub fn data_bio(&mut self, bios: Bios) {
        if !bios.fua {
            self.write_through = false;
        }
    }

    /// C: `__iomap_dio_rw()` after its loop.
    pub fn submitted(&mut self) {
        if self.write_through {
            self.need_sync = false;
        }
    }
}

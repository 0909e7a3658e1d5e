// SPDX-License-Identifier: GPL-2.0

//! A QEMU plugin that counts what the guest executes between its marks: for each
//! basic block how often it ran, for each call and push of the kernel how deep
//! the stack was. Where a workload ends, a line of JSON goes to the file named by
//! the argument `out`:
//!
//! `{"blocks":[[address,instructions,times],...],"depths":[[address,bytes],...]}`
//!
//! The guest has one processor, so all callbacks run on one thread; atomics only
//! keep Rust content.

mod qemu;
mod record;

use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::OnceLock;

use qemu::{Info, Insn, PluginId, Tb};
use record::{Block, Record, Spot};

/// The version of QEMU's interface that this is written for.
#[no_mangle]
pub static qemu_plugin_version: c_int = if cfg!(feature = "old-qemu") { 1 } else { 2 };

/// From this version on, bytes of instructions are copied out.
const COPIES_BYTES: c_int = 3;

/// What the guest's marks start with: `nopl disp32(%rax)`; the number follows.
const MARK: [u8; 6] = [0x0f, 0x1f, 0x80, 0, 0, 0];
const BEGIN: u32 = 0x696f_6d31;
const PAUSE: u32 = 0x696f_6d32;
const END: u32 = 0x696f_6d33;

/// Addresses from here on are the kernel's.
const KERNEL: u64 = 1 << 63;

/// Where each processor's small stack is on which exceptions from user space begin:
/// `CPU_ENTRY_AREA_BASE`, half a terabyte.
const ENTRY_STACKS: std::ops::Range<u64> = 0xffff_fe00_0000_0000..0xffff_fe80_0000_0000;

/// Bytes of a kernel stack, which is aligned to them.
const STACK: u64 = 16 << 10;

static RECORD: OnceLock<Record> = OnceLock::new();
static COUNTING: AtomicBool = AtomicBool::new(false);
static COPIES: AtomicBool = AtomicBool::new(false);

/// The guest was in user space; what it pushes next is on its task's stack.
static CAME_FROM_USER: AtomicBool = AtomicBool::new(false);

/// Where the stack of the task that is measured starts: interrupts have others.
static TASK_STACK: AtomicU64 = AtomicU64::new(0);

/// # Safety
///
/// QEMU calls it once with what its interface promises.
#[no_mangle]
pub unsafe extern "C" fn qemu_plugin_install(
    id: PluginId,
    info: *const Info,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: `argc` strings, valid during the call.
    let arguments = (0..usize::try_from(argc).unwrap_or(0))
        .map(|at| unsafe { CStr::from_ptr(*argv.add(at)) }.to_string_lossy());
    let mut out = arguments.filter_map(|text| text.strip_prefix("out=").map(str::to_owned));
    let Some(record) = out.next().and_then(|path| Record::create(&path).ok()) else {
        eprintln!("iomap-bench-plugin: give out=<a file that can be written>");
        return 1;
    };
    // SAFETY: valid during the call.
    let version = unsafe { (*info).version_cur };
    COPIES.store(version >= COPIES_BYTES, Ordering::Relaxed);
    if RECORD.set(record).is_err() {
        return 1;
    }
    // SAFETY: the callback has the type that QEMU wants.
    unsafe { qemu::qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

/// QEMU has translated a block: arranges for it to be counted.
unsafe extern "C" fn translated(_id: PluginId, tb: *mut Tb) {
    let Some(record) = RECORD.get() else {
        return;
    };
    // SAFETY: all that is asked of the block and its instructions is valid during
    // this call; what is registered lives as long as QEMU, as do the callbacks.
    unsafe {
        let count = qemu::qemu_plugin_tb_n_insns(tb);
        let start = qemu::qemu_plugin_tb_vaddr(tb);
        let block = record.block(start, count as u64);
        let data = std::ptr::from_ref(block).cast_mut().cast();
        qemu::qemu_plugin_register_vcpu_tb_exec_cb(tb, entered, qemu::NO_REGISTERS, data);
        for at in 0..count {
            let insn = qemu::qemu_plugin_tb_get_insn(tb, at);
            let mut bytes = [0; 8];
            let length = bytes_of(insn, &mut bytes);
            let bytes = bytes.get(..length).unwrap_or_default();
            if let Some(mark) = mark_of(bytes) {
                let data = mark as usize as *mut c_void;
                qemu::qemu_plugin_register_vcpu_insn_exec_cb(
                    insn,
                    marked,
                    qemu::NO_REGISTERS,
                    data,
                );
            } else if start >= KERNEL && is_call_or_push(bytes) {
                let spot = record.spot(qemu::qemu_plugin_insn_vaddr(insn));
                let data = std::ptr::from_ref(spot).cast_mut().cast();
                qemu::qemu_plugin_register_vcpu_mem_cb(
                    insn,
                    pushed,
                    qemu::NO_REGISTERS,
                    qemu::WRITES,
                    data,
                );
            }
        }
    }
}

/// The first bytes of an instruction; how many there are.
///
/// # Safety
///
/// `insn` is valid.
unsafe fn bytes_of(insn: *const Insn, bytes: &mut [u8; 8]) -> usize {
    // SAFETY: by the contract; no more is copied than there is room for, and than
    // the instruction has.
    unsafe {
        let length = qemu::qemu_plugin_insn_size(insn).min(bytes.len());
        if COPIES.load(Ordering::Relaxed) {
            let copy: unsafe extern "C" fn(*const Insn, *mut c_void, usize) -> usize =
                std::mem::transmute(qemu::qemu_plugin_insn_data as *const ());
            copy(insn, bytes.as_mut_ptr().cast(), length);
        } else {
            let data = qemu::qemu_plugin_insn_data(insn);
            std::ptr::copy_nonoverlapping(data.cast(), bytes.as_mut_ptr(), length);
        }
        length
    }
}

fn mark_of(bytes: &[u8]) -> Option<u32> {
    let (code, number) = bytes.split_at_checked(3)?;
    let number = u32::from_le_bytes(number.try_into().ok()?);
    let is_mark = MARK.starts_with(code) && matches!(number, BEGIN | PAUSE | END);
    is_mark.then_some(number)
}

/// `call` to an address or through a register or memory, `push` of a register.
fn is_call_or_push(bytes: &[u8]) -> bool {
    match bytes {
        [0xe8, ..] => true,
        [0x50..=0x57] | [0x41, 0x50..=0x57] => true,
        // The register in the middle of the second byte says what is done.
        [0xff, modrm, ..] | [0x41, 0xff, modrm, ..] => modrm >> 3 & 7 == 2,
        _ => false,
    }
}

unsafe extern "C" fn entered(_cpu: c_uint, block: *mut c_void) {
    if COUNTING.load(Ordering::Relaxed) {
        // SAFETY: registered with a block, which is never freed.
        let block = unsafe { &*block.cast::<Block>() };
        block.entered();
        if block.address() < KERNEL {
            CAME_FROM_USER.store(true, Ordering::Relaxed);
        }
    }
}

unsafe extern "C" fn pushed(_cpu: c_uint, _info: u32, address: u64, spot: *mut c_void) {
    if COUNTING.load(Ordering::Relaxed) && !ENTRY_STACKS.contains(&address) {
        let (stack, offset) = (address & !(STACK - 1), address & (STACK - 1));
        if CAME_FROM_USER.swap(false, Ordering::Relaxed) {
            TASK_STACK.store(stack, Ordering::Relaxed);
        }
        if stack == TASK_STACK.load(Ordering::Relaxed) {
            // SAFETY: registered with a spot, which is never freed.
            let spot = unsafe { &*spot.cast::<Spot>() };
            spot.reached(STACK - offset);
        }
    }
}

unsafe extern "C" fn marked(_cpu: c_uint, mark: *mut c_void) {
    match mark as usize as u32 {
        BEGIN => COUNTING.store(true, Ordering::Relaxed),
        PAUSE => COUNTING.store(false, Ordering::Relaxed),
        _ => {
            COUNTING.store(false, Ordering::Relaxed);
            if let Some(record) = RECORD.get() {
                record.finish();
            }
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The part of `qemu-plugin.h` that is used, the same in all versions of it but
//! for `qemu_plugin_insn_data`. QEMU itself provides the symbols.

use std::ffi::{c_char, c_int, c_uint, c_void};

pub type PluginId = u64;

/// `struct qemu_info_t`, as far as it is looked at.
#[repr(C)]
pub struct Info {
    pub target_name: *const c_char,
    pub version_min: c_int,
    pub version_cur: c_int,
}

/// `struct qemu_plugin_tb`.
pub enum Tb {}

/// `struct qemu_plugin_insn`.
pub enum Insn {}

/// `QEMU_PLUGIN_CB_NO_REGS`
pub const NO_REGISTERS: c_int = 0;

/// `QEMU_PLUGIN_MEM_W`
pub const WRITES: c_int = 2;

pub type Translated = unsafe extern "C" fn(PluginId, *mut Tb);
pub type Executed = unsafe extern "C" fn(c_uint, *mut c_void);
pub type Accessed = unsafe extern "C" fn(c_uint, u32, u64, *mut c_void);

extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: PluginId, callback: Translated);
    pub fn qemu_plugin_register_vcpu_tb_exec_cb(
        tb: *mut Tb,
        callback: Executed,
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut Insn,
        callback: Executed,
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut Insn,
        callback: Accessed,
        flags: c_int,
        which: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_tb_n_insns(tb: *const Tb) -> usize;
    pub fn qemu_plugin_tb_vaddr(tb: *const Tb) -> u64;
    pub fn qemu_plugin_tb_get_insn(tb: *const Tb, at: usize) -> *mut Insn;
    pub fn qemu_plugin_insn_vaddr(insn: *const Insn) -> u64;
    pub fn qemu_plugin_insn_size(insn: *const Insn) -> usize;
    /// As it was at first; later it also takes where to copy to, and how much.
    pub fn qemu_plugin_insn_data(insn: *const Insn) -> *const c_void;
}

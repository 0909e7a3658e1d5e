// SPDX-License-Identifier: GPL-2.0

//! Mount options.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `parse_options()` and `ext2_show_options()` of `fs/ext2/super.c`.

use core::fmt;

use crate::format::superblock::{ErrorPolicy, Superblock};

/// Bits of the superblock's default options. C: `EXT2_DEFM_*`.
mod default {
    pub(super) const DEBUG: u32 = 0x01;
    pub(super) const BSD_GROUPS: u32 = 0x02;
    pub(super) const USER_XATTR: u32 = 0x04;
    pub(super) const ACL: u32 = 0x08;
    pub(super) const UID16: u32 = 0x10;
}

/// The block of 1 KiB that the superblock is in.
pub const SUPERBLOCK: u32 = 1;

/// What can be chosen when a filesystem is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The block of 1 KiB that the superblock is in. `sb=`.
    pub superblock: u32,
    /// Who may take reserved blocks. `resuid=`.
    pub reserved_uid: u32,
    /// Whose group may take reserved blocks. `resgid=`.
    pub reserved_gid: u32,
    /// What to do about errors. `errors=`.
    pub errors: ErrorPolicy,
    /// `statfs()` counts all blocks, metadata included. `minixdf`.
    pub minix_df: bool,
    /// New files have the group of their directory. `grpid`.
    pub directory_group: bool,
    /// Owners have 16 bits. `nouid32`.
    pub short_ids: bool,
    /// Say more. `debug`.
    pub debug: bool,
    /// Not Orlov's rules for new directories. `oldalloc`.
    pub old_allocator: bool,
    /// Attributes `user.*`. `user_xattr`.
    pub user_xattr: bool,
    /// Access control lists. `acl`.
    pub acl: bool,
}

/// An option that is taken but changes nothing, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note(pub &'static str);

/// Why an option is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionError {
    /// There is no such option.
    Unknown,
    /// It needs a number, or has one of more than 32 bits.
    Number,
    /// It takes no value.
    Value,
    /// `errors=` knows `continue`, `remount-ro` and `panic`.
    Policy,
    /// C ext2 has it; why this driver has not.
    Unsupported(&'static str),
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown option",
            Self::Number => "a number of 32 bits is needed",
            Self::Value => "takes no value",
            Self::Policy => "continue, remount-ro or panic is needed",
            Self::Unsupported(why) => why,
        })
    }
}

/// A number in the notations of C.
fn number(value: Option<&str>) -> Result<u32, OptionError> {
    let text = value.ok_or(OptionError::Number)?;
    let (digits, radix) = if let Some(hex) = text.strip_prefix("0x") {
        (hex, 16)
    } else if let Some(octal) = text.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (octal, 8)
    } else {
        (text, 10)
    };
    // The standard parser takes a sign.
    if digits.starts_with(['+', '-']) {
        return Err(OptionError::Number);
    }
    u32::from_str_radix(digits, radix).map_err(|_| OptionError::Number)
}

const NO_QUOTA: OptionError =
    OptionError::Unsupported("quota is not supported, mount without it or use the C driver");
const NO_DAX: OptionError =
    OptionError::Unsupported("DAX is not supported, mount without it or use the C driver");
const RUNS: Note = Note("blocks are allocated in runs, there are no reservations");

impl Options {
    /// What the superblock wants if nothing is chosen.
    pub const fn of(superblock: &Superblock) -> Self {
        let bits = superblock.default_mount_options();
        Self {
            superblock: SUPERBLOCK,
            reserved_uid: superblock.reserved_uid() as u32,
            reserved_gid: superblock.reserved_gid() as u32,
            errors: superblock.error_policy(),
            minix_df: false,
            directory_group: bits & default::BSD_GROUPS != 0,
            short_ids: bits & default::UID16 != 0,
            debug: bits & default::DEBUG != 0,
            old_allocator: false,
            user_xattr: bits & default::USER_XATTR != 0,
            acl: bits & default::ACL != 0,
        }
    }

    /// Takes one option. A note is given if that changes nothing.
    pub fn apply(&mut self, key: &str, value: Option<&str>) -> Result<Option<Note>, OptionError> {
        match key {
            "sb" => self.superblock = number(value)?,
            "resuid" => self.reserved_uid = number(value)?,
            "resgid" => self.reserved_gid = number(value)?,
            "errors" => self.errors = policy(value)?,
            _ if value.is_some() => {
                // Those unknown are told before those that take no value.
                let mut copy = *self;
                copy.switch(key)?;
                return Err(OptionError::Value);
            }
            _ => return self.switch(key),
        }
        Ok(None)
    }

    /// Takes an option that has no value.
    fn switch(&mut self, key: &str) -> Result<Option<Note>, OptionError> {
        match key {
            "bsddf" => self.minix_df = false,
            "minixdf" => self.minix_df = true,
            "grpid" | "bsdgroups" => self.directory_group = true,
            "nogrpid" | "sysvgroups" => self.directory_group = false,
            "nouid32" => self.short_ids = true,
            "debug" => self.debug = true,
            "oldalloc" => self.old_allocator = true,
            "orlov" => self.old_allocator = false,
            "user_xattr" => self.user_xattr = true,
            "nouser_xattr" => self.user_xattr = false,
            "acl" => self.acl = true,
            "noacl" => self.acl = false,
            "nobh" => return Ok(Some(Note("data never goes through buffer heads"))),
            "reservation" | "noreservation" => return Ok(Some(RUNS)),
            "noquota" => {}
            "quota" | "usrquota" | "grpquota" => return Err(NO_QUOTA),
            "dax" | "xip" => return Err(NO_DAX),
            _ => return Err(OptionError::Unknown),
        }
        Ok(None)
    }

    /// Takes options separated by commas. An error comes with the option.
    pub fn parse<'a>(&mut self, options: &'a str) -> Result<(), (&'a str, OptionError)> {
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = match option.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (option, None),
            };
            self.apply(key, value).map_err(|error| (option, error))?;
        }
        Ok(())
    }

    /// Writes what `/proc/mounts` says, a comma before each option. Options that are
    /// as `defaults`, which the superblock asks for, are left out where C leaves them
    /// out.
    pub fn show(&self, defaults: &Self, out: &mut impl fmt::Write) -> fmt::Result {
        if self.superblock != SUPERBLOCK {
            write!(out, ",sb={}", self.superblock)?;
        }
        if self.minix_df {
            out.write_str(",minixdf")?;
        }
        switched(out, self.directory_group, defaults.directory_group, "grpid")?;
        if self.reserved_uid != 0 || defaults.reserved_uid != 0 {
            write!(out, ",resuid={}", self.reserved_uid)?;
        }
        if self.reserved_gid != 0 || defaults.reserved_gid != 0 {
            write!(out, ",resgid={}", self.reserved_gid)?;
        }
        match (self.errors, defaults.errors) {
            (ErrorPolicy::ReadOnly, ErrorPolicy::ReadOnly) => {}
            (ErrorPolicy::ReadOnly, _) => out.write_str(",errors=remount-ro")?,
            (ErrorPolicy::Continue, _) => out.write_str(",errors=continue")?,
            (ErrorPolicy::Panic, _) => out.write_str(",errors=panic")?,
        }
        for (set, name) in [
            (self.short_ids, ",nouid32"),
            (self.debug, ",debug"),
            (self.old_allocator, ",oldalloc"),
        ] {
            if set {
                out.write_str(name)?;
            }
        }
        switched(out, self.user_xattr, defaults.user_xattr, "user_xattr")?;
        switched(out, self.acl, defaults.acl, "acl")
    }
}

/// Writes a switch: if it is on, or if it is off though it would be on.
fn switched(out: &mut impl fmt::Write, on: bool, default: bool, name: &str) -> fmt::Result {
    match (on, default) {
        (true, _) => write!(out, ",{name}"),
        (false, true) => write!(out, ",no{name}"),
        (false, false) => Ok(()),
    }
}

fn policy(value: Option<&str>) -> Result<ErrorPolicy, OptionError> {
    match value {
        Some("continue") => Ok(ErrorPolicy::Continue),
        Some("remount-ro") => Ok(ErrorPolicy::ReadOnly),
        Some("panic") => Ok(ErrorPolicy::Panic),
        _ => Err(OptionError::Policy),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Numbers of devices, in the two ways that inodes hold them.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `old_encode_dev()`, `new_encode_dev()` and their inverses of
//! `include/linux/kdev_t.h`.

/// A device: 12 bits of major number, 20 of minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

impl Device {
    /// From the first two block pointers of an inode. The first one is 0 in the
    /// newer encoding.
    pub const fn decode(first: u32, second: u32) -> Self {
        if first != 0 {
            return Self {
                major: first >> 8 & 0xff,
                minor: first & 0xff,
            };
        }
        Self {
            major: second >> 8 & 0xfff,
            minor: (second & 0xff) | (second >> 12 & 0xf_ff00),
        }
    }

    /// The first two block pointers of an inode: in the older encoding where
    /// the numbers fit, so that all kernels can read it.
    pub const fn encode(self) -> [u32; 2] {
        if self.major < 256 && self.minor < 256 {
            return [self.major << 8 | self.minor, 0];
        }
        let low = self.minor & 0xff;
        [0, low | self.major << 8 | (self.minor & !0xff) << 12]
    }
}

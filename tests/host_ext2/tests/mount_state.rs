// SPDX-License-Identifier: GPL-2.0

//! `format/mount_state.rs`.

use ext2_rs::format::mount_state::{
    add_ext_attr, add_large_file, advice, count_free, count_mount, hold, note_errors, release,
    release_for_reading, Advice, STATE_ERRORS, STATE_VALID,
};
use ext2_rs::format::superblock::{RawSuperblock, RawSuperblockMut, Superblock};

use crate::superblock::sound;

/// What is advised at second 1000 about a superblock with these fields.
fn advised(state: u16, mounts: u16, limit: u16, last: u32, interval: u32) -> Option<Advice> {
    let mut bytes = sound();
    for (at, value) in [(52, mounts), (54, limit), (58, state)] {
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    for (at, value) in [(64, last), (68, interval)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    advice(RawSuperblock::new(&bytes).unwrap(), 1000)
}

#[test]
fn checks_are_advised_as_by_c() {
    let never = u16::MAX;
    assert_eq!(advised(STATE_VALID, 50, never, 0, 0), None);
    assert_eq!(advised(0, 0, never, 0, 0), Some(Advice::Unchecked));
    let errors = STATE_VALID | STATE_ERRORS;
    assert_eq!(advised(errors, 0, never, 0, 0), Some(Advice::Errors));
    assert_eq!(advised(STATE_VALID, 20, 20, 0, 0), Some(Advice::Mounts));
    assert_eq!(advised(STATE_VALID, 19, 20, 0, 0), None);
    assert_eq!(advised(STATE_VALID, 0, 0, 0, 0), Some(Advice::Mounts));
    assert_eq!(advised(STATE_VALID, 0, never, 500, 500), Some(Advice::Time));
    assert_eq!(advised(STATE_VALID, 0, never, 500, 501), None);
    assert_eq!(advised(STATE_VALID, 0, never, u32::MAX, u32::MAX), None);
}

/// Bytes that `change` changes.
fn touched(change: impl FnOnce(&mut RawSuperblockMut<'_>)) -> (Vec<usize>, Vec<u8>) {
    let before = sound();
    let mut after = before.clone();
    change(&mut RawSuperblockMut::new(&mut after).unwrap());
    let differ = (0..before.len()).filter(|&at| before[at] != after[at]);
    (differ.collect(), after)
}

#[test]
fn only_what_is_meant_is_written() {
    assert_eq!(touched(hold).0, [58]);
    assert_eq!(
        touched(|raw| release(raw, STATE_VALID | STATE_ERRORS)).0,
        [58]
    );
    let (at, bytes) = touched(|raw| release_for_reading(raw, STATE_ERRORS, 0x1_0000_0102));
    assert_eq!(at, [44, 45, 58]);
    assert_eq!(bytes[44..48], [2, 1, 0, 0]);
    assert_eq!(touched(note_errors).0, [58]);
    assert_eq!(touched(count_mount).0, [52]);
    let (at, bytes) = touched(|raw| count_free(raw, 0x0102, 0x0304, 0x1_0000_0506));
    assert_eq!(at, [12, 13, 16, 17, 48, 49]);
    assert_eq!(bytes[48..52], [6, 5, 0, 0]);
}

#[test]
fn in_use_is_unchecked_until_released() {
    let mut bytes = sound();
    let mut raw = RawSuperblockMut::new(&mut bytes).unwrap();
    let state = raw.view().state();
    hold(&mut raw);
    assert_eq!(advice(raw.view(), 0), Some(Advice::Unchecked));
    release(&mut raw, state);
    assert_eq!(advice(raw.view(), 0), None);
    raw.set_mount_count(u16::MAX);
    raw.set_max_mount_count(0);
    count_mount(&mut raw);
    assert_eq!(
        (raw.view().mount_count(), raw.view().max_mount_count()),
        (0, 20)
    );
}

#[test]
fn features_come_with_the_revision_that_has_them() {
    for first in [true, false] {
        let mut bytes = sound();
        let mut raw = RawSuperblockMut::new(&mut bytes).unwrap();
        if first {
            raw.set_revision(0);
            raw.set_first_inode(0);
            raw.set_inode_size(0);
        }
        assert!(add_large_file(&mut raw) && !add_large_file(&mut raw));
        assert!(add_ext_attr(&mut raw) && !add_ext_attr(&mut raw));
        let superblock = Superblock::try_from(raw.view()).unwrap();
        assert_eq!((superblock.revision(), superblock.inode_size()), (1, 128));
        assert_eq!(superblock.first_inode(), 11);
        assert_eq!(superblock.features().ro_compat, 2);
        assert_eq!(superblock.features().compat, 8);
    }
    // In the first revision the flag alone is not enough.
    let mut bytes = sound();
    let mut raw = RawSuperblockMut::new(&mut bytes).unwrap();
    raw.set_revision(0);
    raw.set_ro_compat(2);
    assert!(add_large_file(&mut raw));
}

// SPDX-License-Identifier: GPL-2.0

//! `format/dirent.rs` and `format/dirent_edit.rs`, against a map of names.

use std::collections::BTreeMap;

use ext2_rs::format::dirent::{
    check, dot_dot, entries, entries_from, find, is_empty, record_length, seek, Rules, Wrong,
};
use ext2_rs::format::dirent_edit::{
    format_first, format_unused, insert, remove, set_inode, Insert, Span,
};
use ext2_rs::format::inode::Kind;
use proptest::prelude::*;

const RULES: Rules = Rules {
    inodes: 1000,
    filetype: true,
};

type Names = BTreeMap<Vec<u8>, (u32, u8)>;

/// What a block holds, in use.
fn names(block: &[u8]) -> Names {
    entries(block, RULES)
        .map(Result::unwrap)
        .filter(|entry| entry.inode != 0)
        .map(|entry| (entry.name.to_vec(), (entry.inode, entry.file_type)))
        .collect()
}

/// The longest record that fits somewhere, by the bytes alone.
fn room(block: &[u8]) -> usize {
    let mut at = 0;
    let mut most = 0;
    while at < block.len() {
        let length = usize::from(u16::from_le_bytes([block[at + 4], block[at + 5]]));
        let in_use = block[at..at + 4] != [0; 4];
        let needed = match in_use {
            true => (8 + usize::from(block[at + 6])).div_ceil(4) * 4,
            false => 0,
        };
        most = most.max(length - needed);
        at += length;
    }
    assert_eq!(at, block.len());
    most
}

/// All bytes but those of `span` are as they were.
fn only(span: Span, before: &[u8], after: &[u8]) {
    let end = span.offset + span.length;
    assert_eq!(before[..span.offset], after[..span.offset]);
    assert_eq!(before[end..], after[end..]);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, u32),
    Remove(usize),
    Rename(usize, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = (0u8..40, 1usize..=255).prop_map(|(letter, length)| vec![b'0' + letter; length]);
    let short = (0u8..40, 1usize..=12).prop_map(|(letter, length)| vec![b'0' + letter; length]);
    let step = prop_oneof![
        2 => (name, 1u32..1000).prop_map(|(name, inode)| Step::Insert(name, inode)),
        3 => (short, 1u32..1000).prop_map(|(name, inode)| Step::Insert(name, inode)),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => (any::<usize>(), 1u32..1000).prop_map(|(nth, inode)| Step::Rename(nth, inode)),
    ];
    proptest::collection::vec(step, 0..120)
}

fn step(block: &mut [u8], model: &mut Names, step: Step) {
    let before = block.to_vec();
    // Entries but `.` and `..`, which nobody removes.
    let nth = |nth: usize| {
        let others: Vec<_> = entries(&before, RULES)
            .map(Result::unwrap)
            .filter(|entry| entry.inode != 0 && !entry.name.starts_with(b"."))
            .map(|entry| (entry.offset, entry.name.to_vec()))
            .collect();
        others.get(nth % others.len().max(1)).cloned()
    };
    match step {
        Step::Insert(name, inode) => {
            let result = insert(block, RULES, &name, inode, Kind::Fifo).unwrap();
            match result {
                Insert::Done(span) => {
                    assert!(room(&before) >= record_length(name.len()));
                    only(span, &before, block);
                    assert_eq!(model.insert(name, (inode, 5)), None);
                }
                Insert::Exists => assert!(model.contains_key(&name)),
                Insert::Full => {
                    assert!(!model.contains_key(&name));
                    assert!(room(&before) < record_length(name.len()));
                }
            }
            if !matches!(result, Insert::Done(_)) {
                assert_eq!(before, block);
            }
        }
        Step::Remove(at) => {
            if let Some((offset, name)) = nth(at) {
                let span = remove(block, RULES, offset).unwrap();
                only(span, &before, block);
                assert!(model.remove(&name).is_some());
            }
        }
        Step::Rename(at, inode) => {
            if let Some((offset, name)) = nth(at) {
                let span = set_inode(block, RULES, offset, inode, Kind::Socket).unwrap();
                only(span, &before, block);
                model.insert(name, (inode, 6));
            }
        }
    }
    check(block, RULES).unwrap();
    assert_eq!(names(block), *model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changes_are_as_the_model(steps in steps(), first: bool) {
        let mut block = vec![0xa5; 1024];
        let mut model = Names::new();
        if first {
            format_first(&mut block, RULES, 77, 78).unwrap();
            model.insert(b".".to_vec(), (77, 2));
            model.insert(b"..".to_vec(), (78, 2));
        } else {
            format_unused(&mut block, RULES).unwrap();
        }
        for one in steps {
            step(&mut block, &mut model, one);
            for (name, (inode, _)) in &model {
                let entry = find(&block, RULES, name).unwrap().unwrap();
                prop_assert_eq!(entry.inode, *inode);
            }
            let others = model.keys().any(|name| !name.starts_with(b"."));
            prop_assert_eq!(is_empty(&block, RULES, 77).unwrap(), !others);
            if first {
                prop_assert_eq!(dot_dot(&block, RULES).unwrap().inode, 78);
            }
        }
    }

    /// Whatever a block holds: each walk ends, entries lie inside, and changes
    /// leave a block that is sound if it was.
    #[test]
    fn nonsense_is_refused_or_harmless(
        mut block in proptest::collection::vec(
            prop_oneof![6 => Just(0u8), 2 => Just(12u8), 1 => Just(16u8), 1 => any::<u8>()], 64),
        offset in 0usize..70,
        name in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let before = block.clone();
        let sound = check(&block, RULES).is_ok();
        prop_assert!(entries(&block, RULES).count() <= 64 / 12 + 1);
        for entry in entries_from(&block, RULES, offset).flatten() {
            prop_assert!(entry.end() <= 64 && entry.length >= 12);
        }
        if let Ok(at) = seek(&block, RULES, offset) {
            prop_assert!(at <= 64);
        }
        let _ = dot_dot(&block, RULES);
        let _ = remove(&mut block, RULES, offset);
        let _ = set_inode(&mut block, RULES, offset, 5, Kind::Regular);
        let _ = insert(&mut block, RULES, &name, 5, Kind::Regular);
        if sound {
            prop_assert!(check(&block, RULES).is_ok(), "{:?} {:?}", before, block);
        }
    }
}

#[test]
fn a_sound_block_stays_sound_with_any_byte_changed_or_is_refused() {
    let mut block = vec![0; 1024];
    format_first(&mut block, RULES, 2, 2).unwrap();
    for length in [1, 7, 100, 255] {
        insert(&mut block, RULES, &vec![b'x'; length], 9, Kind::Regular).unwrap();
    }
    let mut refused = 0;
    for at in 0..block.len() {
        for bit in 0..8 {
            let mut broken = block.clone();
            broken[at] ^= 1 << bit;
            let walked: Result<Vec<_>, _> = entries(&broken, RULES).collect();
            let Ok(walked) = walked else {
                refused += 1;
                continue;
            };
            let length: usize = walked.iter().map(|entry| entry.length).sum();
            assert_eq!(length, 1024);
            let mut changed = broken.clone();
            let _ = insert(&mut changed, RULES, b"new", 4, Kind::Regular);
            check(&changed, RULES).unwrap();
        }
    }
    // Lengths, and inodes out of bounds.
    assert!(refused > 100, "{refused}");
}

/// An entry of ten bytes' name at the start of a block, with other header fields.
fn wrong(inode: u32, length: u16, name: u8) -> Option<Wrong> {
    let mut block = vec![0; 64];
    block[..4].copy_from_slice(&inode.to_le_bytes());
    block[4..6].copy_from_slice(&length.to_le_bytes());
    block[6] = name;
    check(&block, RULES).err().map(|error| error.what)
}

#[test]
fn each_rule_of_entries_is_checked() {
    assert_eq!(wrong(1, 64, 10), None);
    assert_eq!(wrong(1, 0, 10), Some(Wrong::Short(0)));
    assert_eq!(wrong(1, 8, 0), Some(Wrong::Short(8)));
    assert_eq!(wrong(1, 62, 10), Some(Wrong::Unaligned(62)));
    assert_eq!(wrong(1, 16, 10), Some(Wrong::Name(10)));
    assert_eq!(wrong(1, 64, 0), Some(Wrong::Name(0)));
    assert_eq!(wrong(0, 64, 0), None);
    assert_eq!(wrong(1, 68, 10), Some(Wrong::Spans(68)));
    assert_eq!(wrong(1, u16::MAX - 3, 10), Some(Wrong::Spans(u16::MAX - 3)));
    assert_eq!(wrong(1000, 64, 10), None);
    assert_eq!(wrong(1001, 64, 10), Some(Wrong::Inode(1001)));
}

#[test]
fn names_that_are_none_are_not_inserted() {
    let mut block = vec![0; 1024];
    format_unused(&mut block, RULES).unwrap();
    for name in [&b""[..], b"a/b", b"a\0b", &[b'x'; 256]] {
        let error = insert(&mut block, RULES, name, 5, Kind::Regular).unwrap_err();
        assert_eq!(error.what, Wrong::NotAName);
    }
}

#[test]
fn a_reader_comes_back_to_an_entry() {
    let mut block = vec![0; 1024];
    format_first(&mut block, RULES, 2, 2).unwrap();
    insert(&mut block, RULES, b"a", 9, Kind::Regular).unwrap();
    let starts: Vec<_> = entries(&block, RULES)
        .map(|entry| entry.unwrap().offset)
        .collect();
    for offset in 0..=1024 {
        let next = starts.iter().copied().find(|start| *start >= offset);
        assert_eq!(seek(&block, RULES, offset), Ok(next.unwrap_or(1024)));
    }
}

#[test]
fn types_are_left_out_where_there_are_none() {
    let rules = Rules {
        filetype: false,
        ..RULES
    };
    let mut block = vec![0; 1024];
    format_first(&mut block, rules, 2, 2).unwrap();
    insert(&mut block, rules, b"a", 9, Kind::Regular).unwrap();
    for entry in entries(&block, RULES) {
        assert_eq!(entry.unwrap().file_type, 0);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `format/xattr.rs` and `format/xattr_edit.rs`, against a map of attributes.

use std::collections::BTreeMap;

use ext2_rs::format::xattr::{block_hash, entry_hash, Block, XattrError, NAME_MAX};
use ext2_rs::format::xattr_edit::{format, set, set_refcount, Before, Set, SetError};
use proptest::prelude::*;

const SIZE: usize = 1024;

/// Sorted as C sorts: by index, length of the name, name.
type Attributes = BTreeMap<(u8, usize, Vec<u8>), Vec<u8>>;

fn attributes(block: &[u8]) -> Attributes {
    let entries = Block::parse(block).unwrap().entries();
    entries
        .map(|entry| {
            let key = (entry.index, entry.name.len(), entry.name.to_vec());
            (key, entry.value.to_vec())
        })
        .collect()
}

fn empty() -> Vec<u8> {
    let mut block = vec![0xee; SIZE];
    format(&mut block).unwrap();
    block
}

/// Bytes of attributes in a block, by the format's description.
fn bytes(attributes: &Attributes) -> usize {
    let up = |bytes: usize| bytes.div_ceil(4) * 4;
    let each = attributes
        .iter()
        .map(|((_, length, _), value)| up(16 + length) + up(value.len()));
    32 + each.sum::<usize>() + 4
}

/// The hash as C computes it: shifts, one word after the other.
fn c_hash(name: &[u8], value: &[u8]) -> u32 {
    let mut hash = 0u32;
    for &byte in name {
        hash = (hash << 5) ^ (hash >> 27) ^ u32::from(byte);
    }
    let mut padded = value.to_vec();
    padded.resize(value.len().div_ceil(4) * 4, 0);
    for word in padded.chunks(4) {
        let word = u32::from_le_bytes(word.try_into().unwrap());
        hash = (hash << 16) ^ (hash >> 16) ^ word;
    }
    hash
}

type Step = (u8, Vec<u8>, Option<Vec<u8>>, Before);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = (0u8..3, 0usize..5).prop_map(|(letter, length)| vec![b'a' + letter; length]);
    let value = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => proptest::collection::vec(any::<u8>(), 0..700),
    ];
    let before = prop_oneof![
        4 => Just(Before::Any),
        1 => Just(Before::Present),
        1 => Just(Before::Absent)
    ];
    let value = proptest::option::weighted(0.8, value);
    proptest::collection::vec((1u8..4, name, value, before), 0..80)
}

fn model(
    attributes: &mut Attributes,
    (index, name, value, before): &Step,
) -> Result<Set, SetError> {
    let key = (*index, name.len(), name.clone());
    match (attributes.contains_key(&key), before) {
        (false, Before::Present) => return Err(SetError::Missing),
        (true, Before::Absent) => return Err(SetError::Exists),
        (false, _) if value.is_none() => return Ok(Set::Unchanged),
        _ => {}
    }
    let mut changed = attributes.clone();
    match value {
        Some(value) => changed.insert(key, value.clone()),
        None => changed.remove(&key),
    };
    if bytes(&changed) > SIZE {
        return Err(SetError::NoSpace);
    }
    *attributes = changed;
    if attributes.is_empty() {
        return Ok(Set::Emptied);
    }
    Ok(Set::Changed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn changes_are_as_the_model(steps in steps()) {
        let mut block = empty();
        let mut expected = Attributes::new();
        for one in steps {
            let before = block.clone();
            let (index, name, value, how) = &one;
            let result = set(&mut block, *index, name, value.as_deref(), *how);
            prop_assert_eq!(result, model(&mut expected, &one));
            if !matches!(result, Ok(Set::Changed | Set::Emptied)) {
                prop_assert_eq!(&block, &before);
            }
            prop_assert_eq!(attributes(&block), expected.clone());
            let parsed = Block::parse(&block).unwrap();
            // In C's order, with C's hashes.
            let keys = parsed.entries().map(|entry| (entry.index, entry.name.len(), entry.name.to_vec()));
            prop_assert!(keys.eq(expected.keys().cloned()));
            for entry in parsed.entries() {
                prop_assert_eq!(entry.hash, c_hash(entry.name, entry.value));
                prop_assert_eq!(parsed.find(entry.index, entry.name).map(|found| found.value), Some(entry.value));
            }
            if !matches!(result, Ok(Set::Unchanged) | Err(_)) {
                let mut hash = 0u32;
                for entry in parsed.entries() {
                    hash = (hash << 16) ^ (hash >> 16) ^ entry.hash;
                }
                let shared = parsed.entries().all(|entry| entry.hash != 0);
                prop_assert_eq!(parsed.hash(), if shared { hash } else { 0 });
            }
        }
    }

    /// Blocks made on other ways hold the same if their attributes are the same.
    #[test]
    fn the_order_of_changes_does_not_matter(
        values in proptest::collection::btree_map(
            (1u8..4, 0u8..4), proptest::collection::vec(any::<u8>(), 0..30), 0..9),
        rotate in 0usize..9,
    ) {
        let (mut one, mut other) = (empty(), empty());
        let mut order: Vec<_> = values.iter().collect();
        for ((index, name), value) in &order {
            set(&mut one, *index, &[*name + 1], Some(value), Before::Absent).unwrap();
        }
        order.rotate_left(rotate.min(values.len()));
        for ((index, name), value) in &order {
            set(&mut other, *index, &[*name + 1], Some(value), Before::Absent).unwrap();
        }
        set_refcount(&mut other, 9).unwrap();
        let (one, other) = (Block::parse(&one).unwrap(), Block::parse(&other).unwrap());
        prop_assert!(one.same_as(&other));
        prop_assert_eq!(one.hash(), other.hash());
        prop_assert_eq!((one.refcount(), other.refcount()), (1, 9));
    }

    /// Whatever a block holds, attributes and changes stay inside.
    #[test]
    fn nonsense_is_refused_or_harmless(
        body in proptest::collection::vec(
            prop_oneof![4 => Just(0u8), 3 => 0u8..70, 1 => any::<u8>()], 128 - 32),
        index in 0u8..3,
        name in proptest::collection::vec(any::<u8>(), 0..4),
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
    ) {
        let mut block = vec![0; 128];
        format(&mut block).unwrap();
        block[32..].copy_from_slice(&body);
        if Block::parse(&block).is_ok() {
            let before = block.clone();
            let mut expected = attributes(&before);
            if set(&mut block, index, &name, value.as_deref(), Before::Any).is_ok() {
                let key = (index, name.len(), name);
                match value {
                    Some(value) => drop(expected.insert(key, value)),
                    None => drop(expected.remove(&key)),
                }
            }
            prop_assert_eq!(attributes(&block), expected);
        } else {
            let _ = set(&mut block, index, &name, value.as_deref(), Before::Any);
        }
    }
}

/// Every bit of a block that is full of attributes.
#[test]
fn a_block_with_any_bit_changed_is_refused_or_harmless() {
    let mut block = empty();
    for nth in 0..8u8 {
        let value = vec![nth; usize::from(nth) * 9];
        set(
            &mut block,
            1 + nth % 3,
            &vec![b'n'; 1 + usize::from(nth)],
            Some(&value),
            Before::Any,
        )
        .unwrap();
    }
    let mut refused = 0;
    for at in 0..SIZE {
        for bit in 0..8 {
            let mut broken = block.clone();
            broken[at] ^= 1 << bit;
            if Block::parse(&broken).is_err() {
                refused += 1;
                continue;
            }
            let before = attributes(&broken);
            if set(&mut broken, 2, b"brand new", Some(b"value"), Before::Any).is_ok() {
                let mut expected = before.clone();
                expected.insert((2, 9, b"brand new".to_vec()), b"value".to_vec());
                assert_eq!(attributes(&broken), expected, "byte {at} bit {bit}");
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn each_rule_of_blocks_is_checked() {
    let mut good = empty();
    set(&mut good, 1, b"abcd", Some(b"1234"), Before::Any).unwrap();
    set(&mut good, 1, b"abce", Some(b"5678"), Before::Any).unwrap();
    // Entries of 20 bytes at 32 and 52, values at the end.
    let broken = |at: usize, bytes: &[u8]| {
        let mut block = good.clone();
        block[at..at + bytes.len()].copy_from_slice(bytes);
        Block::parse(&block).err()
    };
    assert_eq!(broken(0, &[]), None);
    assert_eq!(broken(0, &[1]), Some(XattrError::Magic(0xea02_0001)));
    assert_eq!(broken(4, &[0]), Some(XattrError::Unused));
    assert_eq!(broken(8, &[2]), Some(XattrError::Blocks(2)));
    let value = |at| Some(XattrError::Value(at));
    assert_eq!(broken(32 + 4, &[1]), value(32));
    assert_eq!(broken(32 + 2, &1021u16.to_le_bytes()), value(32));
    assert_eq!(broken(32 + 2, &1018u16.to_le_bytes()), value(32));
    assert_eq!(broken(32 + 2, &72u16.to_le_bytes()), value(32));
    assert_eq!(broken(32 + 8, &u32::MAX.to_le_bytes()), value(32));
    assert_eq!(
        broken(52 + 2, &1020u16.to_le_bytes()),
        Some(XattrError::Overlap(52))
    );
    // No zeros behind the entries.
    let mut full = good;
    full[72..].fill(1);
    assert!(matches!(
        Block::parse(&full),
        Err(XattrError::Entry(_) | XattrError::Value(_))
    ));
}

#[test]
fn names_and_values_have_limits() {
    let mut block = empty();
    let long = vec![b'x'; NAME_MAX + 1];
    let any = Before::Any;
    assert_eq!(
        set(&mut block, 1, &long, Some(b""), any),
        Err(SetError::Range)
    );
    assert_eq!(
        set(&mut block, 1, b"x", Some(&vec![0; SIZE + 1]), any),
        Err(SetError::Range)
    );
    assert_eq!(
        set(&mut block, 0, b"", Some(b""), any),
        Err(SetError::Range)
    );
    let most = SIZE - 32 - 20 - 4;
    assert_eq!(
        set(&mut block, 1, b"x", Some(&vec![1; most + 1]), any),
        Err(SetError::NoSpace)
    );
    assert_eq!(
        set(&mut block, 1, b"x", Some(&vec![1; most]), any),
        Ok(Set::Changed)
    );
    assert_eq!(set(&mut block, 1, b"x", None, any), Ok(Set::Emptied));
}

#[test]
fn a_hash_of_0_keeps_a_block_from_being_shared() {
    assert_eq!(block_hash([3, 0, 4].into_iter()), 0);
    assert_eq!(block_hash([3, 4].into_iter()), 3 << 16 ^ 4);
    assert_eq!(entry_hash(b"", b""), 0);
}

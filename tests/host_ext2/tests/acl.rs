// SPDX-License-Identifier: GPL-2.0

//! `format/acl.rs`.

use ext2_rs::format::acl::{decode, encode, size, AclError, Entry, Tag};
use proptest::prelude::*;

const fn entry(tag: Tag, permissions: u16, id: u32) -> Entry {
    Entry {
        tag,
        permissions,
        id,
    }
}

/// As the VFS allows it: two short ones, any named ones, a mask, others.
fn lists() -> impl Strategy<Value = Vec<Entry>> {
    let named = proptest::collection::vec((any::<bool>(), 0u16..8, any::<u32>()), 0..9);
    (named, 0u16..8).prop_map(|(named, permissions)| {
        let short = |tag| entry(tag, permissions, 0);
        let of = |user: bool, tag| {
            named
                .iter()
                .filter(move |one| one.0 == user)
                .map(move |one| entry(tag, one.1, one.2))
        };
        let mut list = vec![short(Tag::UserObj)];
        list.extend(of(true, Tag::User));
        list.push(short(Tag::GroupObj));
        list.extend(of(false, Tag::Group));
        if !named.is_empty() {
            list.push(short(Tag::Mask));
        }
        list.push(short(Tag::Other));
        list
    })
}

#[test]
fn bytes_are_those_of_c() {
    let list = [
        entry(Tag::UserObj, 7, 0),
        entry(Tag::User, 5, 0x1234_5678),
        entry(Tag::GroupObj, 4, 0),
        entry(Tag::Mask, 5, 0),
        entry(Tag::Other, 0, 0),
    ];
    let bytes = [
        1, 0, 0, 0, 1, 0, 7, 0, 2, 0, 5, 0, 0x78, 0x56, 0x34, 0x12, 4, 0, 4, 0, 0x10, 0, 5, 0,
        0x20, 0, 0, 0,
    ];
    let mut value = [0xee; 28];
    assert_eq!(encode(list, &mut value), Ok(28));
    assert_eq!(value, bytes);
    assert!(decode(&bytes).unwrap().eq(list));
}

#[test]
fn each_rule_is_checked() {
    let errors = |bytes: &[u8]| decode(bytes).err();
    assert_eq!(errors(&[]), Some(AclError::Length(0)));
    assert_eq!(errors(&[1, 0, 0]), Some(AclError::Length(3)));
    assert_eq!(errors(&[2, 0, 0, 0]), Some(AclError::Version(2)));
    // A list of none is no list.
    assert_eq!(decode(&[1, 0, 0, 0]).unwrap().len(), 0);
    assert_eq!(errors(&[1, 0, 0, 0, 1, 0]), Some(AclError::Length(6)));
    assert_eq!(errors(&[1, 0, 0, 0, 3, 0, 7, 0]), Some(AclError::Tag(3)));
    // As long as five entries, one of them named, are; but six short ones.
    let mut short = vec![1, 0, 0, 0];
    short.extend([1, 0, 7, 0].repeat(6));
    assert_eq!(errors(&short), Some(AclError::Length(28)));
    // A named entry without its name; a name too much.
    assert!(errors(&[1, 0, 0, 0, 2, 0, 7, 0]).is_some());
    assert!(errors(&[1, 0, 0, 0, 1, 0, 7, 0, 9, 9, 9, 9]).is_some());
}

proptest! {
    #[test]
    fn what_is_written_is_read(list in lists()) {
        let mut value = vec![0; size(list.len())];
        prop_assert_eq!(encode(list.clone(), &mut value), Ok(value.len()));
        let read = decode(&value).unwrap();
        prop_assert_eq!(read.len(), list.len());
        prop_assert!(read.eq(list.clone()));
        let short = value.len() - 1;
        prop_assert_eq!(encode(list, &mut value[..short]), Err(AclError::NoSpace));
    }

    /// What is read of any bytes is what they would be written as.
    #[test]
    fn nonsense_is_refused_or_read_as_it_is(
        body in proptest::collection::vec(
            prop_oneof![3 => Just(0u8), 2 => 0u8..9, 1 => any::<u8>()], 0..60),
    ) {
        let mut value = vec![1, 0, 0, 0];
        value.extend(body);
        if let Ok(list) = decode(&value) {
            let mut again = vec![0; value.len()];
            prop_assert_eq!(encode(list, &mut again), Ok(value.len()));
            prop_assert_eq!(again, value);
        }
    }
}

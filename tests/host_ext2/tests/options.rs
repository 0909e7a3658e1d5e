// SPDX-License-Identifier: GPL-2.0

//! `plan/options.rs`.

use ext2_rs::format::superblock::{ErrorPolicy, RawSuperblock, Superblock};
use ext2_rs::plan::options::{OptionError, Options};
use proptest::prelude::*;

use crate::superblock::sound;

/// What a superblock with these default options, error policy and users wants.
fn defaults(bits: u32, errors: u16, ids: [u16; 2]) -> Options {
    let mut bytes = sound();
    bytes[256..260].copy_from_slice(&bits.to_le_bytes());
    bytes[60..62].copy_from_slice(&errors.to_le_bytes());
    bytes[80..82].copy_from_slice(&ids[0].to_le_bytes());
    bytes[82..84].copy_from_slice(&ids[1].to_le_bytes());
    let raw = RawSuperblock::new(&bytes).unwrap();
    Options::of(&Superblock::try_from(raw).unwrap())
}

fn plain() -> Options {
    defaults(0, 1, [0, 0])
}

fn parsed(options: &str) -> Options {
    let mut parsed = plain();
    parsed.parse(options).unwrap();
    parsed
}

fn refused(option: &str) -> OptionError {
    let mut options = plain();
    let (which, error) = options.parse(option).unwrap_err();
    assert_eq!(which, option);
    // A refused option changes nothing.
    assert_eq!(options, plain());
    error
}

fn shown(options: &Options, defaults: &Options) -> String {
    let mut text = String::new();
    options.show(defaults, &mut text).unwrap();
    text
}

#[test]
fn the_superblock_says_what_holds_otherwise() {
    assert_eq!(plain().errors, ErrorPolicy::Continue);
    assert_eq!(defaults(0, 3, [0; 2]).errors, ErrorPolicy::Panic);
    for errors in [0, 2, 4, 0xffff] {
        assert_eq!(defaults(0, errors, [0; 2]).errors, ErrorPolicy::ReadOnly);
    }
    let all = defaults(0x1f, 1, [7, 8]);
    assert!(all.debug && all.directory_group && all.user_xattr && all.acl && all.short_ids);
    assert_eq!((all.reserved_uid, all.reserved_gid), (7, 8));
    let none = plain();
    let set = none.debug || none.directory_group || none.user_xattr || none.acl;
    assert!(!set && !none.short_ids && !none.minix_df && !none.old_allocator);
}

#[test]
fn each_option_does_what_it_says() {
    assert_eq!(parsed("sb=8193").superblock, 8193);
    assert_eq!(parsed("sb=0x2001").superblock, 8193);
    assert_eq!(parsed("sb=020001").superblock, 8193);
    assert_eq!(parsed("sb=0").superblock, 0);
    assert_eq!(parsed("resuid=5").reserved_uid, 5);
    assert_eq!(parsed("resgid=4294967295").reserved_gid, u32::MAX);
    assert_eq!(parsed("errors=panic").errors, ErrorPolicy::Panic);
    assert_eq!(parsed("errors=remount-ro").errors, ErrorPolicy::ReadOnly);
    assert_eq!(
        parsed("errors=panic,errors=continue").errors,
        ErrorPolicy::Continue
    );
    assert!(parsed("minixdf").minix_df && !parsed("minixdf,bsddf").minix_df);
    for (on, off) in [("grpid", "nogrpid"), ("bsdgroups", "sysvgroups")] {
        assert!(parsed(on).directory_group);
        assert!(!parsed(&format!("{on},{off}")).directory_group);
    }
    assert!(parsed("nouid32").short_ids);
    assert!(parsed("debug").debug);
    assert!(parsed("oldalloc").old_allocator && !parsed("oldalloc,orlov").old_allocator);
    assert!(parsed("user_xattr").user_xattr && !parsed("user_xattr,nouser_xattr").user_xattr);
    assert!(parsed("acl").acl && !parsed("acl,noacl").acl);
    for nothing in ["", ",", "noquota", "nobh", "reservation", "noreservation"] {
        assert_eq!(parsed(nothing), plain());
    }
    for noted in ["nobh", "reservation", "noreservation"] {
        assert!(plain().apply(noted, None).unwrap().is_some());
    }
}

#[test]
fn all_else_is_refused() {
    for unknown in [
        "nonsense",
        "ACL",
        "check=none",
        "errors_",
        " acl",
        "nonsense=1",
    ] {
        assert_eq!(refused(unknown), OptionError::Unknown);
    }
    for number in [
        "sb",
        "sb=",
        "resuid=x",
        "resgid=-1",
        "sb=+1",
        "resuid=4294967296",
        "sb=0x",
        "sb=08",
    ] {
        assert_eq!(refused(number), OptionError::Number, "{number}");
    }
    for value in ["acl=1", "minixdf=", "nobh=x"] {
        assert_eq!(refused(value), OptionError::Value);
    }
    for policy in ["errors", "errors=", "errors=remount"] {
        assert_eq!(refused(policy), OptionError::Policy);
    }
    for unsupported in ["dax", "xip", "quota", "usrquota", "grpquota"] {
        assert!(matches!(refused(unsupported), OptionError::Unsupported(_)));
    }
}

#[test]
fn an_error_names_its_option() {
    let mut options = plain();
    let error = options.parse("acl,sb=x,debug").unwrap_err();
    assert_eq!(error, ("sb=x", OptionError::Number));
}

#[test]
fn mounts_are_shown_as_by_c() {
    assert_eq!(shown(&plain(), &plain()), ",errors=continue");
    let all = parsed(
        "sb=3,minixdf,grpid,resuid=1,resgid=2,errors=panic,nouid32,debug,oldalloc,user_xattr,acl",
    );
    assert_eq!(
        shown(&all, &plain()),
        ",sb=3,minixdf,grpid,resuid=1,resgid=2,errors=panic,nouid32,debug,oldalloc,user_xattr,acl"
    );
    let defaults = defaults(0x0e, 2, [0; 2]);
    let mut off = defaults;
    assert_eq!(shown(&off, &defaults), ",grpid,user_xattr,acl");
    off.parse("nogrpid,nouser_xattr,noacl").unwrap();
    assert_eq!(shown(&off, &defaults), ",nogrpid,nouser_xattr,noacl");
}

proptest! {
    /// Mounting with what is shown gives the same mount.
    #[test]
    fn what_is_shown_is_understood(
        bits in 0u32..32,
        errors in 0u16..5,
        ids: [u16; 2],
        picks in proptest::collection::vec(0usize..16, 0..12),
    ) {
        const ALL: [&str; 16] = [
            "sb=3", "minixdf", "bsddf", "grpid", "nogrpid", "resuid=9", "resgid=9", "errors=continue",
            "errors=remount-ro", "errors=panic", "oldalloc", "orlov", "user_xattr", "nouser_xattr",
            "acl", "noacl",
        ];
        let defaults = defaults(bits, errors, ids);
        let mut options = defaults;
        for pick in picks {
            options.parse(ALL[pick]).unwrap();
        }
        let mut again = defaults;
        again.parse(&shown(&options, &defaults)).unwrap();
        prop_assert_eq!(again, options);
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}") {
        let _ = plain().parse(&text);
    }
}

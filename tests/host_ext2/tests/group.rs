// SPDX-License-Identifier: GPL-2.0

//! `format/group.rs`: what is stored in a descriptor, word by word, is what its fields say.

use ext2_rs::format::group::{Counts, RawGroup, DIRECTORIES, FREE, SIZE, WORDS};
use ext2_rs::plan::place::total;
use proptest::prelude::*;

fn counts() -> impl Strategy<Value = Counts> {
    (any::<u16>(), any::<u16>(), any::<u16>()).prop_map(
        |(free_blocks, free_inodes, directories)| Counts {
            free_blocks: free_blocks.into(),
            free_inodes: free_inodes.into(),
            directories: directories.into(),
        },
    )
}

proptest! {
    #[test]
    fn words_are_the_fields(counts in counts(), old in any::<[u32; WORDS]>()) {
        let mut words = old;
        words[FREE] = counts.free_word();
        words[DIRECTORIES] = counts.directories_word(words[DIRECTORIES]);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let raw = RawGroup::new(&bytes).unwrap();
        prop_assert_eq!(u32::from(raw.free_blocks()), counts.free_blocks);
        prop_assert_eq!(u32::from(raw.free_inodes()), counts.free_inodes);
        prop_assert_eq!(u32::from(raw.directories()), counts.directories);
        // All else stays.
        let before: Vec<u8> = old.iter().flat_map(|word| word.to_le_bytes()).collect();
        prop_assert_eq!(&bytes[..12], &before[..12]);
        prop_assert_eq!(&bytes[18..SIZE], &before[18..]);
    }

    #[test]
    fn a_total_that_is_kept_is_the_sum(
        mut groups in prop::collection::vec(counts(), 1..9),
        changes in prop::collection::vec((any::<prop::sample::Index>(), counts()), 0..9),
    ) {
        let mut kept = total(groups.iter().copied());
        for (index, now) in changes {
            let group = index.get(&groups);
            kept = kept.minus(*group).plus(now);
            let nth = index.index(groups.len());
            groups[nth] = now;
            prop_assert_eq!(kept, total(groups.iter().copied()));
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Lists of extents from two sources, made comparable.

/// Where a range of a file lies on the disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub logical: u64,
    pub physical: u64,
    pub length: u64,
}

impl Extent {
    fn continues(&self, before: &Self) -> bool {
        before.logical + before.length == self.logical
            && before.physical + before.length == self.physical
    }
}

/// Joins neighbours: sources differ in where they cut what is contiguous.
pub fn merged(extents: &[Extent]) -> Vec<Extent> {
    let mut merged: Vec<Extent> = Vec::new();
    for extent in extents {
        match merged.last_mut() {
            Some(last) if extent.continues(last) => last.length += extent.length,
            _ => merged.push(*extent),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn extent(logical: u64, physical: u64, length: u64) -> Extent {
        Extent {
            logical,
            physical,
            length,
        }
    }

    #[test]
    fn only_what_is_contiguous_in_both_is_joined() {
        let list = [
            extent(0, 1000, 10),
            extent(10, 1010, 5),
            extent(15, 2000, 5),
            extent(30, 2005, 5),
        ];
        let joined = [
            extent(0, 1000, 15),
            extent(15, 2000, 5),
            extent(30, 2005, 5),
        ];
        assert_eq!(merged(&list), joined);
        assert!(merged(&[]).is_empty());
    }
}

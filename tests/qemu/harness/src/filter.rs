// SPDX-License-Identifier: GPL-2.0

//! Which tests a person means.

/// Selects by exact name if there is one, by substring otherwise.
#[derive(Clone, Debug)]
pub struct Filter {
    wanted: Option<String>,
    exact: bool,
}

impl Filter {
    /// `names` are the full names (`suite/test`) that there are.
    pub fn new<'a>(wanted: Option<&str>, names: impl IntoIterator<Item = &'a str>) -> Self {
        let wanted = wanted.filter(|wanted| !wanted.is_empty());
        let exact = wanted.is_some_and(|wanted| {
            let mut names = names.into_iter();
            names.any(|name| is_exactly(name, wanted))
        });
        Self {
            wanted: wanted.map(str::to_owned),
            exact,
        }
    }

    pub fn selects(&self, name: &str) -> bool {
        match &self.wanted {
            None => true,
            Some(wanted) if self.exact => is_exactly(name, wanted),
            Some(wanted) => name.contains(wanted.as_str()),
        }
    }

    pub fn selects_all(&self) -> bool {
        self.wanted.is_none()
    }
}

/// `xfs-1k/write` is about a filesystem; `write` is not.
pub fn split(filter: Option<&str>) -> (Option<&str>, Option<&str>) {
    match filter.map(|filter| (filter, filter.split_once('/'))) {
        None => (None, None),
        Some((_, Some((suite, workload)))) => {
            let given = |text: &'_ str| !text.is_empty();
            (
                Some(suite).filter(|text| given(text)),
                Some(workload).filter(|text| given(text)),
            )
        }
        Some((workload, None)) => (None, Some(workload)),
    }
}

/// Whole name, suite or test: what a person may type to mean just that.
fn is_exactly(name: &str, wanted: &str) -> bool {
    let matches = |name: &str| {
        name == wanted
            || name
                .split_once('/')
                .is_some_and(|(suite, test)| suite == wanted || test == wanted)
    };
    // `builtin:suite/test` is also known without its first part.
    matches(name) || name.split_once(':').is_some_and(|(_, rest)| matches(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = [
        "ext4-4k/dio_read",
        "ext4-4k/dio_read_hole",
        "ext2-1k/dio_read",
        "swap/swap_in",
        "builtin:btrfs/dio_write",
    ];

    fn selected(wanted: Option<&str>) -> Vec<&'static str> {
        let filter = Filter::new(wanted, NAMES);
        let names = NAMES.into_iter();
        names.filter(|name| filter.selects(name)).collect()
    }

    #[test]
    fn nothing_wanted_means_all() {
        assert_eq!(selected(None), NAMES);
        assert_eq!(selected(Some("")), NAMES);
    }

    #[test]
    fn an_exact_name_excludes_longer_ones() {
        assert_eq!(
            selected(Some("dio_read")),
            ["ext4-4k/dio_read", "ext2-1k/dio_read"]
        );
        assert_eq!(selected(Some("ext2-1k/dio_read")), ["ext2-1k/dio_read"]);
    }

    #[test]
    fn a_suite_or_a_part_of_a_name_will_do() {
        assert_eq!(
            selected(Some("ext4-4k")),
            ["ext4-4k/dio_read", "ext4-4k/dio_read_hole"]
        );
        assert_eq!(selected(Some("hole")), ["ext4-4k/dio_read_hole"]);
        for wanted in ["btrfs", "builtin:btrfs", "dio_write", "builtin:"] {
            assert_eq!(
                selected(Some(wanted)),
                ["builtin:btrfs/dio_write"],
                "{wanted}"
            );
        }
        assert!(selected(Some("no such")).is_empty());
    }

    #[test]
    fn a_filter_may_name_a_filesystem() {
        assert_eq!(split(None), (None, None));
        assert_eq!(split(Some("write")), (None, Some("write")));
        assert_eq!(split(Some("xfs-1k/write")), (Some("xfs-1k"), Some("write")));
        assert_eq!(split(Some("xfs-1k/")), (Some("xfs-1k"), None));
    }
}

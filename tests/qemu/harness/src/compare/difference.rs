// SPDX-License-Identifier: GPL-2.0

//! Where two streams of lines part.

use similar::{capture_diff_slices, Algorithm, DiffOp};

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 3;

/// Lines of one difference that are shown.
const SHOWN: usize = 12;

/// One place where two streams differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Lines that only the reference has.
    pub removed: Vec<String>,
    /// Lines that only the other one has.
    pub added: Vec<String>,
    /// Where: `@@ -3,1 +3,1 @@`
    place: String,
    /// As in a unified diff.
    excerpt: Vec<String>,
}

impl Difference {
    /// The place in both streams, a little of what is around it, and the lines.
    pub fn excerpt(&self) -> &[String] {
        &self.excerpt
    }

    /// The place in both streams, and all lines that differ.
    pub fn whole(&self) -> String {
        let mut text = format!("{}\n", self.place);
        for (sign, lines) in [('-', &self.removed), ('+', &self.added)] {
            for line in lines {
                text.push(sign);
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

/// All differences, in order.
pub fn differences(reference: &[String], other: &[String]) -> Vec<Difference> {
    if reference == other {
        return Vec::new();
    }
    capture_diff_slices(Algorithm::Myers, reference, other)
        .into_iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| describe(op, reference, other))
        .collect()
}

fn describe(op: DiffOp, reference: &[String], other: &[String]) -> Difference {
    let (old, new) = (op.old_range(), op.new_range());
    let lines = |of: &[String], from: usize, to: usize| -> Vec<String> {
        of.get(from..to.min(of.len())).unwrap_or_default().to_vec()
    };
    let removed = lines(reference, old.start, old.end);
    let added = lines(other, new.start, new.end);
    let place = format!(
        "@@ -{},{} +{},{} @@",
        old.start + 1,
        old.len(),
        new.start + 1,
        new.len()
    );
    let mut excerpt = vec![place.clone()];
    let mut show = |sign: char, lines: &[String]| {
        excerpt.extend(lines.iter().take(SHOWN).map(|line| format!("{sign}{line}")));
        if lines.len() > SHOWN {
            excerpt.push(format!("{sign}... and {} more", lines.len() - SHOWN));
        }
    };
    let before = old.start.saturating_sub(CONTEXT);
    show(' ', &lines(reference, before, old.start));
    show('-', &removed);
    show('+', &added);
    show(' ', &lines(reference, old.end, old.end + CONTEXT));
    Difference {
        removed,
        added,
        place,
        excerpt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(|letter| letter.to_string()).collect()
    }

    #[test]
    fn equal_streams_have_no_differences() {
        assert!(differences(&lines("abc"), &lines("abc")).is_empty());
        assert!(differences(&[], &[]).is_empty());
    }

    #[test]
    fn each_difference_is_by_itself() {
        let found = differences(&lines("abcdefgh"), &lines("abXdefg"));
        let parts: Vec<_> = found
            .iter()
            .map(|one| (one.removed.concat(), one.added.concat()))
            .collect();
        assert_eq!(parts, [("c".into(), "X".into()), ("h".into(), "".into())]);
        let first = found.first().map(|one| one.excerpt().concat());
        assert_eq!(first.as_deref(), Some("@@ -3,1 +3,1 @@ a b-c+X d e f"));
    }

    #[test]
    fn much_is_not_shown() {
        let found = differences(&[], &vec!["line".to_owned(); 100]);
        let last = found.first().and_then(|one| one.excerpt().last());
        assert_eq!(last.map(String::as_str), Some("+... and 88 more"));
        assert_eq!(found.first().map(|one| one.added.len()), Some(100));
        let whole = found.first().map(Difference::whole).unwrap_or_default();
        assert!(whole.starts_with("@@ -1,0 +1,100 @@\n+line\n"), "{whole}");
        assert_eq!(whole.lines().count(), 101);
    }
}

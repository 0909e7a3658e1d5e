// SPDX-License-Identifier: GPL-2.0

//! What `docs/porting.md` quotes, against the files that it quotes from.

use anyhow::{bail, Context, Result};

use super::Subject;
use crate::paths::read_text;

const PAGE: &str = "docs/porting.md";

pub fn check(subject: &Subject) -> Result<()> {
    let checkout = &subject.paths.checkout;
    let page = read_text(&checkout.join(PAGE))?;
    let excerpts = excerpts(&page);
    if excerpts.is_empty() {
        bail!("{PAGE} has no excerpts");
    }
    let mut complaints = Vec::new();
    for (file, lines) in &excerpts {
        let source = read_text(&checkout.join(file))
            .with_context(|| format!("{PAGE} has an excerpt from {file}"))?;
        if let Some(part) = absent(lines, &source) {
            complaints.push(format!("{PAGE}: {file} has not, in this order:\n{part}"));
        }
    }
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

/// Blocks whose first line, a comment, begins with a file's name: that, and the rest.
fn excerpts(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut lines = page.lines().map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if !line.starts_with("```") {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let Some((first, rest)) = block.split_first() else {
            continue;
        };
        let comment = first.strip_prefix("//").or(first.strip_prefix('#'));
        if let Some(comment) = comment {
            let file = comment.split(',').next().unwrap_or_default();
            found.push((file.trim(), rest.to_vec()));
        }
    }
    found
}

/// The first part of an excerpt that `source` has not behind the parts before it. Dots
/// stand for what is left out; indentation and empty lines do not count.
fn absent(excerpt: &[&str], source: &str) -> Option<String> {
    let source: Vec<&str> = source
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let mut rest = source.as_slice();
    for part in excerpt.split(|line| *line == "...") {
        let part: Vec<&str> = part
            .iter()
            .copied()
            .filter(|line| !line.is_empty())
            .collect();
        if part.is_empty() {
            continue;
        }
        let Some(at) = rest.windows(part.len()).position(|lines| lines == part) else {
            return Some(part.join("\n"));
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n```rust\n// src/a.rs, f()\nfn f() {\n    ...\n    c();\n}\n```\n\
                        ```\nmake it\n```\n";

    #[test]
    fn excerpts_name_their_file() {
        let excerpts = excerpts(PAGE);
        assert_eq!(
            excerpts,
            [("src/a.rs", vec!["fn f() {", "...", "c();", "}"])]
        );
    }

    #[test]
    fn parts_are_looked_for_in_order() {
        let excerpt = ["fn f() {", "...", "c();", "}"];
        assert_eq!(absent(&excerpt, "fn f() {\n  a();\n\n  c();\n}\n"), None);
        assert_eq!(
            absent(&excerpt, "c();\n}\nfn f() {\n}\n").as_deref(),
            Some("c();\n}")
        );
    }

    #[test]
    fn a_line_that_is_not_shown_needs_dots() {
        assert!(absent(&["a", "c"], "a\nb\nc\n").is_some());
    }
}

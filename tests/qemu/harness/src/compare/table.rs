// SPDX-License-Identifier: GPL-2.0

//! The table of a comparison.

use std::fmt::Write;

use iomap_qemu_protocol::Stream;

/// How a stream of one workload came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Lines of the reference.
    pub lines: usize,
    /// Differences that are intended, and those that are not.
    pub explained: usize,
    pub unexplained: usize,
}

/// Rows of workloads, columns of streams.
#[derive(Default)]
pub struct Table {
    rows: Vec<(String, Vec<Cell>)>,
}

impl Cell {
    fn text(self) -> String {
        match (self.explained, self.unexplained) {
            (0, 0) => format!("{} equal", self.lines),
            (explained, 0) => format!("{explained} explained"),
            (_, unexplained) => format!("{unexplained} DIFFER"),
        }
    }
}

impl Table {
    /// Adds a workload with a cell for each of [`Stream::ALL`].
    pub fn add(&mut self, workload: &str, cells: Vec<Cell>) {
        self.rows.push((workload.to_owned(), cells));
    }

    pub fn text(&self) -> String {
        let names = self.rows.iter().map(|(name, _)| name.len());
        let width = names.max().unwrap_or_default();
        let mut text = format!("{:width$}", "");
        // Writing to a String cannot fail, here and below.
        for stream in Stream::ALL {
            let _ = write!(text, "  {:>13}", stream.name().replace('_', " "));
        }
        text.push('\n');
        for (name, cells) in &self.rows {
            let _ = write!(text, "{name:width$}");
            for cell in cells {
                let _ = write!(text, "  {:>13}", cell.text());
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_what_differs() {
        let mut table = Table::default();
        let cell = |lines, explained, unexplained| Cell {
            lines,
            explained,
            unexplained,
        };
        let cells = vec![cell(40, 0, 0), cell(300, 2, 0), cell(30, 2, 1)];
        table.add("xfs-4k/direct_end", cells);
        let text = table.text();
        let row = text.lines().nth(1).unwrap_or_default();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "xfs-4k/direct_end",
                "40",
                "equal",
                "2",
                "explained",
                "1",
                "DIFFER"
            ]
        );
    }
}

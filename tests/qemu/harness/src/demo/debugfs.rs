// SPDX-License-Identifier: GPL-2.0

//! debugfs, the reader of ext2 and ext4 images, asked many things in one run.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{ensure, Context, Result};

use super::extents::Extent;
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// One request: a command and the path in the image that it is about.
pub struct Request<'a> {
    pub command: &'a str,
    pub path: &'a Path,
    /// Words after the path.
    pub rest: &'a str,
}

/// Can debugfs be given this name? Its commands are lines.
pub fn can_name(path: &Path) -> bool {
    !path.as_os_str().as_bytes().contains(&b'\n')
}

/// Sends all requests; the answers in the same order.
pub fn ask(
    tools: &Toolchain,
    image: &Path,
    work: &Path,
    requests: &[Request],
) -> Result<Vec<String>> {
    let mut script = Vec::new();
    for request in requests {
        script.extend_from_slice(request.command.as_bytes());
        script.extend_from_slice(b" \"/");
        for &byte in request.path.as_os_str().as_bytes() {
            // Within quotes, a quote is doubled.
            script.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
        }
        script.extend_from_slice(b"\" ");
        script.extend_from_slice(request.rest.as_bytes());
        script.push(b'\n');
    }
    let file = work.join("debugfs.script");
    fs::write(&file, script).with_context(|| format!("cannot write {}", file.display()))?;
    let mut debugfs = tools.command("debugfs");
    debugfs.arg("-f").arg(&file).arg(image);
    let answers = split(&output_of(&mut debugfs)?);
    ensure!(
        answers.len() == requests.len(),
        "debugfs gave {} answers to {} questions",
        answers.len(),
        requests.len()
    );
    Ok(answers)
}

/// debugfs repeats each command before the answer.
fn split(output: &str) -> Vec<String> {
    let mut answers: Vec<String> = Vec::new();
    for line in output.lines() {
        if line.starts_with("debugfs: ") {
            answers.push(String::new());
        } else if let Some(answer) = answers.last_mut() {
            answer.push_str(line);
            answer.push('\n');
        }
    }
    answers
}

/// The table of `filefrag -v`: number, logical and physical block, sometimes the
/// expected one, length.
pub fn parse_extents(answer: &str, block_size: u64) -> Vec<Extent> {
    answer
        .lines()
        .filter_map(|line| {
            let numbers: Vec<u64> = line
                .split_whitespace()
                .map_while(|word| word.parse().ok())
                .collect();
            match numbers.as_slice() {
                [_, logical, physical, length] | [_, logical, physical, _, length] => {
                    Some(Extent {
                        logical: logical * block_size,
                        physical: physical * block_size,
                        length: length * block_size,
                    })
                }
                _ => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_with_and_without_expectations() {
        let answer = "\na has 296 block(s), i_size is 300000\n \
                      ext logical physical expected  length\n   \
                      0       0      786               12\n   \
                      1      12      799      798     256\na: 2 contiguous extents\n";
        let extent = |logical, physical, length| Extent {
            logical,
            physical,
            length,
        };
        assert_eq!(
            parse_extents(answer, 1024),
            [
                extent(0, 786 * 1024, 12 * 1024),
                extent(12 * 1024, 799 * 1024, 256 * 1024)
            ]
        );
    }

    #[test]
    fn answers_are_told_apart() {
        let output = "debugfs: a\n1\n2\ndebugfs: b\ndebugfs: c\n3\n";
        assert_eq!(split(output), ["1\n2\n", "", "3\n"]);
    }

    #[test]
    fn a_name_of_two_lines_cannot_be_given() {
        assert!(can_name(Path::new("a \"b\"")));
        assert!(!can_name(Path::new("a\nb")));
    }
}

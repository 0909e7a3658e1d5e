// SPDX-License-Identifier: GPL-2.0

//! What the host's tools say of an image that the guest has let go of, against
//! what the guest said.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use iomap_qemu_protocol::decode_path;

use super::debugfs::{ask, can_name, parse_extents, Request};
use super::extents::merged;
use super::record::Record;
use crate::hash;
use crate::image::{self, Image};
use crate::toolchain::Toolchain;

/// What was found to agree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agreement {
    /// Files whose extents debugfs sees as FIEMAP did.
    pub mapped_files: usize,
    pub extents: usize,
    /// Files that the guest wrote and the host read back.
    pub written_files: usize,
}

/// Adds what does not agree to the record's problems.
pub fn verify(
    tools: &Toolchain,
    image: &Image,
    work: &Path,
    record: &mut Record,
) -> Result<Agreement> {
    let filesystem = image.filesystem.context("the demo's disk is blank")?;
    if let Err(error) = image::check(tools, filesystem, &image.path) {
        record.problems.push(format!("{error:#}"));
    }
    let block_size = u64::from(filesystem.block_size().unwrap_or(4096));
    let mut agreement = Agreement::default();
    compare_extents(tools, image, work, block_size, record, &mut agreement)?;
    compare_contents(tools, image, work, record, &mut agreement)?;
    Ok(agreement)
}

fn compare_extents(
    tools: &Toolchain,
    image: &Image,
    work: &Path,
    block_size: u64,
    record: &mut Record,
    agreement: &mut Agreement,
) -> Result<()> {
    let files: Vec<_> = record
        .extents
        .iter()
        .filter_map(|(name, extents)| Some((name, decode_path(name)?, extents)))
        .filter(|(_, path, _)| can_name(path))
        .collect();
    let requests: Vec<_> = files
        .iter()
        .map(|(_, path, _)| Request {
            command: "filefrag -v",
            path,
            rest: "",
        })
        .collect();
    let answers = ask(tools, &image.path, work, &requests)?;
    for ((name, _, guest), answer) in files.iter().zip(answers) {
        let guest = merged(guest);
        let host = merged(&parse_extents(&answer, block_size));
        if guest == host {
            agreement.mapped_files += 1;
            agreement.extents += guest.len();
        } else {
            record.problems.push(format!(
                "extents of {name}: FIEMAP says {guest:?}, debugfs {host:?}"
            ));
        }
    }
    Ok(())
}

fn compare_contents(
    tools: &Toolchain,
    image: &Image,
    work: &Path,
    record: &mut Record,
    agreement: &mut Agreement,
) -> Result<()> {
    let mut files: Vec<(&str, PathBuf, &str)> = Vec::new();
    for (name, expected) in &record.written {
        let path = decode_path(name).context("the guest's path is not encoded")?;
        files.push((name, path, expected));
    }
    let out = work.join("dumped");
    let rest = out.display().to_string();
    for (name, path, expected) in files {
        let request = Request {
            command: "dump",
            path: &path,
            rest: &rest,
        };
        ask(tools, &image.path, work, &[request])?;
        if hash::hex_of_file(&out)? == expected {
            agreement.written_files += 1;
        } else {
            let problem = format!("the host reads other data from {name} than the guest wrote");
            record.problems.push(problem);
        }
        fs::remove_file(&out).with_context(|| format!("cannot remove {}", out.display()))?;
    }
    Ok(())
}

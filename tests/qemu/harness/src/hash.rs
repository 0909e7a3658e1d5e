// SPDX-License-Identifier: GPL-2.0

//! SHA-256 as text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The digest in lower-case hex.
pub fn hex(data: impl AsRef<[u8]>) -> String {
    finish(Sha256::new_with_prefix(data))
}

/// The digest of a file's contents.
pub fn hex_of_file(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    hex_of(file).with_context(|| format!("cannot read {}", path.display()))
}

fn hex_of(mut from: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut buffer)?;
        match buffer.get(..count) {
            None | Some([]) => return Ok(finish(hasher)),
            Some(bytes) => hasher.update(bytes),
        }
    }
}

fn finish(hasher: Sha256) -> String {
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_bytes_have_the_same_digest() -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), "abc")?;
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex("abc"), known);
        assert_eq!(hex_of_file(file.path())?, known);
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! File names as one word of text: names hold any byte but `/` and NUL, lines
//! of KTAP and JSON strings do not.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Writes every byte that is not printable ASCII, and space, `%` and `#`, as `%XX`.
pub fn encode_path(path: &Path) -> String {
    let mut text = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b'#' {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The inverse of [`encode_path`]; `None` if `text` is not what it writes.
pub fn decode_path(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let name = OsString::from_vec((1..=255).filter(|&b| b != b'/').collect());
        let path = Path::new("dir").join(name);
        let text = encode_path(&path);
        assert!(text.bytes().all(|b| b.is_ascii_graphic()));
        assert_eq!(decode_path(&text), Some(path));
    }

    #[test]
    fn ordinary_names_stay_readable() {
        assert_eq!(encode_path(Path::new("a/b-c.txt")), "a/b-c.txt");
        assert_eq!(encode_path(Path::new("two words")), "two%20words");
    }

    #[test]
    fn half_an_escape_is_refused() {
        assert_eq!(decode_path("a%2"), None);
        assert_eq!(decode_path("a%zz"), None);
    }
}

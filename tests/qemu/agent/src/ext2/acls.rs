// SPDX-License-Identifier: GPL-2.0

//! Access control lists, set and read as `setfacl` and `getfacl` do it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{getxattr, removexattr, setxattr, XattrFlags};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::ext2::second::Second;
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("acl_access", suites::EXT2, access)
        .doc("A list comes back, mode and list follow each other, a plain list is a mode."),
    Case::new("acl_default", suites::EXT2, default)
        .doc("What is created in a directory with a default list has it, less what was masked."),
    Case::new("acl_off", suites::EXT2, off).doc("Without the option there are no lists."),
];

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
/// The id of who is not named.
const NOBODY: u32 = u32::MAX;

type List = Vec<(u16, u16, u32)>;

/// As the kernel's users see it: a version, then tag, permissions and id of each.
fn encode(list: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in list {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn set(path: &Path, kind: &str, list: &[(u16, u16, u32)]) -> io::Result<()> {
    Ok(setxattr(path, kind, &encode(list), XattrFlags::empty())?)
}

fn get(path: &Path, kind: &str) -> io::Result<List> {
    let mut bytes = [0; 1024];
    let length = getxattr(path, kind, &mut bytes[..])?;
    let entries = bytes.get(4..length).unwrap_or_default().chunks_exact(8);
    let entry = |bytes: &[u8]| match *bytes {
        [a, b, c, d, e, f, g, h] => (
            u16::from_le_bytes([a, b]),
            u16::from_le_bytes([c, d]),
            u32::from_le_bytes([e, f, g, h]),
        ),
        _ => (0, 0, 0),
    };
    Ok(entries.map(entry).collect())
}

/// With named ones, whose permissions show in the mode as the mask.
fn named() -> List {
    vec![
        (USER_OBJ, 6, NOBODY),
        (USER, 7, 1000),
        (USER, 4, 70_000),
        (GROUP_OBJ, 4, NOBODY),
        (GROUP, 6, 2000),
        (MASK, 6, NOBODY),
        (OTHER, 0, NOBODY),
    ]
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.mode() & 0o7777)
}

fn access(context: &Context) -> Result<()> {
    let second = Second::mount(context, "acl")?;
    let path = second.path("file");
    File::create_new(&path)?;
    fails_with(
        get(&path, ACCESS),
        libc::ENODATA,
        "a list that was never set",
    )?;
    set(&path, ACCESS, &named())?;
    ensure!(mode(&path)? == 0o660, "{:o}", mode(&path)?);
    let second = second.again(context)?;
    ensure!(get(&path, ACCESS)? == named(), "{:?}", get(&path, ACCESS)?);
    // chmod changes the mask, the owner and the others.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o745))?;
    let changed = get(&path, ACCESS)?;
    let of = |tag| {
        changed
            .iter()
            .find(|entry| entry.0 == tag)
            .map(|entry| entry.1)
    };
    ensure!(
        (of(USER_OBJ), of(MASK), of(OTHER)) == (Some(7), Some(4), Some(5)),
        "{changed:?}"
    );
    ensure!(of(GROUP_OBJ) == Some(4) && of(USER) == Some(7));

    let plain = [
        (USER_OBJ, 6, NOBODY),
        (GROUP_OBJ, 4, NOBODY),
        (OTHER, 4, NOBODY),
    ];
    set(&path, ACCESS, &plain)?;
    ensure!(mode(&path)? == 0o644);
    fails_with(
        get(&path, ACCESS),
        libc::ENODATA,
        "a list that says no more than the mode",
    )?;
    let nonsense = [(USER_OBJ, 6, NOBODY), (OTHER, 4, NOBODY)];
    fails_with(
        set(&path, ACCESS, &nonsense),
        libc::EINVAL,
        "a list without the group",
    )?;
    fs::remove_file(&path)?;
    second.unmount()
}

fn default(context: &Context) -> Result<()> {
    let second = Second::mount(context, "acl")?;
    let dir = second.path("dir");
    fs::create_dir(&dir)?;
    set(&dir, DEFAULT, &named())?;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(dir.join("file"))?;
    fs::DirBuilder::new().mode(0o777).create(dir.join("sub"))?;
    let second = second.again(context)?;
    let list = get(&dir.join("file"), ACCESS).context("the file's list")?;
    let of = |tag| {
        list.iter()
            .find(|entry| entry.0 == tag)
            .map(|entry| entry.1)
    };
    ensure!(
        (of(USER), of(MASK), of(OTHER)) == (Some(7), Some(4), Some(0)),
        "{list:?}"
    );
    ensure!(mode(&dir.join("file"))? == 0o640);
    fails_with(
        get(&dir.join("file"), DEFAULT),
        libc::ENODATA,
        "a file's default list",
    )?;
    ensure!(get(&dir.join("sub"), DEFAULT)? == named());
    ensure!(get(&dir.join("sub"), ACCESS)? == named());
    let refused = set(&dir.join("file"), DEFAULT, &named());
    fails_with(refused, libc::EACCES, "a default list for a file")?;
    removexattr(&dir, DEFAULT)
        .map_err(io::Error::from)
        .context("removing the list")?;
    fails_with(get(&dir, DEFAULT), libc::ENODATA, "a list that was removed")?;
    fs::remove_dir_all(&dir)?;
    second.unmount()
}

fn off(context: &Context) -> Result<()> {
    let second = Second::mount(context, "noacl")?;
    let path = second.path("file");
    File::create_new(&path)?;
    fails_with(
        set(&path, ACCESS, &named()),
        libc::EOPNOTSUPP,
        "a list where there are none",
    )?;
    fs::remove_file(&path)?;
    second.unmount()
}

// SPDX-License-Identifier: GPL-2.0

//! Small filesystems that the real tools make, and what is put into them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::image::Image;

/// A directory that goes away with its owner.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let pid = std::process::id();
        let dir = std::env::temp_dir().join(format!("ext2-host-{pid}-{name}"));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The tools are in `/sbin`, which is not on everybody's path.
fn tool(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What is expected in a filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    Directory,
    Data(Vec<u8>),
    Link(String),
}

/// By path, without a slash in front.
pub type Tree = BTreeMap<String, File>;

/// Bytes that tell where they belong.
pub fn pattern(seed: u32, length: usize) -> Vec<u8> {
    (0..length as u32)
        .map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8)
        .collect()
}

/// A tree with something of everything that is different on disk.
pub fn tree() -> Tree {
    let mut tree = Tree::new();
    tree.insert("sub".into(), File::Directory);
    tree.insert("many".into(), File::Directory);
    // Names of all lengths, more than fit a block.
    for length in 1..=60 {
        let name = format!("many/{}", "n".repeat(length * 4));
        tree.insert(name, File::Data(pattern(length as u32, length)));
    }
    // Direct, indirect and (with blocks of 1 KiB) double indirect blocks.
    for (nth, kib) in [0, 1, 12, 13, 270, 300].into_iter().enumerate() {
        let data = pattern(nth as u32, kib * 1024 + nth);
        tree.insert(format!("sub/data{kib}"), File::Data(data));
    }
    tree.insert("short".into(), File::Link("sub/data1".into()));
    tree.insert("edge".into(), File::Link("e".repeat(59)));
    tree.insert("long".into(), File::Link("l".repeat(60)));
    tree.insert("longest".into(), File::Link("x".repeat(900)));
    tree
}

fn write(tree: &Tree, to: &Path) {
    for (path, file) in tree {
        let path = to.join(path);
        match file {
            File::Directory => fs::create_dir_all(path).unwrap(),
            File::Data(data) => fs::write(path, data).unwrap(),
            File::Link(target) => symlink(target, path).unwrap(),
        }
    }
}

/// Runs debugfs commands that change the image.
fn debugfs(image: &Path, commands: &str) {
    let mut child = tool("debugfs")
        .args(["-w", "-f", "-"])
        .arg(image)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(commands.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// Makes a filesystem of `kib` KiB with [`tree`] in it, and with nodes and
/// attributes that a host's user cannot make.
pub fn make(name: &str, kib: u32, options: &[&str]) -> Image {
    let scratch = Scratch::new(name);
    let source = scratch.0.join("tree");
    fs::create_dir(&source).unwrap();
    write(&tree(), &source);
    let image = scratch.0.join("image");
    run(tool("mke2fs")
        .args(["-q", "-F", "-t", "ext2"])
        .args(options)
        .arg("-d")
        .arg(&source)
        .arg(&image)
        .arg(format!("{kib}k")));
    debugfs(
        &image,
        "mknod node_c c 5 1\n\
         mknod node_b b 300 60000\n\
         mknod node_p p\n\
         set_inode_field sub/data1 uid 70000\n\
         set_inode_field sub/data1 gid 80000\n\
         ea_set sub/data1 user.one first-value\n\
         ea_set sub/data1 user.other another\n\
         ea_set sub/data1 trusted.third 33333\n\
         ea_set sub/data1 security.x y\n",
    );
    Image::new(fs::read(&image).unwrap())
}

/// Filesystems that differ in shape, made once for each test that asks.
pub fn all(name: &str) -> Vec<Image> {
    let shapes: [&[&str]; 6] = [
        &["-b", "1024", "-I", "128"],
        &[
            "-b",
            "1024",
            "-I",
            "256",
            "-g",
            "1024",
            "-O",
            "^resize_inode",
        ],
        &[
            "-b",
            "2048",
            "-I",
            "128",
            "-O",
            "^sparse_super,^resize_inode",
        ],
        &["-b", "4096"],
        &["-b", "1024", "-g", "256", "-O", "meta_bg,^resize_inode"],
        &["-b", "1024", "-r", "0", "-O", "none"],
    ];
    shapes
        .iter()
        .enumerate()
        .map(|(nth, options)| make(&format!("{name}{nth}"), 8192, options))
        .collect()
}

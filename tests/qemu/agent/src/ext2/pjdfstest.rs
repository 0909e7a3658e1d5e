// SPDX-License-Identifier: GPL-2.0

//! pjdfstest: what POSIX says of names, rights and times, some hundred small tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
use crate::suites;

pub const CASES: &[Case] = &[Case::new("pjdfstest", suites::PROGRAMS, run)
    .doc("pjdfstest finds no fault but those that are known of the C driver.")
    .timeout(Duration::from_secs(240))];

const PROGRAM: &str = "/bin/pjdfstest";
const CONFIG: &str = "/tmp/pjdfstest.toml";

/// The tests, by parts of their names. Most of them wait for the clock to go on, which
/// in this filesystem takes a second: so these run side by side.
///
/// What contains `link::` is about links, symlinks and their ends. `link::link_count_max`
/// is left out: it makes 32000 names in one directory, which is searched from the start
/// for each, and `names_links` knows a shorter way to that limit.
const PARTS: &[&[&str]] = &[
    &["chmod"],
    &["chown"],
    &["link::b", "link::c", "link::d", "link::e", "link::f"],
    &["link::o", "link::r", "link::s", "link::un"],
    &["link::up"],
    &["mkdir"],
    &["mkfifo"],
    &["mknod"],
    &["open::"],
    &["rename::"],
    &["rmdir"],
    // ftruncate as well.
    &["truncate::"],
    &["utimensat"],
];

/// What fails with the C driver, too: times are seconds of 32 bits, and the guest
/// has no programs that those about busy files could run.
const KNOWN: &[&str] = &[
    "open::etxtbsy",
    "rmdir::ebusy",
    "truncate::etxtbsy",
    "utimensat::subsecond",
    "utimensat::y2038",
];

/// A clock that ticks once a second, and users to become.
const SETTINGS: &str = "\
[features]
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 1.1
allow_remount = false
[dummy_auth]
entries = [[\"nobody\", \"nogroup\"], [\"daemon\", \"daemon\"]]
";

const PASSWD: &str =
    "root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n";

fn run(context: &Context) -> Result<()> {
    fs::create_dir_all("/etc")?;
    fs::write("/etc/passwd", PASSWD)?;
    fs::write("/etc/group", GROUP)?;
    fs::write(CONFIG, SETTINGS)?;
    let dir = context.dir()?;
    let started = PARTS
        .iter()
        .enumerate()
        .map(|(number, part)| {
            let home = dir.join(number.to_string());
            fs::create_dir(&home)?;
            start(part, &home)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut results = BTreeMap::new();
    for (part, child) in PARTS.iter().zip(started) {
        let output = child
            .wait_with_output()
            .with_context(|| format!("{PROGRAM} {part:?}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let before = results.len();
        read_results(&said, &mut results);
        let count = results.len() - before;
        ensure!(count > 0, "{part:?}: no test has run: {said}");
        context.note(format!("{part:?}: {count} tests"));
    }
    let with = |outcome: &str| -> BTreeSet<&str> {
        let found = results.iter().filter(|(_, found)| *found == outcome);
        found.map(|(name, _)| name.as_str()).collect()
    };
    let (passed, failed) = (with("ok").len(), with("FAILED"));
    context.note(format!(
        "{passed} passed, {} skipped",
        with("skipped").len()
    ));
    context.metric("passed", passed as f64);
    ensure!(
        failed == KNOWN.iter().copied().collect(),
        "failed: {failed:?}"
    );
    ensure!(passed > 200, "only {passed} tests have passed");
    Ok(())
}

fn start(part: &[&str], home: &Path) -> Result<Child> {
    Command::new(PROGRAM)
        .args(["-c", CONFIG, "-p"])
        .arg(home)
        .args(part)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {PROGRAM}"))
}

/// Lines such as `chmod::enoent_comp     ok`.
fn read_results(said: &str, into: &mut BTreeMap<String, String>) {
    for line in said.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(outcome), None) = (words.next(), words.next(), words.next()) {
            if name.contains("::") {
                into.insert(name.to_owned(), outcome.to_owned());
            }
        }
    }
}

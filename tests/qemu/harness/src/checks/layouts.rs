// SPDX-License-Identifier: GPL-2.0

//! What the C engine keeps to itself, and the engine has alike, so that either continues
//! what the other has begun: against C sources in which one thing is changed, the
//! engine must not compile, and the compiler must name the file that has the layout.

use std::fs;
use std::path::Path;

use anyhow::{bail, ensure, Context, Result};

use super::Subject;
use crate::kernel::Engine;
use crate::modules;
use crate::paths::{make_dir, read_text};
use crate::process::run_logged;

/// Where the C engine has what Kbuild extracts.
const SOURCES: [&str; 2] = ["buffered-io.c", "direct-io.c"];

/// One change of the C engine's source.
struct Change {
    /// What it does, for a person.
    what: &'static str,
    find: &'static str,
    replace: &'static str,
    /// The file of the engine that compares the layout.
    noticed_by: &'static str,
}

const CHANGES: &[Change] = &[
    Change {
        what: "a folio's state counts what is read in another place",
        find: "\tunsigned int\t\tread_bytes_pending;\n\tatomic_t\t\twrite_bytes_pending;\n",
        replace: "\tatomic_t\t\twrite_bytes_pending;\n\tunsigned int\t\tread_bytes_pending;\n",
        noticed_by: "iomap-rs/vfs/folio_private.rs",
    },
    Change {
        what: "a folio's state has another field before its bits",
        find: "\tunsigned long\t\tstate[];\n",
        replace: "\tunsigned long\t\tgeneration;\n\tunsigned long\t\tstate[];\n",
        noticed_by: "iomap-rs/vfs/folio_private.rs",
    },
    Change {
        what: "a direct request has its flags and its count of references exchanged",
        find: "\tatomic_t\t\tref;\n\tunsigned\t\tflags;\n",
        replace: "\tunsigned\t\tflags;\n\tatomic_t\t\tref;\n",
        noticed_by: "iomap-rs/vfs/dio.rs",
    },
    Change {
        what: "a direct request is larger",
        find: "\t\t\tstruct work_struct\twork;\n",
        replace: "\t\t\tstruct work_struct\twork;\n\t\t\tvoid\t\t\t*more;\n",
        noticed_by: "iomap-rs/vfs/dio.rs",
    },
    Change {
        what: "a flag of direct requests has another value",
        find: "#define IOMAP_DIO_NEED_SYNC\t(1U << 29)\n",
        replace: "#define IOMAP_DIO_NEED_SYNC\t(1U << 25)\n",
        noticed_by: "iomap-rs/cabi/checks.rs",
    },
];

pub fn check(subject: &Subject) -> Result<()> {
    let root = subject.paths.checkout.join("target/layouts");
    let engine = root.join("engine");
    Engine::read(&subject.paths.checkout)?.copy_to(&engine)?;
    let c = root.join("c");
    make_dir(&c)?;
    let originals = SOURCES
        .map(|name| read_text(&subject.source.dir.join("fs/iomap").join(name)).map(|t| (name, t)));
    let originals = originals.into_iter().collect::<Result<Vec<_>>>()?;
    let build = |log: &Path| {
        let mut make = modules::make(subject.tools, subject.kernel, &engine);
        make.arg(format!("iomap-rs-c={}", c.display()));
        run_logged(make.arg("iomap-rs/iomap_rs.o"), log)
    };

    for (number, change) in CHANGES.iter().enumerate() {
        write(&c, &change.apply(&originals)?)?;
        let log = root.join(format!("{number}.log"));
        let built = build(&log).is_ok();
        change.judge(built, &read_text(&log)?)?;
    }
    Ok(())
}

impl Change {
    /// The sources, changed in the one place that it is about.
    fn apply(&self, originals: &[(&'static str, String)]) -> Result<Vec<(&'static str, String)>> {
        let places: usize = originals
            .iter()
            .map(|(_, text)| text.matches(self.find).count())
            .sum();
        ensure!(
            places == 1,
            "\"{}\": the C engine has {places} places that could be changed so",
            self.what
        );
        let changed = originals
            .iter()
            .map(|(name, text)| (*name, text.replace(self.find, self.replace)));
        Ok(changed.collect())
    }

    /// Did the build end as it should?
    fn judge(&self, built: bool, log: &str) -> Result<()> {
        let Self {
            what, noticed_by, ..
        } = self;
        if built {
            bail!("{what}, and the engine compiles");
        }
        let named = log
            .lines()
            .any(|line| line.contains("-->") && line.contains(noticed_by));
        ensure!(
            named,
            "{what}, and the compiler complains of something else:\n{log}"
        );
        Ok(())
    }
}

fn write(dir: &Path, sources: &[(&'static str, String)]) -> Result<()> {
    for (name, text) in sources {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: Change = Change {
        what: "a is b",
        find: "int a;",
        replace: "int b;",
        noticed_by: "iomap-rs/x.rs",
    };

    #[test]
    fn a_change_has_one_place() -> Result<()> {
        let sources = |texts: [&str; 2]| {
            let named = SOURCES.into_iter().zip(texts.map(String::from));
            named.collect::<Vec<_>>()
        };
        let changed = CHANGE.apply(&sources(["int a;", "int c;"]))?;
        assert_eq!(changed, sources(["int b;", "int c;"]));
        assert!(CHANGE.apply(&sources(["int a;", "int a;"])).is_err());
        assert!(CHANGE.apply(&sources(["", ""])).is_err());
        Ok(())
    }

    #[test]
    fn only_a_complaint_about_the_layout_counts() {
        let complaint = "error[E0080]: evaluation failed\n   --> /m/iomap-rs/x.rs:1:1\n";
        assert!(CHANGE.judge(false, complaint).is_ok());
        assert!(CHANGE.judge(true, complaint).is_err());
        assert!(CHANGE.judge(false, "make: *** iomap-rs/x.rs\n").is_err());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `compare`: the same workloads on the C and on the Rust engine of one kernel, and
//! every difference that can be seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{bail, ensure, Context, Result};
use iomap_qemu_protocol::{CompareSpec, Link, Mode, Stream, Transcript};

use crate::agent::Agent;
use crate::cli::CompareArguments;
use crate::compare::{
    collect, compare_images, differences, join_full_bios, missing, read_transcripts, Cell,
    Explanations, Table,
};
use crate::filter::split;
use crate::image::{self, Filesystem, Image};
use crate::kernel::Flavor;
use crate::kernel_log::unaccounted;
use crate::lab::{Boot, Lab};
use crate::paths::{make_dir, Paths};
use crate::progress::Progress;
use crate::qemu::{Accel, Console};
use crate::report::Report;
use crate::suites::{self, Suite};
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

/// Differences of one stream that are shown; all are in the files.
const SHOWN: usize = 4;

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &CompareArguments) -> Result<bool> {
    ensure!(
        arguments.reference || Link::from(arguments.link) != Link::C,
        "compare holds a Rust engine against C: MODE=module, builtin or live (or REFERENCE=1)"
    );
    let (wanted, filter) = split(arguments.filter.as_deref());
    let explanations = match arguments.reference {
        true => Explanations::none(),
        false => Explanations::load(paths)?,
    };
    let agent = Agent::build(paths, tools)?;
    let results = paths.checkout.join("target/compare");
    let guests = guests(paths, tools, &agent, arguments)?;
    let names = guests.iter().flat_map(|guest| &guest.sides);
    let dirs: Vec<PathBuf> = names.map(|(name, _)| results.join(name)).collect();

    let mut comparison = Comparison {
        explanations,
        report: Report::new(true),
        table: Table::default(),
        sides: dirs,
    };
    let fits = |suite: &&Suite| wanted.is_none_or(|wanted| short(suite.name).contains(wanted));
    for suite in suites::COMPARE.iter().filter(fits) {
        let start = Instant::now();
        let mut seen = Vec::new();
        for guest in &guests {
            seen.extend(guest.boot(suite, filter, &results)?);
        }
        let [one, two] = seen.as_slice() else {
            bail!("there are not two sides to compare");
        };
        comparison.workloads(short(suite.name), one, two)?;
        let seconds = start.elapsed().as_secs_f64();
        comparison.disks(tools, short(suite.name), (one, two), seconds);
    }
    // Only a whole run can tell what no workload needs.
    if arguments.filter.is_none() && !arguments.reference {
        comparison.stale();
    }
    println!("\n{}", comparison.table.text());
    comparison.report.finish(&results.join("junit.xml"))
}

/// Guests in which one engine serves, or one after the other.
struct Guest {
    lab: Lab,
    /// Names of the sides that it makes, and their engines.
    sides: Vec<(String, Link)>,
}

/// What an engine did, and the disk that it left.
struct Seen {
    transcripts: Vec<Transcript>,
    disk: Image,
    complaints: Vec<String>,
}

/// Guests for both sides: one if the kernel can have one engine after the other.
fn guests(
    paths: &Paths,
    tools: &Toolchain,
    agent: &Agent,
    arguments: &CompareArguments,
) -> Result<Vec<Guest>> {
    let link = Link::from(arguments.link);
    let guest = |lab: Result<Lab>, accel: Accel, sides: &[(&str, Link)]| -> Result<Guest> {
        let mut lab = lab?;
        lab.accel = accel;
        let sides = sides.iter().map(|(name, link)| ((*name).to_owned(), *link));
        Ok(Guest {
            lab,
            sides: sides.collect(),
        })
    };
    let rust = || Lab::prepare(paths, tools, agent.clone(), link, Flavor::Release);
    let c = || Lab::reference(paths, tools, agent.clone(), link, Flavor::Release);
    let first = ("c", Link::C);
    let second = match arguments.reference {
        true => ("c-again", Link::C),
        false => (link.name(), link),
    };
    if link == Link::Live {
        return Ok(vec![guest(rust(), Accel::Counted, &[first, second])?]);
    }
    let other = match arguments.reference {
        true => guest(c(), Accel::CountedTwice, &[second])?,
        false => guest(rust(), Accel::Counted, &[second])?,
    };
    Ok(vec![guest(c(), Accel::Counted, &[first])?, other])
}

impl Guest {
    /// What each side did.
    fn boot(&self, suite: &Suite, filter: Option<&str>, results: &Path) -> Result<Vec<Seen>> {
        let names: Vec<&str> = self.sides.iter().map(|(name, _)| name.as_str()).collect();
        let what = format!("{} on {}", short(suite.name), names.join(", then "));
        let logs_of = |name: &str| results.join(name).join(short(suite.name));
        for name in &names {
            make_dir(&logs_of(name))?;
        }
        let logs = logs_of(names.last().context("no side")?);
        let console = logs.join("console.log");
        let suite = Suite {
            loads_engine: self.sides.len() > 1,
            ..suite.clone()
        };
        let spec = CompareSpec {
            filter: filter.map(str::to_owned),
            engines: self.sides.iter().map(|(_, link)| *link).collect(),
        };
        let machine = self.lab.assemble(&Boot {
            suite: &suite,
            mode: Mode::Compare,
            tests: Vec::new(),
            extra: serde_json::to_value(spec).context("cannot write what to compare")?,
            console: Console::Log(console.clone()),
            tree: None,
        })?;
        let mut progress = Progress::new(format!("{what}: taking it down"), None);
        let mut guest = self.lab.start(&machine, &logs)?;
        collect(&mut guest, &mut progress)
            .with_context(|| format!("{what}; logs in {}", logs.display()))?;
        progress.finish();

        let disk = |role: &str| {
            let mut disks = machine.disks.iter();
            let found = disks.find(|disk| disk.role == role);
            found.with_context(|| format!("no disk {role}"))
        };
        let filesystem = disk(suites::MAIN)?.filesystem;
        let places: &[_] = match names.as_slice() {
            [_] => &[(CompareSpec::LOG, suites::MAIN)],
            _ => &[
                (CompareSpec::FIRST_LOG, CompareSpec::FIRST_DISK),
                (CompareSpec::LOG, suites::MAIN),
            ],
        };
        let said = fs::read(&console).unwrap_or_default();
        let complaints = unaccounted(
            &String::from_utf8_lossy(&said),
            self.lab.link,
            &BTreeSet::new(),
        )?;
        let mut seen = Vec::new();
        for (name, (log, left)) in names.iter().zip(places) {
            let mut transcripts = read_transcripts(&disk(log)?.path)?;
            ensure!(!transcripts.is_empty(), "{what}: no workload of that name");
            for transcript in &transcripts {
                for stream in Stream::ALL {
                    let text = transcript.lines(stream).join("\n") + "\n";
                    put(
                        &file_of(&logs_of(name), &transcript.workload, stream),
                        &text,
                    )?;
                }
            }
            if names.len() > 1 && !hands_all_to_the_engine(filesystem) {
                transcripts.iter_mut().for_each(join_full_bios);
            }
            seen.push(Seen {
                transcripts,
                disk: Image {
                    filesystem,
                    ..disk(left)?.clone()
                },
                complaints: complaints.clone(),
            });
        }
        Ok(seen)
    }
}

/// All that was compared so far.
struct Comparison {
    explanations: Explanations,
    report: Report,
    table: Table,
    /// The directories of the sides' logs.
    sides: Vec<PathBuf>,
}

impl Comparison {
    fn workloads(&mut self, suite: &str, one: &Seen, two: &Seen) -> Result<()> {
        if one.transcripts.len() != two.transcripts.len() {
            bail!("{suite}: the guests did not run the same workloads");
        }
        let all = hands_all_to_the_engine(one.disk.filesystem);
        for (one, two) in one.transcripts.iter().zip(&two.transcripts) {
            let name = format!("{suite}/{}", one.workload);
            let (mut cells, mut details) = (Vec::new(), Vec::new());
            if all {
                for (transcript, side) in [one, two].into_iter().zip(&self.sides) {
                    let missing = missing(transcript).into_iter();
                    details.extend(missing.map(|what| format!("{}: {what}", name_of(side))));
                }
            }
            for stream in Stream::ALL {
                let (cell, said) = self.stream(&name, stream, one, two);
                cells.push(cell);
                if cell.unexplained > 0 {
                    details.push(format!(
                        "{}: {} differences",
                        stream.name(),
                        cell.unexplained
                    ));
                    details.extend(said);
                    details.extend(
                        self.sides
                            .iter()
                            .map(|side| file_of(&side.join(suite), &one.workload, stream))
                            .map(|file| format!("  {}", file.display())),
                    );
                }
            }
            self.table.add(&name, cells);
            self.result(name, details, 0.0);
        }
        Ok(())
    }

    fn stream(
        &self,
        name: &str,
        stream: Stream,
        one: &Transcript,
        two: &Transcript,
    ) -> (Cell, Vec<String>) {
        let (c, rust) = (one.lines(stream), two.lines(stream));
        let (c, rust) = self.explanations.strip(name, stream, c, rust);
        let found = differences(&c, &rust);
        let reasons = self.explanations.explain(name, stream, &found);
        let explained = reasons.iter().flatten().count();
        let cell = Cell {
            lines: c.len(),
            explained,
            unexplained: found.len() - explained,
        };
        let reasoned = found.iter().zip(&reasons);
        let unexplained = reasoned.filter(|(_, reason)| reason.is_none());
        let shown = unexplained.take(SHOWN);
        let shown = shown.flat_map(|(difference, _)| difference.excerpt().to_vec());
        (cell, shown.collect())
    }

    fn disks(&mut self, tools: &Toolchain, suite: &str, (one, two): (&Seen, &Seen), seconds: f64) {
        let mut details = match compare_images(tools, &one.disk, &two.disk) {
            Ok((differ, excused)) => {
                println!("{suite}: {excused} sectors of metadata differ by times and numbers");
                let places: Vec<String> = differ.iter().take(20).map(u64::to_string).collect();
                let first = || format!("{} sectors: {} ...", differ.len(), places.join(" "));
                (!differ.is_empty()).then(first).into_iter().collect()
            }
            Err(error) => vec![format!("{error:#}")],
        };
        for (seen, side) in [one, two].into_iter().zip(&self.sides) {
            let side = name_of(side);
            let checked = seen
                .disk
                .filesystem
                .map(|it| image::check(tools, it, &seen.disk.path));
            if let Some(Err(error)) = checked {
                details.push(format!("{side}: {error:#}"));
            }
            let complaints = seen.complaints.iter();
            details.extend(complaints.map(|line| format!("{side}: kernel log: {line}")));
        }
        self.result(format!("{suite}/disk"), details, seconds);
    }

    /// An explanation that explains nothing hides what may come.
    fn stale(&mut self) {
        let stale = self.explanations.stale();
        self.result("explained.toml/is_needed".to_owned(), stale, 0.0);
    }

    fn result(&mut self, name: String, details: Vec<String>, seconds: f64) {
        let verdict = match details.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed,
        };
        self.report.add(TestResult {
            name,
            verdict,
            seconds,
            details,
        });
    }
}

/// Is all I/O of that filesystem's files the engine's?
fn hands_all_to_the_engine(filesystem: Option<Filesystem>) -> bool {
    matches!(filesystem, Some(Filesystem::Xfs { .. }))
}

/// The side whose logs are there.
fn name_of(side: &Path) -> Cow<'_, str> {
    side.file_name().unwrap_or_default().to_string_lossy()
}

fn file_of(dir: &Path, workload: &str, stream: Stream) -> PathBuf {
    dir.join(format!("{workload}.{}", stream.name()))
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The filesystem's part of a suite's name.
fn short(suite: &str) -> &str {
    suite.strip_prefix("compare-").unwrap_or(suite)
}

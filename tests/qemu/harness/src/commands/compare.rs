// SPDX-License-Identifier: GPL-2.0

//! `compare`: the same workloads on the C and on the Rust engine of one kernel, and
//! every difference that can be seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::Instant;

use anyhow::{anyhow, ensure, Context, Result};
use iomap_qemu_protocol::{CompareSpec, Link, Mode, Stream, Transcript};

use crate::agent::Agent;
use crate::cli::CompareArguments;
use crate::compare::{
    collect, compare_images, differences, join_full_bios, missing, pairs, read_transcripts, Cell,
    Difference, Explanations, Table,
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
    let chosen: Vec<&Suite> = suites::COMPARE.iter().filter(fits).collect();
    ensure!(!chosen.is_empty(), "no filesystem of that name");
    for suite in chosen {
        let start = Instant::now();
        let name = short(suite.name);
        let (one, two) = match both_sides(&guests, suite, filter, &results) {
            Ok(sides) => sides,
            Err(error) => {
                // The other filesystems are worth to be seen nevertheless.
                let seconds = start.elapsed().as_secs_f64();
                comparison.result(
                    format!("{name}/guests"),
                    vec![format!("{error:#}")],
                    seconds,
                );
                continue;
            }
        };
        let sides = [&one, &two];
        ensure!(
            sides
                .iter()
                .any(|it| !it.transcripts.is_empty() || !it.failed.is_empty()),
            "no workload of that name"
        );
        comparison.guests(name, filter.is_none(), sides);
        comparison.workloads(name, sides)?;
        let seconds = start.elapsed().as_secs_f64();
        comparison.disks(tools, name, sides, seconds)?;
    }
    // Only a whole run can tell what no workload needs.
    if arguments.filter.is_none() && !arguments.reference {
        comparison.stale();
    }
    println!("\n{}", comparison.table.text());
    for count in comparison.explanations.counts() {
        println!("{count}");
    }
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
    /// Of the whole guest, if this is its last side: what the kernel complained of, and
    /// workloads that could not be taken down.
    complaints: Vec<String>,
    failed: Vec<String>,
}

/// What both sides did on a filesystem.
fn both_sides(
    guests: &[Guest],
    suite: &Suite,
    filter: Option<&str>,
    results: &Path,
) -> Result<(Seen, Seen)> {
    let mut seen = Vec::new();
    for guest in guests {
        seen.extend(guest.boot(suite, filter, results)?);
    }
    let [one, two] =
        <[Seen; 2]>::try_from(seen).map_err(|_| anyhow!("there are not two sides to compare"))?;
    Ok((one, two))
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
        let failed = collect(&mut guest, &mut progress)
            .with_context(|| format!("{what}; logs in {}", logs.display()))?;
        progress.finish();

        let disk = |role: &str| {
            let mut disks = machine.disks.iter();
            let found = disks.find(|disk| disk.role == role);
            found.with_context(|| format!("no disk {role}"))
        };
        let filesystem = disk(suites::MAIN)?.filesystem;
        let said =
            fs::read(&console).with_context(|| format!("cannot read {}", console.display()))?;
        let complaints = unaccounted(
            &String::from_utf8_lossy(&said),
            self.lab.link,
            &BTreeSet::new(),
        )?;
        let mut seen = Vec::new();
        for (name, (log, left)) in names.iter().zip(CompareSpec::places(names.len())) {
            let mut transcripts = read_transcripts(&disk(log)?.path)?;
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
                complaints: Vec::new(),
                failed: Vec::new(),
            });
        }
        if let Some(last) = seen.last_mut() {
            last.complaints = complaints;
            last.failed = failed;
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
    /// Did the guests do what they should, and was it seen? `whole` says that it is all
    /// workloads: not each of them has to hand something to the engine.
    fn guests(&mut self, suite: &str, whole: bool, seen: [&Seen; 2]) {
        let mut details = Vec::new();
        for (seen, side) in seen.into_iter().zip(&self.sides) {
            details.extend(seen.failed.iter().cloned());
            if whole {
                let missing = missing(&seen.transcripts).into_iter();
                details.extend(missing.map(|what| format!("{}: {what}", name_of(side))));
            }
        }
        self.result(format!("{suite}/guests"), details, 0.0);
    }

    fn workloads(&mut self, suite: &str, [one, two]: [&Seen; 2]) -> Result<()> {
        let all = hands_all_to_the_engine(one.disk.filesystem);
        for (workload, one, two) in pairs(&one.transcripts, &two.transcripts) {
            let name = format!("{suite}/{workload}");
            let (mut cells, mut details) = (Vec::new(), Vec::new());
            for (transcript, side) in [one, two].into_iter().zip(&self.sides) {
                let side = name_of(side);
                let Some(transcript) = transcript else {
                    details.push(format!("{side}: no transcript"));
                    continue;
                };
                if all {
                    let missing = missing(slice::from_ref(transcript)).into_iter();
                    details.extend(missing.map(|what| format!("{side}: {what}")));
                }
            }
            if let (Some(one), Some(two)) = (one, two) {
                for stream in Stream::ALL {
                    let (cell, said) = self.stream(suite, stream, one, two)?;
                    cells.push(cell);
                    details.extend(said);
                }
                self.table.add(&name, cells);
            }
            self.result(name, details, 0.0);
        }
        Ok(())
    }

    /// How a stream came out, and what to say of differences that are not intended. All
    /// of them are written to a file.
    fn stream(
        &self,
        suite: &str,
        stream: Stream,
        one: &Transcript,
        two: &Transcript,
    ) -> Result<(Cell, Vec<String>)> {
        let name = format!("{suite}/{}", one.workload);
        let (c, rust) = (one.lines(stream), two.lines(stream));
        let (c, rust) = self.explanations.strip(&name, stream, c, rust);
        let found = differences(&c, &rust);
        let reasons = self.explanations.explain(&name, stream, &found);
        let explained = reasons.iter().flatten().count();
        let cell = Cell {
            lines: c.len(),
            explained,
            unexplained: found.len() - explained,
        };
        let files: Vec<PathBuf> = self
            .sides
            .iter()
            .map(|side| file_of(&side.join(suite), &one.workload, stream))
            .collect();
        let diff = files.last().context("no side")?.clone();
        let diff = diff.with_extension(format!("{}.diff", stream.name()));
        put_or_remove(&diff, &diff_text(&found, &reasons))?;
        if cell.unexplained == 0 {
            return Ok((cell, Vec::new()));
        }
        let mut said = vec![format!(
            "{}: {} differences",
            stream.name(),
            cell.unexplained
        )];
        let reasoned = found.iter().zip(&reasons);
        let unexplained = reasoned.filter(|(_, reason)| reason.is_none());
        let shown = unexplained.take(SHOWN);
        said.extend(shown.flat_map(|(difference, _)| difference.excerpt().to_vec()));
        let files = [diff].into_iter().chain(files);
        said.extend(files.map(|file| format!("  {}", file.display())));
        Ok((cell, said))
    }

    fn disks(
        &mut self,
        tools: &Toolchain,
        suite: &str,
        [one, two]: [&Seen; 2],
        seconds: f64,
    ) -> Result<()> {
        let mut details = Vec::new();
        match compare_images(tools, &one.disk, &two.disk) {
            Ok((differ, excused)) => {
                println!("{suite}: {excused} sectors of metadata differ by times and numbers");
                let file = self.sides.last().context("no side")?;
                let file = file.join(suite).join("disk.diff");
                let sectors: String = differ.iter().map(|at| format!("{at}\n")).collect();
                put_or_remove(&file, &sectors)?;
                if !differ.is_empty() {
                    let places: Vec<String> = differ.iter().take(20).map(u64::to_string).collect();
                    let first = places.join(" ");
                    details.push(format!("{} sectors: {first} ...", differ.len()));
                    details.push(format!("  {}", file.display()));
                }
            }
            Err(error) => details.push(format!("{error:#}")),
        }
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
        Ok(())
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

/// An old file must not be taken for one of this run.
fn put_or_remove(path: &Path, text: &str) -> Result<()> {
    if !text.is_empty() {
        return put(path, text);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// All differences of a stream, each under what explains it.
fn diff_text(found: &[Difference], reasons: &[Option<&str>]) -> String {
    let reasoned = found.iter().zip(reasons);
    reasoned
        .map(|(difference, reason)| {
            let reason = reason.unwrap_or("UNEXPLAINED");
            format!("# {reason}\n{}", difference.whole())
        })
        .collect()
}

/// The filesystem's part of a suite's name.
fn short(suite: &str) -> &str {
    suite.strip_prefix("compare-").unwrap_or(suite)
}

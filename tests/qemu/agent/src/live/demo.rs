// SPDX-License-Identifier: GPL-2.0

//! Demo mode: engines are switched under filesystems that are mounted and at work.
//!
//! For each phase: a KTAP result; `# metric <phase> seconds|steps|calls`; and `#
//! metric <phase> trace.<system>`, trace events of each engine in a moment of it.

use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{ensure, Result};
use iomap_qemu_protocol::ktap::{Line, Outcome};
use iomap_qemu_protocol::RunSpec;

use super::engine::{calls, Live};
use crate::context::Context;
use crate::init::MOUNT_POINT;
use crate::kmsg::KernelLog;
use crate::load::{Kind, Load, Worker};
use crate::mounts::Mount;
use crate::output::Output;
use crate::soak::{self, Job, Program, Work};
use crate::trace::Tracer;

/// How long each engine is shown at work, and how long it is looked at.
const SHOWN: Duration = Duration::from_secs(8);
const LOOKED_AT: Duration = Duration::from_millis(300);
const LOOKS: usize = 20;

/// Besides the filesystem on the main disk.
const OTHERS: &[&str] = &["ext4", "ext2"];

/// What works on each filesystem, besides threads that know every byte of their files.
const PROGRAMS: &[Program] = &[Program::Fsx, Program::FioBuffered, Program::FioDirect];

const PHASES: usize = 6;

/// Reports phases.
struct Demo<'a> {
    output: &'a Output,
    load: &'a Load,
    log: KernelLog,
    number: usize,
}

impl Demo<'_> {
    fn phase<T>(&mut self, name: &str, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.output.line(&Line::Begin(name.to_owned()));
        let (start, before) = (Instant::now(), self.load.steps());
        let result = work(self);
        let messages = self.log.drain();
        let verdict = self.log.judge(messages, &[])?;
        for line in verdict.lines {
            self.output.line(&Line::Log(line));
        }
        let complaint = verdict.complaints.first();
        let result = result.and_then(|value| match complaint {
            Some(complaint) => Err(anyhow::anyhow!("{complaint}")),
            None => Ok(value),
        });
        if let Err(error) = &result {
            self.output.comment(&format!("{error:#}"));
        }
        self.metric(name, "seconds", start.elapsed().as_secs_f64());
        self.metric(name, "steps", (self.load.steps() - before) as f64);
        self.number += 1;
        self.output.line(&Line::Result {
            number: self.number,
            name: name.to_owned(),
            outcome: match &result {
                Ok(_) => Outcome::Passed {
                    millis: u64::try_from(start.elapsed().as_millis()).ok(),
                },
                Err(_) => Outcome::Failed,
            },
        });
        result
    }

    fn metric(&self, phase: &str, key: &str, value: f64) {
        self.output.metric(phase, key, value);
    }

    /// What the programs did, which all have found what they had written.
    fn count(&self, jobs: &[Job]) -> Result<()> {
        let mut sum = Work::default();
        for job in jobs {
            let work = job.work();
            ensure!(work.runs > 0, "{} has not come to an end once", job.name());
            sum.runs += work.runs;
            sum.operations += work.operations;
        }
        self.metric("verify", "runs", sum.runs as f64);
        self.metric("verify", "operations", sum.operations as f64);
        Ok(())
    }

    /// Lets the load run, and looks who serves.
    fn watch(&self, phase: &str, serving: &str) -> Result<()> {
        let systems: Vec<&str> = ["iomap", "iomap_rs"]
            .into_iter()
            .filter(|system| {
                let directory = Path::new("/sys/kernel/tracing/events");
                directory.join(system).exists()
            })
            .collect();
        for system in systems {
            let mut events = look(system)?;
            // On a busy machine nothing may come in so short a time.
            for _ in 0..LOOKS {
                if events == 0 && system == serving {
                    events = look(system)?;
                }
            }
            self.metric(phase, &format!("trace.{system}"), events as f64);
            ensure!(
                (events > 0) == (system == serving),
                "{events} events of {system} came while {serving} should serve"
            );
        }
        sleep(SHOWN);
        Ok(())
    }
}

/// How many events of that system come in a moment.
fn look(system: &str) -> Result<usize> {
    let tracer = Tracer::start(&[system])?;
    sleep(LOOKED_AT);
    Ok(tracer.stop()?.len())
}

pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    let context = Context::new("demo", spec, output);
    let mounts = OTHERS
        .iter()
        .map(|role| Mount::disk(&context, role))
        .collect::<Result<Vec<_>>>()?;
    let load = Load::default();
    let mut log = KernelLog::open(spec.link)?;
    log.drain();
    output.line(&Line::Plan(PHASES));
    let mut demo = Demo {
        output,
        load: &load,
        log,
        number: 0,
    };
    let others = OTHERS.iter().copied().zip(mounts.iter().map(Mount::path));
    let main = (context.fs(), Path::new(MOUNT_POINT));
    let places: Vec<(&str, &Path)> = [main].into_iter().chain(others).collect();
    let jobs = soak::jobs(
        PROGRAMS,
        places
            .iter()
            .map(|(kind, path)| (*kind, path.to_path_buf())),
    )?;
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for (number, (_, directory)) in (0_u8..).step_by(2).zip(&places) {
            workers.push(load.start(scope, directory, Kind::Cached, number + 1));
            workers.push(load.start(scope, directory, Kind::Direct, number + 2));
        }
        let programs: Vec<_> = (0..)
            .zip(&jobs)
            .map(|(number, job)| {
                let load = &load;
                scope.spawn(move || job.repeat(0, number, || load.is_over()))
            })
            .collect();
        let shown = show(&mut demo);
        load.stop();
        let verified = demo.phase("verify", |demo| {
            let checked: Vec<Result<()>> = workers.into_iter().map(Worker::join).collect();
            let done = jobs.iter().zip(programs);
            let done: Vec<Result<()>> = done.map(|(job, thread)| job.join(thread)).collect();
            checked.into_iter().chain(done).collect::<Result<()>>()?;
            demo.count(&jobs)
        });
        shown.and(verified)
    })
}

fn show(demo: &mut Demo<'_>) -> Result<()> {
    demo.phase("on_c", |demo| demo.watch("on_c", "iomap"))?;
    let live = demo.phase("to_rust", |_| Live::load())?;
    demo.phase("on_rust", |demo| {
        let watched = demo.watch("on_rust", "iomap_rs");
        demo.metric("on_rust", "calls", calls()? as f64);
        watched
    })?;
    demo.phase("to_c", |_| live.remove())?;
    demo.phase("on_c_again", |demo| demo.watch("on_c_again", "iomap"))
}

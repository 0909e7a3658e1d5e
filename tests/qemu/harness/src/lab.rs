// SPDX-License-Identifier: GPL-2.0

//! All that a boot needs, built and found once: kernel, modules, agent,
//! accelerator, a place for disks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::{FsxSpec, Link, Mode, RunSpec, SoakSpec};

use crate::agent::Agent;
use crate::host_program;
use crate::image::{self, Tree};
use crate::initramfs::Initramfs;
use crate::kernel::{self, Flavor, KernelTree, Kind, Recipe};
use crate::modules::{self, Modules};
use crate::paths::Paths;
use crate::process::output_of;
use crate::qemu::{self, Accel, Console, Event, Guest, Machine};
use crate::suites::{self, Suite};
use crate::toolchain::Toolchain;
use crate::work_dir::WorkDir;

/// How long a guest on KVM may take to say a word before KVM counts as broken.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a guest that was made to panic may take to write its stacks.
const LAST_WORDS: Duration = Duration::from_secs(30);

pub struct Lab {
    pub paths: Paths,
    pub tools: Toolchain,
    pub agent: Agent,
    pub link: Link,
    pub flavor: Flavor,
    pub kernel: KernelTree,
    /// What guests boot.
    image: PathBuf,
    pub accel: Accel,
    pub fsx: FsxSpec,
    pub switches: u64,
    pub soak: SoakSpec,
    modules: Modules,
    work: WorkDir,
}

/// What differs between boots of one suite.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    pub suite: &'a Suite,
    pub mode: Mode,
    pub tests: Vec<String>,
    pub extra: serde_json::Value,
    pub console: Console,
    /// Fills the disks that want it.
    pub tree: Option<&'a Tree>,
}

impl Lab {
    /// Builds what is missing for guests on that engine.
    pub fn prepare(
        paths: &Paths,
        tools: &Toolchain,
        agent: Agent,
        link: Link,
        flavor: Flavor,
    ) -> Result<Self> {
        let recipe = Recipe::new(paths, tools, link, flavor)?;
        let kernel = kernel::build(paths, tools, &recipe)?;
        let work = WorkDir::create(paths)?;
        // Every guest of the lab has the same, whatever is built meanwhile.
        let image = match link {
            // The one kernel that is made anew in its place.
            Link::Builtin => kernel::copy_image(&kernel, work.path())?,
            Link::Module | Link::C | Link::Live => kernel.image(),
        };
        let modules = Modules::build(paths, tools, &kernel, &work.path().join("modules"))?;
        let mut lab = Self {
            paths: paths.clone(),
            tools: tools.clone(),
            agent,
            link,
            flavor,
            kernel,
            image,
            accel: Accel::Tcg,
            fsx: FsxSpec::default(),
            switches: 0,
            soak: SoakSpec::default(),
            modules,
            work,
        };
        lab.accel = qemu::choose(paths, tools, || lab.comes_up_on_kvm())?;
        Ok(lab)
    }

    /// Guests on the C engine, to measure `other` by. If that takes the C engine's place
    /// in a running kernel, this is the same kernel, which `other` is not loaded into:
    /// then nothing but the engine differs.
    pub fn reference(
        paths: &Paths,
        tools: &Toolchain,
        agent: Agent,
        other: Link,
        flavor: Flavor,
    ) -> Result<Self> {
        let kernel = match other {
            Link::Live => Link::Live,
            Link::Module | Link::Builtin | Link::C => Link::C,
        };
        let mut lab = Self::prepare(paths, tools, agent, kernel, flavor)?;
        lab.link = Link::C;
        Ok(lab)
    }

    /// Names an engine of its guests, and the kernel as far as that is not the usual one for
    /// the engine.
    pub fn name_of(&self, engine: Link) -> String {
        let kernel = match self.kernel.link {
            kernel if engine == kernel => String::new(),
            kernel => format!("-of-{}", kernel.name()),
        };
        format!("{}{kernel}{}", engine.name(), self.flavor.suffix())
    }

    /// Which kernel its guests run.
    pub fn kind(&self) -> Kind {
        Kind::new(self.link, self.flavor)
    }

    /// A directory that goes away with the lab.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// The kernel that guests boot.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// Makes disks and initramfs for one boot. Disks that age are made for the first one.
    pub fn assemble(&self, boot: &Boot) -> Result<Machine> {
        let dir = self.directory_of_suite(boot.suite);
        let left = match boot.suite.ages {
            true => image::find_all(boot.suite, &dir),
            false => None,
        };
        let disks = match left {
            Some(disks) => disks,
            None => {
                self.discard(boot.suite)?;
                image::make_all(&self.tools, boot.suite, &dir, boot.tree)?
            }
        };
        let initramfs = dir.join("initramfs");
        self.write_initramfs(boot, &initramfs)?;
        Ok(Machine {
            kernel: self.image.clone(),
            parameters: self.flavor.parameters(),
            initramfs,
            disks,
            memory_mib: boot.suite.memory_mib + self.flavor.memory_mib(),
            pmem_mib: boot.suite.pmem_mib(),
            accel: self.accel,
            console: boot.console.clone(),
            shares: Vec::new(),
            hot_plug: boot.suite.hot_plug,
            plugin: None,
        })
    }

    /// Removes the disks of a suite's last guest, which has to be gone.
    pub fn discard(&self, suite: &Suite) -> Result<()> {
        let dir = self.directory_of_suite(suite);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        Ok(())
    }

    /// As [`Self::assemble`], with the disks as another guest of the machine has left
    /// them.
    pub fn reassemble(&self, boot: &Boot, machine: &Machine) -> Result<Machine> {
        self.write_initramfs(boot, &machine.initramfs)?;
        Ok(Machine {
            console: boot.console.clone(),
            ..machine.clone()
        })
    }

    /// Boots the machine; KTAP and QEMU's own words go to files in `logs`.
    pub fn start(&self, machine: &Machine, logs: &Path) -> Result<Guest> {
        Guest::boot(
            &mut self.command(machine),
            &logs.join("ktap.log"),
            &logs.join("qemu.log"),
        )
    }

    /// The command that boots the machine.
    pub fn command(&self, machine: &Machine) -> Command {
        let mut command = machine.command(&self.tools, Path::new(Machine::CONTROL));
        command.current_dir(self.directory_of(machine));
        command
    }

    /// Lets a guest that hangs tell on its console where. One that is gone already
    /// has nothing to say.
    pub fn post_mortem(&self, machine: &Machine, guest: &mut Guest) {
        let socket = self.directory_of(machine).join(Machine::CONTROL);
        if qemu::interrupt(&socket).is_ok() {
            let _ = guest.wait(LAST_WORDS);
        }
    }

    /// Does what the guest asks of the host's hands.
    pub fn obey(&self, machine: &Machine, request: &Line) -> Result<()> {
        let socket = self.directory_of(machine).join(Machine::CONTROL);
        match request {
            Line::Unplug(role) => qemu::unplug(&socket, &Machine::device_id(role)),
            Line::Plug(role) => qemu::plug(&socket, &machine.device(role), self.flavor.slowness()),
            _ => Ok(()),
        }
    }

    fn directory_of_suite(&self, suite: &Suite) -> PathBuf {
        self.work.path().join(suite.name)
    }

    fn directory_of<'a>(&'a self, machine: &'a Machine) -> &'a Path {
        machine.initramfs.parent().unwrap_or(self.work.path())
    }

    /// The modules that a suite's guest loads, in that order.
    pub fn module_files(&self, suite: &Suite) -> Result<Vec<&Path>> {
        let mut names = Vec::new();
        if !suite.loads_engine {
            names.extend(modules::engine(self.link));
        }
        names.extend(suite.modules.iter().map(|entry| split(entry).0));
        self.modules.in_load_order(&names)
    }

    /// The engine's module for its guests, if it is one.
    pub fn engine_file(&self) -> Result<Option<&Path>> {
        let name = modules::engine(self.link);
        name.map(|name| self.modules.path(name)).transpose()
    }

    /// Has guests load another file as the engine's module.
    pub fn replace_engine(&mut self, file: PathBuf) -> Result<()> {
        let name = modules::engine(self.link).context("the engine is no module")?;
        self.modules.replace(name, file)
    }

    /// The file of a module.
    pub fn module_file(&self, name: &str) -> Result<&Path> {
        self.modules.path(name)
    }

    fn write_initramfs(&self, boot: &Boot, path: &Path) -> Result<()> {
        let mut archive = Initramfs::create(path)?;
        for directory in ["bin", "dev", "proc", "sys", "tmp", "mnt", "modules"] {
            archive.directory(directory)?;
        }
        archive.copy("init", &self.agent.binary)?;
        if let (true, Some(name)) = (boot.suite.loads_engine, modules::engine(self.link)) {
            archive.copy(&format!("modules/{name}.ko"), self.modules.path(name)?)?;
        }
        let mut modules = Vec::new();
        let files = match boot.mode {
            Mode::Probe => Vec::new(),
            _ => self.module_files(boot.suite)?,
        };
        let parameters: BTreeMap<&str, &str> = boot.suite.modules.iter().map(split).collect();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            archive.copy(&format!("modules/{name}"), file)?;
            let own = parameters.get(name.trim_end_matches(".ko"));
            let own = own.copied().unwrap_or_default();
            modules.push(format!("/modules/{name} {own}").trim_end().to_owned());
        }
        for program in boot.suite.programs {
            let from = self.paths.guest_programs().join(program);
            archive.copy(&format!("bin/{program}"), &from)?;
        }
        let mut programs = boot.suite.host_programs.to_vec();
        let busybox = match boot.mode {
            Mode::Shell => host_program::find("busybox").ok(),
            _ => None,
        };
        if busybox.is_some() {
            programs.push("busybox");
        }
        host_program::add(&mut archive, &programs)?;
        if let Some(busybox) = busybox {
            name_commands(&mut archive, &busybox)?;
        }
        archive.run_spec(&self.run_spec(boot, modules))?;
        archive.finish()
    }

    fn run_spec(&self, boot: &Boot, modules: Vec<String>) -> RunSpec {
        let filesystem = boot.suite.filesystem();
        let disks = boot.suite.disks.iter();
        RunSpec {
            suite: boot.suite.name.to_owned(),
            link: self.link,
            mode: boot.mode,
            modules,
            disks: disks
                .map(|disk| (disk.role.to_owned(), disk.role.to_owned()))
                .collect::<BTreeMap<_, _>>(),
            fs: filesystem.map(|filesystem| filesystem.name().to_owned()),
            block_size: filesystem.and_then(|filesystem| filesystem.block_size()),
            dax: boot.suite.dax,
            tests: boot.tests.clone(),
            fsx: self.fsx,
            switches: self.switches,
            soak: self.soak,
            extra: boot.extra.clone(),
        }
    }

    fn comes_up_on_kvm(&self) -> Result<bool> {
        let boot = Boot {
            suite: &suites::PROBE,
            mode: Mode::Probe,
            tests: Vec::new(),
            extra: serde_json::Value::Null,
            console: Console::Log(self.work.path().join("probe-console.log")),
            tree: None,
        };
        let mut machine = self.assemble(&boot)?;
        machine.accel = Accel::Kvm;
        let mut guest = self.start(&machine, self.work.path())?;
        let works = guest.next(PROBE_PATIENCE) == Event::Line(Line::Version);
        Ok(works)
    }
}

/// A module in a suite's list: its name, and the parameters behind it.
fn split<'a>(entry: &&'a str) -> (&'a str, &'a str) {
    entry.split_once(' ').unwrap_or((entry, ""))
}

/// A name in the guest for each command of the host's busybox.
fn name_commands(archive: &mut Initramfs, busybox: &Path) -> Result<()> {
    let list = output_of(Command::new(busybox).arg("--list"))?;
    for name in list.lines().filter(|name| *name != "busybox") {
        archive.symlink(&format!("bin/{name}"), "busybox")?;
    }
    Ok(())
}

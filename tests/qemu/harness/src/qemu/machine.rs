// SPDX-License-Identifier: GPL-2.0

//! What the guest is made of, as QEMU's command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{json, Value};

use super::accel::Accel;
use crate::image::Image;
use crate::toolchain::Toolchain;

/// The kernel's command line. A panic ends QEMU at once (with `-no-reboot`), but
/// only after its text is out; so does an oops, after which a task may be waited for
/// in vain. Addresses in traces are those of `System.map`.
/// One virtqueue polls, for polled direct I/O. An NMI, which the host sends to a
/// guest that hangs, is a panic that shows the stacks of all tasks and CPUs. Disks of
/// mounted filesystems can be written to, as on most machines: `tune2fs` and `e2fsck` do.
const COMMAND_LINE: &str = "console=ttyS0 panic=1 oops=panic nokaslr virtio_blk.poll_queues=1 \
                            unknown_nmi_panic panic_print=0x41 bdev_allow_write_mounted=1";

/// Where persistent memory is: aligned for mappings of any size, and below what
/// the machine has at least.
const PMEM_START: &str = "1G";

/// Where the kernel's console goes.
#[derive(Clone, Debug)]
pub enum Console {
    /// To a log file; KTAP comes out of QEMU's standard output.
    Log(PathBuf),
    /// To the person's terminal.
    Terminal,
}

/// A guest that can be booted.
#[derive(Clone, Debug)]
pub struct Machine {
    pub kernel: PathBuf,
    /// What this kernel takes on its command line besides what all do.
    pub parameters: &'static str,
    pub initramfs: PathBuf,
    pub disks: Vec<Image>,
    pub memory_mib: u32,
    /// So much of the memory stands in for persistent memory.
    pub pmem_mib: Option<u64>,
    pub accel: Accel,
    pub console: Console,
    pub shares: Vec<Share>,
    /// Can disks be pulled out and put back?
    pub hot_plug: bool,
    /// A plugin of QEMU with its arguments.
    pub plugin: Option<String>,
}

/// A directory of the host that the guest can mount by 9p.
#[derive(Clone, Debug)]
pub struct Share {
    pub tag: &'static str,
    pub path: PathBuf,
    pub writable: bool,
}

impl Machine {
    /// The command that boots it. `control` is where QEMU's monitor (QMP) listens.
    ///
    /// QEMU dies with the thread that runs the command, however that ends: a harness
    /// that was killed leaves nothing behind that runs on.
    pub fn command(&self, tools: &Toolchain, control: &Path) -> Command {
        let mut qemu = tools.command("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        qemu.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
        ])
        .args(["-machine", "q35"])
        .arg("-m")
        .arg(format!("{}M", self.memory_mib))
        .args(self.accel.arguments())
        .arg("-kernel")
        .arg(&self.kernel)
        .arg("-initrd")
        .arg(&self.initramfs)
        .arg("-append")
        .arg(self.command_line())
        .arg("-qmp")
        .arg(format!("unix:{},server=on,wait=off", control.display()))
        .args(["-device", "virtio-serial-pci", "-device", "virtio-rng-pci"]);
        match &self.console {
            Console::Log(log) => {
                qemu.arg("-serial").arg(format!("file:{}", log.display()));
                qemu.args(["-chardev", "stdio,id=ktap,signal=off"]);
            }
            Console::Terminal => {
                // The multiplexer takes Ctrl-a; Ctrl-c goes to the guest.
                qemu.args(["-serial", "mon:stdio", "-chardev", "null,id=ktap"]);
            }
        }
        qemu.args(["-device", "virtconsole,chardev=ktap"]);
        if let Some(plugin) = &self.plugin {
            qemu.args(["-plugin", plugin]);
        }
        for share in &self.shares {
            qemu.arg("-virtfs").arg(share.argument());
        }
        if self.hot_plug {
            // By PCI Express; ACPI would take a driver more in the guest.
            qemu.args([
                "-global",
                "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
            ]);
        }
        for (number, disk) in (1..).zip(&self.disks) {
            // Unlike a `-drive`, this stays when the device goes.
            qemu.arg("-blockdev").arg(format!(
                "driver=raw,node-name={},discard=unmap,file.driver=file,file.filename={}",
                disk.role,
                escaped(&disk.path)
            ));
            if self.hot_plug {
                qemu.arg("-device").arg(format!(
                    "pcie-root-port,id={},chassis={number},slot={number}",
                    port(disk.role)
                ));
            }
            qemu.arg("-device").arg(self.device(disk.role).to_string());
        }
        qemu
    }

    /// The properties of a disk's device, for the command line and for the monitor.
    pub fn device(&self, role: &str) -> Value {
        let mut device = json!({
            "driver": "virtio-blk-pci",
            "id": Self::device_id(role),
            "drive": role,
            "serial": role,
            "num-queues": 3,
        });
        if let (true, Some(properties)) = (self.hot_plug, device.as_object_mut()) {
            properties.insert("bus".into(), port(role).into());
        }
        device
    }

    /// What the monitor calls a disk's device.
    pub fn device_id(role: &str) -> String {
        format!("{role}-disk")
    }

    /// Where the monitor listens, seen from the directory of the initramfs: the path
    /// of a socket must be short.
    pub const CONTROL: &'static str = "qmp";

    fn command_line(&self) -> String {
        let mut line = format!("{COMMAND_LINE} {}", self.parameters);
        if let Some(mib) = self.pmem_mib {
            line.push_str(&format!(" memmap={mib}M!{PMEM_START}"));
        }
        if self.hot_plug {
            // Firmware would grant this to a kernel with more of PCI Express alone.
            line.push_str(" pcie_ports=native");
        }
        if let Console::Terminal = self.console {
            // A person wants the shell, and warnings.
            line.push_str(" quiet");
        }
        line
    }
}

/// The slot that a disk is in, if it can be pulled out.
fn port(role: &str) -> String {
    format!("{role}-port")
}

impl Share {
    fn argument(&self) -> String {
        let readonly = if self.writable { "off" } else { "on" };
        format!(
            "local,path={},mount_tag={tag},id={tag},security_model=none,readonly={readonly},multidevs=remap",
            escaped(&self.path),
            tag = self.tag
        )
    }
}

/// An option's value may hold commas, which QEMU wants doubled.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Flavor;

    #[test]
    fn the_command_line_has_what_one_kernel_takes_alone() {
        let line = |flavor: Flavor| {
            let machine = Machine {
                kernel: PathBuf::new(),
                parameters: flavor.parameters(),
                initramfs: PathBuf::new(),
                disks: Vec::new(),
                memory_mib: 1,
                pmem_mib: Some(1),
                accel: Accel::Tcg,
                console: Console::Terminal,
                shares: Vec::new(),
                hot_plug: false,
                plugin: None,
            };
            machine.command_line()
        };
        let parameters = line(Flavor::Debug);
        let mut parameters = parameters.split_whitespace();
        assert!(parameters.any(|parameter| parameter == "kasan_multi_shot"));
        assert!(!line(Flavor::Release).contains("kasan"));
    }
}

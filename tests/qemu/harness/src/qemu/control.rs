// SPDX-License-Identifier: GPL-2.0

//! QEMU's monitor protocol (QMP), as far as it is needed: for a guest that is stuck,
//! and for a disk that is pulled out under load.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{json, Value};

/// How long the monitor may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends the guest's CPUs an interrupt that cannot be masked, on which its kernel
/// panics and writes the stacks of all CPUs and tasks to the console.
pub fn interrupt(socket: &Path) -> Result<()> {
    let mut monitor = Monitor::connect(socket)?;
    monitor.execute("inject-nmi", &json!({}))
}

/// Asks the guest to let go of a device and takes it away once it has.
pub fn unplug(socket: &Path, device: &str) -> Result<()> {
    let mut monitor = Monitor::connect(socket)?;
    monitor.execute("device_del", &json!({ "id": device }))
}

/// Plugs a device in, the one of that name being gone or about to go. `properties`
/// are those of `-device`. The guest takes `slowness` times as long as others for what it has
/// to do.
pub fn plug(socket: &Path, properties: &Value, slowness: u32) -> Result<()> {
    let mut monitor = Monitor::connect(socket)?;
    let end = Instant::now() + PATIENCE * slowness;
    loop {
        match monitor.execute("device_add", properties) {
            // A guest is rid of a device before it has cut off the slot's power.
            Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(100)),
            result => return result,
        }
    }
}

struct Monitor {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Monitor {
    fn connect(socket: &Path) -> Result<Self> {
        let what = || format!("cannot connect to QEMU's monitor at {}", socket.display());
        let stream = UnixStream::connect(socket).with_context(what)?;
        stream.set_read_timeout(Some(PATIENCE)).with_context(what)?;
        let answers = BufReader::new(stream.try_clone().with_context(what)?);
        let mut monitor = Self { stream, answers };
        // The greeting; commands are taken only after the next one.
        monitor.line()?;
        monitor.execute("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let request = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream, "{request}")
            .with_context(|| format!("cannot send {command} to QEMU's monitor"))?;
        loop {
            let answer = self.line()?;
            if let Some(error) = answer.get("error") {
                anyhow::bail!("QEMU's monitor refuses {command}: {error}");
            }
            // Events may come in between.
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("QEMU's monitor does not answer")?;
        serde_json::from_str(&line).with_context(|| format!("QEMU's monitor says {line:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::net::UnixListener;

    /// A monitor that answers with `answers`, one to each line it gets.
    fn monitor(dir: &Path, answers: &'static [&'static str]) -> Result<std::path::PathBuf> {
        let socket = dir.join("qmp");
        let listener = UnixListener::bind(&socket)?;
        thread::spawn(move || -> Result<()> {
            let (mut stream, _) = listener.accept()?;
            writeln!(stream, r#"{{"QMP": {{}}}}"#)?;
            let lines = BufReader::new(stream.try_clone()?).lines();
            for (_, answer) in lines.zip(answers) {
                writeln!(stream, "{answer}")?;
            }
            Ok(())
        });
        Ok(socket)
    }

    #[test]
    fn an_interrupt_is_sent_past_events() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let answers = &[
            r#"{"return": {}}"#,
            "{\"event\": \"RESUME\"}\n{\"return\": {}}",
        ];
        interrupt(&monitor(dir.path(), answers)?)
    }

    #[test]
    fn a_slot_that_is_not_free_yet_is_tried_again() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let answers = &[
            r#"{"return": {}}"#,
            r#"{"error": {"desc": "Duplicate device ID"}}"#,
            r#"{"return": {}}"#,
        ];
        plug(&monitor(dir.path(), answers)?, &json!({ "id": "disk" }), 1)
    }

    #[test]
    fn a_refusal_is_an_error() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let answers = &[r#"{"return": {}}"#, r#"{"error": {"desc": "no"}}"#];
        assert!(interrupt(&monitor(dir.path(), answers)?).is_err());
        Ok(())
    }
}

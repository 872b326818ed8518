//! QEMU's control connection (QMP): one JSON object a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::link::Deadline;

/// A control connection, ready for commands.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Leaves the greeting phase.
    pub fn greet(stream: UnixStream, deadline: Deadline) -> Result<Self> {
        let mut qmp = Self {
            stream: BufReader::new(stream),
        };
        qmp.read(deadline).context("read QEMU's greeting")?;
        qmp.command("qmp_capabilities", &json!({}), deadline)?;
        Ok(qmp)
    }

    fn read(&mut self, deadline: Deadline) -> Result<Value> {
        self.stream
            .get_ref()
            .set_read_timeout(Some(deadline.left()?))
            .context("set the deadline")?;
        let mut line = String::new();
        if self.stream.read_line(&mut line).context("read from QEMU")? == 0 {
            bail!("QEMU has ended");
        }
        serde_json::from_str(&line).context("read QEMU's answer")
    }

    /// Runs a command and returns its result; events that come meanwhile are skipped.
    pub fn command(&mut self, name: &str, arguments: &Value, deadline: Deadline) -> Result<Value> {
        let mut line = json!({"execute": name, "arguments": arguments}).to_string();
        line.push('\n');
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .context("write to QEMU")?;
        loop {
            let mut answer = self
                .read(deadline)
                .with_context(|| format!("QEMU command {name}"))?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU command {name}: {error}");
            }
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
        }
    }

    /// Waits for an event of this name whose data the caller accepts.
    pub fn await_event(
        &mut self,
        name: &str,
        deadline: Deadline,
        mut accept: impl FnMut(&Value) -> Result<bool>,
    ) -> Result<()> {
        loop {
            let message = self
                .read(deadline)
                .with_context(|| format!("wait for QEMU's event {name}"))?;
            let named = message.get("event").and_then(Value::as_str) == Some(name);
            if named && accept(message.get("data").unwrap_or(&Value::Null))? {
                return Ok(());
            }
        }
    }

    /// Has the state of the running or stopped machine written or read, and waits until that is done.
    pub fn migrate(&mut self, command: &str, uri: &str, deadline: Deadline) -> Result<()> {
        let events = json!({"capabilities": [{"capability": "events", "state": true}]});
        self.command("migrate-set-capabilities", &events, deadline)?;
        self.command(command, &json!({ "uri": uri }), deadline)?;
        self.await_event("MIGRATION", deadline, |data| {
            match data.get("status").and_then(Value::as_str) {
                Some("completed") => Ok(true),
                Some("failed" | "cancelled") => {
                    bail!("QEMU could not write or read the machine's state")
                }
                _ => Ok(false),
            }
        })
    }
}

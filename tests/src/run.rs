//! Starting programs of the host, with errors a person can act on, and the hashes that name cached things.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::say::result;

/// A host command; arguments are added one by one.
#[derive(Debug)]
pub struct Run {
    command: Command,
    shown: String,
}

impl Run {
    /// The program `name`, looked up in `PATH`.
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        let shown = name.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(name);
        // Messages are matched and sorted below; they must not depend on the person's language.
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        Self { command, shown }
    }

    /// The program `name` as root: directly, or by `sudo`.
    pub fn as_root(name: &str) -> Self {
        if nix::unistd::Uid::effective().is_root() {
            return Self::new(name);
        }
        let mut run = Self::new("sudo").args(["env", "LC_ALL=C.UTF-8", name]);
        // The password, if one is wanted, is asked on the terminal.
        run.command.stdin(Stdio::inherit());
        run
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(self, args: impl IntoIterator<Item = S>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs in this folder.
    #[must_use]
    pub fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs to the end with output kept; any exit status is fine.
    pub fn output(mut self) -> Result<Output> {
        self.command
            .output()
            .with_context(|| format!("start `{}`", self.shown))
    }

    /// Runs to the end with output kept; anything but success is an error that quotes the end of the output.
    pub fn quietly(mut self) -> Result<Vec<u8>> {
        let output = self
            .command
            .output()
            .with_context(|| format!("start `{}`", self.shown))?;
        if !output.status.success() {
            let tail = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                let lines: Vec<&str> = text.lines().collect();
                lines
                    .iter()
                    .skip(lines.len().saturating_sub(25))
                    .copied()
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            bail!(
                "`{}` failed ({})\n{}\n{}",
                self.shown,
                output.status,
                tail(&output.stdout),
                tail(&output.stderr)
            );
        }
        Ok(output.stdout)
    }

    /// Like [`Run::quietly`], with standard output as trimmed text.
    pub fn text(self) -> Result<String> {
        let shown = self.shown.clone();
        let bytes = self.quietly()?;
        let text =
            String::from_utf8(bytes).with_context(|| format!("read what `{shown}` printed"))?;
        Ok(text.trim().to_owned())
    }

    /// Runs to the end with output shown to the person; anything but success is an error.
    pub fn visibly(mut self) -> Result<()> {
        let status = self
            .command
            .status()
            .with_context(|| format!("start `{}`", self.shown))?;
        if !status.success() {
            bail!("`{}` failed ({status})", self.shown);
        }
        Ok(())
    }

    /// Like [`Run::visibly`], beside others that do the same: each line says first whose it is.
    pub fn beside_others(mut self, name: &str) -> Result<()> {
        let start = || format!("start `{}`", self.shown);
        let pipes = self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().with_context(start)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if let Some(err) = err {
                    pass_lines(err, name);
                }
            });
            if let Some(out) = out {
                pass_lines(out, name);
            }
        });
        let status = child.wait().with_context(start)?;
        ensure!(status.success(), "`{}` failed ({status})", self.shown);
        Ok(())
    }

    /// The bare command, for callers that keep the process.
    pub fn into_command(self) -> Command {
        self.command
    }
}

fn pass_lines(from: impl Read, name: &str) {
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        result(format!("{name}: {}", String::from_utf8_lossy(&line)));
    }
}

/// Where a program is in `PATH` or the system folders that a plain user's `PATH` leaves out.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// Names cached things: SHA-256 over labelled parts, shortened to 16 hex digits.
#[derive(Default)]
pub struct Key(Sha256);

impl Key {
    /// Mixes one part in; the length keeps neighbouring parts apart.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update(part.len().to_le_bytes());
        self.0.update(part);
        self
    }

    /// Mixes a file's content in.
    pub fn with_file(self, path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        Ok(self.with(bytes))
    }

    /// The name.
    pub fn name(self) -> String {
        use std::fmt::Write as _;
        self.0
            .finalize()
            .iter()
            .take(8)
            .fold(String::new(), |mut name, byte| {
                // Writing to a string cannot fail.
                if write!(name, "{byte:02x}").is_err() {
                    name.push('x');
                }
                name
            })
    }
}

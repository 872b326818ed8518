//! The person at the machine: alice, without privileges, with an active session on seat0.
//!
//! `lab-session.service` holds the session. A command joins it by its control group, which is how logind and
//! polkit tell whose a process is, and gives up everything else that was root's.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cardwarden_tests::run::Run;

const USER: &str = "1000";

/// Runs a command as her; replaces this process.
pub(crate) fn run(command: &[String]) -> Result<()> {
    Run::new("systemctl")
        .args(["start", "lab-session.service"])
        .quietly()?;
    let (session, scope) = find_session()?;
    let group = format!("/sys/fs/cgroup/user.slice/user-{USER}.slice/{scope}/cgroup.procs");
    std::fs::write(&group, std::process::id().to_string())
        .with_context(|| format!("join {group}"))?;
    let mut run = Run::new("setpriv")
        .args([
            "--reuid",
            USER,
            "--regid",
            USER,
            "--init-groups",
            "--inh-caps=-all",
            "--reset-env",
        ])
        .args(["env", "XDG_SEAT=seat0", "XDG_VTNR=1"])
        .arg(format!("XDG_SESSION_ID={session}"))
        .arg(format!("XDG_RUNTIME_DIR=/run/user/{USER}"))
        .args(command)
        .into_command();
    run.stdin(std::process::Stdio::inherit())
        .current_dir("/home/alice");
    Err(run.exec()).context("start the command")
}

/// The identifier and the scope unit of her session, from logind's own files.
fn find_session() -> Result<(String, String)> {
    let entries = std::fs::read_dir("/run/systemd/sessions").context("list sessions")?;
    for path in entries.flatten().map(|entry| entry.path()) {
        // Beside each session's file lies a pipe.
        let text = if path.is_file() {
            std::fs::read_to_string(&path).unwrap_or_default()
        } else {
            String::new()
        };
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        let is_hers =
            field("UID=").as_deref() == Some(USER) && field("SEAT=").as_deref() == Some("seat0");
        if let (true, Some(scope)) = (is_hers, field("SCOPE=")) {
            let session: PathBuf = path.file_name().unwrap_or_default().into();
            return Ok((session.display().to_string(), scope));
        }
    }
    anyhow::bail!("alice is not logged in")
}

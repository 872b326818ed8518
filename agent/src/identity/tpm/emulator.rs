//! A TPM for tests: swtpm, which is a whole TPM 2.0 in a program, with its memory in a folder.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::Tpm;
use crate::identity::key::{KeyPlace, Keys};

/// It starts in milliseconds; a busy host takes longer. In milliseconds.
const LONGEST_START: u16 = 30_000;

/// A TPM that is switched on. It is switched off on drop; what it remembers stays in the folder.
pub(super) struct Emulator {
    child: Child,
    port: u16,
}

impl Emulator {
    /// Switches on the TPM of this folder.
    pub(super) fn start(memory: &Path) -> Self {
        let pipe = memory.join("pid");
        if !pipe.exists() {
            mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        }
        // Another program may take a port between our look at it and the emulator's.
        for _ in 0..20 {
            let port = free_pair();
            let mut child = command(memory, port, &pipe)
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("swtpm is missing ({error}): install the package swtpm")
                });
            if listens(&mut child, &pipe) {
                return Self { child, port };
            }
            child.wait().unwrap();
        }
        panic!(
            "swtpm does not start with its memory in {}",
            memory.display()
        );
    }

    /// How to reach it.
    pub(super) const fn tpm(&self) -> Tpm {
        Tpm::Emulator(self.port)
    }

    /// New keys at `place`, with this TPM.
    pub(super) const fn keys(&self, place: KeyPlace) -> Keys {
        Keys {
            place,
            tpm: self.tpm(),
        }
    }

    /// The same TPM after a restart of the machine.
    pub(super) fn restart(self, memory: &Path) -> Self {
        drop(self);
        Self::start(memory)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Whether the emulator came to listen: then it writes its number into the pipe. Where it could
/// not, it ends, and with it its output.
fn listens(child: &mut Child, pipe: &Path) -> bool {
    let pipe = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(pipe)
        .unwrap();
    let output = child.stdout.take().unwrap();
    let either = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let written = EpollEvent::new(EpollFlags::EPOLLIN, 1);
    either.add(&pipe, written).unwrap();
    let ended = EpollEvent::new(EpollFlags::EPOLLIN, 0);
    either.add(&output, ended).unwrap();
    let mut events = [EpollEvent::empty()];
    let count = either.wait(&mut events, LONGEST_START).unwrap();
    assert_eq!(count, 1, "swtpm neither listens nor ends");
    events[0].data() == 1
}

#[expect(clippy::disallowed_methods, reason = "the emulator is a program")]
fn command(memory: &Path, port: u16, pipe: &Path) -> Command {
    let listen = |port: u16| format!("type=tcp,bindaddr=127.0.0.1,port={port}");
    let mut command = Command::new("swtpm");
    command
        .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
        .arg("--tpmstate")
        .arg(format!("dir={}", memory.display()))
        .arg("--server")
        .arg(listen(port))
        .arg("--ctrl")
        .arg(listen(port + 1))
        .arg("--pid")
        .arg(format!("file={}", pipe.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Two ports in a row: the software stack takes the second one for granted.
fn free_pair() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

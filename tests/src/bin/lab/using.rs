//! Uses of a descriptor that somebody already has.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::stat::{major, minor};

use crate::syscall::{Request, ioctl, map};

/// Tries a use by its name: `ioctl`, `read`, `write`, `mmap`. That there is nothing to read or map just now is no
/// refusal.
pub(crate) fn attempt(what: &str, file: &File) -> Result<std::result::Result<(), Errno>> {
    Ok(match what {
        "ioctl" => question(file).and_then(|request| {
            let mut argument = vec![0; request.length()];
            ioctl(file.as_fd(), request, &mut argument)
        }),
        "read" => outcome({ file }.read(&mut [0_u8; 64])),
        "write" => outcome({ file }.write(&[0_u8; 4])),
        "mmap" => map(file.as_fd()),
        other => bail!("`{other}` is no use of a descriptor"),
    })
}

fn outcome(done: std::io::Result<usize>) -> std::result::Result<(), Errno> {
    match done {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
    }
}

/// What a device of this kind can be asked without changing anything.
fn question(file: &File) -> std::result::Result<Request, Errno> {
    match subsystem(file).unwrap_or_default().as_str() {
        "video4linux" => Ok(Request::CAMERA_ABILITIES),
        "sound" => Ok(Request::SOUND_INFO),
        "lirc" => Ok(Request::INFRARED_FEATURES),
        "usb" => Ok(Request::USB_ABILITIES),
        _ => Err(Errno::ENOTTY),
    }
}

fn subsystem(file: &File) -> Result<String> {
    let device = file.metadata().context("ask what is open")?.rdev();
    let link = PathBuf::from(format!(
        "/sys/dev/char/{}:{}/subsystem",
        major(device),
        minor(device)
    ));
    let target = std::fs::read_link(&link).with_context(|| format!("read {}", link.display()))?;
    let name = target.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

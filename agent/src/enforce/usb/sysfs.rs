//! The attributes by which the kernel lets USB devices be used, and how they are written.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::enforce::attribute;

/// What became of a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Written {
    /// It was taken.
    Done,
    /// What was to be changed has gone meanwhile, which is no error.
    Gone,
}

/// The sysfs of this machine.
#[derive(Clone, Debug)]
pub(super) struct Sysfs(PathBuf);

impl Sysfs {
    pub(super) fn at(root: &Path) -> Self {
        Self(root.to_owned())
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    /// The folder of a device or an interface.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.0.join("bus/usb/devices").join(name)
    }

    /// What an attribute says, without spaces around.
    pub(super) fn read(folder: &Path, attribute: &str) -> Option<String> {
        attribute::read(&folder.join(attribute))
    }

    /// Writes an attribute of what is in this folder.
    pub(super) fn write(folder: &Path, attribute: &str, value: &str) -> io::Result<Written> {
        match attribute::write(&folder.join(attribute), value) {
            Ok(()) => Ok(Written::Done),
            Err(error) if is_gone(&error) || !folder.exists() => Ok(Written::Gone),
            Err(error) => Err(error),
        }
    }

    /// Has the drivers look at an interface that they may have from now on: authorising it alone
    /// does not (`usb_authorize_interface`). That none of them wants it is no error.
    pub(super) fn probe(&self, interface: &str) {
        let bus = self.0.join("bus/usb");
        if let Err(error) = Self::write(&bus, "drivers_probe", interface) {
            tracing::debug!("no driver takes {interface}: {error}");
        }
    }

    /// The interfaces of a device that are set up now.
    pub(super) fn interfaces(&self, port: &str) -> Vec<(u8, String)> {
        let mut found: Vec<(u8, String)> = attribute::entries(&self.folder(port), port)
            .into_iter()
            .filter_map(|(name, _)| {
                let place = name.strip_prefix(port)?.strip_prefix(':')?;
                let number = place.rsplit_once('.')?.1.parse().ok()?;
                Some((number, name))
            })
            .collect();
        found.sort_unstable();
        found
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw) == Some(Errno::ENODEV)
}

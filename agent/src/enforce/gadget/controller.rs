//! The USB device controllers (`/sys/class/udc`, `drivers/usb/gadget/udc/core.c`).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::enforce::attribute;

/// A controller.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// Its name, such as `fe980000.usb`.
    pub(super) name: String,
    folder: PathBuf,
}

/// The controllers of this machine.
pub(super) fn controllers(sysfs: &Path) -> Vec<Controller> {
    let all = attribute::entries(&sysfs.join("class/udc"), "");
    all.into_iter()
        .map(|(name, folder)| Controller { name, folder })
        .collect()
}

impl Controller {
    /// Whether no gadget is bound to it.
    pub(super) fn is_free(&self) -> bool {
        attribute::read(&self.folder.join("function")).is_none_or(|text| text.is_empty())
    }

    /// Whether a host talks to it, or did until it went to sleep (`usb_state_string`).
    pub(super) fn is_live(&self) -> bool {
        let state = attribute::read(&self.folder.join("state"));
        matches!(
            state.as_deref(),
            Some("default" | "addressed" | "configured" | "suspended")
        )
    }

    /// Has it show or hide that there is a device.
    pub(super) fn connect(&self, connect: bool) -> io::Result<()> {
        let word = if connect { "connect" } else { "disconnect" };
        attribute::write(&self.folder.join("soft_connect"), word)
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

//! Events of devices, as nudges. What they say is not believed: whoever is nudged looks again.
//!
//! The kernel's own events come first, before udev's rules have run: a device is decided on before
//! anything else has taken it up. udev's come after them, for what only its rules can tell. Nudges
//! are spaced: the first is passed on at once, and those of the next [`PAUSE`] are one, so that a
//! storm of events costs some turns and not one each.

mod uevents;

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::ready::readable;
use uevents::{Heard, Uevents};

/// Between two nudges. A tenth of what a person takes for at once; setting up one device makes
/// some ten events within it.
const PAUSE: Duration = Duration::from_millis(50);

/// The subsystems whose devices carry a function, or hold one; and modules, which register majors.
const SUBSYSTEMS: [&str; 18] = [
    "usb",
    "usb_role",
    "typec",
    "udc",
    "block",
    "scsi_generic",
    "sound",
    "misc",
    "rfkill",
    "bluetooth",
    "nfc",
    "rc",
    "lirc",
    "cec",
    "hidraw",
    "video4linux",
    "media",
    "module",
];

/// The stream of nudges.
pub(crate) struct Monitor {
    kernel: AsyncFd<Uevents>,
    udev: AsyncFd<udev::MonitorSocket>,
    /// When it last nudged.
    last: Cell<Option<Instant>>,
    /// Whether something was heard that nobody was nudged for.
    owed: Cell<bool>,
}

impl Monitor {
    /// Listens for devices that carry a function, and for modules.
    pub(crate) fn new() -> io::Result<Self> {
        let socket = udev::MonitorBuilder::new()?
            .match_subsystem("video4linux")?
            .match_subsystem("media")?
            .match_subsystem("lirc")?
            .match_subsystem("module")?
            .listen()?;
        Ok(Self {
            kernel: readable(Uevents::listen()?)?,
            udev: readable(socket)?,
            last: Cell::new(None),
            owed: Cell::new(false),
        })
    }

    /// Waits until something has changed. Safe to cancel: an event that was not taken is still
    /// there, and one that was taken is owed to the next who asks.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        while !self.owed.get() {
            self.hear().await?;
        }
        if let Some(last) = self.last.get() {
            tokio::time::sleep_until(last + PAUSE).await;
        }
        // What came during the pause is part of this nudge. Whatever comes from here on is seen by
        // the look that follows, or owed.
        self.kernel.get_ref().drain(&SUBSYSTEMS)?;
        self.owed.set(false);
        self.last.set(Some(Instant::now()));
        Ok(())
    }

    async fn hear(&self) -> io::Result<()> {
        tokio::select! {
            ready = self.kernel.readable() => {
                let mut ready = ready?;
                match ready.get_inner().drain(&SUBSYSTEMS)? {
                    Heard::Nothing => ready.clear_ready(),
                    Heard::Ours => {
                        ready.clear_ready();
                        self.owed.set(true);
                    }
                    Heard::More => self.owed.set(true),
                }
            }
            ready = self.udev.readable() => {
                let mut ready = ready?;
                // Only what was asked for wakes this socket, or that it ran over.
                let count = ready.get_inner().iter().count();
                ready.clear_ready();
                self.owed.set(true);
                tracing::trace!("{count} events of udev");
            }
        }
        Ok(())
    }
}

//! Events of devices, as nudges. What they say is not believed: whoever is nudged looks again.
//!
//! The kernel's own events come first, before udev's rules have run: a device is decided on before
//! anything else has taken it up. udev's come after them, for what only its rules can tell. Nudges
//! are spaced: the first is passed on at once, and those of the next [`PAUSE`] are one, so that a
//! storm of events costs some turns and not one each. A USB device that is plugged in is told of at
//! once, by its name, and the look that it makes due does not wait either: between two plugs the kernel
//! itself waits longer (`HUB_DEBOUNCE_STABLE`).

mod uevents;

use std::cell::{Cell, RefCell};
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
    /// The USB devices that came since.
    came: RefCell<Vec<String>>,
}

/// What a nudge is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Nudge {
    /// USB devices came, by the names that the kernel gave them. The next nudge is to look.
    Came(Vec<String>),
    /// It is time to look.
    Look,
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
            came: RefCell::default(),
        })
    }

    /// Waits until something has changed. Safe to cancel: an event that was not taken is still
    /// there, and one that was taken is owed to the next who asks.
    pub(crate) async fn changed(&self) -> io::Result<Nudge> {
        loop {
            if let Some(came) = self.came() {
                return Ok(Nudge::Came(came));
            }
            if !self.owed.get() {
                self.hear().await?;
                continue;
            }
            let pause = self.last.get().map(|last| last + PAUSE);
            if let Some(end) = pause.filter(|end| *end > Instant::now()) {
                // Who comes during the pause is not kept waiting.
                tokio::select! {
                    heard = self.hear_kernel() => heard?,
                    () = tokio::time::sleep_until(end) => {}
                }
                continue;
            }
            // What came during the pause is part of this nudge. Whatever comes from here on is seen
            // by the look that follows, or owed.
            self.drain()?;
            if !self.came.borrow().is_empty() {
                continue;
            }
            self.owed.set(false);
            self.last.set(Some(Instant::now()));
            return Ok(Nudge::Look);
        }
    }

    /// The devices that came. The look that is owed for them comes without a pause.
    fn came(&self) -> Option<Vec<String>> {
        let came = self.came.take();
        if came.is_empty() {
            return None;
        }
        self.owed.set(true);
        self.last.set(None);
        Some(came)
    }

    fn drain(&self) -> io::Result<Heard> {
        let mut came = self.came.borrow_mut();
        self.kernel.get_ref().drain(&SUBSYSTEMS, &mut came)
    }

    async fn hear(&self) -> io::Result<()> {
        tokio::select! {
            heard = self.hear_kernel() => heard?,
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

    async fn hear_kernel(&self) -> io::Result<()> {
        let mut ready = self.kernel.readable().await?;
        match self.drain()? {
            Heard::Nothing => ready.clear_ready(),
            Heard::Ours => {
                ready.clear_ready();
                self.owed.set(true);
            }
            Heard::More => self.owed.set(true),
        }
        Ok(())
    }
}

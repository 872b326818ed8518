//! udev's events, as nudges. What they say is not believed: whoever is nudged looks again.

use std::io;

use tokio::io::unix::AsyncFd;

use crate::ready::readable;

/// The stream of nudges.
pub(crate) struct Monitor(AsyncFd<udev::MonitorSocket>);

impl Monitor {
    /// Listens for devices that carry a function, and for modules, which register majors.
    pub(crate) fn new() -> io::Result<Self> {
        let socket = udev::MonitorBuilder::new()?
            .match_subsystem("video4linux")?
            .match_subsystem("media")?
            .match_subsystem("lirc")?
            .match_subsystem("module")?
            .listen()?;
        readable(socket).map(Self)
    }

    /// Waits until something has changed. Events that came meanwhile are one nudge; so is a socket
    /// that ran over. Safe to cancel: an event that was not taken is still there.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        let count = ready.get_inner().iter().count();
        ready.clear_ready();
        tracing::trace!("{count} events of devices");
        Ok(())
    }
}

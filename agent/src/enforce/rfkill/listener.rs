//! Listening to `/dev/rfkill`: whoever unblocks a radio, by whatever way, nudges the loop.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::event::{self, Operation};
use crate::ready::readable;

/// Somewhat more than the longest event that there is; the kernel gives one event at a time, and
/// cuts off what does not fit.
const LONGEST: usize = 32;

/// The task that listens, while there is one.
#[derive(Debug)]
pub(super) struct Listener {
    nudge: Rc<Notify>,
    task: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) const fn new(nudge: Rc<Notify>) -> Self {
        Self { nudge, task: None }
    }

    /// Listens from now on, where it does not already. A node that is missing, since its module is
    /// not loaded, is tried again by the next turn, which the module's event brings.
    pub(super) fn listen(&mut self, node: &Path) {
        if self.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(node);
        match opened {
            Ok(events) => {
                let nudge = Rc::clone(&self.nudge);
                self.task = Some(tokio::task::spawn_local(follow(events, nudge)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(
                "cannot listen to {} ({error}): who unblocks a radio is noticed by the kernel's \
                 device events alone",
                node.display()
            ),
        }
    }

    /// Stops listening.
    pub(super) fn rest(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.rest();
    }
}

async fn follow(events: File, nudge: Rc<Notify>) {
    if let Err(error) = nudge_of(events, &nudge).await {
        tracing::warn!("the events of the radios ended: {error}");
        // The turn that follows listens anew.
        nudge.notify_one();
    }
}

/// Nudges for each event after which a radio of ours could be on. Ends with an error only.
async fn nudge_of(events: File, nudge: &Notify) -> io::Result<()> {
    let events = readable(events)?;
    let mut bytes = [0; LONGEST];
    loop {
        let mut ready = events.readable().await?;
        let length = match ready.try_io(|events| events.get_ref().read(&mut bytes)) {
            Ok(read) => read?,
            Err(_would_block) => continue,
        };
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let event = event::parse(bytes.get(..length).unwrap_or_default());
        if event.is_some_and(|event| event.operation != Operation::Removed && !event.is_blocked) {
            tracing::debug!(?event, "a radio is not blocked");
            nudge.notify_one();
        }
    }
}

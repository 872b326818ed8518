//! Reaching pcscd, and waiting for it where it is not there yet (early boot) or no more; and
//! reaching the thread while it waits.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cardwarden_card::beside::above;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::Inotify;
use pcsc::{Context, Scope};

use super::Order;

/// Where pcscd listens (pcsc-lite's `PCSCLITE_CSOCK_NAME`).
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// Pauses between attempts after something happened to the socket: it exists a moment before
/// anybody listens. After the last, only another happening counts, so that a socket that a dead
/// daemon left behind wakes nobody.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(300),
    Duration::from_millis(1200),
    Duration::from_secs(5),
];

/// After how long a thread that did not notice it is called again: `SCardCancel` reaches only who
/// waits already (`winscard_clnt.c`, `SCardCancel`).
const RECALL: Duration = Duration::from_millis(20);
/// The pauses between calls double up to this.
const LONGEST_RECALL: Duration = Duration::from_secs(2);

/// What reaches the thread wherever it waits: orders, and the wish that it ends.
pub(super) struct Call {
    wanted: AtomicBool,
    /// Orders that the thread has not taken yet.
    orders: Mutex<Vec<Order>>,
    /// Tells that it took them.
    taken: Condvar,
    /// Wakes the wait for the socket.
    wake: EventFd,
    /// Wakes the wait for readers and cards.
    context: Mutex<Option<Context>>,
}

impl Call {
    pub(super) fn new() -> io::Result<Self> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self {
            wanted: AtomicBool::new(false),
            orders: Mutex::new(Vec::new()),
            taken: Condvar::new(),
            wake,
            context: Mutex::new(None),
        })
    }

    pub(super) fn stop(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        if let Err(error) = self.wake.write(1) {
            tracing::debug!("cannot wake the card reader thread: {error}");
        }
        self.cancel();
        self.taken.notify_all();
    }

    /// Gives an order. A thread of its own calls until it is taken, so that nobody waits for cards
    /// here.
    pub(super) fn order(call: &Arc<Self>, order: Order) {
        call.orders().push(order);
        let caller = Arc::clone(call);
        let spawned = thread::Builder::new()
            .name("card caller".to_owned())
            .spawn(move || caller.insist());
        if let Err(error) = spawned {
            tracing::warn!("the cards are read again only when one is put in: {error}");
            call.cancel();
        }
    }

    /// The orders so far.
    pub(super) fn take(&self) -> Vec<Order> {
        let orders = std::mem::take(&mut *self.orders());
        self.taken.notify_all();
        orders
    }

    /// Calls until the orders are taken.
    fn insist(&self) {
        let mut pause = RECALL;
        let mut orders = self.orders();
        while !orders.is_empty() && !self.is_wanted() {
            drop(orders);
            self.cancel();
            orders = self
                .taken
                .wait_timeout(self.orders(), pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            pause = pause.saturating_mul(2).min(LONGEST_RECALL);
        }
    }

    fn orders(&self) -> MutexGuard<'_, Vec<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread's wait for readers and cards.
    fn cancel(&self) {
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = context.as_ref().map(Context::cancel) {
            tracing::debug!("cannot cancel the wait for cards: {error}");
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    fn hold(&self, context: Option<&Context>) {
        *self.context.lock().unwrap_or_else(PoisonError::into_inner) = context.cloned();
    }

    /// Forgets a context whose service is gone.
    pub(super) fn forget(&self) {
        self.hold(None);
    }
}

/// Reaches pcscd, however long it takes; `None` when the thread is to end. `failures` tells how
/// often the service went away right after it was reached.
pub(super) fn reach(call: &Call, failures: usize) -> io::Result<Option<Context>> {
    let socket = Path::new(SOCKET);
    let mut attempts = failures;
    let mut is_due = failures == 0;
    loop {
        // Watched before the attempt, so that nothing happens unseen between the two.
        let watch = above(socket)?;
        if call.is_wanted() {
            return Ok(None);
        }
        if is_due {
            match Context::establish(Scope::System) {
                Ok(context) => {
                    call.hold(Some(&context));
                    return Ok(Some(context));
                }
                Err(error) => tracing::debug!("pcscd is not there: {error}"),
            }
        }
        is_due = true;
        let pause = if socket.exists() {
            PAUSES.get(attempts).copied()
        } else {
            None
        };
        attempts = attempts.saturating_add(1);
        if happened(&watch, call, pause)? {
            attempts = 0;
        }
    }
}

/// Waits until something happens there or the thread is to end; for `pause` at most, where one is
/// given. Whether something happened.
fn happened(watch: &Inotify, call: &Call, pause: Option<Duration>) -> io::Result<bool> {
    let mut waits = [
        PollFd::new(watch.as_fd(), PollFlags::POLLIN),
        PollFd::new(call.wake.as_fd(), PollFlags::POLLIN),
    ];
    let timeout = match pause {
        Some(pause) => PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX),
        None => PollTimeout::NONE,
    };
    match poll(&mut waits, timeout) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_in_a_directory_that_is_yet_to_come_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let socket = top.path().join("pcscd").join("pcscd.comm");
        let call = Call::new().unwrap();
        let instant = Some(Duration::ZERO);
        let watch = above(&socket).unwrap();
        assert!(!happened(&watch, &call, instant).unwrap());
        std::fs::create_dir(socket.parent().unwrap()).unwrap();
        assert!(happened(&watch, &call, None).unwrap());
        let watch = above(&socket).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(happened(&watch, &call, None).unwrap());
    }

    #[test]
    fn an_order_waits_until_it_is_taken_and_is_taken_once() {
        let call = Arc::new(Call::new().unwrap());
        Call::order(&call, Order::ReadAgain);
        assert!(matches!(call.take()[..], [Order::ReadAgain]));
        assert!(call.take().is_empty());
        call.stop();
    }

    #[test]
    fn the_wish_to_end_wakes_the_wait() {
        let top = tempfile::tempdir().unwrap();
        let call = Call::new().unwrap();
        let watch = above(&top.path().join("socket")).unwrap();
        call.stop();
        assert!(happened(&watch, &call, None).unwrap());
        assert!(call.is_wanted());
    }
}

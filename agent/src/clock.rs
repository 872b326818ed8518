//! The only reader of the clock, and a timer that follows the wall clock wherever it is set.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::OnceLock;

use cardwarden_policy::clock::Reading;
use jiff::{SignedDuration, Timestamp};
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;
use uuid::Uuid;

use crate::ready::readable;

/// What the wall clock shows.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// What all clocks show. Without a number of the boot (no `/proc`), every reading is one of another
/// boot.
pub(crate) fn reading() -> Reading {
    let wall = now();
    let since_boot = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map_or(SignedDuration::ZERO, |time| {
            SignedDuration::new(time.tv_sec(), i32::try_from(time.tv_nsec()).unwrap_or(0))
        });
    let boot = boot().unwrap_or_else(Uuid::new_v4);
    Reading {
        wall,
        since_boot,
        boot,
    }
}

/// The number of this boot, which no process outlives.
fn boot() -> Option<Uuid> {
    static BOOT: OnceLock<Uuid> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Some(*boot);
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let boot = text.trim().parse().ok()?;
    Some(*BOOT.get_or_init(|| boot))
}

/// Wakes at an instant of the wall clock, or when the clock is set (`TFD_TIMER_CANCEL_ON_SET`,
/// `timerfd_create(2)`).
pub(crate) struct Alarm(AsyncFd<Descriptor>);

/// What became of the clock since it was last looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Clock {
    /// It went on.
    Steady,
    /// Somebody set it.
    WasSet,
}

struct Descriptor(TimerFd);

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// An alarm that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        readable(Descriptor(timer)).map(Self)
    }

    /// Sets it. Without an instant it wakes only when the clock is set. When the clock was set since
    /// the last look, setting the alarm is how one learns of it (`ECANCELED`), and the only way: it is
    /// to be looked at anew.
    pub(crate) fn set(&self, at: Option<Timestamp>) -> io::Result<Clock> {
        let timer = &self.0.get_ref().0;
        let at = at.unwrap_or(Timestamp::MAX);
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        let at = TimeSpec::new(at.as_second(), i64::from(at.subsec_nanosecond()));
        match timer.set(Expiration::OneShot(at), flags) {
            Ok(()) => Ok(Clock::Steady),
            Err(Errno::ECANCELED) => Ok(Clock::WasSet),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until it goes off. Safe to cancel: what was not read is read the next time.
    pub(crate) async fn ring(&self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            match nix::unistd::read(ready.get_inner(), &mut [0; 8]) {
                Ok(_) | Err(Errno::ECANCELED) => return Ok(()),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

//! Whether a modem is there, and sleeping until that may have changed: inotify beside a device
//! file, signals of `ModemManager`'s on the bus. Nothing is asked in between.

mod device;
mod service;

use std::io;
use std::time::Duration;

use nix::sys::inotify::Inotify;
use tokio::net::unix::pipe;
use tokio::runtime::Runtime;

use self::device::Device;
use self::service::Service;
use super::bus;
use super::place::{Kind, Place};

/// Looks out for one modem. Not for use within another runtime: it waits.
pub struct Lookout {
    runtime: Runtime,
    sight: Sight,
    /// What was there at the last look.
    seen: Option<Identity>,
    /// How often a modem came.
    count: u32,
}

/// What is looked at.
enum Sight {
    Device(Device),
    Service(Box<Service>),
}

/// By what a modem is told from the one that was there before.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Identity {
    /// Device and number of the path as it is, and of the file that it leads to.
    File([(u64, u64); 2]),
    /// `ModemManager` and its modems that are meant.
    Objects(String, Vec<String>),
}

/// Why a wait ended.
#[derive(Debug, Eq, PartialEq)]
pub enum Woken<T> {
    /// The modem may have come or gone.
    Stirred,
    /// Somebody called.
    Called(T),
    /// The time was over.
    Late,
}

impl Lookout {
    /// For a modem, whether or not it is there yet.
    pub fn new(place: &Place) -> io::Result<Self> {
        let sight = match place.kind() {
            Kind::Device(device) => Sight::Device(Device::new(device.clone())),
            Kind::TheOnly => Sight::Service(Box::new(Service::new(None))),
            Kind::Object(modem) => Sight::Service(Box::new(Service::new(Some(modem.clone())))),
        };
        Ok(Self {
            runtime: bus::runtime()?,
            sight,
            seen: None,
            count: 0,
        })
    }

    /// Which modem is there: its number, counted as modems come; `None` when none is. What happens
    /// from then on ends the next [`Lookout::wait`].
    pub fn look(&mut self) -> io::Result<Option<u32>> {
        let sight = &mut self.sight;
        let seen = self.runtime.block_on(async {
            match sight {
                Sight::Device(device) => device.look(),
                Sight::Service(service) => service.look().await,
            }
        })?;
        if seen.is_some() && seen != self.seen {
            self.count = self.count.saturating_add(1);
        }
        self.seen = seen;
        Ok(self.seen.is_some().then_some(self.count))
    }

    /// Sleeps until the modem may have come or gone since the last look, somebody calls, or
    /// `pause` is over, where there is one.
    pub fn wait<T>(
        &mut self,
        call: impl Future<Output = T>,
        pause: Option<Duration>,
    ) -> io::Result<Woken<T>> {
        let sight = &mut self.sight;
        self.runtime.block_on(async {
            let stirred = async {
                match sight {
                    Sight::Device(device) => device.stirred().await,
                    Sight::Service(service) => service.stirred().await,
                }
            };
            let over = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                called = call => Ok(Woken::Called(called)),
                stirred = stirred => stirred.map(|()| Woken::Stirred),
                () = over => Ok(Woken::Late),
            }
        })
    }
}

/// Something that happens to files. `None` when there is nothing to wait for.
struct Stir(Option<pipe::Receiver>);

impl Stir {
    const fn none() -> Self {
        Self(None)
    }

    /// An inotify instance is no pipe, but all that is asked of it is what both have: to become
    /// readable. It is good for one change.
    fn of(watch: Inotify) -> io::Result<Self> {
        let watch = pipe::Receiver::from_owned_fd_unchecked(watch.into())?;
        Ok(Self(Some(watch)))
    }

    async fn wait(&self) -> io::Result<()> {
        match &self.0 {
            Some(watch) => watch.readable().await,
            None => Ok(()),
        }
    }
}

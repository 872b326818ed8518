//! `ModemManager`'s modems, by its signals on the system bus.

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream as _;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath};

use super::{Identity, Stir};
use crate::beside;
use crate::modem::COMMAND_TIME;
use crate::modem::bus::{OBJECTS, ROOT, SERVICE, connect, modems, within};

/// The bus itself, on the bus.
const DBUS: &str = "org.freedesktop.DBus";
const DBUS_PATH: &str = "/org/freedesktop/DBus";
/// Where the system bus listens.
const SOCKET: &str = "/run/dbus/system_bus_socket";
/// How long to wait after the first, second, … failed attempt at a bus whose socket is there, or at
/// a `ModemManager` that does not answer. After the last, only a change counts.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// The service, and what waits for its change.
pub(super) struct Service {
    /// The modem; without it, whichever there are.
    modem: Option<OwnedObjectPath>,
    bus: Option<Joined>,
    /// What waits for the bus, while we are not on it.
    stir: Stir,
    /// Attempts that failed in a row.
    failures: usize,
    /// What was there when the service last answered.
    last: Option<Identity>,
}

/// A place on the bus.
struct Joined {
    connection: Connection,
    /// Signals that the service came or went, and that its modems did.
    signals: [MessageStream; 2],
}

impl Service {
    pub(super) const fn new(modem: Option<OwnedObjectPath>) -> Self {
        Self {
            modem,
            bus: None,
            stir: Stir::none(),
            failures: 0,
            last: None,
        }
    }

    /// Which modems are there. Signals are listened to before anything is asked, so that nothing
    /// happens unseen between the two.
    pub(super) async fn look(&mut self) -> io::Result<Option<Identity>> {
        if self.bus.as_ref().is_none_or(Joined::is_left) {
            self.last = None;
            self.stir = Stir::of(beside::above(Path::new(SOCKET))?)?;
            self.bus = Joined::join().await.ok();
        }
        let Some(bus) = &self.bus else {
            self.failures = self.failures.saturating_add(1);
            return Ok(None);
        };
        match bus.modems(self.modem.as_ref()).await {
            Ok(there) => {
                self.failures = 0;
                self.last = there;
            }
            // It is slow: what was there may still be.
            Err(_late_or_strange) => self.failures = self.failures.saturating_add(1),
        }
        Ok(self.last.clone())
    }

    /// Waits until the next look may bring another answer.
    pub(super) async fn stirred(&mut self) -> io::Result<()> {
        let pause = self
            .failures
            .checked_sub(1)
            .and_then(|past| PAUSES.get(past).copied());
        let again = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        let (bus, stir) = (&mut self.bus, &self.stir);
        let changed = async {
            match bus {
                Some(bus) => {
                    bus.changed().await;
                    Ok(())
                }
                None => stir.wait().await,
            }
        };
        tokio::select! {
            changed = changed => {
                // What changed is worth new attempts.
                self.failures = 0;
                changed
            }
            () = again => Ok(()),
        }
    }
}

impl Joined {
    async fn join() -> zbus::Result<Self> {
        let connection = connect().await?;
        let owner = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(DBUS)
            .interface(DBUS)
            .member("NameOwnerChanged")
            .arg(0, SERVICE)
            .build()?;
        let objects = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(SERVICE)
            .interface(OBJECTS)
            .path(ROOT)
            .build()?;
        let signals = [
            listen(&connection, owner).await?,
            listen(&connection, objects).await?,
        ];
        Ok(Self {
            connection,
            signals,
        })
    }

    fn is_left(&self) -> bool {
        self.connection.is_closed()
    }

    /// The modems that are meant. The service's present owner is asked, and not its name: so it is
    /// never started by being asked, and another owner's modems are other modems.
    async fn modems(&self, wanted: Option<&OwnedObjectPath>) -> zbus::Result<Option<Identity>> {
        let ask = self.connection.call_method(
            Some(DBUS),
            DBUS_PATH,
            Some(DBUS),
            "GetNameOwner",
            &SERVICE,
        );
        let owner: String = match within(COMMAND_TIME, ask).await {
            Ok(reply) => reply.body().deserialize()?,
            Err(zbus::Error::FDO(error)) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let modems = modems(&self.connection, &owner).await?;
        let meant: Vec<String> = modems
            .iter()
            .filter(|modem| wanted.is_none_or(|wanted| wanted == *modem))
            .map(ToString::to_string)
            .collect();
        Ok((!meant.is_empty()).then_some(Identity::Objects(owner, meant)))
    }

    /// Waits for a signal, or for the end of the bus.
    async fn changed(&mut self) {
        let [owner, objects] = &mut self.signals;
        poll_fn(|context| {
            let owner = Pin::new(&mut *owner).poll_next(context);
            let objects = Pin::new(&mut *objects).poll_next(context);
            if owner.is_ready() || objects.is_ready() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}

async fn listen(connection: &Connection, rule: MatchRule<'_>) -> zbus::Result<MessageStream> {
    within(
        COMMAND_TIME,
        MessageStream::for_match_rule(rule.to_owned(), connection, None),
    )
    .await
}

fn is_absent(error: &zbus::fdo::Error) -> bool {
    matches!(error, zbus::fdo::Error::NameHasNoOwner(_))
}

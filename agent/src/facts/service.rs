//! One service of the bus: followed by its signals, read anew whenever one comes.
//!
//! Anyone on the bus can send a signal to anyone, so that a signal says nothing but “look again”.
//! What is read is asked of the present owner of the service's name, which the bus guards; since
//! calls go to that owner and not to the name, asking starts no service by accident.

use std::collections::HashMap;

use serde::Serialize;
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, MatchRule, OwnedObjectPath, OwnedVariant, Variant};

use super::bus::Bus;
use super::nudges::Nudges;
use super::{Complaint, PAUSE};

pub(super) const DBUS: &str = "org.freedesktop.DBus";
const DBUS_PATH: &str = "/org/freedesktop/DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// Longest text that is taken from a service, in bytes.
pub(super) const MAX_TEXT: usize = 1024;

/// Why a service's fact cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The call failed, or its answer has another form than the service's documentation says.
    #[error("{member}: {source}")]
    Call {
        /// What was asked.
        member: String,
        /// Why not.
        source: zbus::Error,
    },
    /// A property is missing or has another type.
    #[error("property {0} is missing or of another type")]
    Property(String),
    /// There is more of something than can be.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many can be.
        limit: usize,
    },
}

impl Error {
    /// Whether the object that was asked is gone, which a signal tells too.
    pub(super) fn is_gone(&self) -> bool {
        self.says(".UnknownObject") || self.says(".UnknownMethod") || self.says(".NoSuchSession")
    }

    /// Whether it is an answer with an error whose name ends so.
    fn says(&self, end: &str) -> bool {
        if let Self::Call { source, .. } = self
            && let zbus::Error::MethodError(name, ..) = source
        {
            return name.as_str().ends_with(end);
        }
        false
    }
}

/// What one service knows, and when it changes.
pub(super) trait Service {
    /// The service's name on the bus.
    const NAME: &'static str;
    /// What it knows; `None` where the service itself does not know.
    type Fact;

    /// Whether it runs only while someone asks it, so that asking has to start it; a service that
    /// comes by itself is left alone.
    const STARTED: bool = false;

    /// Which signals say that it changed.
    fn signals() -> Vec<Signal>;

    /// Reads it.
    async fn read(&mut self, peer: &Peer<'_>) -> Result<Option<Self::Fact>, Error>;
}

/// A kind of signal.
#[derive(Debug)]
pub(super) struct Signal {
    interface: &'static str,
    member: &'static str,
    /// What the first argument must be.
    about: Option<&'static str>,
}

impl Signal {
    /// A signal by its name.
    pub(super) fn named(interface: &'static str, member: &'static str) -> Self {
        Self {
            interface,
            member,
            about: None,
        }
    }

    /// A change of an interface's properties, on whichever object.
    pub(super) fn change_of(interface: &'static str) -> Self {
        Self {
            interface: PROPERTIES,
            member: "PropertiesChanged",
            about: Some(interface),
        }
    }

    /// As the bus is told.
    pub(super) fn rule(&self, sender: &'static str) -> zbus::Result<MatchRule<'static>> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(sender)
            .interface(self.interface)
            .member(self.member);
        match self.about {
            Some(about) => rule.arg(0, about).build(),
            None => rule.build(),
        }
    }
}

/// The present owner of a service's name.
pub(super) struct Peer<'a> {
    bus: &'a Connection,
    owner: String,
}

/// The properties of an object.
pub(super) struct Properties(HashMap<String, OwnedVariant>);

impl Peer<'_> {
    /// Which owner it is: another one has forgotten what was agreed with the last.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Calls a method.
    pub(super) async fn call<B, R>(
        &self,
        (path, interface): (&str, &str),
        member: &str,
        body: &B,
    ) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'de> DynamicDeserialize<'de>,
    {
        call(self.bus, &self.owner, (path, interface), member, body).await
    }

    /// Sets a property.
    pub(super) async fn set(
        &self,
        (path, interface): (&str, &str),
        name: &str,
        value: &Variant<'_>,
    ) -> Result<(), Error> {
        self.call((path, PROPERTIES), "Set", &(interface, name, value))
            .await
    }

    /// One property.
    pub(super) async fn property(
        &self,
        (path, interface): (&str, &str),
        name: &str,
    ) -> Result<Properties, Error> {
        let value = self
            .call((path, PROPERTIES), "Get", &(interface, name))
            .await?;
        Ok(Properties(HashMap::from([(name.to_owned(), value)])))
    }

    /// All properties of an interface.
    pub(super) async fn properties(
        &self,
        (path, interface): (&str, &str),
    ) -> Result<Properties, Error> {
        self.call((path, PROPERTIES), "GetAll", &interface)
            .await
            .map(Properties)
    }
}

impl Properties {
    /// A property's value; one number or path; [`Self::text`] and [`Self::list`] have bounds.
    pub(super) fn get<T>(&self, name: &str) -> Result<T, Error>
    where
        T: TryFrom<OwnedVariant>,
    {
        self.0
            .get(name)
            .and_then(|value| value.try_clone().ok())
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| Error::Property(name.to_owned()))
    }

    /// A text of at most [`MAX_TEXT`] bytes.
    pub(super) fn text(&self, name: &str) -> Result<String, Error> {
        self.get::<String>(name)
            .ok()
            .filter(|text| text.len() <= MAX_TEXT)
            .ok_or_else(|| Error::Property(name.to_owned()))
    }

    /// The path of an object; `None` where it is `/`, which means “none” by convention.
    pub(super) fn object(&self, name: &str) -> Result<Option<String>, Error> {
        let path: OwnedObjectPath = self.get(name)?;
        Ok(Some(path.as_str().to_owned()).filter(|path| path != "/"))
    }

    /// A list of at most `limit` items.
    pub(super) fn list<T>(
        &self,
        name: &str,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<T>, Error>
    where
        Vec<T>: TryFrom<OwnedVariant>,
    {
        let list: Vec<T> = self.get(name)?;
        if list.len() > limit {
            return Err(Error::TooMany { what, limit });
        }
        Ok(list)
    }
}

async fn call<B, R>(
    bus: &Connection,
    to: &str,
    (path, interface): (&str, &str),
    member: &str,
    body: &B,
) -> Result<R, Error>
where
    B: Serialize + DynamicType,
    R: for<'de> DynamicDeserialize<'de>,
{
    let failed = |source| Error::Call {
        member: format!("{interface}.{member}"),
        source,
    };
    let reply = bus
        .call_method(Some(to), path, Some(interface), member, body)
        .await
        .map_err(failed)?;
    reply.body().deserialize().map_err(failed)
}

/// Starts a service, if the bus knows how to: it does not where the service is not installed.
async fn start(bus: &Connection, name: &str) -> Result<(), Error> {
    let asked = (name, 0_u32);
    match call::<_, u32>(bus, DBUS, (DBUS_PATH, DBUS), "StartServiceByName", &asked).await {
        Ok(_started_or_running) => Ok(()),
        Err(error) if error.says(".ServiceUnknown") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Who has a name now.
async fn owner(bus: &Connection, name: &str) -> Result<Option<String>, Error> {
    match call(bus, DBUS, (DBUS_PATH, DBUS), "GetNameOwner", &name).await {
        Ok(owner) => Ok(Some(owner)),
        Err(error) if error.says(".NameHasNoOwner") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Follows a service over all its lives and the bus's, and tells what it knows: `None` while it is
/// away, fails, or does not know. Ends when the bus is not kept any more.
pub(super) async fn follow<S: Service>(
    mut bus: Bus,
    service: &mut S,
    mut tell: impl FnMut(Option<S::Fact>),
) {
    let mut complaint = Complaint::default();
    loop {
        let present = bus.borrow_and_update().clone();
        if let Some(connection) = present
            && let Err(error) = attend(&connection, service, &mut tell, &mut complaint).await
        {
            complaint.say(format!("cannot listen to {}: {error}", S::NAME));
        }
        tell(None);
        if bus.changed().await.is_err() {
            return;
        }
    }
}

/// Follows a service until the connection ends.
async fn attend<S: Service>(
    bus: &Connection,
    service: &mut S,
    tell: &mut impl FnMut(Option<S::Fact>),
    complaint: &mut Complaint,
) -> zbus::Result<()> {
    // Before the first look, so that no change falls between.
    let mut nudges = Nudges::new::<S>(bus).await?;
    loop {
        let Some(look) = nudges.during(look(bus, service)).await else {
            return Ok(());
        };
        match look {
            Ok(fact) => {
                complaint.settled();
                tell(fact);
            }
            Err(error) => {
                complaint.say(format!("{} does not tell what it knows: {error}", S::NAME));
                tell(None);
            }
        }
        if nudges.during(tokio::time::sleep(PAUSE)).await.is_none() || !nudges.next().await {
            return Ok(());
        }
    }
}

async fn look<S: Service>(bus: &Connection, service: &mut S) -> Result<Option<S::Fact>, Error> {
    let mut present = owner(bus, S::NAME).await?;
    if present.is_none() && S::STARTED {
        start(bus, S::NAME).await?;
        present = owner(bus, S::NAME).await?;
    }
    match present {
        Some(owner) => service.read(&Peer { bus, owner }).await,
        None => Ok(None),
    }
}

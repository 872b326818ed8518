//! Typed access to the agent.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream, ObjectPath, OwnedObjectPath};

use crate::value::{Agent, Function, Managed};
use crate::{Error, FUNCTIONS, INTERFACE, NAME, PATH};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";

/// The agent's object; `org.cardwarden.Agent1.xml` describes every member.
#[zbus::proxy(
    interface = "org.cardwarden.Agent1",
    default_service = "org.cardwarden.Agent1",
    default_path = "/org/cardwarden/Agent1"
)]
pub trait Agent {
    /// The company lets this device go.
    #[zbus(allow_interactive_auth)]
    fn release(&self, statement: &[u8]) -> Result<(), Error>;
    /// A policy of the company's, instead of what its card says.
    #[zbus(allow_interactive_auth)]
    fn deliver(&self, policy: &[u8]) -> Result<(), Error>;
    /// The person at the device lets a company have a say.
    #[zbus(allow_interactive_auth)]
    fn associate(&self, fingerprint: &str) -> Result<(), Error>;
    /// Offers to ask for PINs.
    #[zbus(allow_interactive_auth)]
    fn register_prompter(&self, path: &ObjectPath<'_>) -> Result<(), Error>;
    /// Takes the offer back.
    fn unregister_prompter(&self, path: &ObjectPath<'_>) -> Result<(), Error>;
    /// Asks for the PIN once more.
    #[zbus(allow_interactive_auth)]
    fn ask_pin(&self) -> Result<(), Error>;
    /// Look at everything again, and speak with the server now.
    #[zbus(allow_interactive_auth)]
    fn sync(&self) -> Result<(), Error>;
    /// Why a function is as it is, in one paragraph.
    fn explain(&self, function: &str) -> Result<String, Error>;

    /// Somebody tried to use what is off.
    #[zbus(signal)]
    fn denied(
        &self,
        function: &str,
        reason: &str,
        program: &str,
        pid: u32,
        uid: u32,
        at: i64,
    ) -> zbus::Result<()>;

    /// How the device stands, in one word.
    #[zbus(property)]
    fn posture(&self) -> zbus::Result<String>;
    /// Whether every input known so far is applied and verified.
    #[zbus(property)]
    fn settled(&self) -> zbus::Result<bool>;
    /// What keeps root from undoing what is in force: `up`, `rising`, `down` or `failed`.
    #[zbus(property)]
    fn guard(&self) -> zbus::Result<String>;
    /// Rises with every change.
    #[zbus(property)]
    fn generation(&self) -> zbus::Result<u64>;
}

/// A function's object; `org.cardwarden.Agent1.xml` describes every member.
#[zbus::proxy(
    interface = "org.cardwarden.Agent1.Function",
    default_service = "org.cardwarden.Agent1"
)]
pub trait Function {
    /// `enabled` or `disabled`.
    #[zbus(property)]
    fn verdict(&self) -> zbus::Result<String>;
    /// When time alone changes verdict or reason, in seconds since 1970; 0 when it does not.
    #[zbus(property)]
    fn until(&self) -> zbus::Result<i64>;
    /// How many attempts were refused.
    #[zbus(property)]
    fn denials(&self) -> zbus::Result<u64>;
    /// The reason in one paragraph.
    #[zbus(property)]
    fn sentence(&self) -> zbus::Result<String>;
}

/// Where the function of this name has its object: a path cannot hold a dash.
pub fn function_path(name: &str) -> String {
    format!("{FUNCTIONS}/{}", name.replace(['-', '.'], "_"))
}

impl FunctionProxy<'static> {
    /// The object of the function of this name, such as `camera`.
    pub async fn of(bus: &Connection, name: &str) -> zbus::Result<Self> {
        Self::builder(bus).path(function_path(name)).build().await
    }
}

/// Everything that can be read, in two exchanges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The agent's object.
    pub agent: Agent,
    /// Every function that the agent has decided on, by name.
    pub functions: BTreeMap<String, Function>,
}

impl Snapshot {
    /// Asks the agent.
    pub async fn read(bus: &Connection) -> Result<Self, Error> {
        let agent = bus
            .call_method(Some(NAME), PATH, Some(PROPERTIES), "GetAll", &INTERFACE)
            .await?
            .body()
            .deserialize()?;
        let objects: HashMap<OwnedObjectPath, Managed> = bus
            .call_method(
                Some(NAME),
                PATH,
                Some(OBJECT_MANAGER),
                "GetManagedObjects",
                &(),
            )
            .await?
            .body()
            .deserialize()?;
        let functions = objects
            .into_values()
            .filter_map(|object| object.function)
            .filter(|function| !function.verdict.is_empty())
            .map(|function| (function.name.clone(), function))
            .collect();
        Ok(Self { agent, functions })
    }
}

/// Waits for whatever the agent announces: changed properties, and its coming and going.
pub struct Changes {
    properties: MessageStream,
    owner: MessageStream,
}

impl Changes {
    /// Listens from now on; look at the agent after this, not before.
    pub async fn subscribe(bus: &Connection) -> Result<Self, Error> {
        let properties = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)
            .interface(PROPERTIES)
            .path_namespace(PATH)
            .build()?;
        let owner = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, NAME)
            .build()?;
        Ok(Self {
            properties: MessageStream::for_match_rule(properties, bus, None).await?,
            owner: MessageStream::for_match_rule(owner, bus, None).await?,
        })
    }

    /// Waits for the next announcement; it fails when the bus goes away.
    pub async fn next(&mut self) -> Result<(), Error> {
        let message = poll_fn(|context| {
            let properties = Stream::poll_next(Pin::new(&mut self.properties), context);
            if properties.is_ready() {
                return properties;
            }
            Stream::poll_next(Pin::new(&mut self.owner), context)
        })
        .await;
        match message {
            Some(message) => message.map(drop).map_err(Error::from),
            None => Err(Error::from(zbus::Error::from(std::io::Error::from(
                std::io::ErrorKind::ConnectionAborted,
            )))),
        }
    }
}

//! The agent of this device, as far as consent goes. A trait, so that the command runs in tests
//! without one.

use std::io::IsTerminal as _;

use cardwarden_dbus::{Agent, AgentProxy, Changes, Error, Snapshot};
use zbus::{Connection, ObjectPath};

use super::person::{Prompter, typed};
use crate::agent;
use crate::failure::Failure;

/// Where this command's prompter has its object.
const PROMPTER: ObjectPath<'static> =
    ObjectPath::from_static_str_unchecked("/org/cardwarden/Prompter1");

/// What is asked of the agent.
pub(super) trait Device {
    /// How it stands now.
    async fn agent(&mut self) -> Result<Agent, Failure>;
    /// Waits until it stands otherwise than when it was last looked at.
    async fn changed(&mut self) -> Result<(), Failure>;
    /// Lets the company with this key have a say.
    async fn associate(&mut self, fingerprint: &str) -> Result<(), Failure>;
    /// Offers to ask the person for PINs, from now on.
    async fn offer_to_ask(&mut self) -> Result<(), Failure>;
    /// Has the person asked once more.
    async fn ask_again(&mut self) -> Result<(), Failure>;
}

/// The agent on the bus.
pub(super) struct AgentOfBus {
    bus: Connection,
    proxy: AgentProxy<'static>,
    changes: Changes,
}

impl AgentOfBus {
    pub(super) async fn on(bus: &Connection) -> Result<Self, Failure> {
        Ok(Self {
            bus: bus.clone(),
            // Whatever changes after the next look is told.
            changes: Changes::subscribe(bus).await?,
            proxy: agent::proxy(bus).await?,
        })
    }
}

impl Device for AgentOfBus {
    async fn agent(&mut self) -> Result<Agent, Failure> {
        Ok(Snapshot::read(&self.bus).await?.agent)
    }

    async fn changed(&mut self) -> Result<(), Failure> {
        Ok(self.changes.next().await?)
    }

    async fn associate(&mut self, fingerprint: &str) -> Result<(), Failure> {
        Ok(self.proxy.associate(fingerprint).await?)
    }

    async fn offer_to_ask(&mut self) -> Result<(), Failure> {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                "the card wants a PIN, and there is no terminal to ask for it on",
            ));
        }
        self.bus
            .object_server()
            .at(&PROMPTER, Prompter { typed })
            .await?;
        Ok(self.proxy.register_prompter(&PROMPTER).await?)
    }

    async fn ask_again(&mut self) -> Result<(), Failure> {
        match self.proxy.ask_pin().await {
            // Somebody is being asked, or the card has gone: what is published tells.
            Ok(()) | Err(Error::Busy(_) | Error::NoPinWanted(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

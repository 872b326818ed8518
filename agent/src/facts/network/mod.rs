//! The networks that the device is on: as `NetworkManager` tells them where it runs, else as the
//! kernel does; and which of the policy's servers answer on them.

mod links;
mod netlink;
mod networkmanager;
mod reach;
mod resolver;

use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use cardwarden_policy::facts::{Connection, Fingerprint, Mac, Network};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bus::Bus;
use super::service::follow;
use super::{Complaint, PAUSE, ServerToReach, Slot};
use crate::nearby::Nearby;
use netlink::Events;
use networkmanager::NetworkManager;

/// Longest name in the DNS (RFC 1035), in bytes.
const MAX_DOMAIN: usize = 253;

/// A connection as its source tells it, before the kernel was asked for its gateway.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Found {
    id: String,
    ssid: Option<String>,
    domains: BTreeSet<String>,
    /// Number of the interface on which its gateways are.
    interface: Option<u32>,
    /// The default gateways, the preferred first.
    gateways: Vec<IpAddr>,
}

/// A default gateway, and its hardware address once the kernel knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Gateway {
    interface: u32,
    address: IpAddr,
    mac: Option<Mac>,
}

/// A domain in lower case, without a dot at the end; `None` for what is none, such as the
/// domains of systemd-resolved that only choose a server (`~example.com`).
fn domain(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_domain = !text.is_empty() && text.len() <= MAX_DOMAIN && !text.starts_with('~');
    is_domain.then(|| text.to_ascii_lowercase())
}

/// What is known of `NetworkManager`: nothing yet, that it tells nothing, or what it tells.
type View = Option<Option<Vec<Found>>>;

/// Tells the networks, and which of `servers` answer on them.
pub(super) async fn provide(
    servers: Vec<ServerToReach>,
    bus: Bus,
    resolver: &Path,
    slot: &Slot<Network>,
) {
    let (told, view) = watch::channel(View::None);
    let mut networks = Networks {
        servers,
        view,
        resolver,
        slot,
        gateways: Vec::new(),
        present: None,
        answers: JoinSet::new(),
        complaint: Complaint::default(),
    };
    let mut manager = NetworkManager;
    // Cancel-safe: both only run until this provider is not wanted any more.
    tokio::select! {
        () = follow(bus, &mut manager, |connections| {
            told.send_replace(Some(connections));
        }) => {}
        ended = networks.run() => {
            if let Err(error) = ended {
                tracing::error!("cannot watch the networks: {error}; they are not known");
                slot.tell(None);
            }
        }
    }
}

struct Networks<'a> {
    servers: Vec<ServerToReach>,
    view: watch::Receiver<View>,
    resolver: &'a Path,
    slot: &'a Slot<Network>,
    gateways: Vec<Gateway>,
    /// What was told last.
    present: Option<Network>,
    /// Attempts to reach the servers on the present networks.
    answers: JoinSet<Option<Fingerprint>>,
    complaint: Complaint,
}

impl Networks<'_> {
    async fn run(&mut self) -> io::Result<()> {
        let events = Events::listen()?;
        loop {
            // Before the look, so that no change falls between.
            let beside = resolver::watch(self.resolver)?;
            let source = self.view.borrow_and_update().clone();
            let by_kernel = matches!(source, Some(None));
            if let Some(source) = source {
                self.look(source);
            }
            tokio::time::sleep(PAUSE).await;
            if !self.wait(&events, by_kernel.then_some(&beside)).await? {
                return Ok(());
            }
        }
    }

    /// Waits until it is time to look again, and tells meanwhile which servers answer. False when
    /// nobody listens any more.
    async fn wait(&mut self, events: &Events, beside: Option<&Nearby>) -> io::Result<bool> {
        loop {
            // Cancel-safe: none takes anything before it is done.
            tokio::select! {
                changed = self.view.changed() => return Ok(changed.is_ok()),
                changed = events.changed(&self.gateways) => return changed.map(|()| true),
                changed = changed(beside) => return changed.map(|()| true),
                Some(answer) = self.answers.join_next() => {
                    if let Ok(Some(fingerprint)) = answer
                        && let Some(present) = &mut self.present
                    {
                        present.reached.insert(fingerprint);
                        self.slot.tell(Some(present.clone()));
                    }
                }
            }
        }
    }

    /// Looks at everything; on other networks than before, reaches for the servers anew.
    fn look(&mut self, told: Option<Vec<Found>>) {
        let found = match told {
            Some(found) => Ok(found),
            None => links::connections(&resolver::domains(self.resolver)),
        };
        let connections = match found {
            Ok(found) => self.connections(found),
            Err(error) => {
                self.complaint
                    .say(format!("the kernel does not tell the networks: {error}"));
                self.present = None;
                self.answers.abort_all();
                self.slot.tell(None);
                return;
            }
        };
        self.complaint.settled();
        let same = |present: &Network| present.connections == connections;
        if self.present.as_ref().is_some_and(same) {
            return;
        }
        self.answers = JoinSet::new();
        if !connections.is_empty() {
            for server in &self.servers {
                self.answers.spawn_local(reach::reach(server.clone()));
            }
        }
        let network = Network {
            connections,
            reached: BTreeSet::new(),
        };
        self.slot.tell(Some(network.clone()));
        self.present = Some(network);
    }

    /// Adds what the kernel knows of the gateways.
    fn connections(&mut self, found: Vec<Found>) -> Vec<Connection> {
        self.gateways.clear();
        let with_gateway = |found: Found| Connection {
            gateway: self.gateway(&found),
            id: found.id,
            ssid: found.ssid,
            domains: found.domains,
        };
        found.into_iter().map(with_gateway).collect()
    }

    /// The hardware address of the first gateway that has one.
    fn gateway(&mut self, found: &Found) -> Option<Mac> {
        let interface = found.interface?;
        let mut first = None;
        for address in &found.gateways {
            let mut gateway = Gateway {
                interface,
                address: *address,
                mac: None,
            };
            match netlink::hardware_address(&gateway) {
                Ok(mac) => gateway.mac = mac,
                Err(error) => tracing::debug!("the gateway {address} is not known: {error}"),
            }
            first = first.or(gateway.mac);
            self.gateways.push(gateway);
        }
        first
    }
}

async fn changed(beside: Option<&Nearby>) -> io::Result<()> {
    match beside {
        Some(beside) => beside.changed().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_in_one_form() {
        assert_eq!(domain("Corp.Example."), Some("corp.example".to_owned()));
        for none in ["", ".", "~corp.example", &"a".repeat(254)] {
            assert_eq!(domain(none), None, "{none}");
        }
    }
}

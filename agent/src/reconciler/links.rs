//! With whom the agent speaks: the servers of the companies that have a say, and of those that just
//! had.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Reconciler, World};
use crate::dm::Link;
use crate::enforce::Kernel;
use crate::status::ServerStatus;
use crate::store::Association;

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Takes what is known of the servers. `true` when one said something that a decision may use.
    pub(crate) fn on_server(&mut self, server: ServerStatus) -> bool {
        let drained = server.pending == 0;
        let is_news = self.hear(&server);
        self.server = server;
        if drained && !self.farewells.is_empty() && self.state.untold.is_empty() {
            // What was left to say is said.
            self.farewells.clear();
            self.publish_links();
        }
        is_news
    }

    /// Lets the exchange know whom to speak with.
    pub(super) fn publish_links(&self) {
        let links: Vec<Arc<Link>> = self
            .state
            .associations
            .iter()
            .filter_map(|association| self.link(association))
            .map(Arc::new)
            .chain(self.farewells.iter().cloned())
            .collect();
        self.outputs.links.send_replace(links);
    }

    /// How to reach the server of a company, where it has one.
    pub(super) fn link(&self, association: &Association) -> Option<Link> {
        let mut mandates = self.mandates();
        let (_, mandate) = mandates.find(|(one, _)| one.id == association.id)?;
        Some(Link {
            account: mandate.account.clone()?,
            device: self.identity.device.clone(),
            association: association.id,
            device_key: self.identity.key.clone(),
            manifest: association.manifest.0.clone(),
            endorsement: association.endorsement.clone(),
            proof: association.proof.clone(),
        })
    }

    /// When a company's server last answered.
    pub(super) fn last_contact(&self) -> Option<Timestamp> {
        let contacts = self.state.associations.iter();
        contacts.filter_map(|association| association.contact).max()
    }
}

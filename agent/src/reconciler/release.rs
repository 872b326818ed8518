//! A company lets this device go, at once or from an instant on: by a statement over D-Bus, from its
//! server, or from a card. Everything of its association goes; the floor of its versions stays.

use cardwarden_policy::outcome::Event;
use cardwarden_policy::trust::Anchor;
use cardwarden_policy::{Anchors, Manifest, Rejected, Release, Verified};
use jiff::Timestamp;
use uuid::Uuid;

use super::cards::Inserted;
use super::{Reconciler, World};
use crate::card::Order;
use crate::clock;
use crate::enforce::Kernel;
use crate::request::Refused;
use crate::store::{Association, Released, Untold};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Takes a release.
    pub(crate) fn release(&mut self, statement: &[u8]) -> Result<(), Refused> {
        let now = self.time();
        let mut why = None;
        let found = self.state.associations.iter().position(|association| {
            match self.lets_go(association, statement, now) {
                Ok(release) => {
                    why = Some(Ok(release));
                    true
                }
                Err(rejected) => {
                    // That another company did not sign it says nothing.
                    if why.is_none() || !matches!(rejected, Rejected::UnknownSigner { .. }) {
                        why = Some(Err(rejected));
                    }
                    false
                }
            }
        });
        let release = match why {
            None => return Err(Refused::NotAssociated),
            Some(Err(rejected)) => return Err(Refused::Rejected(rejected)),
            Some(Ok(release)) => release,
        };
        let Some(place) = found else {
            return Err(Refused::NotAssociated);
        };
        if release.is_due(now) {
            return self.let_go(place);
        }
        let mut next = self.state.clone();
        if let Some(association) = next.associations.get_mut(place) {
            association.ends = release.from;
        }
        if next == self.state {
            return Ok(());
        }
        self.commit(next)
    }

    /// Whether a statement releases this device from an association, or why not.
    fn lets_go(
        &self,
        association: &Association,
        statement: &[u8],
        now: Option<Timestamp>,
    ) -> Result<Verified<Release>, Rejected> {
        let anchors: Anchors = Anchor::from_der(&association.anchor.0)
            .into_iter()
            .collect();
        let release: Verified<Release> = anchors.verify_at(statement, now)?;
        let company = association.card().ok();
        let fits = release.device == self.identity.device
            && release.association == association.id
            && company.is_none_or(|card| card.company == release.company);
        if fits {
            Ok(release)
        } else {
            Err(Rejected::OtherDevice)
        }
    }

    /// Takes what a card says of a release.
    pub(super) fn on_release(
        &mut self,
        reader: &str,
        directory: &Verified<Manifest>,
        statement: &[u8],
    ) {
        self.saw(Inserted {
            reader: reader.to_owned(),
            company: directory.company.clone(),
            signer: directory.signer(),
            card: Some(directory.card.fingerprint()),
        });
        match self.release(statement) {
            Ok(()) => self.solved("card-refused"),
            Err(Refused::NotAssociated) => {
                tracing::info!(
                    "the card in {reader} lets a device go that no company has a say on"
                );
            }
            Err(Refused::NotSaved { problem }) => self.problem("not-saved", &problem),
            Err(refused) => {
                let text = format!(
                    "the card in {reader}: {}",
                    cardwarden_policy::explain::chain(&refused)
                );
                self.refuse("release-refused", &text);
            }
        }
    }

    /// Lets go what was to be let go by now.
    pub(super) fn run_releases(&mut self, now: Option<Timestamp>) {
        let is_due = |association: &Association| {
            let ends = association.ends.zip(now);
            ends.is_some_and(|(ends, now)| ends <= now)
        };
        while let Some(place) = self.state.associations.iter().position(is_due) {
            if let Err(refused) = self.let_go(place) {
                self.problem("not-saved", &refused.to_string());
                return;
            }
        }
    }

    /// Ends an association, for good.
    fn let_go(&mut self, place: usize) -> Result<(), Refused> {
        let mut next = self.state.clone();
        if place >= next.associations.len() {
            return Err(Refused::NotAssociated);
        }
        let farewell = next.associations.get(place).and_then(|one| self.link(one));
        let association = next.associations.remove(place);
        let card = association.card().ok();
        let company = card
            .as_ref()
            .map_or_else(String::new, |card| card.company.clone());
        let signer = association
            .signer()
            .map_or_else(String::new, |signer| signer.to_string());
        next.released.retain(|released| released.signer != signer);
        next.released.push(Released {
            signer,
            version: card.map_or(0, |card| card.version),
            association: association.id,
            told: association.told,
        });
        next.untold.push(Untold {
            association: association.id,
            at: clock::now(),
            event: Event::Released { company },
        });
        self.commit(next)?;
        self.farewells.extend(farewell.map(std::sync::Arc::new));
        self.expect();
        self.publish_links();
        Ok(())
    }

    /// The group that the company's server wants this device to take; `None` for the one that the
    /// device would choose. The card is read again, now or when it is put in.
    pub(crate) fn want_group(
        &mut self,
        association: Uuid,
        group: Option<String>,
    ) -> Result<(), Refused> {
        let mut next = self.state.clone();
        let known = next
            .associations
            .iter_mut()
            .find(|known| known.id == association)
            .ok_or(Refused::NotAssociated)?;
        if known.wanted == group {
            return Ok(());
        }
        known.wanted = group;
        self.commit(next)?;
        self.expect();
        self.order(Order::ReadAgain);
        Ok(())
    }

    /// Whether a card is of a company that let this device go, and of the version that was in force
    /// then.
    pub(super) fn was_released(&self, signer: &str, version: u64) -> bool {
        let mut released = self.state.released.iter();
        released.any(|released| released.signer == signer && released.version == version)
    }

    /// Whether this association has ended.
    pub(super) fn has_ended(&self, association: Uuid) -> bool {
        let mut released = self.state.released.iter();
        released.any(|released| released.association == association)
    }

    /// Once the farewell is in the queue, the next card begins another association.
    pub(super) fn end_farewell(&mut self) {
        if self.has_ended(self.identity.association) {
            self.renew();
        }
    }

    /// Where several companies may have a say, the next one's association needs a number of its own.
    pub(super) fn make_room(&mut self) {
        let id = self.identity.association;
        let is_taken = |association: &Association| association.id == id;
        if self.may_be_several() && self.state.associations.iter().any(is_taken) {
            self.renew();
        }
    }

    fn renew(&mut self) {
        let renewed = self.identity.renewed();
        if let Err(error) = renewed.save(&self.fixed.folder) {
            self.problem("not-saved", &cardwarden_policy::explain::chain(&error));
            return;
        }
        self.identity = renewed;
        self.expect();
    }
}

//! New facts from a card. They count once they are saved; everything else stays as it was.

use cardwarden_policy::document::Companies;
use cardwarden_policy::operation::Origin;
use cardwarden_policy::outcome::Event;
use cardwarden_policy::schedule::Ledger;
use cardwarden_policy::trust::Anchor;
use cardwarden_policy::{Anchors, Manifest, Rejected, Standing};

use super::{Reconciler, World, not_saved};
use crate::card::CardReading;
use crate::clock;
use crate::enforce::Kernel;
use crate::request::Refused;
use crate::store::{Association, Bytes, Issue, State, TooOld, Untold};

/// Why a card does not count.
#[derive(Debug)]
pub(super) enum Declined {
    /// It is not believed, or not for this device.
    Rejected(Rejected),
    /// Another card was issued in its place.
    Replaced {
        /// The version of both.
        version: u64,
        /// When the other was issued.
        since: jiff::Timestamp,
    },
    /// Nobody here trusts its company, and a person may.
    ConsentNeeded,
    /// It was read for another association than it would belong to now.
    ReadAgain,
    /// The association that has just ended is yet to be told of.
    FarewellFirst,
    /// The state could not be written.
    NotSaved {
        /// What went wrong.
        problem: String,
    },
}

impl From<Rejected> for Declined {
    fn from(why: Rejected) -> Self {
        Self::Rejected(why)
    }
}

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// A card counts for nothing; what was in force stays.
    pub(super) fn refuse(&mut self, code: &'static str, text: &str) {
        let news = self
            .problems
            .get("card-refused")
            .is_none_or(|known| known.text != text);
        self.problem("card-refused", text);
        if let Some(problem) = self.problems.get_mut("card-refused") {
            code.clone_into(&mut problem.code);
        }
        if !news {
            return;
        }
        let at = clock::now();
        for association in &self.state.associations {
            self.state.untold.push(Untold {
                association: association.id,
                at,
                event: Event::Rejected {
                    code: code.to_owned(),
                    problem: text.to_owned(),
                },
            });
        }
    }

    /// Lets a card's policy count. `Ok(false)` when it is in force already. `agreed` is the key of
    /// the company that a person just agreed to.
    pub(super) fn admit(
        &mut self,
        reading: &CardReading,
        agreed: Option<&[u8]>,
    ) -> Result<bool, Declined> {
        let signer = reading.mandate.signer();
        let company = signer.to_string();
        let place = self.place_of(reading)?;
        if reading.was_inside && self.was_released(&company, reading.mandate.version) {
            tracing::info!("the card was in the reader when its company let this device go");
            return Ok(false);
        }
        // Also when what was sent since is newer: such a card says nothing new, and nothing wrong.
        if place.is_some_and(|place| self.is_in_force(reading, place)) {
            return Ok(false);
        }
        let issue = Issue {
            version: reading.mandate.version,
            issued: reading.mandate.issued,
        };
        let admitted = self.state.floors.admit(&company, issue);
        admitted.map_err(|why| match why {
            TooOld::Version(why) => Declined::Rejected(why),
            TooOld::Replaced { version, since } => Declined::Replaced { version, since },
        })?;
        let (association, _) = self.outputs.expectation.borrow().of(signer);
        if reading.endorsement.association != association {
            return Err(Declined::ReadAgain);
        }
        if self.has_ended(association) {
            return Err(Declined::FarewellFirst);
        }
        let Some(anchor) = self.anchor_of(reading, agreed) else {
            return self.is_for_us(&reading.mandate).map_or_else(
                |why| Err(Declined::Rejected(why)),
                |()| Err(self.unknown(reading)),
            );
        };
        self.learn_time(reading.mandate.issued);
        self.is_for_us(&reading.mandate)?;
        if reading.mandate.delegate().is_some() {
            // The reader's thread knows the wall clock alone.
            let now = self.time();
            let anchors: Anchors = Anchor::from_der(&anchor).into_iter().collect();
            anchors.verify_at::<Manifest>(&reading.manifest, now)?;
        }
        let mut next = self.associated(reading, place, anchor);
        next.floors.raise(&company, issue);
        self.commit(next).map_err(|refused| Declined::NotSaved {
            problem: refused.to_string(),
        })?;
        self.solved("state-damaged");
        self.make_room();
        self.expect();
        self.publish_links();
        Ok(true)
    }

    /// Where the association lies that a card belongs to; `None` when it begins one.
    fn place_of(&self, reading: &CardReading) -> Result<Option<usize>, Rejected> {
        let signer = reading.mandate.signer();
        let mut associations = self.state.associations.iter();
        // One whose key cannot be read any more is taken over by whoever is trusted.
        let own = associations
            .position(|association| association.signer().is_none_or(|known| known == signer));
        if own.is_some() || self.state.associations.is_empty() || self.may_be_several() {
            return Ok(own);
        }
        let first = self.mandates().next();
        Err(Rejected::OtherCompany {
            associated: first.map_or_else(
                || "another company".to_owned(),
                |(_, mandate)| mandate.company.clone(),
            ),
            company: reading.mandate.company.clone(),
        })
    }

    /// Whether the first company's policy allows others beside it.
    pub(super) fn may_be_several(&self) -> bool {
        let Some(Standing::Proven(first)) = self.standings.first() else {
            return false;
        };
        match first.policy.companies {
            Companies::One => false,
            Companies::Several => true,
        }
    }

    /// What to do with a card of a company that nobody here trusts. While it is not known who has a
    /// say, a person cannot agree to anybody: that would be a way out.
    fn unknown(&self, reading: &CardReading) -> Declined {
        if reading.stranger.is_some() && self.unproven().is_none() {
            return Declined::ConsentNeeded;
        }
        Declined::Rejected(Rejected::UnknownSigner {
            key: reading.mandate.signer().to_string(),
        })
    }

    fn is_in_force(&self, reading: &CardReading, place: usize) -> bool {
        self.state.associations.get(place).is_some_and(|known| {
            known.manifest.0 == reading.manifest && known.group.0 == reading.group
        })
    }

    /// The state with a card's policy in force. What the old policy's tasks did ends with it; what
    /// the server asked for goes on.
    fn associated(
        &mut self,
        reading: &CardReading,
        place: Option<usize>,
        anchor: Vec<u8>,
    ) -> State {
        let taken = self.time().unwrap_or(reading.mandate.issued);
        let company = reading.mandate.signer().to_string();
        let mut next = self.state.clone();
        next.lost = None;
        next.released.retain(|released| released.signer != company);
        let mut association = Association {
            id: reading.endorsement.association,
            anchor: Bytes(anchor),
            manifest: Bytes(reading.manifest.clone()),
            group: Bytes(reading.group.clone()),
            delivered: None,
            endorsement: reading.endorsement.clone(),
            proof: reading.proof.clone(),
            since: clock::now(),
            taken,
            wanted: None,
            ends: None,
            operations: Vec::new(),
            ledger: Ledger::default(),
            contact: None,
            told: std::collections::BTreeMap::new(),
        };
        match place.and_then(|place| next.associations.get_mut(place)) {
            Some(known) => {
                association.since = known.since;
                association.wanted = known.wanted.take();
                association.ends = known.ends;
                association.contact = known.contact;
                association.told = std::mem::take(&mut known.told);
                association.operations = std::mem::take(&mut known.operations);
                association
                    .operations
                    .retain(|operation| matches!(operation.origin, Origin::Server(_)));
                *known = association;
            }
            None => next.associations.push(association),
        }
        next.untold.push(Untold {
            association: reading.endorsement.association,
            at: clock::now(),
            event: Event::Associated {
                company: reading.mandate.company.clone(),
                version: reading.mandate.version,
                group: reading.mandate.group_name.clone(),
            },
        });
        next
    }

    /// The key that signed a reading: from `trust.d`, the one that is trusted since the association
    /// began, or the one that a person just agreed to.
    fn anchor_of(&self, reading: &CardReading, agreed: Option<&[u8]>) -> Option<Vec<u8>> {
        let signer = reading.mandate.signer();
        if let Some(anchor) = self.fixed.anchors.find(signer) {
            return Some(anchor.spki().to_vec());
        }
        let kept = self.state.associations.iter();
        kept.map(|association| association.anchor.0.as_slice())
            .chain(agreed)
            .find(|spki| Anchor::from_der(spki).is_ok_and(|anchor| anchor.id() == signer))
            .map(<[u8]>::to_vec)
    }

    /// Makes a state count, once it is saved.
    pub(super) fn commit(&mut self, next: State) -> Result<(), Refused> {
        self.commit_believed(next, None)
    }

    /// The same, where what one association proves was believed just now.
    pub(super) fn commit_believed(
        &mut self,
        next: State,
        believed: Option<(usize, &Standing)>,
    ) -> Result<(), Refused> {
        self.store.save(&next).map_err(|error| Refused::NotSaved {
            problem: not_saved(&error),
        })?;
        self.solved("not-saved");
        let fresh =
            believed.and_then(|(place, standing)| Some((next.associations.get(place)?, standing)));
        let known: Vec<_> = fresh.into_iter().chain(self.bonds()).collect();
        self.standings = crate::store::standings(&next, &known);
        self.state = next;
        Ok(())
    }
}

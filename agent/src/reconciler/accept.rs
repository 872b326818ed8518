//! New facts: what a card says, and what the company says by a statement. They count once they
//! are saved; everything else stays as it was.

use cardwarden_policy::operation::Origin;
use cardwarden_policy::outcome::Event;
use cardwarden_policy::schedule::Ledger;
use cardwarden_policy::trust::Anchor;
use cardwarden_policy::{Anchors, Manifest, Rejected, Release, Standing, Verified};

use super::{Reconciler, World, not_saved};
use crate::card::{CardEvent, CardReading};
use crate::clock;
use crate::enforce::Kernel;
use crate::request::Refused;
use crate::status::Timings;
use crate::store::{Association, Bytes, Released, State, Untold};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Takes what the readers say.
    pub(crate) fn on_card(&mut self, event: CardEvent) {
        match event {
            CardEvent::Service(answers) => {
                self.card.service = answers;
                if answers {
                    self.solved("no-service");
                } else {
                    self.card.readers.clear();
                    self.card.inserted = None;
                    self.proven = None;
                    let text = "the smart-card service pcscd does not answer; cards are not seen. \
                                What is in force stays. Start pcscd.socket";
                    self.problem("no-service", text);
                }
            }
            CardEvent::Readers(readers) => {
                if readers.is_empty() {
                    let text = "there is no card reader. What is in force stays";
                    self.problem("no-reader", text);
                } else {
                    self.solved("no-reader");
                }
                self.card.readers = readers;
            }
            CardEvent::Removed { reader } => {
                if self
                    .card
                    .inserted
                    .as_ref()
                    .is_some_and(|(inserted, _)| *inserted == reader)
                {
                    self.card.inserted = None;
                    self.proven = None;
                }
            }
            CardEvent::Fault {
                reader,
                code,
                problem,
            } => {
                self.refuse(code, format!("the card in {reader}: {problem}"));
            }
            CardEvent::Reading(reading) => self.on_reading(&reading),
        }
    }

    fn on_reading(&mut self, reading: &CardReading) {
        self.card.inserted = Some((reading.reader.clone(), reading.mandate.company.clone()));
        let signer = reading.mandate.signer();
        self.proven = reading.mandate.card.map(|card| (signer, card));
        match self.admit(reading) {
            Ok(true) => {
                self.solved("card-refused");
                self.inserted = Some((
                    reading.event_at,
                    Timings {
                        apdus: reading.apdus,
                        read: micros(reading.read),
                        verify: micros(reading.verify),
                        ..Timings::default()
                    },
                ));
            }
            Ok(false) => self.solved("card-refused"),
            Err(Refused::Rejected(why)) => {
                let text = format!("the card in {}: {why}", reading.reader);
                self.refuse(why.code(), text);
            }
            Err(Refused::NotSaved { problem }) => self.problem("not-saved", &problem),
            Err(
                Refused::NotAssociated
                | Refused::NotPending
                | Refused::WrongFingerprint
                | Refused::NoPinWanted,
            ) => {}
        }
    }

    /// A card counts for nothing; what was in force stays.
    fn refuse(&mut self, code: &'static str, text: String) {
        let news = self
            .problems
            .get("card-refused")
            .is_none_or(|known| known.text != text);
        self.problem("card-refused", &text);
        if let Some(problem) = self.problems.get_mut("card-refused") {
            code.clone_into(&mut problem.code);
        }
        if news && self.state.association.is_some() {
            self.state.untold.push(Untold {
                association: self.identity.association,
                at: clock::now(),
                event: Event::Rejected {
                    code: code.to_owned(),
                    problem: text,
                },
            });
        }
    }

    /// Lets a card's policy count. `Ok(false)` when it is in force already.
    fn admit(&mut self, reading: &CardReading) -> Result<bool, Refused> {
        let rejected = |why| Err(Refused::Rejected(why));
        let signer = reading.mandate.signer().to_string();
        if let Standing::Proven(current) = &self.standing
            && current.signer() != reading.mandate.signer()
        {
            return rejected(Rejected::OtherCompany {
                associated: current.company.clone(),
                company: reading.mandate.company.clone(),
            });
        }
        let floor = match self.state.floor(&signer).admit(reading.mandate.version) {
            Ok(floor) => floor,
            Err(why) => return rejected(why),
        };
        if reading.present_at_start && self.was_released(&signer, reading.mandate.version) {
            tracing::info!("the card was in the reader when its company let this device go");
            return Ok(false);
        }
        if self.is_in_force(reading) {
            return Ok(false);
        }
        let Some(anchor) = self.anchor_of(reading) else {
            return rejected(Rejected::UnknownSigner { key: signer });
        };
        self.learn_time(reading.mandate.issued);
        if let Err(why) = self.is_for_us(&reading.mandate) {
            return rejected(why);
        }
        // The reader's thread knows the wall clock alone.
        let now = self.time();
        let anchors: Anchors = Anchor::from_der(&anchor).into_iter().collect();
        if let Err(why) = anchors.verify_at::<Manifest>(&reading.manifest, now) {
            return rejected(why);
        }
        let mut next = self.associated(reading, anchor);
        next.floors.insert(signer, floor.version());
        self.commit(next)?;
        self.solved("state-damaged");
        self.publish_link();
        Ok(true)
    }

    fn is_in_force(&self, reading: &CardReading) -> bool {
        self.state.association.as_ref().is_some_and(|known| {
            known.manifest.0 == reading.manifest && known.group.0 == reading.group
        })
    }

    /// The state with a card's policy in force. What the old policy's tasks did ends with it; what
    /// the server asked for goes on.
    fn associated(&mut self, reading: &CardReading, anchor: Vec<u8>) -> State {
        let taken = self.time().unwrap_or(reading.mandate.issued);
        let mut next = self.state.clone();
        let since = next.association.as_ref().map(|known| known.since);
        next.released = None;
        next.ledger = Ledger::default();
        next.operations
            .retain(|operation| matches!(operation.origin, Origin::Server(_)));
        next.association = Some(Association {
            anchor: Bytes(anchor),
            manifest: Bytes(reading.manifest.clone()),
            group: Bytes(reading.group.clone()),
            endorsement: reading.endorsement.clone(),
            signature: Bytes(reading.signature.clone()),
            since: since.unwrap_or_else(clock::now),
            taken,
        });
        next.untold.push(Untold {
            association: self.identity.association,
            at: clock::now(),
            event: Event::Associated {
                company: reading.mandate.company.clone(),
                version: reading.mandate.version,
                group: reading.mandate.group_name.clone(),
            },
        });
        next
    }

    fn was_released(&self, signer: &str, version: u64) -> bool {
        self.state
            .released
            .as_ref()
            .is_some_and(|released| released.signer == signer && released.version == version)
    }

    /// The key that signed a reading: from `trust.d`, or the one that is trusted since the
    /// association began.
    fn anchor_of(&self, reading: &CardReading) -> Option<Vec<u8>> {
        let signer = reading.mandate.signer();
        if let Some(anchor) = self.fixed.anchors.find(signer) {
            return Some(anchor.spki().to_vec());
        }
        let kept = self.state.association.as_ref()?.anchor.0.clone();
        let anchor = Anchor::from_der(&kept).ok()?;
        (anchor.id() == signer).then_some(kept)
    }

    /// Takes a release.
    pub(crate) fn release(&mut self, statement: &[u8]) -> Result<(), Refused> {
        let now = self.time();
        let association = self
            .state
            .association
            .as_ref()
            .ok_or(Refused::NotAssociated)?;
        let anchors: Anchors = Anchor::from_der(&association.anchor.0)
            .into_iter()
            .collect();
        let release: Verified<Release> = anchors
            .verify_at(statement, now)
            .map_err(Refused::Rejected)?;
        let company = match association.verify() {
            Ok((manifest, _)) => Some((manifest.company.clone(), manifest.version)),
            Err(_) => None,
        };
        let fits = release.device == self.identity.device
            && release.association == association.endorsement.association
            && company
                .as_ref()
                .is_none_or(|(company, _)| *company == release.company);
        if !fits {
            return Err(Refused::Rejected(Rejected::OtherDevice));
        }
        let mut next = self.state.clone();
        next.association = None;
        next.contact = None;
        next.operations.clear();
        next.ledger = Ledger::default();
        next.released = Some(Released {
            signer: release.signer().to_string(),
            version: company.map_or(0, |(_, version)| version),
            association: release.association,
        });
        next.untold.push(Untold {
            association: release.association,
            at: clock::now(),
            event: Event::Released {
                company: release.company.clone(),
            },
        });
        self.commit(next)
    }

    /// Once the farewell is in the queue, the next card begins another association.
    pub(super) fn end_farewell(&mut self) {
        let ended = self
            .state
            .released
            .as_ref()
            .map(|released| released.association);
        if ended != Some(self.identity.association) {
            return;
        }
        let renewed = self.identity.renewed();
        if let Err(error) = renewed.save(&self.fixed.folder) {
            self.problem("not-saved", &cardwarden_policy::explain::chain(&error));
            return;
        }
        self.identity = renewed;
        let (device, association) = (self.identity.device.clone(), self.identity.association);
        self.outputs.expectation.send_modify(|expectation| {
            expectation.device = device;
            expectation.association = association;
        });
    }

    /// Makes a state count, once it is saved.
    pub(super) fn commit(&mut self, next: State) -> Result<(), Refused> {
        self.store.save(&next).map_err(|error| Refused::NotSaved {
            problem: not_saved(&error),
        })?;
        self.solved("not-saved");
        self.standing = crate::store::standing(&next);
        self.state = next;
        Ok(())
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

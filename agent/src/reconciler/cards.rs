//! What is in the readers: cards that count, cards that wait for a person's consent, and cards that
//! want a PIN. What waits changes nothing, and is forgotten with its card.

use cardwarden_policy::KeyId;
use cardwarden_policy::describe;
use cardwarden_policy::facts::{CardPresence, Fingerprint};
use cardwarden_policy::trust::Anchor;

use super::accept::Declined;
use super::{Reconciler, World};
use crate::card::{Bond, CardEvent, CardReading, Order, PinNeeded};
use crate::enforce::Kernel;
use crate::request::{Pin, Refused};
use crate::status::{CardProof, Pending, PinWanted, Timings};

/// Digits of a fingerprint that stand together.
const DIGITS: usize = 4;

/// A card that was understood, whether or not it counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Inserted {
    pub(super) reader: String,
    pub(super) company: String,
    pub(super) signer: KeyId,
    /// The card itself, where its manifest names it.
    pub(super) card: Option<Fingerprint>,
}

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Takes what the readers say; whether that may change what is in force.
    pub(crate) fn on_card(&mut self, event: CardEvent) -> bool {
        match event {
            CardEvent::Service(answers) => self.on_service(answers),
            CardEvent::Readers(readers) => {
                if readers.is_empty() {
                    let text = "there is no card reader. What is in force stays";
                    self.problem("no-reader", text);
                } else {
                    self.solved("no-reader");
                }
                self.card.readers = readers;
            }
            CardEvent::Met => {
                self.make_ready();
                return false;
            }
            CardEvent::Removed { reader } => self.forget(|known| known == reader),
            CardEvent::Fault {
                reader,
                code,
                problem,
            } => {
                self.forget(|known| known == reader);
                self.refuse(code, &format!("the card in {reader}: {problem}"));
            }
            CardEvent::PinNeeded(needed) => self.on_pin_needed(needed),
            CardEvent::Release {
                reader,
                directory,
                statement,
            } => self.on_release(&reader, &directory, &statement),
            CardEvent::Reading(reading) => self.on_reading(*reading),
        }
        true
    }

    fn on_service(&mut self, answers: bool) {
        self.card.service = answers;
        if answers {
            self.solved("no-service");
            return;
        }
        self.card.readers.clear();
        // The SIM in a modem is reached without pcscd.
        let modem = self.fixed.settings.modem.clone();
        self.forget(|known| modem.as_ref().is_none_or(|modem| modem.as_str() != known));
        let text = "the smart-card service pcscd does not answer; cards are not seen. What is in \
                    force stays. Start pcscd.socket";
        self.problem("no-service", text);
    }

    /// Forgets the cards in some readers, and what they waited for.
    fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.cards.retain(|card| !is_gone(&card.reader));
        self.pending.retain(|card| !is_gone(&card.reader));
        self.pins.retain(|pin| !is_gone(&pin.reader));
        self.show_cards();
    }

    /// Remembers a card in place of what was in its reader before.
    pub(super) fn saw(&mut self, card: Inserted) {
        self.forget(|known| known == card.reader);
        self.cards.push(card);
        self.show_cards();
    }

    fn show_cards(&mut self) {
        self.card.inserted = self
            .cards
            .last()
            .map(|card| (card.reader.clone(), card.company.clone()));
        if self.pending.is_empty() {
            self.solved("consent-needed");
        }
        if self.pins.is_empty() {
            self.solved("pin-needed");
        }
    }

    fn on_reading(&mut self, reading: CardReading) {
        self.saw(Inserted {
            reader: reading.reader.clone(),
            company: reading.mandate.company.clone(),
            signer: reading.mandate.signer(),
            card: reading.mandate.card,
        });
        match self.admit(&reading, None) {
            Ok(counts) => {
                self.solved("card-refused");
                if counts {
                    self.begin_timing(&reading);
                }
            }
            Err(declined) => self.decline(reading, declined),
        }
    }

    fn decline(&mut self, reading: CardReading, declined: Declined) {
        let in_reader = format!("the card in {}", reading.reader);
        match declined {
            Declined::Rejected(why) => self.refuse(why.code(), &format!("{in_reader}: {why}")),
            Declined::Replaced { version, since } => {
                let text = format!(
                    "{in_reader}: another card of version {version} was issued in its place, at \
                     {since}. Use that one"
                );
                self.refuse("replaced-card", &text);
            }
            Declined::NotSaved { problem } => self.problem("not-saved", &problem),
            Declined::FarewellFirst => self.problem("not-queued", FAREWELL_FIRST),
            Declined::ReadAgain => self.order(Order::ReadAgain),
            Declined::ConsentNeeded => {
                let text = format!(
                    "{in_reader} is of {}, which this device does not know, so it changes nothing. \
                     Whoever uses this device may agree: run `cardwarden associate`",
                    reading.mandate.company
                );
                self.problem("consent-needed", &text);
                self.pending.push(reading);
            }
        }
    }

    pub(super) fn begin_timing(&mut self, reading: &CardReading) {
        self.inserted = Some((
            reading.event_at,
            Timings {
                apdus: reading.apdus,
                read: micros(reading.read),
                verify: micros(reading.verify),
                first: micros(reading.first),
                exchange: micros(reading.exchange),
                ..Timings::default()
            },
        ));
    }

    /// The person at the device agrees that the company with this key has a say.
    pub(crate) fn associate(&mut self, fingerprint: &str) -> Result<(), Refused> {
        if self.pending.is_empty() {
            return Err(Refused::NotPending);
        }
        let agreed = |card: &CardReading| stranger(card).is_some_and(|key| key.1 == fingerprint);
        let cards = std::mem::take(&mut self.pending);
        let (mut cards, others): (Vec<_>, Vec<_>) = cards.into_iter().partition(agreed);
        self.pending = others;
        cards.sort_by_key(|card| (card.mandate.version, card.mandate.issued));
        let reading = cards.pop().ok_or(Refused::WrongFingerprint)?;
        let admitted = self.admit(&reading, reading.stranger.as_deref());
        match admitted {
            Ok(counts) => {
                if counts {
                    self.begin_timing(&reading);
                }
                // Its other cards are older, and are told so.
                for card in cards {
                    self.on_reading(card);
                }
                self.show_cards();
                Ok(())
            }
            Err(declined) => {
                let refused = match &declined {
                    Declined::Rejected(why) => Refused::Rejected(why.clone()),
                    Declined::NotSaved { problem } => Refused::NotSaved {
                        problem: problem.clone(),
                    },
                    Declined::FarewellFirst => Refused::NotSaved {
                        problem: FAREWELL_FIRST.to_owned(),
                    },
                    Declined::Replaced { .. } | Declined::ReadAgain | Declined::ConsentNeeded => {
                        Refused::NotPending
                    }
                };
                if matches!(
                    declined,
                    Declined::NotSaved { .. } | Declined::FarewellFirst
                ) {
                    // It may be tried again.
                    self.pending.extend(cards);
                    self.pending.push(reading);
                } else {
                    self.decline(reading, declined);
                }
                self.show_cards();
                Err(refused)
            }
        }
    }

    fn on_pin_needed(&mut self, needed: PinNeeded) {
        let before = self
            .pins
            .iter()
            .find(|pin| (&pin.reader, pin.insertion) == (&needed.reader, needed.insertion));
        let wrong = before.map_or(0, |pin| pin.wrong);
        let wrong = wrong.saturating_add(needed.wrong.into());
        self.forget(|known| known == needed.reader);
        let tries = match needed.tries {
            Some(0) => "; it is blocked, so ask your administrator".to_owned(),
            Some(1) => "; one try is left".to_owned(),
            Some(tries) => format!("; {tries} tries are left"),
            None => String::new(),
        };
        let text = format!(
            "the card in {} gives its group `{}` only after its PIN{tries}. Run \
             `cardwarden associate`",
            needed.reader, needed.group
        );
        self.problem("pin-needed", &text);
        self.pins.push(PinWanted {
            reader: needed.reader,
            insertion: needed.insertion,
            company: needed.company,
            group: needed.group,
            tries: needed.tries,
            wrong,
        });
    }

    /// Passes a PIN on to the card that asked for it.
    pub(crate) fn give_pin(
        &mut self,
        reader: String,
        insertion: u64,
        pin: &Pin,
    ) -> Result<(), Refused> {
        let asked = self
            .pins
            .iter()
            .any(|pin| (&pin.reader, pin.insertion) == (&reader, insertion));
        if !asked {
            return Err(Refused::NoPinWanted);
        }
        // What is no PIN at all reaches no card, and costs no try.
        let pin = cardwarden_card::Pin::new(pin.bytes().to_vec())
            .map_err(|_empty_or_too_long| Refused::NoPinWanted)?;
        self.order(Order::Pin {
            reader,
            insertion,
            pin,
        });
        Ok(())
    }

    /// Has the card thread do something.
    pub(super) fn order(&self, order: Order) {
        if let Err(error) = self.outputs.orders.try_send(order) {
            tracing::warn!("cards are read again only when they are put in again: {error}");
        }
    }

    /// Whether a card of this company is in a reader; the latest of several.
    pub(super) fn card_presence(&self, signer: Option<KeyId>) -> Option<CardPresence> {
        let signer = signer?;
        let mut cards = self.cards.iter().rev();
        let card = cards.find(|card| card.signer == signer);
        let present = card.and_then(|card| card.card).map(CardPresence::Present);
        // That no reader holds one is known by pcscd only.
        present.or_else(|| self.card.service.then_some(CardPresence::Absent))
    }

    /// The cards that wait for consent, as people see them.
    pub(super) fn pending_status(&self) -> Vec<Pending> {
        let shown = |card: &CardReading| {
            let (signer, fingerprint) = stranger(card)?;
            Some(Pending {
                reader: card.reader.clone(),
                company: card.mandate.company.clone(),
                signer,
                fingerprint,
                version: card.mandate.version,
                group: card.mandate.group_name.clone(),
                restricts: restricts(card),
                proof: CardProof::of(card.authenticity),
            })
        };
        self.pending.iter().filter_map(shown).collect()
    }

    /// The PIN to ask for first.
    pub(super) fn pin_status(&self) -> Option<PinWanted> {
        self.pins.first().cloned()
    }

    /// Lets the card thread know what cards are measured by.
    pub(super) fn expect(&mut self) {
        let mut anchors = self.fixed.anchors.clone();
        let mut bonds = Vec::new();
        for association in &self.state.associations {
            if let Ok(anchor) = Anchor::from_der(&association.anchor.0) {
                bonds.push(Bond {
                    signer: anchor.id(),
                    association: association.id,
                    group: association.wanted.clone(),
                });
                anchors.insert(anchor);
            }
        }
        let mut properties = self.fixed.properties.clone();
        properties.functions = self.world.functions();
        let expectation = crate::card::Expectation {
            properties,
            association: self.identity.association,
            bonds,
            device_key: self.identity.spki.clone(),
            anchors: std::sync::Arc::new(anchors),
        };
        self.outputs.expectation.send_replace(expectation);
    }
}

const FAREWELL_FIRST: &str = "the company that had a say before is yet to be told that this device \
                              was let go; free some space, and put the card in again";

/// The key of a company that nobody here trusts: as an association shows it, and in full.
fn stranger(card: &CardReading) -> Option<(String, String)> {
    let anchor = Anchor::from_der(card.stranger.as_deref()?).ok()?;
    let digits: Vec<char> = anchor.fingerprint().to_string().chars().collect();
    let groups: Vec<String> = digits
        .chunks(DIGITS)
        .map(|group| group.iter().collect())
        .collect();
    Some((anchor.id().to_string(), groups.join(" ")))
}

/// What a card's policy would restrict, one sentence each.
fn restricts(card: &CardReading) -> Vec<String> {
    let policy = &card.mandate.policy;
    let wanted = ["Without a rule", "Rules", "Tasks", "The company's server"];
    describe::policy(policy)
        .into_iter()
        .filter(|paragraph| wanted.contains(&paragraph.heading))
        .flat_map(|paragraph| paragraph.sentences)
        .collect()
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

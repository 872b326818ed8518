//! Reading one card: the directory, its signature, one group, and the proof that the card is
//! no copy.
//!
//! ```text
//!  directory ─► believed ──────────────┬─► a release for this device? ─► Release
//!           └─► introduced by its key ─┘   else a group ─ wants a PIN ─► PinNeeded
//!                                                 └─► proof ─► Reading
//! ```

use std::cell::Cell;
use std::ffi::CStr;
use std::time::{Duration, Instant};

use cardwarden_card::modem::Failure;
use cardwarden_card::{
    Connection, Lengths, NotTaken, Pin, Prepared, Profile, READING_TIME, Transport, open, profile,
    reader,
};
use cardwarden_policy::trust::Introduction;
use cardwarden_policy::{Endorsement, GroupEntry, Manifest, Rejected, Verified};
use jiff::Timestamp;
use uuid::Uuid;

use super::{CardEvent, CardReading, Expectation, PinNeeded, sim};

/// Bytes of a challenge.
const NONCE: usize = 32;

/// Why a card was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The reader failed.
    #[error("the card in {reader} cannot be reached")]
    Reader {
        /// The reader.
        reader: String,
        /// Why.
        #[source]
        source: reader::Error,
    },
    /// The card failed, or is not believed.
    #[error("the card in {reader} is not used")]
    Card {
        /// The reader.
        reader: String,
        /// Why.
        #[source]
        source: NotTaken,
    },
    /// The kernel gives no random numbers, without which no card can prove itself.
    #[error("no challenge could be made for the card in {reader}")]
    NoChallenge {
        /// The reader.
        reader: String,
    },
}

impl Refusal {
    /// A stable word for this reason.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Reader { source, .. } => source.code(),
            Self::Card { source, .. } => source.code(),
            Self::NoChallenge { .. } => "no-random",
        }
    }

    /// Whether another program reset the card under us: it is as good as new.
    fn is_reset(&self) -> bool {
        self.code()
            == reader::Error::Reset {
                reader: String::new(),
            }
            .code()
    }

    /// Whether it is worth another attempt though nothing told of a change: another program has
    /// the card for itself, or a modem cannot give its SIM now.
    pub(super) fn passes(&self) -> bool {
        let is_in_use = self.code()
            == reader::Error::InUse {
                reader: String::new(),
            }
            .code();
        is_in_use || sim::failure(self).is_some_and(Failure::passes)
    }
}

/// A card that PC/SC told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// When.
    pub(super) event_at: Instant,
    /// Whether it was there before.
    pub(super) was_inside: bool,
    /// Which insertion it is.
    pub(super) insertion: u64,
}

/// Where there is a card.
pub(super) trait Source {
    /// What people call the place.
    fn name(&self) -> String;

    /// Reaches the card, and has it spoken to while nobody else does, by somebody who says when it
    /// answered for the first time.
    fn meet<T>(
        &mut self,
        speak: impl FnOnce(&mut dyn Transport, &dyn Fn()) -> T,
    ) -> Result<T, reader::Error>;
}

/// A reader, and what was made ahead for the card in it.
pub(super) struct Reader<'r> {
    /// Its name.
    pub(super) name: &'r CStr,
    /// For the first meeting; the next makes its own.
    pub(super) ready: Option<Prepared>,
    /// Who is told when the card has answered for the first time.
    pub(super) met: &'r dyn Fn(),
}

impl Source for Reader<'_> {
    fn name(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }

    fn meet<T>(
        &mut self,
        speak: impl FnOnce(&mut dyn Transport, &dyn Fn()) -> T,
    ) -> Result<T, reader::Error> {
        let mut connection = match self.ready.take() {
            Some(ready) => ready.open(self.name)?,
            None => Connection::open(self.name)?,
        };
        let mut transaction = connection.transaction()?;
        Ok(speak(&mut transaction, self.met))
    }
}

/// Reads the card, once more when another program reset it meanwhile; with a PIN, only once.
pub(super) fn read(
    source: &mut impl Source,
    expectation: &Expectation,
    told: Told,
    pin: Option<&Pin>,
) -> Result<CardEvent, Refusal> {
    match read_once(source, expectation, told, pin) {
        Err(refusal) if refusal.is_reset() && pin.is_none() => {
            read_once(source, expectation, told, None)
        }
        result => result,
    }
}

fn read_once(
    source: &mut impl Source,
    expectation: &Expectation,
    told: Told,
    pin: Option<&Pin>,
) -> Result<CardEvent, Refusal> {
    let reader = source.name();
    let unreachable = |source| Refusal::Reader {
        reader: reader.clone(),
        source,
    };
    let unused = |source| Refusal::Card {
        reader: reader.clone(),
        source,
    };
    let mut nonce = vec![0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_no_entropy| Refusal::NoChallenge {
        reader: reader.clone(),
    })?;
    let began = Instant::now();
    let waited = Cell::new(Duration::ZERO);
    let speak = |transport: &mut dyn Transport, met: &dyn Fn()| {
        let timed = Timed {
            inner: transport,
            waited: &waited,
            met: Some(met),
        };
        let first = told.event_at.elapsed();
        let card = open(timed, READING_TIME).map_err(NotTaken::Card)?;
        let conversation = Conversation {
            card,
            reader: reader.clone(),
            expectation,
            told,
            began,
            first,
            waited: &waited,
            believing: Duration::ZERO,
        };
        conversation.hold(nonce, pin)
    };
    source.meet(speak).map_err(unreachable)?.map_err(unused)
}

/// A transport, how long its card and reader took to answer, and who is told of the first answer.
struct Timed<'w, T> {
    inner: T,
    waited: &'w Cell<Duration>,
    met: Option<&'w dyn Fn()>,
}

impl<T: Transport> Transport for Timed<'_, T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, reader::Error> {
        let began = Instant::now();
        let answer = self.inner.transmit(command);
        self.waited
            .set(self.waited.get().saturating_add(began.elapsed()));
        if let Some(met) = self.met.take() {
            met();
        }
        answer
    }

    fn lengths(&self) -> Lengths {
        self.inner.lengths()
    }

    fn reach(&self) -> Lengths {
        self.inner.reach()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}

/// A conversation with one card.
struct Conversation<'a> {
    card: Box<dyn Profile + 'a>,
    reader: String,
    expectation: &'a Expectation,
    told: Told,
    began: Instant,
    /// From PC/SC's word to the first command.
    first: Duration,
    /// How long card and reader took so far.
    waited: &'a Cell<Duration>,
    /// How long believing took so far.
    believing: Duration,
}

/// A directory that is believed, or would be if a person agreed.
struct Directory {
    bytes: Vec<u8>,
    manifest: Verified<Manifest>,
    /// The key that introduced itself.
    stranger: Option<Vec<u8>>,
}

/// What came of asking for a group.
enum Asked {
    Group(Vec<u8>),
    PinNeeded { tries: Option<u8>, wrong: bool },
}

impl Conversation<'_> {
    fn hold(mut self, nonce: Vec<u8>, pin: Option<&Pin>) -> Result<CardEvent, NotTaken> {
        let directory = self.directory()?;
        let manifest = &directory.manifest;
        if let Some(entry) = manifest.release_for(&self.expectation.properties.device) {
            let bytes = self.card.read_group(entry).map_err(NotTaken::Card)?;
            let statement = manifest
                .release(entry, &bytes)
                .map_err(NotTaken::Rejected)?;
            return Ok(CardEvent::Release {
                reader: self.reader,
                statement: statement.to_vec(),
                directory: Box::new(directory.manifest),
            });
        }
        let (association, properties) = self.expectation.of(manifest.signer());
        let entry = manifest.select(&properties).cloned().ok_or_else(|| {
            NotTaken::Rejected(Rejected::NoGroup {
                kind: properties.kind.clone(),
                wanted: properties.group.clone(),
            })
        })?;
        let group = match self.ask(&entry, pin).map_err(NotTaken::Card)? {
            Asked::Group(group) => group,
            Asked::PinNeeded { tries, wrong } => {
                return Ok(CardEvent::PinNeeded(PinNeeded {
                    reader: self.reader,
                    insertion: self.told.insertion,
                    company: manifest.company.clone(),
                    group: entry.name.clone(),
                    tries,
                    wrong,
                }));
            }
        };
        self.prove(directory, &entry, group, (association, nonce))
    }

    /// Believes a group, and has the card show that it is the one that its company issued.
    fn prove(
        mut self,
        directory: Directory,
        entry: &GroupEntry,
        group: Vec<u8>,
        (association, nonce): (Uuid, Vec<u8>),
    ) -> Result<CardEvent, NotTaken> {
        let manifest = &directory.manifest;
        let began = Instant::now();
        let mandate = manifest.group(entry, &group).map_err(NotTaken::Rejected)?;
        self.believing = self.believing.saturating_add(began.elapsed());
        let endorsement = Endorsement {
            device: self.expectation.properties.device.clone(),
            association,
            device_key: self.expectation.device_key.clone(),
            nonce,
        };
        let proof = self
            .card
            .prove(&manifest.card, &endorsement)
            .map_err(NotTaken::Card)?;
        let read = self.began.elapsed().saturating_sub(self.believing);
        let proving = Instant::now();
        let authenticity = endorsement
            .verify(manifest, &proof)
            .map_err(NotTaken::Rejected)?;
        Ok(CardEvent::Reading(Box::new(CardReading {
            reader: self.reader,
            manifest: directory.bytes,
            group,
            mandate,
            stranger: directory.stranger,
            endorsement,
            proof,
            authenticity,
            was_inside: self.told.was_inside,
            event_at: self.told.event_at,
            apdus: self.card.exchanges(),
            first: self.first,
            exchange: self.waited.get(),
            read,
            verify: self.believing.saturating_add(proving.elapsed()),
        })))
    }

    /// Reads the directory. One that nobody here trusts is taken at its own word: whoever reads on
    /// has to ask a person.
    fn directory(&mut self) -> Result<Directory, NotTaken> {
        let bytes = self.card.read_manifest().map_err(NotTaken::Card)?;
        let began = Instant::now();
        let now = Some(Timestamp::now());
        let anchors = &self.expectation.anchors;
        let (manifest, stranger) = match anchors.verify_at(&bytes, now) {
            Ok(manifest) => (manifest, None),
            Err(why) if is_unknown(&why) => {
                let introduction = Introduction::read::<Manifest>(&bytes);
                // Who does not introduce himself is refused as the stranger that he is.
                let introduction = introduction.map_err(|_unknown| NotTaken::Rejected(why))?;
                let believed = introduction.if_agreed().verify_at(&bytes, now);
                let manifest = believed.map_err(NotTaken::Rejected)?;
                (manifest, Some(introduction.anchor().spki().to_vec()))
            }
            Err(why) => return Err(NotTaken::Rejected(why)),
        };
        self.believing = began.elapsed();
        Ok(Directory {
            bytes,
            manifest,
            stranger,
        })
    }

    /// Reads a group; first the card sees the PIN, where there is one and the group wants it.
    fn ask(&mut self, entry: &GroupEntry, pin: Option<&Pin>) -> Result<Asked, profile::Error> {
        if let Some(pin) = pin.filter(|_| entry.pin) {
            match self.card.verify_pin(pin) {
                Ok(()) => {}
                Err(profile::Error::WrongPin { tries }) => {
                    return Ok(Asked::PinNeeded { tries, wrong: true });
                }
                Err(profile::Error::PinBlocked) => {
                    return Ok(Asked::PinNeeded {
                        tries: Some(0),
                        wrong: true,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        match self.card.read_group(entry) {
            Ok(group) => Ok(Asked::Group(group)),
            Err(profile::Error::PinNeeded { tries }) => Ok(Asked::PinNeeded {
                tries,
                wrong: false,
            }),
            Err(error) => Err(error),
        }
    }
}

/// Whether all that is wrong is that nobody here trusts the company's key, which signed or let
/// another key sign.
fn is_unknown(why: &Rejected) -> bool {
    let cause = if let Rejected::Delegation(cause) = why {
        cause
    } else {
        why
    };
    matches!(cause, Rejected::UnknownSigner { .. })
}

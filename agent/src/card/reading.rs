//! Reading one card: the directory, its signature, one group, and the proof that the card is
//! no copy.

use std::ffi::CStr;
use std::time::Instant;

use cardwarden_card::{Connection, NotTaken, READING_TIME, open, profile, read_selected, reader};
use cardwarden_policy::{Endorsement, Rejected};
use jiff::Timestamp;
use pcsc::Context;

use super::{CardReading, Expectation};

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

    /// Whether another program has the card for itself.
    pub(super) fn is_in_use(&self) -> bool {
        self.code()
            == reader::Error::InUse {
                reader: String::new(),
            }
            .code()
    }
}

/// A card that PC/SC told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// When.
    pub(super) event_at: Instant,
    /// Whether it was there before.
    pub(super) present_at_start: bool,
}

/// Reads the card, once more when another program reset it meanwhile.
pub(super) fn read(
    context: &Context,
    name: &CStr,
    expectation: &Expectation,
    told: Told,
) -> Result<CardReading, Refusal> {
    match read_once(context, name, expectation, told) {
        Err(refusal) if refusal.is_reset() => read_once(context, name, expectation, told),
        result => result,
    }
}

fn read_once(
    context: &Context,
    name: &CStr,
    expectation: &Expectation,
    told: Told,
) -> Result<CardReading, Refusal> {
    let reader = name.to_string_lossy().into_owned();
    let unreachable = |source| Refusal::Reader {
        reader: reader.clone(),
        source,
    };
    let unused = |source| Refusal::Card {
        reader: reader.clone(),
        source,
    };
    let failed = |source: profile::Error| unused(NotTaken::Card(source));
    let mut nonce = vec![0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_no_entropy| Refusal::NoChallenge {
        reader: reader.clone(),
    })?;
    let began = Instant::now();
    let mut connection = Connection::open(context, name).map_err(unreachable)?;
    let transaction = connection.transaction().map_err(unreachable)?;
    let mut card = open(transaction, READING_TIME).map_err(failed)?;
    let now = Some(Timestamp::now());
    let selected = read_selected(card.as_mut(), &expectation.anchors, &expectation.kind, now)
        .map_err(unused)?;
    let endorsement = Endorsement {
        device: expectation.device.clone(),
        association: expectation.association,
        device_key: expectation.device_key.clone(),
        nonce,
    };
    let signature = card.endorse(&endorsement).map_err(failed)?;
    let read = began.elapsed().saturating_sub(selected.verification);
    let apdus = card.exchanges();
    let proving = Instant::now();
    endorsement
        .verify(&selected.verified, &signature)
        .map_err(|rejected: Rejected| unused(NotTaken::Rejected(rejected)))?;
    let verify = selected.verification.saturating_add(proving.elapsed());
    drop(card);
    Ok(CardReading {
        reader,
        manifest: selected.manifest,
        group: selected.group,
        mandate: selected.mandate,
        endorsement,
        signature,
        present_at_start: told.present_at_start,
        event_at: told.event_at,
        apdus,
        read,
        verify,
    })
}

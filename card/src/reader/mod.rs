//! Readers and the cards in them, by PC/SC.
//!
//! A card is spoken to inside a transaction only, and is left as it was found: dropping a
//! [`Connection`] does not reset the card, so other programs' sessions with it live on; unless it
//! was opened with a PIN or a management key, which nobody else may profit from.

pub mod atr;
mod connection;
pub mod features;
mod worker;

use std::ffi::CString;

use pcsc::{Context, ReaderState, Scope, State};

pub use self::connection::{Connection, Exclusive, Prepared};
use crate::modem;

/// What readers and their service can go wrong with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The smart card service (`pcscd`) does not run.
    #[error("the smart card service (pcscd) does not answer")]
    NoService(#[source] pcsc::Error),
    /// No reader is connected.
    #[error("no card reader is connected")]
    NoReader,
    /// No reader has this name.
    #[error("there is no reader `{reader}`")]
    UnknownReader {
        /// The name.
        reader: String,
    },
    /// No card is in the reader, or in any.
    #[error("there is no card in {reader}")]
    NoCard {
        /// The reader, or words for all of them.
        reader: String,
    },
    /// Several readers hold a card, and none was named.
    #[error("cards are in several readers ({readers}); name one")]
    SeveralCards {
        /// Their names.
        readers: String,
    },
    /// Another program has the card for itself.
    #[error("another program uses the card in {reader} alone")]
    InUse {
        /// The reader.
        reader: String,
    },
    /// The card does not answer to power: it is upside down, or broken.
    #[error("the card in {reader} does not respond; it may be the wrong way round")]
    Mute {
        /// The reader.
        reader: String,
    },
    /// The card was pulled out, or its reader was.
    #[error("the card was taken out of {reader}")]
    Removed {
        /// The reader.
        reader: String,
    },
    /// Another program reset the card.
    #[error("another program reset the card in {reader}")]
    Reset {
        /// The reader.
        reader: String,
    },
    /// The card, or its reader, did not answer in time. It is not waited for any more.
    #[error("the card in {reader} did not answer for {seconds} seconds")]
    Slow {
        /// The reader.
        reader: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The system gives no thread to speak to the card with.
    #[error("the system gives no thread to speak to {reader} with")]
    NoThread {
        /// The reader.
        reader: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Anything else that PC/SC reports.
    #[error("the reader {reader} failed")]
    Fault {
        /// The reader.
        reader: String,
        /// What PC/SC says.
        #[source]
        source: pcsc::Error,
    },
    /// The modem that a SIM is reached through.
    #[error("the modem {modem} failed")]
    Modem {
        /// The modem, as the setting names it.
        modem: String,
        /// What went wrong.
        #[source]
        source: modem::Failure,
    },
}

impl Error {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoService(_) => "no-service",
            Self::NoReader | Self::UnknownReader { .. } => "no-reader",
            Self::NoCard { .. } | Self::SeveralCards { .. } => "no-card",
            Self::InUse { .. } => "in-use",
            Self::Mute { .. } => "mute",
            Self::Removed { .. } => "removed",
            Self::Reset { .. } => "reset",
            Self::Slow { .. } | Self::NoThread { .. } | Self::Fault { .. } => "card-fault",
            Self::Modem { source, .. } => source.code(),
        }
    }

    /// Tells what PC/SC's error means for a card in `reader`.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the foreign type has 60 variants; all others are told as they are"
    )]
    pub fn of(reader: &str, source: pcsc::Error) -> Self {
        let reader = reader.to_owned();
        match source {
            pcsc::Error::NoService
            | pcsc::Error::ServiceStopped
            | pcsc::Error::Shutdown
            | pcsc::Error::InvalidHandle => Self::NoService(source),
            pcsc::Error::NoReadersAvailable => Self::NoReader,
            pcsc::Error::UnknownReader => Self::UnknownReader { reader },
            pcsc::Error::NoSmartcard => Self::NoCard { reader },
            pcsc::Error::SharingViolation => Self::InUse { reader },
            pcsc::Error::UnresponsiveCard | pcsc::Error::UnpoweredCard => Self::Mute { reader },
            // Within a transaction, pcscd reports the first exchange after a removal so.
            pcsc::Error::RemovedCard
            | pcsc::Error::NotTransacted
            | pcsc::Error::ReaderUnavailable => Self::Removed { reader },
            pcsc::Error::ResetCard => Self::Reset { reader },
            source => Self::Fault { reader, source },
        }
    }
}

/// What is in a reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// Nothing.
    Empty,
    /// A card.
    Card,
    /// A card that does not answer.
    Mute,
}

impl Presence {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Card => "card",
            Self::Mute => "mute",
        }
    }

    /// What PC/SC's state flags say.
    pub fn of(state: State) -> Self {
        if !state.contains(State::PRESENT) {
            Self::Empty
        } else if state.contains(State::MUTE) {
            Self::Mute
        } else {
            Self::Card
        }
    }
}

/// A reader and what is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Slot {
    /// The reader's name, as PC/SC has it.
    pub name: String,
    /// What is in it.
    pub presence: Presence,
    /// The card's answer to reset.
    pub atr: Vec<u8>,
}

/// The smart card service.
pub struct Readers {
    context: Context,
}

impl Readers {
    /// Reaches the service.
    pub fn open() -> Result<Self, Error> {
        let context = Context::establish(Scope::System).map_err(Error::NoService)?;
        Ok(Self { context })
    }

    /// All readers, in PC/SC's order. Does not wait.
    pub fn list(&self) -> Result<Vec<Slot>, Error> {
        let every = |source| Error::of("any reader", source);
        let names = self.context.list_readers_owned().map_err(every)?;
        let mut states: Vec<ReaderState> = names
            .into_iter()
            .map(|name| ReaderState::new(name, State::UNAWARE))
            .collect();
        if states.is_empty() {
            return Ok(Vec::new());
        }
        self.context
            .get_status_change(std::time::Duration::ZERO, &mut states)
            .map_err(every)?;
        Ok(states
            .iter()
            .map(|state| Slot {
                name: state.name().to_string_lossy().into_owned(),
                presence: Presence::of(state.event_state()),
                atr: state.atr().to_vec(),
            })
            .collect())
    }

    /// Connects to the card in the reader of this name, or to the only card there is.
    pub fn connect(&self, name: Option<&str>) -> Result<Connection, Error> {
        let slots = self.list()?;
        let chosen =
            match name {
                Some(name) => slots.iter().find(|slot| slot.name == name).ok_or_else(|| {
                    Error::UnknownReader {
                        reader: name.to_owned(),
                    }
                })?,
                None => the_only_card(&slots)?,
            };
        let reader = CString::new(chosen.name.as_str()).map_err(|_nul| Error::UnknownReader {
            reader: chosen.name.clone(),
        })?;
        Connection::open(&reader)
    }
}

fn the_only_card(slots: &[Slot]) -> Result<&Slot, Error> {
    let holding: Vec<&Slot> = slots
        .iter()
        .filter(|slot| slot.presence != Presence::Empty)
        .collect();
    match holding.as_slice() {
        [only] => Ok(only),
        [] if slots.is_empty() => Err(Error::NoReader),
        [] => Err(Error::NoCard {
            reader: "any reader".to_owned(),
        }),
        several => {
            let names: Vec<&str> = several.iter().map(|slot| slot.name.as_str()).collect();
            Err(Error::SeveralCards {
                readers: names.join(", "),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_card_is_taken_and_several_have_to_be_named() {
        let slot = |name: &str, presence| Slot {
            name: name.to_owned(),
            presence,
            atr: vec![],
        };
        let empty = slot("a", Presence::Empty);
        let card = slot("b", Presence::Card);
        assert!(matches!(the_only_card(&[]), Err(Error::NoReader)));
        assert!(matches!(
            the_only_card(std::slice::from_ref(&empty)),
            Err(Error::NoCard { .. })
        ));
        assert_eq!(the_only_card(&[empty, card.clone()]).unwrap().name, "b");
        assert!(matches!(
            the_only_card(&[card.clone(), card]),
            Err(Error::SeveralCards { .. })
        ));
    }
}

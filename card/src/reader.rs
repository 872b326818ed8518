//! Readers and the cards in them, by PC/SC.
//!
//! A card is spoken to inside a transaction only, and is left as it was found: dropping a
//! [`Connection`] never resets the card, so other programs' sessions with it live on.

use std::ffi::{CStr, CString};

use pcsc::{Context, Disposition, Protocol, Protocols, ReaderState, Scope, ShareMode, State};

use crate::transport::Transport;

/// Most bytes of an answer to a short APDU: 256 and the status word.
const ANSWER_BUFFER: usize = 258;

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
    /// Anything else that PC/SC reports.
    #[error("the reader {reader} failed")]
    Fault {
        /// The reader.
        reader: String,
        /// What PC/SC says.
        #[source]
        source: pcsc::Error,
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
            Self::Fault { .. } => "card-fault",
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
        Connection::open(&self.context, &reader)
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

/// A connection to the card in one reader, shared with other programs.
pub struct Connection {
    /// Only `None` while it is dropped.
    card: Option<pcsc::Card>,
    reader: String,
}

impl Connection {
    /// Connects, in a context that the caller keeps.
    pub fn open(context: &Context, reader: &CStr) -> Result<Self, Error> {
        let name = reader.to_string_lossy().into_owned();
        context
            .connect(reader, ShareMode::Shared, Protocols::T0 | Protocols::T1)
            .map(|card| Self {
                card: Some(card),
                reader: name.clone(),
            })
            .map_err(|source| Error::of(&name, source))
    }

    /// The reader's name.
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// Keeps all others from the card until the result is dropped. Waits while another program
    /// does the same.
    pub fn transaction(&mut self) -> Result<Exclusive<'_>, Error> {
        let reader = &self.reader;
        let card = self.card.as_mut().ok_or_else(|| Error::Removed {
            reader: reader.clone(),
        })?;
        let transaction = card
            .transaction()
            .map_err(|source| Error::of(reader, source))?;
        let protocol = transaction
            .status2_owned()
            .map_err(|source| Error::of(reader, source))?
            .protocol2()
            .unwrap_or(Protocol::T1);
        Ok(Exclusive {
            transaction,
            reader,
            protocol,
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // pcsc's own drop would reset the card under everybody else who uses it. A connection
        // that cannot be closed is to a card that is gone.
        if let Some(Err((gone, _error))) = self
            .card
            .take()
            .map(|card| card.disconnect(Disposition::LeaveCard))
        {
            drop(gone);
        }
    }
}

/// The sole use of a card, for a while.
pub struct Exclusive<'c> {
    transaction: pcsc::Transaction<'c>,
    reader: &'c str,
    protocol: Protocol,
}

impl Transport for Exclusive<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let sent = match self.protocol {
            Protocol::T0 => without_le(command),
            Protocol::T1 | Protocol::RAW => command,
        };
        let mut buffer = [0; ANSWER_BUFFER];
        let answer = self
            .transaction
            .transmit(sent, &mut buffer)
            .map_err(|source| Error::of(self.reader, source))?;
        if answer.is_empty() {
            // No card answers without a status word: a driver may tell so that its card is gone
            // before pcscd notices (vpcd does).
            return Err(Error::Removed {
                reader: self.reader.to_owned(),
            });
        }
        Ok(answer.to_vec())
    }
}

/// T=0 has no room for Le behind data (ISO/IEC 7816-3, 12.2.4): the card says `61xx` instead.
fn without_le(command: &[u8]) -> &[u8] {
    let data = command.get(4).copied().map_or(0, usize::from);
    match command.split_last() {
        Some((_le, rest)) if data > 0 && rest.len() == data.saturating_add(5) => rest,
        _shorter => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_command_with_data_loses_its_le_on_t0() {
        let both = [0, 0xCB, 0x3F, 0xFF, 2, 0xAA, 0xBB, 0];
        assert_eq!(without_le(&both), &both[..7]);
        for kept in [&both[..7], &[0, 0xC0, 0, 0, 0x10], &[0, 0xA4, 4, 0]] {
            assert_eq!(without_le(kept), kept);
        }
    }

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

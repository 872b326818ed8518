//! The thread that speaks to one card. PC/SC has no time limit for an exchange, and a card can ask
//! for more time as often as it likes: so somebody else waits, and leaves when the time is over.

use std::ffi::{CStr, CString};
use std::sync::mpsc::{Receiver, SyncSender};

use pcsc::{Card, Context, Disposition, Protocol, Protocols, Scope, ShareMode, Transaction};
use zeroize::Zeroizing;

use super::{Error, atr, features};
use crate::apdu::MAX_ANSWER;
use crate::transport::Lengths;

/// What the thread is told to do.
pub(super) enum Order {
    /// Keep all others from the card.
    Begin,
    /// Send a command. It may hold a PIN.
    Transmit(Zeroizing<Vec<u8>>),
    /// Let others have the card again.
    End,
}

/// What came of an order: the card's answer, or nothing where there is none.
pub(super) type Outcome = Result<Vec<u8>, Error>;

/// What one APDU can be on the way to the card, and what the card takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Way {
    /// What the reader and the protocol take.
    pub(super) reach: Lengths,
    /// What the card's answer to reset says that it takes.
    pub(super) card: Lengths,
}

/// A thread's side of a connection.
pub(super) struct Worker {
    /// The reader.
    pub(super) reader: CString,
    /// What to do. The thread ends when nobody can say so any more.
    pub(super) orders: Receiver<Order>,
    /// What came of each.
    pub(super) answers: SyncSender<Outcome>,
}

impl Worker {
    /// Connects, tells `opened` of it, and does what it is told.
    pub(super) fn run(self, opened: &SyncSender<Result<Way, Error>>) {
        let mut card = match connect(&self.reader) {
            Ok(card) => card,
            Err(source) => {
                // Who does not listen any more does not want to know.
                drop(opened.send(Err(self.error(source))));
                return;
            }
        };
        let way = way(&card).map_err(|source| self.error(source));
        let is_wanted = way.is_ok() && opened.send(way).is_ok();
        while is_wanted && let Ok(order) = self.orders.recv() {
            let is_heard = match order {
                Order::Begin => self.transaction(&mut card),
                Order::Transmit(_) | Order::End => self.answer(Ok(Vec::new())),
            };
            if !is_heard {
                break;
            }
        }
        // pcsc's own drop would reset the card under everybody else who uses it. A connection
        // that cannot be closed is to a card that is gone.
        if let Err((gone, _error)) = card.disconnect(Disposition::LeaveCard) {
            drop(gone);
        }
    }

    /// Serves one transaction; whether somebody still listens.
    fn transaction(&self, card: &mut Card) -> bool {
        let transaction = match card.transaction() {
            Ok(transaction) => transaction,
            Err(source) => return self.answer(Err(self.error(source))),
        };
        let protocol = transaction.status2_owned().map(|status| status.protocol2());
        let protocol = match protocol {
            Ok(protocol) => protocol.unwrap_or(Protocol::T1),
            Err(source) => return self.answer(Err(self.error(source))),
        };
        let mut is_heard = self.answer(Ok(Vec::new()));
        let mut is_open = false;
        while is_heard && let Ok(Order::Transmit(command)) = self.orders.recv() {
            is_open |= opens(&command);
            let answer = self.transmit(&transaction, protocol, &command);
            is_heard = self.answer(answer);
        }
        if is_open {
            close(transaction);
            // Else the reset would be told to us as somebody else's. Where this fails the card is
            // gone, and the next transaction says so.
            let protocols = Protocols::T0 | Protocols::T1;
            card.reconnect(ShareMode::Shared, protocols, Disposition::LeaveCard)
                .unwrap_or_default();
        } else {
            drop(transaction);
        }
        is_heard && self.answer(Ok(Vec::new()))
    }

    /// Sends one command, and takes the answer as it is.
    fn transmit(
        &self,
        transaction: &Transaction<'_>,
        protocol: Protocol,
        command: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let sent = match protocol {
            Protocol::T0 => without_le(command),
            Protocol::T1 | Protocol::RAW => command,
        };
        let mut buffer = [0; MAX_ANSWER + 2];
        let answer = transaction
            .transmit(sent, &mut buffer)
            .map_err(|source| self.error(source))?;
        if answer.is_empty() {
            // No card answers without a status word: a driver may tell so that its card is gone
            // before pcscd notices (vpcd does).
            return Err(Error::Removed {
                reader: self.name(),
            });
        }
        Ok(answer.to_vec())
    }

    /// Tells what came of an order; whether somebody still listens.
    fn answer(&self, answer: Outcome) -> bool {
        self.answers.send(answer).is_ok()
    }

    fn error(&self, source: pcsc::Error) -> Error {
        Error::of(&self.name(), source)
    }

    fn name(&self) -> String {
        self.reader.to_string_lossy().into_owned()
    }
}

/// Connects in a context of its own: calls of one context wait for each other, and nobody is to
/// wait for a card that hangs.
fn connect(reader: &CStr) -> Result<Card, pcsc::Error> {
    let context = Context::establish(Scope::System)?;
    context.connect(reader, ShareMode::Shared, Protocols::T0 | Protocols::T1)
}

/// What the reader, the protocol and the card say of the length of APDUs.
fn way(card: &Card) -> Result<Way, pcsc::Error> {
    let status = card.status2_owned()?;
    let reach = match status.protocol2() {
        // T=0 carries no extended APDU but in pieces (ISO/IEC 7816-3, 12.2).
        Some(Protocol::T1) => features::lengths(card),
        Some(Protocol::T0 | Protocol::RAW) | None => Lengths::Short,
    };
    Ok(Way {
        reach,
        card: atr::lengths(status.atr()),
    })
}

/// Ends a transaction, and what the card was opened for with it.
fn close(transaction: Transaction<'_>) {
    if let Err((gone, _error)) = transaction.end(Disposition::ResetCard) {
        drop(gone);
    }
}

/// Whether a command may open the card for what not everybody may do: VERIFY, CHANGE REFERENCE
/// DATA, RESET RETRY COUNTER, EXTERNAL AUTHENTICATE, or GENERAL AUTHENTICATE with PIV's management
/// key.
const fn opens(command: &[u8]) -> bool {
    matches!(
        command,
        [_, 0x20 | 0x21 | 0x24 | 0x2C | 0x82, _, _, _, ..] | [_, 0x87, _, 0x9B, ..]
    )
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
    fn a_pin_and_a_management_key_open_a_card_and_nothing_that_is_read_does() {
        for opening in [
            [0, 0x20, 0, 0x80, 8].as_slice(),
            &[0, 0x82, 0, 0, 8],
            &[0, 0x24, 0, 0x80, 16],
            &[0, 0x87, 3, 0x9B, 4],
        ] {
            assert!(opens(opening), "{opening:02X?}");
        }
        for reading in [
            [0, 0x20, 0, 0x80].as_slice(),
            &[0, 0x87, 0x11, 0x9E, 4],
            &[0, 0xCB, 0x3F, 0xFF, 5],
            &[0, 0xA4, 4, 0, 11],
        ] {
            assert!(!opens(reading), "{reading:02X?}");
        }
    }
}

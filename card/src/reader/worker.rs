//! The thread that speaks to one card. PC/SC has no time limit for an exchange, and a card can ask
//! for more time as often as it likes: so somebody else waits, and leaves when the time is over.

use std::ffi::{CStr, CString};
use std::sync::mpsc::{Receiver, SyncSender};

use pcsc::{
    Card, Context, Disposition, MAX_ATR_SIZE, MAX_BUFFER_SIZE, Protocol, Protocols, Scope,
    ShareMode, Transaction,
};
use zeroize::Zeroizing;

use super::{Error, features};
use crate::apdu::MAX_ANSWER;

/// What the thread is told to do.
pub(super) enum Order {
    /// Keep all others from the card.
    Begin,
    /// Send a command. It may hold a PIN.
    Transmit(Zeroizing<Vec<u8>>),
    /// Tell the card's answer to reset; nothing when the protocol takes no extended APDU.
    AnswerToReset,
    /// Tell the reader's properties; nothing when it does not say them.
    Properties,
    /// Let others have the card again.
    End,
}

/// What came of an order: the card's answer, or nothing where there is none.
pub(super) type Outcome = Result<Vec<u8>, Error>;

/// A thread's side of a connection.
pub(super) struct Worker {
    /// The reader. The thread ends when nobody can name one any more.
    pub(super) reader: Receiver<CString>,
    /// What to do. The thread ends when nobody can say so any more.
    pub(super) orders: Receiver<Order>,
    /// What came of the connection, and of each order.
    pub(super) answers: SyncSender<Outcome>,
}

impl Worker {
    /// Reaches the service, waits for the name of a reader, connects, and does what it is told.
    pub(super) fn run(self) {
        // A context of its own: calls of one context wait for each other, and nobody is to wait
        // for a card that hangs.
        let context = Context::establish(Scope::System);
        let Ok(reader) = self.reader.recv() else {
            return;
        };
        let session = Session {
            reader: &reader,
            orders: &self.orders,
            answers: &self.answers,
        };
        match connect(context, &reader) {
            Ok(link) => session.run(link),
            // Who does not listen any more does not want to know.
            Err(source) => drop(self.answers.send(Err(session.error(source)))),
        }
    }
}

/// A connected card.
struct Link {
    card: Card,
    protocol: Protocol,
}

/// What is to be done with the card in one reader.
struct Session<'w> {
    reader: &'w CStr,
    orders: &'w Receiver<Order>,
    answers: &'w SyncSender<Outcome>,
}

impl Session<'_> {
    /// Tells that there is a connection, and does what it is told.
    fn run(&self, mut link: Link) {
        let mut is_heard = self.answer(Ok(Vec::new()));
        while is_heard && let Ok(order) = self.orders.recv() {
            is_heard = match order {
                Order::Begin => self.transaction(&mut link),
                Order::Transmit(_) | Order::AnswerToReset | Order::Properties | Order::End => {
                    self.answer(Ok(Vec::new()))
                }
            };
        }
        // pcsc's own drop would reset the card under everybody else who uses it. A connection
        // that cannot be closed is to a card that is gone.
        if let Err((gone, _error)) = link.card.disconnect(Disposition::LeaveCard) {
            drop(gone);
        }
    }

    /// Serves one transaction; whether somebody still listens.
    fn transaction(&self, link: &mut Link) -> bool {
        let protocol = link.protocol;
        let transaction = match link.card.transaction() {
            Ok(transaction) => transaction,
            Err(source) => return self.answer(Err(self.error(source))),
        };
        let mut is_heard = self.answer(Ok(Vec::new()));
        let mut is_open = false;
        while is_heard && let Ok(order) = self.orders.recv() {
            let answer = match order {
                Order::Transmit(command) => {
                    is_open |= opens(&command);
                    self.transmit(&transaction, protocol, &command)
                }
                Order::AnswerToReset => self.answer_to_reset(&transaction, protocol),
                Order::Properties => Ok(features::properties(&transaction).unwrap_or_default()),
                Order::Begin | Order::End => break,
            };
            is_heard = self.answer(answer);
        }
        if is_open {
            close(transaction);
            // Else the reset would be told to us as somebody else's. Where this fails the card is
            // gone, and the next transaction says so.
            link.card
                .reconnect(ShareMode::Shared, only(protocol), Disposition::LeaveCard)
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

    /// The card's answer to reset, where its lengths count.
    fn answer_to_reset(&self, card: &Card, protocol: Protocol) -> Outcome {
        match protocol {
            // T=0 carries no extended APDU but in pieces (ISO/IEC 7816-3, 12.2).
            Protocol::T0 | Protocol::RAW => Ok(Vec::new()),
            Protocol::T1 => {
                let (mut names, mut atr) = ([0; MAX_BUFFER_SIZE], [0; MAX_ATR_SIZE]);
                let status = card.status2(&mut names, &mut atr);
                let status = status.map_err(|source| self.error(source))?;
                Ok(status.atr().to_vec())
            }
        }
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

/// Connects in a context that was made ahead; in a new one when pcscd was started anew since.
fn connect(ahead: Result<Context, pcsc::Error>, reader: &CStr) -> Result<Link, pcsc::Error> {
    match ahead.and_then(|context| connect_in(&context, reader)) {
        Err(error) if is_stale(error) => connect_in(&Context::establish(Scope::System)?, reader),
        result => result,
    }
}

/// Connects by T=1 where the card has it, else by T=0. Two protocols at once would be one call,
/// but then which of them it is takes two more.
fn connect_in(context: &Context, reader: &CStr) -> Result<Link, pcsc::Error> {
    let connect = |protocol| {
        let card = context.connect(reader, ShareMode::Shared, only(protocol))?;
        Ok(Link { card, protocol })
    };
    match connect(Protocol::T1) {
        Err(pcsc::Error::ProtoMismatch) => connect(Protocol::T0),
        result => result,
    }
}

const fn only(protocol: Protocol) -> Protocols {
    match protocol {
        Protocol::T0 => Protocols::T0,
        Protocol::T1 => Protocols::T1,
        Protocol::RAW => Protocols::RAW,
    }
}

/// Whether an error may come from a context whose service is no more, or was not there yet: it
/// says nothing of a card. Which error that is depends on when the socket broke; libpcsclite 1.9
/// also says `SCARD_W_SECURITY_VIOLATION`.
fn is_stale(error: pcsc::Error) -> bool {
    matches!(
        Error::of("", error),
        Error::NoService(_) | Error::Fault { .. }
    )
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

//! A connection to the card in one reader.

use std::cell::{Cell, OnceCell};
use std::ffi::{CStr, CString};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use zeroize::Zeroizing;

use super::worker::{Order, Outcome, Worker};
use super::{Error, atr, features};
use crate::transport::{Lengths, Transport};

/// How long a card may take to come to power. ISO/IEC 7816-3 gives its answer to reset 20 s; no
/// card that people buy takes one.
const POWER_TIME: Duration = Duration::from_secs(10);
/// How long another program may keep the card before we give up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one command may take. Making a P-256 key takes the slowest cards some seconds.
const EXCHANGE_TIME: Duration = Duration::from_secs(15);
/// Bytes of the thread's stack, of which it touches few: one answer, and what libpcsclite needs.
const STACK: usize = 512 * 1024;

/// What a connection is made of, made ahead of the card: a thread that has reached the service and
/// sleeps until it is told of a reader. One that waits while `pcscd` is started anew is as good as
/// any.
pub struct Prepared {
    readers: SyncSender<CString>,
    orders: SyncSender<Order>,
    answers: Receiver<Outcome>,
}

impl Prepared {
    /// Connects to the card in the reader of this name.
    pub fn open(self, reader: &CStr) -> Result<Connection, Error> {
        let connection = Connection {
            reader: reader.to_string_lossy().into_owned(),
            orders: Some(self.orders),
            answers: self.answers,
            is_lost: Cell::new(false),
            atr: OnceCell::new(),
            reach: OnceCell::new(),
        };
        self.readers
            .send(reader.to_owned())
            .map_err(|_ended| connection.gone())?;
        connection.answer(POWER_TIME)?;
        Ok(connection)
    }
}

/// A connection to the card in one reader, shared with other programs. Nothing here waits longer
/// than a few seconds, whatever card and reader do.
pub struct Connection {
    reader: String,
    /// Only `None` while it is dropped.
    orders: Option<SyncSender<Order>>,
    answers: Receiver<Outcome>,
    /// Whether an answer did not come in time. Nothing is asked any more.
    is_lost: Cell<bool>,
    /// The card's answer to reset, once it was asked for; empty where its lengths do not count.
    atr: OnceCell<Vec<u8>>,
    /// What the reader takes, once that was asked.
    reach: OnceCell<Lengths>,
}

impl Connection {
    /// Makes ahead what a connection needs, for a card that is to be met quickly. Does not wait.
    pub fn prepare() -> io::Result<Prepared> {
        let (readers, reader) = sync_channel(1);
        let (order, orders) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let worker = Worker {
            reader,
            orders,
            answers: answer,
        };
        std::thread::Builder::new()
            .name("card".to_owned())
            .stack_size(STACK)
            .spawn(move || worker.run())?;
        Ok(Prepared {
            readers,
            orders: order,
            answers,
        })
    }

    /// Connects to the card in the reader of this name.
    pub fn open(reader: &CStr) -> Result<Self, Error> {
        let prepared = Self::prepare().map_err(|source| Error::NoThread {
            reader: reader.to_string_lossy().into_owned(),
            source,
        })?;
        prepared.open(reader)
    }

    /// The reader's name.
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// Keeps all others from the card until the result is dropped. Waits some seconds while another
    /// program does the same.
    pub fn transaction(&mut self) -> Result<Exclusive<'_>, Error> {
        match self.ask(Order::Begin, PATIENCE) {
            Ok(_nothing) => Ok(Exclusive { connection: self }),
            Err(Error::Slow { reader, .. }) => Err(Error::InUse { reader }),
            Err(error) => Err(error),
        }
    }

    /// Has the thread do something.
    fn ask(&self, order: Order, most: Duration) -> Outcome {
        if self.is_lost.get() {
            return Err(slow(&self.reader, most));
        }
        let orders = self.orders.as_ref().ok_or_else(|| self.gone())?;
        orders.send(order).map_err(|_ended| self.gone())?;
        self.answer(most)
    }

    /// Waits for what came of it.
    fn answer(&self, most: Duration) -> Outcome {
        match self.answers.recv_timeout(most) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => Err(self.gone()),
            Err(RecvTimeoutError::Timeout) => {
                self.is_lost.set(true);
                Err(slow(&self.reader, most))
            }
        }
    }

    fn gone(&self) -> Error {
        Error::Removed {
            reader: self.reader.clone(),
        }
    }

    /// What the card's answer to reset is, where the protocol takes extended APDUs. A card that
    /// cannot be asked takes short ones; the next command tells what is wrong with it.
    fn atr(&self) -> &[u8] {
        self.atr.get_or_init(|| {
            let asked = self.ask(Order::AnswerToReset, EXCHANGE_TIME);
            asked.unwrap_or_default()
        })
    }

    /// What reader and protocol take.
    fn reach(&self) -> Lengths {
        *self.reach.get_or_init(|| {
            if self.atr().is_empty() {
                return Lengths::Short;
            }
            let properties = self.ask(Order::Properties, EXCHANGE_TIME);
            let carried = properties.ok().as_deref().and_then(features::carried);
            carried.unwrap_or_default()
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The thread ends with the orders; the card is free when it has.
        self.orders = None;
        if !self.is_lost.get() {
            drop(self.answers.recv_timeout(EXCHANGE_TIME));
        }
    }
}

fn slow(reader: &str, waited: Duration) -> Error {
    Error::Slow {
        reader: reader.to_owned(),
        seconds: waited.as_secs(),
    }
}

/// The sole use of a card, for a while. When it was opened with a PIN or a key in that time, it is
/// reset at the end.
pub struct Exclusive<'c> {
    connection: &'c mut Connection,
}

impl Transport for Exclusive<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let command = Zeroizing::new(command.to_vec());
        self.connection.ask(Order::Transmit(command), EXCHANGE_TIME)
    }

    fn lengths(&self) -> Lengths {
        match atr::lengths(self.connection.atr()) {
            Lengths::Short => Lengths::Short,
            card @ Lengths::Extended { .. } => card.both(self.connection.reach()),
        }
    }

    fn reach(&self) -> Lengths {
        self.connection.reach()
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        // What fails here fails because the card is gone, and with it what there was to end.
        drop(self.connection.ask(Order::End, EXCHANGE_TIME));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection, and the thread's side of it.
    fn pair() -> (Connection, Receiver<Order>, SyncSender<Outcome>) {
        let (order, orders) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let connection = Connection {
            reader: "test".to_owned(),
            orders: Some(order),
            answers,
            is_lost: Cell::new(false),
            atr: OnceCell::new(),
            reach: OnceCell::new(),
        };
        (connection, orders, answer)
    }

    #[test]
    fn a_card_that_never_answers_is_left_and_not_asked_again() {
        let (connection, orders, _answer) = pair();
        for _ in 0..2 {
            let asked = connection.ask(Order::End, Duration::from_millis(1));
            assert!(matches!(asked, Err(Error::Slow { .. })));
        }
        assert!(matches!(orders.try_recv(), Ok(Order::End)));
        assert!(orders.try_recv().is_err());
        drop(connection);
    }

    #[test]
    fn a_prepared_connection_whose_thread_has_ended_tells_that_the_card_is_gone() {
        let (readers, reader) = sync_channel(1);
        let (orders, order) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let prepared = Prepared {
            readers,
            orders,
            answers,
        };
        drop((reader, order, answer));
        let opened = prepared.open(c"test");
        assert!(matches!(opened, Err(Error::Removed { .. })));
    }

    #[test]
    fn a_card_is_asked_how_long_its_apdus_are_once_and_only_who_may_take_long_ones() {
        let (mut connection, orders, answer) = pair();
        let exclusive = Exclusive {
            connection: &mut connection,
        };
        answer.send(Ok(Vec::new())).unwrap();
        assert_eq!(exclusive.lengths(), Lengths::Short);
        assert_eq!(exclusive.reach(), Lengths::Short);
        assert!(matches!(orders.try_recv(), Ok(Order::AnswerToReset)));
        assert!(orders.try_recv().is_err());
        drop((orders, answer));
    }

    #[test]
    fn a_card_whose_thread_has_ended_is_gone() {
        let (connection, orders, answer) = pair();
        drop((orders, answer));
        let asked = connection.ask(Order::Begin, PATIENCE);
        assert!(matches!(asked, Err(Error::Removed { .. })));
    }

    #[test]
    fn the_end_of_a_transaction_is_told() {
        let (mut connection, orders, answer) = pair();
        answer.send(Ok(Vec::new())).unwrap();
        drop(Exclusive {
            connection: &mut connection,
        });
        assert!(matches!(orders.try_recv(), Ok(Order::End)));
        drop(answer);
    }
}

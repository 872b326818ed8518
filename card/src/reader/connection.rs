//! A connection to the card in one reader.

use std::ffi::CStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use zeroize::Zeroizing;

use super::Error;
use super::worker::{Order, Outcome, Way, Worker};
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

/// A connection to the card in one reader, shared with other programs. Nothing here waits longer
/// than a few seconds, whatever card and reader do.
pub struct Connection {
    reader: String,
    way: Way,
    /// Only `None` while it is dropped.
    orders: Option<SyncSender<Order>>,
    answers: Receiver<Outcome>,
    /// Whether an answer did not come in time. Nothing is asked any more.
    is_lost: bool,
}

impl Connection {
    /// Connects to the card in the reader of this name.
    pub fn open(reader: &CStr) -> Result<Self, Error> {
        let name = reader.to_string_lossy().into_owned();
        let (order, orders) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let (open, opened) = sync_channel(1);
        let worker = Worker {
            reader: reader.to_owned(),
            orders,
            answers: answer,
        };
        std::thread::Builder::new()
            .name("card".to_owned())
            .stack_size(STACK)
            .spawn(move || worker.run(&open))
            .map_err(|source| Error::NoThread {
                reader: name.clone(),
                source,
            })?;
        let way = opened
            .recv_timeout(POWER_TIME)
            .map_err(|_timeout| slow(&name, POWER_TIME))??;
        Ok(Self {
            reader: name,
            way,
            orders: Some(order),
            answers,
            is_lost: false,
        })
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
    fn ask(&mut self, order: Order, most: Duration) -> Outcome {
        let gone = || Error::Removed {
            reader: self.reader.clone(),
        };
        if self.is_lost {
            return Err(slow(&self.reader, most));
        }
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order).map_err(|_ended| gone())?;
        match self.answers.recv_timeout(most) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                self.is_lost = true;
                Err(slow(&self.reader, most))
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The thread ends with the orders; the card is free when it has.
        self.orders = None;
        if !self.is_lost {
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
        self.connection.way.card.both(self.connection.way.reach)
    }

    fn reach(&self) -> Lengths {
        self.connection.way.reach
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
        let way = Way {
            reach: Lengths::Short,
            card: Lengths::Short,
        };
        let connection = Connection {
            reader: "test".to_owned(),
            way,
            orders: Some(order),
            answers,
            is_lost: false,
        };
        (connection, orders, answer)
    }

    #[test]
    fn a_card_that_never_answers_is_left_and_not_asked_again() {
        let (mut connection, orders, _answer) = pair();
        for _ in 0..2 {
            let asked = connection.ask(Order::End, Duration::from_millis(1));
            assert!(matches!(asked, Err(Error::Slow { .. })));
        }
        assert!(matches!(orders.try_recv(), Ok(Order::End)));
        assert!(orders.try_recv().is_err());
        drop(connection);
    }

    #[test]
    fn a_card_whose_thread_has_ended_is_gone() {
        let (mut connection, orders, answer) = pair();
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

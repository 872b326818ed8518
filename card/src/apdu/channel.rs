//! A conversation with a card.

use std::cell::OnceCell;
use std::fmt;
use std::time::Instant;

use super::{Answer, Command, Failure, Header, MAX_ANSWER, Status};
use crate::transport::{Lengths, Transport};

/// Most exchanges for one answer. [`MAX_ANSWER`] needs 16 when each brings 256 bytes.
const MAX_ROUNDS: u32 = 64;

/// A conversation with one card: commands in, whole answers out, every exchange counted.
pub struct Channel<'t> {
    transport: Box<dyn Transport + 't>,
    /// How long APDUs are at most, once that was asked.
    lengths: OnceCell<Lengths>,
    whom: &'static str,
    end: Instant,
    exchanges: u32,
}

impl fmt::Debug for Channel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("exchanges", &self.exchanges)
            .finish_non_exhaustive()
    }
}

impl<'t> Channel<'t> {
    /// Begins a conversation that may last until `end`. PC/SC knows no time limit for one
    /// exchange, so the limit is looked at before each; the reader's driver ends one that hangs.
    pub fn new(transport: impl Transport + 't, end: Instant) -> Self {
        Self {
            lengths: OnceCell::new(),
            transport: Box::new(transport),
            whom: "card",
            end,
            exchanges: 0,
        }
    }

    /// Whether somebody else speaks on the card's basic channel ([`Transport::is_shared`]).
    pub fn is_shared(&self) -> bool {
        self.transport.is_shared()
    }

    /// Uses extended APDUs of up to so many data bytes, which the card said that it takes
    /// elsewhere than in its answer to reset; as far as the way to the card takes them too.
    pub fn allow_extended(&mut self, command: usize, answer: usize) {
        let reach = self.transport.reach();
        self.lengths = OnceCell::from(reach.both(Lengths::extended(command, answer)));
    }

    /// How long APDUs are at most.
    pub fn lengths(&self) -> Lengths {
        *self.lengths.get_or_init(|| self.transport.lengths())
    }

    /// How long the next APDU is at most. The first one goes out before anybody asks how long they
    /// may be, which takes a while: it selects an application, so a short one is enough.
    fn next_lengths(&self) -> Lengths {
        if self.exchanges == 0 {
            Lengths::Short
        } else {
            self.lengths()
        }
    }

    /// Names what answers from now on, for errors: `card's PIV application`.
    pub(crate) const fn speak_to(&mut self, whom: &'static str) {
        self.whom = whom;
    }

    /// How many APDUs went out so far.
    pub const fn exchanges(&self) -> u32 {
        self.exchanges
    }

    /// Sends a command, in as many APDUs as it takes, and gathers the whole answer.
    pub fn send(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        match self.ask(command)? {
            (gathered, Status::OK) => Ok(gathered),
            (_gathered, status) => Err(self.refusal(command, status)),
        }
    }

    /// That the card said no.
    pub(crate) fn refusal(&self, command: &Command, status: Status) -> Failure {
        Failure::Refused {
            command: command.header(),
            whom: self.whom,
            status,
        }
    }

    /// Sends a command like [`Channel::send`], and returns the answer whatever the card says of
    /// it: for commands where a warning is as good as success.
    pub fn ask(&mut self, command: &Command) -> Result<(Vec<u8>, Status), Failure> {
        let (mut gathered, mut status) = self.deliver(command, self.next_lengths())?;
        for _ in 0..MAX_ROUNDS {
            let [kind, length] = status.0.to_be_bytes();
            if kind != 0x61 {
                return Ok((gathered, status));
            }
            let cla = command.header().cla;
            let (more, next) = self.exchange(command.header(), &[cla, 0xC0, 0, 0, length])?;
            if more.is_empty() && next.0.to_be_bytes().first() == Some(&0x61) {
                return Err(Failure::Endless {
                    command: command.header(),
                    whom: self.whom,
                });
            }
            gathered.extend(more);
            if gathered.len() > MAX_ANSWER {
                return Err(Failure::TooLong {
                    command: command.header(),
                    whom: self.whom,
                });
            }
            status = next;
        }
        Err(Failure::Endless {
            command: command.header(),
            whom: self.whom,
        })
    }

    /// Sends a command and takes what comes in the first answer, whole or not.
    pub fn peek(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        // A short APDU, since a long one would bring everything.
        let (bytes, status) = self.deliver(command, Lengths::Short)?;
        match status.0 {
            0x9000 | 0x6100..=0x61FF => Ok(bytes),
            _ => Err(Failure::Refused {
                command: command.header(),
                whom: self.whom,
                status,
            }),
        }
    }

    /// Sends all APDUs of a command; the answer to the last one.
    fn deliver(
        &mut self,
        command: &Command,
        lengths: Lengths,
    ) -> Result<(Vec<u8>, Status), Failure> {
        let mut frames = command.frames(lengths);
        let last = frames.pop().unwrap_or_default();
        for frame in frames {
            let (_nothing, status) = self.exchange(command.header(), &frame)?;
            if status != Status::OK {
                return Err(Failure::Refused {
                    command: command.header(),
                    whom: self.whom,
                    status,
                });
            }
        }
        let (bytes, status) = self.exchange(command.header(), &last)?;
        let [kind, length] = status.0.to_be_bytes();
        if kind != 0x6C || command.answer() == Answer::Status {
            return Ok((bytes, status));
        }
        self.exchange(command.header(), &Command::corrected(last, length))
    }

    /// One APDU out, one answer back.
    fn exchange(&mut self, command: Header, frame: &[u8]) -> Result<(Vec<u8>, Status), Failure> {
        if Instant::now() >= self.end {
            return Err(Failure::Late {
                command,
                whom: self.whom,
            });
        }
        self.exchanges = self.exchanges.saturating_add(1);
        let mut bytes = self
            .transport
            .transmit(frame)
            .map_err(|source| Failure::Reader { command, source })?;
        let length = bytes.len();
        let lengths = self.lengths.get().copied().unwrap_or_default();
        let most = lengths.answer().min(MAX_ANSWER).saturating_add(2);
        match (bytes.pop(), bytes.pop()) {
            (Some(sw2), Some(sw1)) if length <= most => {
                Ok((bytes, Status(u16::from_be_bytes([sw1, sw2]))))
            }
            _other => Err(Failure::NoAnswer {
                command,
                whom: self.whom,
                length,
            }),
        }
    }
}

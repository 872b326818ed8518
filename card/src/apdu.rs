//! Commands and answers as types, and the exchange of one for the other.
//!
//! Only short APDUs are used: they work on every card and reader (T=0 readers with small buffers
//! wedge on long answers). Long data goes out by command chaining (CLA bit 5) and comes back by
//! `61xx`/GET RESPONSE; a wrong Le is corrected by `6Cxx`. Everything is bounded: bytes, rounds and
//! time, so a card that never ends costs a moment and no memory.

use std::fmt;
use std::time::Instant;

use crate::reader;
use crate::transport::Transport;

/// Most data bytes of a short command (ISO/IEC 7816-4, 5.1).
const MAX_DATA: usize = 255;
/// CLA bit of a command that is continued (ISO/IEC 7816-4, 5.1.1).
const CHAINED: u8 = 0x10;
/// Most bytes of an answer. The largest object of a PIV card in the field has 3,052.
pub const MAX_ANSWER: usize = 4096;
/// Most exchanges for one answer. [`MAX_ANSWER`] needs 16 when each brings 256 bytes.
const MAX_ROUNDS: u32 = 64;

/// The four bytes that name a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
}

impl Header {
    /// A command of the interindustry class.
    pub const fn new(ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla: 0,
            ins,
            p1,
            p2,
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:02X} {:02X} {:02X} {:02X}",
            self.cla, self.ins, self.p1, self.p2
        )
    }
}

/// Whether a command brings bytes back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Only a status word.
    Status,
    /// Bytes, as many as there are.
    Bytes,
}

/// A command with data of any length.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    header: Header,
    data: Vec<u8>,
    answer: Answer,
}

impl Command {
    /// A command.
    pub const fn new(header: Header, data: Vec<u8>, answer: Answer) -> Self {
        Self {
            header,
            data,
            answer,
        }
    }

    /// Its four bytes.
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The short APDUs that carry it, in order.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let parts: Vec<&[u8]> = if self.data.is_empty() {
            vec![&[]]
        } else {
            self.data.chunks(MAX_DATA).collect()
        };
        let last = parts.len().saturating_sub(1);
        parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| self.frame(part, index == last))
            .collect()
    }

    fn frame(&self, part: &[u8], last: bool) -> Vec<u8> {
        let Header { cla, ins, p1, p2 } = self.header;
        let mut bytes = vec![if last { cla } else { cla | CHAINED }, ins, p1, p2];
        if !part.is_empty() {
            bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            bytes.extend(part);
        }
        if last && self.answer == Answer::Bytes {
            bytes.push(0);
        }
        bytes
    }
}

/// SW1 and SW2: how a command went.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Somebody has to authenticate first.
    pub const UNAUTHENTICATED: Self = Self(0x6982);
    /// Not in this state; Nitrokey answers so when a slot has no key.
    pub const CONDITIONS: Self = Self(0x6985);
    /// Wrong data; a `YubiKey` answers so when a slot has no key.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// No such object or application.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// Wrong P1 or P2.
    pub const WRONG_PARAMETERS: Self = Self(0x6A86);
    /// No such reference.
    pub const NO_REFERENCE: Self = Self(0x6A88);

    /// What it means (ISO/IEC 7816-4, table 6; SP 800-73-4 part 2).
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            0x9000 => "done",
            0x6100..=0x61FF => "more bytes are waiting",
            0x6282 => "the end of the file came first",
            0x6283 => "the application is deactivated",
            0x6200..=0x62FF => "done, with a warning",
            0x6300..=0x63FF => "verification failed",
            0x6400..=0x65FF => "the card's memory failed",
            0x6700 => "wrong length",
            0x6881 => "logical channels are not supported",
            0x6882 => "secure messaging is not supported",
            0x6883 => "the last command of the chain was expected",
            0x6884 => "command chaining is not supported",
            0x6982 => "authentication is needed first",
            0x6983 => "blocked after too many attempts",
            0x6985 => "conditions of use are not satisfied",
            0x6A80 => "wrong data",
            0x6A81 => "not supported",
            0x6A82 => "not found",
            0x6A84 => "the card is full",
            0x6A86 => "wrong parameters P1 P2",
            0x6A88 => "no such key or object",
            0x6C00..=0x6CFF => "wrong expected length",
            0x6D00 => "unknown instruction",
            0x6E00 => "unknown class",
            0x6F00 => "the card's program failed",
            _ => "no meaning in the standard",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} ({})", self.0, self.meaning())
    }
}

/// Why a command brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The reader or the card in it gave up.
    #[error("command {command} did not reach the card")]
    Reader {
        /// The command.
        command: Header,
        /// What the reader says.
        #[source]
        source: reader::Error,
    },
    /// The card says no.
    #[error("the card answered command {command} with {status}")]
    Refused {
        /// The command.
        command: Header,
        /// The card's reason.
        status: Status,
    },
    /// The answer has no status word, or is longer than a short APDU can be.
    #[error("the card answered command {command} with {length} bytes, which is no answer")]
    NoAnswer {
        /// The command.
        command: Header,
        /// How many bytes there were.
        length: usize,
    },
    /// The card promises more and more.
    #[error("the card's answer to command {command} has no end")]
    Endless {
        /// The command.
        command: Header,
    },
    /// The answer is longer than [`MAX_ANSWER`].
    #[error("the card's answer to command {command} is longer than {MAX_ANSWER} bytes")]
    TooLong {
        /// The command.
        command: Header,
    },
    /// The time for the whole conversation is over.
    #[error("the card is too slow: the time was over before command {command}")]
    Late {
        /// The command that was not sent any more.
        command: Header,
    },
}

impl Failure {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Reader { source, .. } => source.code(),
            Self::Refused { .. }
            | Self::NoAnswer { .. }
            | Self::Endless { .. }
            | Self::TooLong { .. }
            | Self::Late { .. } => "card-fault",
        }
    }

    /// The card's reason, when the card said no.
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Reader { .. }
            | Self::NoAnswer { .. }
            | Self::Endless { .. }
            | Self::TooLong { .. }
            | Self::Late { .. } => None,
        }
    }
}

/// A conversation with one card: commands in, whole answers out, every exchange counted.
pub struct Channel<'t> {
    transport: Box<dyn Transport + 't>,
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
            transport: Box::new(transport),
            end,
            exchanges: 0,
        }
    }

    /// How many APDUs went out so far.
    pub const fn exchanges(&self) -> u32 {
        self.exchanges
    }

    /// Sends a command, in as many APDUs as it takes, and gathers the whole answer.
    pub fn send(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        let (mut gathered, mut status) = self.deliver(command)?;
        for _ in 0..MAX_ROUNDS {
            let [kind, length] = status.0.to_be_bytes();
            if kind != 0x61 {
                return match status {
                    Status::OK => Ok(gathered),
                    status => Err(Failure::Refused {
                        command: command.header,
                        status,
                    }),
                };
            }
            let cla = command.header.cla;
            let (more, next) = self.exchange(command.header, &[cla, 0xC0, 0, 0, length])?;
            if more.is_empty() && next.0.to_be_bytes().first() == Some(&0x61) {
                return Err(Failure::Endless {
                    command: command.header,
                });
            }
            gathered.extend(more);
            if gathered.len() > MAX_ANSWER {
                return Err(Failure::TooLong {
                    command: command.header,
                });
            }
            status = next;
        }
        Err(Failure::Endless {
            command: command.header,
        })
    }

    /// Sends a command and takes what comes in the first answer, whole or not.
    pub fn peek(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        let (bytes, status) = self.deliver(command)?;
        match status.0 {
            0x9000 | 0x6100..=0x61FF => Ok(bytes),
            _ => Err(Failure::Refused {
                command: command.header,
                status,
            }),
        }
    }

    /// Sends all APDUs of a command; the answer to the last one.
    fn deliver(&mut self, command: &Command) -> Result<(Vec<u8>, Status), Failure> {
        let mut frames = command.frames();
        let last = frames.pop().unwrap_or_default();
        for frame in frames {
            let (_nothing, status) = self.exchange(command.header, &frame)?;
            if status != Status::OK {
                return Err(Failure::Refused {
                    command: command.header,
                    status,
                });
            }
        }
        let (bytes, status) = self.exchange(command.header, &last)?;
        let [kind, length] = status.0.to_be_bytes();
        if kind != 0x6C || command.answer == Answer::Status {
            return Ok((bytes, status));
        }
        let mut corrected = last;
        if let Some(expected) = corrected.last_mut() {
            *expected = length;
        }
        self.exchange(command.header, &corrected)
    }

    /// One APDU out, one answer back.
    fn exchange(&mut self, command: Header, frame: &[u8]) -> Result<(Vec<u8>, Status), Failure> {
        if Instant::now() >= self.end {
            return Err(Failure::Late { command });
        }
        self.exchanges = self.exchanges.saturating_add(1);
        let mut bytes = self
            .transport
            .transmit(frame)
            .map_err(|source| Failure::Reader { command, source })?;
        let length = bytes.len();
        match (bytes.pop(), bytes.pop()) {
            (Some(sw2), Some(sw1)) if length <= 258 => {
                Ok((bytes, Status(u16::from_be_bytes([sw1, sw2]))))
            }
            _other => Err(Failure::NoAnswer { command, length }),
        }
    }
}

//! Commands, and the APDUs that carry them (ISO/IEC 7816-4, 5.1).

use std::fmt;

use zeroize::Zeroizing;

use super::MAX_ANSWER;
use crate::transport::{Lengths, SHORT_ANSWER, SHORT_COMMAND};

/// CLA bit of a command that is continued (ISO/IEC 7816-4, 5.1.1).
const CHAINED: u8 = 0x10;
/// Bytes of the shortest extended APDU, less one: a header and a short length.
const SHORTEST_EXTENDED: usize = 6;

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
    /// Bytes, at most so many.
    UpTo(usize),
}

/// A command with data of any length.
#[derive(Clone, Eq, PartialEq)]
pub struct Command {
    header: Header,
    /// May be a PIN, and is wiped from memory with the command.
    data: Zeroizing<Vec<u8>>,
    answer: Answer,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({} with {} bytes)", self.header, self.data.len())
    }
}

impl Command {
    /// A command.
    pub fn new(header: Header, data: Vec<u8>, answer: Answer) -> Self {
        Self {
            header,
            data: Zeroizing::new(data),
            answer,
        }
    }

    /// Its four bytes.
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Whether it brings bytes back.
    pub(super) const fn answer(&self) -> Answer {
        self.answer
    }

    /// The APDUs that carry it, in order.
    pub fn frames(&self, lengths: Lengths) -> Vec<Zeroizing<Vec<u8>>> {
        let parts: Vec<&[u8]> = if self.data.is_empty() {
            vec![&[]]
        } else {
            self.data.chunks(lengths.command()).collect()
        };
        let last = parts.len().saturating_sub(1);
        parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| self.frame(part, index == last, lengths))
            .collect()
    }

    fn frame(&self, part: &[u8], last: bool, lengths: Lengths) -> Zeroizing<Vec<u8>> {
        let Header { cla, ins, p1, p2 } = self.header;
        let answers = last && self.answer != Answer::Status;
        let expected = match self.answer {
            Answer::UpTo(wanted) => wanted.min(lengths.answer()),
            Answer::Status | Answer::Bytes => lengths.answer().min(MAX_ANSWER),
        };
        let is_extended = part.len() > SHORT_COMMAND || (answers && expected > SHORT_ANSWER);
        // As long as it gets, so that nothing is left behind in memory where it grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(part.len().saturating_add(9)));
        bytes.extend([if last { cla } else { cla | CHAINED }, ins, p1, p2]);
        if is_extended {
            bytes.push(0);
        }
        if !part.is_empty() {
            let [.., high, low] = part.len().to_be_bytes();
            bytes.extend([high, low].iter().skip(usize::from(!is_extended)));
            bytes.extend(part);
        }
        if answers && is_extended {
            let [.., high, low] = expected.to_be_bytes();
            bytes.extend([high, low]);
        } else if answers {
            // 256 is written as 0.
            let [.., low] = expected.to_be_bytes();
            bytes.push(low);
        }
        bytes
    }

    /// The same APDU with the expected length that the card wants.
    pub(super) fn corrected(mut frame: Zeroizing<Vec<u8>>, length: u8) -> Zeroizing<Vec<u8>> {
        let is_extended = frame.len() > SHORTEST_EXTENDED && frame.get(4) == Some(&0);
        if let Some(low) = frame.last_mut() {
            *low = length;
        }
        if is_extended && let Some([high, _low]) = frame.last_chunk_mut() {
            *high = u8::from(length == 0);
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(length: usize, answer: Answer) -> Command {
        Command::new(Header::new(0xDB, 0x3F, 0xFF), vec![7; length], answer)
    }

    #[test]
    fn apdus_have_the_forms_of_the_standard() {
        let long = Lengths::extended(2000, 2000);
        for (length, answer, lengths, head, tail, total) in [
            (0, Answer::Status, long, [0xFF].as_slice(), [].as_slice(), 4),
            (3, Answer::Status, long, &[0xFF, 3], &[], 8),
            (0, Answer::Bytes, Lengths::Short, &[0xFF], &[0], 5),
            (3, Answer::Bytes, Lengths::Short, &[0xFF, 3], &[0], 9),
            (0, Answer::Bytes, long, &[0xFF, 0], &[7, 0xD0], 7),
            (3, Answer::Bytes, long, &[0xFF, 0, 0, 3], &[7, 0xD0], 12),
            (300, Answer::Status, long, &[0xFF, 0, 1, 44], &[], 307),
        ] {
            let frames = command(length, answer).frames(lengths);
            assert_eq!(frames.len(), 1);
            assert!(frames[0][3..].starts_with(head), "{:02X?}", frames[0]);
            assert!(frames[0].ends_with(tail) && frames[0].len() == total);
        }
    }

    #[test]
    fn what_is_too_long_is_chained_and_nothing_is_lost() {
        for lengths in [Lengths::Short, Lengths::extended(1000, 1000)] {
            let frames = command(2500, Answer::Bytes).frames(lengths);
            assert_eq!(frames.len(), 2500_usize.div_ceil(lengths.command()));
            let (last, others) = frames.split_last().unwrap();
            assert!(others.iter().all(|frame| frame[0] == CHAINED) && last[0] == 0);
            let sevens = frames.iter().flat_map(|frame| frame[5..].iter());
            assert!(sevens.filter(|byte| **byte == 7).count() >= 2500);
        }
    }

    #[test]
    fn a_corrected_length_is_asked_for() {
        let short = command(0, Answer::Bytes).frames(Lengths::Short).remove(0);
        assert!(Command::corrected(short, 0x10).ends_with(&[0xFF, 0x10]));
        let long = command(0, Answer::Bytes).frames(Lengths::extended(500, 500));
        let long = Command::corrected(long[0].clone(), 0x10);
        assert!(long.ends_with(&[0xFF, 0, 0, 0x10]));
        assert!(Command::corrected(long, 0).ends_with(&[0, 1, 0]));
    }

    #[test]
    fn a_command_never_shows_its_bytes() {
        let shown = format!("{:?}", command(3, Answer::Status));
        assert_eq!(shown, "Command(00 DB 3F FF with 3 bytes)");
    }
}

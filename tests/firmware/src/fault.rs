//! Cards that misbehave.

use std::str::FromStr;

use crate::firmware::Card;

/// What is wrong with a card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It is pulled out instead of answering the command after so many.
    DropAfter(u32),
    /// After SELECT, it always has more to say.
    Endless,
    /// After SELECT, it answers with bytes that mean nothing, of every length.
    Garbage,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "endless-61xx" => Ok(Self::Endless),
            None if text == "garbage" => Ok(Self::Garbage),
            Some(("drop-after", count)) => count
                .parse()
                .map(Self::DropAfter)
                .map_err(|error| error.to_string()),
            _other => Err("there are drop-after:N, endless-61xx and garbage".to_owned()),
        }
    }
}

/// Stands between the reader and the card, and does the fault.
pub struct Faulty {
    fault: Option<Fault>,
    commands: u32,
    /// State of the generator of garbage: the same at every run.
    noise: u32,
}

impl Faulty {
    /// With what is wrong with the card, if anything.
    pub fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            commands: 0,
            noise: 1,
        }
    }

    /// The answer that reaches the reader; `None` when the card is gone.
    pub fn respond(&mut self, card: &mut Card<'_>, command: &[u8]) -> Option<Vec<u8>> {
        self.commands = self.commands.saturating_add(1);
        let is_select = command.get(1) == Some(&0xA4);
        match self.fault {
            Some(Fault::DropAfter(count)) if self.commands > count => None,
            Some(Fault::Endless) if !is_select => {
                Some([[0x53; 0x10].as_slice(), &[0x61, 0x10]].concat())
            }
            Some(Fault::Garbage) if !is_select => Some(self.garbage()),
            Some(_) | None => Some(card.respond(command)),
        }
    }

    /// Up to 255 bytes of noise; every other answer claims success.
    fn garbage(&mut self) -> Vec<u8> {
        let length = usize::from(self.next_byte().max(1));
        let mut bytes: Vec<u8> = (0..length).map(|_| self.next_byte()).collect();
        if self.next_byte() & 1 == 0 {
            bytes.extend([0x90, 0x00]);
        }
        bytes
    }

    /// A linear congruential generator (Numerical Recipes' constants): noise enough.
    fn next_byte(&mut self) -> u8 {
        self.noise = self
            .noise
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.noise.to_be_bytes()[0]
    }
}

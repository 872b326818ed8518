//! A PIV card in memory: objects, a PIN, a management key that takes every answer, and removal
//! after any number of commands.

use std::collections::BTreeMap;

use cardwarden_card::reader::Error;
use cardwarden_card::{Lengths, Transport, tlv};

/// What a card keeps without power.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Card {
    /// Values of its data objects, without their outer tag.
    pub(crate) objects: BTreeMap<u32, Vec<u8>>,
    /// The longest value that it takes.
    pub(crate) capacity: usize,
    /// What a card says of its version that is, or does as, a `YubiKey`.
    pub(crate) version: Option<Vec<u8>>,
    pub(crate) pin: Vec<u8>,
    pub(crate) tries: u8,
}

impl Default for Card {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            capacity: 1905,
            version: None,
            pin: b"123456\xFF\xFF".to_vec(),
            tries: 3,
        }
    }
}

/// Objects that are read only after the PIN.
const BEHIND_PIN: [u32; 3] = [0x005F_C103, 0x005F_C108, 0x005F_C121];

/// When a card is taken out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Removal {
    Never,
    /// Before the command behind so many.
    Before(u32),
    /// The same, but the card carries that command out; its answer is lost.
    Within(u32),
}

/// A card under power.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) card: &'a mut Card,
    pub(crate) removal: Removal,
    pub(crate) lengths: Lengths,
    pub(crate) count: &'a mut u32,
    gathered: Vec<u8>,
    waiting: Vec<u8>,
    may_write: bool,
    knows_pin: bool,
}

impl<'a> Session<'a> {
    pub(crate) const fn new(
        card: &'a mut Card,
        removal: Removal,
        lengths: Lengths,
        count: &'a mut u32,
    ) -> Self {
        Self {
            card,
            removal,
            lengths,
            count,
            gathered: Vec::new(),
            waiting: Vec::new(),
            may_write: false,
            knows_pin: false,
        }
    }

    fn respond(&mut self, apdu: &[u8]) -> Vec<u8> {
        let (data, expected) = parse(apdu);
        if data.len() > self.lengths.command() || expected > self.lengths.answer() {
            return vec![0x67, 0];
        }
        let [cla, ins, p1, p2, ..] = *apdu else {
            return vec![0x67, 0];
        };
        if ins == 0xC0 {
            return self.part(expected);
        }
        self.gathered.extend(data);
        if cla == 0x10 {
            return vec![0x90, 0];
        }
        let data = std::mem::take(&mut self.gathered);
        match self.run([ins, p1, p2], &data) {
            Ok(answer) => {
                self.waiting = answer;
                self.part(expected)
            }
            Err(status) => status.to_be_bytes().to_vec(),
        }
    }

    fn run(&mut self, command: [u8; 3], data: &[u8]) -> Result<Vec<u8>, u16> {
        match command {
            [0xA4, 4, 0] => data
                .starts_with(&[0xA0, 0, 0, 3, 8])
                .then(|| vec![0x61, 2, 0x4F, 0])
                .ok_or(0x6A82),
            [0xCB, 0x3F, 0xFF] => self.get(name(data)),
            [0xDB, 0x3F, 0xFF] if !self.may_write => Err(0x6982),
            [0xDB, 0x3F, 0xFF] => self.put(name(data), data),
            [0x87, _, 0x9B] if data.starts_with(&[0x7C, 2, 0x81]) => {
                Ok(tlv::encode(0x7C, &tlv::encode(0x81, &[9; 8])))
            }
            [0x87, _, 0x9B] => {
                self.may_write = true;
                Ok(Vec::new())
            }
            [0xFD, 0, 0] => self.card.version.clone().ok_or(0x6D00),
            [0x20, 0, 0x80] => self.verify(data),
            _unknown => Err(0x6D00),
        }
    }

    fn get(&self, object: u32) -> Result<Vec<u8>, u16> {
        if BEHIND_PIN.contains(&object) && !self.knows_pin {
            return Err(0x6982);
        }
        let value = self.card.objects.get(&object).ok_or(0x6A82_u16)?;
        Ok(tlv::encode(0x53, value))
    }

    fn put(&mut self, object: u32, data: &[u8]) -> Result<Vec<u8>, u16> {
        let value = tlv::find(data, 0x53).map_err(|_malformed| 0x6A80_u16)?;
        if value.len() > self.card.capacity {
            return Err(0x6A84);
        }
        if value.is_empty() {
            self.card.objects.remove(&object);
        } else {
            self.card.objects.insert(object, value.to_vec());
        }
        Ok(Vec::new())
    }

    fn verify(&mut self, data: &[u8]) -> Result<Vec<u8>, u16> {
        let left = |tries: u8| match tries {
            0 => 0x6983,
            tries => 0x63C0 | u16::from(tries),
        };
        if self.card.tries == 0 || (data.is_empty() && !self.knows_pin) {
            return Err(left(self.card.tries));
        }
        if !data.is_empty() && data != self.card.pin {
            self.card.tries -= 1;
            return Err(left(self.card.tries));
        }
        self.card.tries = 3;
        self.knows_pin = true;
        Ok(Vec::new())
    }

    fn part(&mut self, most: usize) -> Vec<u8> {
        let rest = self.waiting.split_off(most.min(self.waiting.len()));
        let mut answer = std::mem::replace(&mut self.waiting, rest);
        answer.extend(match self.waiting.len() {
            0 => [0x90, 0],
            left => [0x61, u8::try_from(left).unwrap_or(0)],
        });
        answer
    }
}

/// Data of a command, and how many bytes it expects.
fn parse(apdu: &[u8]) -> (&[u8], usize) {
    let word = |bytes: &[u8]| usize::from(u16::from_be_bytes(bytes.try_into().unwrap()));
    let or_all = |expected: usize, all: usize| if expected == 0 { all } else { expected };
    match apdu.get(4..).unwrap_or_default() {
        [] => (&[], 0),
        [le] => (&[], or_all(usize::from(*le), 256)),
        [0, le @ ..] if le.len() == 2 => (&[], or_all(word(le), 65_536)),
        [0, high, low, rest @ ..] => {
            let (data, le) = rest.split_at(word(&[*high, *low]));
            (
                data,
                if le.is_empty() {
                    0
                } else {
                    or_all(word(le), 65_536)
                },
            )
        }
        [lc, rest @ ..] => {
            let (data, le) = rest.split_at(usize::from(*lc));
            let le = le.first().map_or(0, |le| or_all(usize::from(*le), 256));
            (data, le)
        }
    }
}

/// The object that a command names.
fn name(data: &[u8]) -> u32 {
    let name = tlv::objects(data).next().unwrap().unwrap().value;
    name.iter()
        .fold(0, |tag, byte| (tag << 8) | u32::from(*byte))
}

impl Transport for Session<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let gone = Error::Removed {
            reader: "test".to_owned(),
        };
        match self.removal {
            Removal::Before(last) if *self.count >= last => return Err(gone),
            Removal::Within(last) if *self.count > last => return Err(gone),
            Removal::Never | Removal::Before(_) | Removal::Within(_) => {}
        }
        let answer = self.respond(command);
        let is_lost = self.removal == Removal::Within(*self.count);
        *self.count += 1;
        if is_lost { Err(gone) } else { Ok(answer) }
    }

    fn lengths(&self) -> Lengths {
        self.lengths
    }
}

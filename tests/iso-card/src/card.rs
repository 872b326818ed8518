//! A card with a file system (ISO/IEC 7816-4 and 7816-9), in memory.

use std::collections::VecDeque;

use cardwarden_card::reader::Error;
use cardwarden_card::{Lengths, Transport};

/// What a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// A directory, with its application's name if it has one.
    Directory(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Records of one length.
    Records(Vec<Vec<u8>>),
}

/// A file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Its identifier.
    pub fid: u16,
    /// The place of its directory in [`Card::files`]; the master file is its own.
    pub parent: usize,
    /// What it is.
    pub content: Content,
    /// Whether it is read after the user's PIN only.
    pub is_guarded: bool,
}

/// What kinds of cards do differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a habit of its own, and a card may have any of them"
)]
pub struct Habits {
    /// Speaks T=0: `61xx` for what has data and an answer, `6Cxx` for a wrong Le.
    pub is_t0: bool,
    /// What it says of an application that it has not.
    pub unknown_application: u16,
    /// Whether applications are selected by name.
    pub has_names: bool,
    /// Whether files have short identifiers.
    pub has_short_ids: bool,
    /// How many logical channels there are besides the basic one.
    pub channels: u8,
    /// Data bytes of its longest APDUs.
    pub lengths: Lengths,
    /// Most bytes of all files.
    pub memory: usize,
    /// Whether only who gave the officer's PIN may write.
    pub needs_officer: bool,
}

impl Habits {
    /// A token.
    pub const TOKEN: Self = Self {
        is_t0: false,
        unknown_application: 0x6A82,
        has_names: true,
        has_short_ids: true,
        channels: 0,
        lengths: Lengths::Short,
        memory: 64 * 1024,
        needs_officer: false,
    };
    /// A SIM (ETSI TS 102 221).
    pub const SIM: Self = Self {
        is_t0: true,
        unknown_application: 0x6A88,
        channels: 3,
        ..Self::TOKEN
    };
}

/// What one logical channel has selected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Selected {
    directory: usize,
    file: Option<usize>,
}

/// The card.
#[derive(Clone, Debug)]
pub struct Card {
    /// All files; the first is the master file.
    pub files: Vec<File>,
    /// What kind of card it is.
    pub habits: Habits,
    /// Headers of all commands, in order.
    pub log: Vec<[u8; 4]>,
    /// Wrong PINs that may still be given.
    pub tries: u8,
    channels: Vec<Option<Selected>>,
    waiting: VecDeque<u8>,
    has_pin: bool,
    has_officer: bool,
}

/// The user's PIN and the officer's, as PIN 1 and ADM 1 of a SIM.
pub const PIN: &[u8] = b"1234\xFF\xFF\xFF\xFF";
/// See [`PIN`].
pub const OFFICER: &[u8] = b"87654321";

/// A command, taken apart.
struct Request<'a> {
    cla: u8,
    ins: u8,
    p1: u8,
    p2: u8,
    data: &'a [u8],
    expected: Option<usize>,
}

impl<'a> Request<'a> {
    fn of(apdu: &'a [u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], rest) = apdu.split_first_chunk()?;
        let le = |bytes: &[u8]| match bytes {
            [] => Some(None),
            [le] => Some(Some(if *le == 0 { 256 } else { usize::from(*le) })),
            [high, low] => {
                let le = usize::from(u16::from_be_bytes([*high, *low]));
                Some(Some(if le == 0 { 65_536 } else { le }))
            }
            _longer => None,
        };
        let (data, expected) = match rest {
            [] | [_] => (&[][..], le(rest)?),
            [0, high, low] => (&[][..], le(&[*high, *low])?),
            [0, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                (rest.get(..length)?, le(rest.get(length..)?)?)
            }
            [length, rest @ ..] => {
                let length = usize::from(*length);
                (rest.get(..length)?, le(rest.get(length..)?)?)
            }
        };
        Some(Self {
            cla,
            ins,
            p1,
            p2,
            data,
            expected,
        })
    }
}

/// An answer, or why there is none.
type Answer = Result<Vec<u8>, u16>;

impl Card {
    /// An empty card.
    pub fn new(habits: Habits) -> Self {
        let mut card = Self {
            files: Vec::new(),
            habits,
            log: Vec::new(),
            tries: 3,
            channels: Vec::new(),
            waiting: VecDeque::new(),
            has_pin: false,
            has_officer: false,
        };
        card.add(0, 0x3F00, Content::Directory(Vec::new()));
        card.reset();
        card
    }

    /// Power off and on.
    pub fn reset(&mut self) {
        self.channels = vec![None; usize::from(self.habits.channels).saturating_add(1)];
        if let Some(basic) = self.channels.first_mut() {
            *basic = Some(Selected::default());
        }
        self.waiting.clear();
        self.log.clear();
        self.has_pin = false;
        self.has_officer = false;
    }

    /// Puts a file into a directory; its place.
    pub fn add(&mut self, parent: usize, fid: u16, content: Content) -> usize {
        self.files.push(File {
            fid,
            parent,
            content,
            is_guarded: false,
        });
        self.files.len().saturating_sub(1)
    }

    /// A file's place, by its path from the master file.
    pub fn find(&self, path: &[u16]) -> Option<usize> {
        path.iter().try_fold(0, |at, fid| self.child(at, *fid))
    }

    /// A file's bytes.
    pub fn bytes(&self, path: &[u16]) -> Option<&[u8]> {
        match &self.files.get(self.find(path)?)?.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Directory(_) | Content::Records(_) => None,
        }
    }

    /// How many logical channels are open, the basic one not counted.
    pub fn open_channels(&self) -> usize {
        self.channels.iter().skip(1).flatten().count()
    }

    fn child(&self, parent: usize, fid: u16) -> Option<usize> {
        let found = |(place, file): &(usize, &File)| {
            file.parent == parent && file.fid == fid && *place != 0
        };
        self.files
            .iter()
            .enumerate()
            .find(found)
            .map(|(place, _)| place)
    }

    fn is_directory(&self, place: usize) -> bool {
        matches!(
            self.files.get(place).map(|file| &file.content),
            Some(Content::Directory(_))
        )
    }

    /// Answers a command, status word included.
    pub fn respond(&mut self, apdu: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let status = match Request::of(apdu) {
            None => 0x6700,
            Some(request) => {
                self.log
                    .push([request.cla, request.ins, request.p1, request.p2]);
                match self.execute(&request) {
                    Ok(bytes) => self.deliver(&request, bytes, &mut answer),
                    Err(status) => status,
                }
            }
        };
        answer.extend(status.to_be_bytes());
        answer
    }

    /// Hands out an answer as the protocol has it.
    fn deliver(&mut self, request: &Request<'_>, bytes: Vec<u8>, answer: &mut Vec<u8>) -> u16 {
        let short = |length: usize| u16::try_from(length.min(256) % 256).unwrap_or(0);
        let Some(expected) = request.expected.filter(|_| {
            // T=0 has no room for Le behind data.
            !self.habits.is_t0 || request.data.is_empty()
        }) else {
            if bytes.is_empty() {
                return 0x9000;
            }
            let waiting = short(bytes.len());
            self.waiting = bytes.into();
            return 0x6100 | waiting;
        };
        if expected > bytes.len() && self.habits.is_t0 && !bytes.is_empty() {
            return 0x6C00 | short(bytes.len());
        }
        let status = if expected > bytes.len() && request.ins == 0xB0 {
            0x6282
        } else {
            0x9000
        };
        if request.ins == 0xC0 && bytes.len() > expected {
            answer.extend(bytes.get(..expected).unwrap_or_default());
            self.waiting = bytes.get(expected..).unwrap_or_default().to_vec().into();
            return 0x6100 | short(self.waiting.len());
        }
        answer.extend(bytes.get(..expected).unwrap_or(&bytes));
        status
    }

    fn execute(&mut self, request: &Request<'_>) -> Answer {
        let channel = match request.cla {
            0x00..=0x03 => request.cla,
            0x40..=0x4F => (request.cla & 0x0F).saturating_add(4),
            _chained_or_secured => return Err(0x6E00),
        };
        let at = usize::from(channel);
        let Some(Some(mut selected)) = self.channels.get(at).copied() else {
            return Err(0x6881);
        };
        let answer = match request.ins {
            0x70 => return self.manage_channel(request),
            0xA4 => self.select(request, &mut selected),
            0xB0 => self.read_binary(request, &mut selected),
            0xD6 => self.update_binary(request, &mut selected),
            0xB2 => self.read_record(request, selected),
            0xDC => self.update_record(request, selected),
            0xE0 => self.create(request, &mut selected),
            0x20 => self.verify(request),
            0xC0 => {
                let waiting: Vec<u8> = self.waiting.drain(..).collect();
                if waiting.is_empty() {
                    Err(0x6985)
                } else {
                    Ok(waiting)
                }
            }
            _other => Err(0x6D00),
        };
        if let Some(slot) = self.channels.get_mut(at) {
            *slot = Some(selected);
        }
        answer
    }

    fn manage_channel(&mut self, request: &Request<'_>) -> Answer {
        match (request.p1, request.p2) {
            (0x00, 0x00) => {
                let free = self
                    .channels
                    .iter()
                    .position(Option::is_none)
                    .ok_or(0x6881_u16)?;
                if let Some(slot) = self.channels.get_mut(free) {
                    *slot = Some(Selected::default());
                }
                Ok(vec![u8::try_from(free).map_err(|_many| 0x6881_u16)?])
            }
            (0x80, channel) if channel > 0 => {
                let slot = self
                    .channels
                    .get_mut(usize::from(channel))
                    .ok_or(0x6A86_u16)?;
                *slot = None;
                Ok(Vec::new())
            }
            _other => Err(0x6A86),
        }
    }

    fn select(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
        let fids: Vec<u16> = request
            .data
            .chunks_exact(2)
            .filter_map(|fid| fid.try_into().ok())
            .map(u16::from_be_bytes)
            .collect();
        let place = match (request.p1, fids.as_slice()) {
            (0x00, [0x3F00]) => Some(0),
            (0x00, [fid]) => self
                .child(selected.directory, *fid)
                .or_else(|| self.child(self.parent(selected.directory), *fid))
                .or_else(|| self.child(0, *fid).filter(|_| *fid >> 8 == 0x2F)),
            (0x04, _name) => {
                let named = |file: &File| matches!(&file.content, Content::Directory(name) if name == request.data);
                let found = self.files.iter().position(named);
                let found = found.filter(|_| self.habits.has_names);
                Some(found.ok_or(self.habits.unknown_application)?)
            }
            (0x08, path) => self.find(path),
            _other => return Err(0x6A86),
        };
        let place = place.ok_or(0x6A82_u16)?;
        *selected = if self.is_directory(place) {
            Selected {
                directory: place,
                file: None,
            }
        } else {
            Selected {
                directory: self.parent(place),
                file: Some(place),
            }
        };
        match request.p2 {
            0x0C => Ok(Vec::new()),
            0x04 => Ok(self.parameters(place)),
            _other => Err(0x6A86),
        }
    }

    fn parent(&self, place: usize) -> usize {
        self.files.get(place).map_or(0, |file| file.parent)
    }

    /// File control parameters (ISO/IEC 7816-4, table 10).
    fn parameters(&self, place: usize) -> Vec<u8> {
        let Some(file) = self.files.get(place) else {
            return Vec::new();
        };
        let [high, low] = file.fid.to_be_bytes();
        let mut template = match &file.content {
            Content::Directory(_) => vec![0x82, 2, 0x78, 0x21],
            Content::Bytes(bytes) => {
                let [.., size_high, size_low] = bytes.len().to_be_bytes();
                vec![0x82, 2, 0x41, 0x21, 0x80, 2, size_high, size_low]
            }
            Content::Records(records) => {
                let length = records.first().map_or(0, Vec::len).to_be_bytes()[7];
                let count = records.len().to_be_bytes()[7];
                vec![0x82, 5, 0x42, 0x21, 0, length, count]
            }
        };
        template.extend([0x83, 2, high, low, 0x8A, 1, 5]);
        let length = template.len().to_be_bytes()[7];
        [vec![0x62, length], template].concat()
    }

    /// The file and offset that P1 and P2 name.
    fn addressed(
        &self,
        request: &Request<'_>,
        selected: &mut Selected,
    ) -> Result<(usize, usize), u16> {
        if request.p1 & 0x80 == 0 {
            let file = selected.file.ok_or(0x6986_u16)?;
            return Ok((
                file,
                usize::from(u16::from_be_bytes([request.p1, request.p2])),
            ));
        }
        let short = request.p1 & 0x1F;
        let named = |(place, file): &(usize, &File)| {
            file.parent == selected.directory
                && *place != 0
                && !self.is_directory(*place)
                && file.fid.to_be_bytes()[1] & 0x1F == short
        };
        let found = self.files.iter().enumerate().find(named);
        let (place, _file) = found
            .filter(|_| self.habits.has_short_ids)
            .ok_or(0x6A82_u16)?;
        selected.file = Some(place);
        Ok((place, usize::from(request.p2)))
    }

    fn read_binary(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
        let (place, offset) = self.addressed(request, selected)?;
        let file = self.files.get(place).ok_or(0x6A82_u16)?;
        if file.is_guarded && !self.has_pin {
            return Err(0x6982);
        }
        let Content::Bytes(bytes) = &file.content else {
            return Err(0x6981);
        };
        let rest = bytes.get(offset..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(0x6B00_u16)?;
        // One answer holds what was asked for.
        let most = request.expected.unwrap_or(256).min(rest.len());
        Ok(rest.get(..most).unwrap_or_default().to_vec())
    }

    fn update_binary(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
        let (place, offset) = self.addressed(request, selected)?;
        if self.habits.needs_officer && !self.has_officer {
            return Err(0x6982);
        }
        let Some(File {
            content: Content::Bytes(bytes),
            ..
        }) = self.files.get_mut(place)
        else {
            return Err(0x6981);
        };
        let end = offset.saturating_add(request.data.len());
        let place = bytes.get_mut(offset..end).ok_or(0x6B00_u16)?;
        place.copy_from_slice(request.data);
        Ok(Vec::new())
    }

    fn record(&mut self, request: &Request<'_>, selected: Selected) -> Result<&mut Vec<u8>, u16> {
        if request.p2 != 4 {
            return Err(0x6A86);
        }
        let file = selected.file.ok_or(0x6986_u16)?;
        let Some(File {
            content: Content::Records(records),
            ..
        }) = self.files.get_mut(file)
        else {
            return Err(0x6981);
        };
        let index = usize::from(request.p1).checked_sub(1).ok_or(0x6A86_u16)?;
        records.get_mut(index).ok_or(0x6A83)
    }

    fn read_record(&mut self, request: &Request<'_>, selected: Selected) -> Answer {
        self.record(request, selected).map(|record| record.clone())
    }

    fn update_record(&mut self, request: &Request<'_>, selected: Selected) -> Answer {
        let record = self.record(request, selected)?;
        if record.len() != request.data.len() {
            return Err(0x6700);
        }
        record.copy_from_slice(request.data);
        Ok(Vec::new())
    }

    fn create(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
        if self.habits.needs_officer && !self.has_officer {
            return Err(0x6982);
        }
        let template =
            cardwarden_card::tlv::find(request.data, 0x62).map_err(|_none| 0x6A80_u16)?;
        let value = |tag| cardwarden_card::tlv::find(template, tag).ok();
        let fid = value(0x83)
            .and_then(|fid| fid.try_into().ok())
            .map(u16::from_be_bytes)
            .ok_or(0x6A80_u16)?;
        if self.child(selected.directory, fid).is_some() {
            return Err(0x6A89);
        }
        let content = if value(0x82) == Some(&[0x38]) {
            Content::Directory(value(0x84).unwrap_or_default().to_vec())
        } else {
            let size = value(0x80).and_then(|size| size.try_into().ok());
            let size = usize::from(u16::from_be_bytes(size.ok_or(0x6A80_u16)?));
            if self.used().saturating_add(size) > self.habits.memory {
                return Err(0x6A84);
            }
            Content::Bytes(vec![0; size])
        };
        let place = self.add(selected.directory, fid, content);
        if self.is_directory(place) {
            selected.directory = place;
            selected.file = None;
        } else {
            selected.file = Some(place);
        }
        Ok(Vec::new())
    }

    fn used(&self) -> usize {
        let size = |file: &File| match &file.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Directory(_) | Content::Records(_) => 0,
        };
        self.files.iter().map(size).sum()
    }

    fn verify(&mut self, request: &Request<'_>) -> Answer {
        let right = match request.p2 {
            0x01 => PIN,
            0x0A => OFFICER,
            _other => return Err(0x6A88),
        };
        if self.tries == 0 {
            return Err(0x6983);
        }
        if !request.data.is_empty() && request.data == right {
            self.tries = 3;
            self.has_pin |= request.p2 == 0x01;
            self.has_officer |= request.p2 == 0x0A;
            return Ok(Vec::new());
        }
        if !request.data.is_empty() {
            self.tries = self.tries.saturating_sub(1);
        }
        Err(0x63C0 | u16::from(self.tries))
    }
}

impl Transport for Card {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.respond(command))
    }

    fn lengths(&self) -> Lengths {
        self.habits.lengths
    }
}

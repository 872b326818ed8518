//! What the card does for each command.

use super::{Answer, Card, Content, File, OFFICER, PIN, Request, Selected};

impl Card {
    pub(super) fn manage_channel(&mut self, request: &Request<'_>) -> Answer {
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

    pub(super) fn select(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
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

    pub(super) fn read_binary(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
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

    pub(super) fn update_binary(
        &mut self,
        request: &Request<'_>,
        selected: &mut Selected,
    ) -> Answer {
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

    pub(super) fn read_record(&mut self, request: &Request<'_>, selected: Selected) -> Answer {
        self.record(request, selected).map(|record| record.clone())
    }

    pub(super) fn update_record(&mut self, request: &Request<'_>, selected: Selected) -> Answer {
        let record = self.record(request, selected)?;
        if record.len() != request.data.len() {
            return Err(0x6700);
        }
        record.copy_from_slice(request.data);
        Ok(Vec::new())
    }

    pub(super) fn create(&mut self, request: &Request<'_>, selected: &mut Selected) -> Answer {
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

    pub(super) fn verify(&mut self, request: &Request<'_>) -> Answer {
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

//! Large objects: values that do not fit one message and travel in chunks (OMA DM 1.2 *Protocol*, 7).
//!
//! Every chunk but the last says `MoreData`, the first says the `Size` of the whole, and nothing else
//! stands between them.

use crate::Payload;
use crate::code::StatusCode;

/// Largest object that this crate puts together, in octets: 16 MiB.
pub const MAX_OBJECT_LEN: usize = 16 << 20;

/// An object of which some chunks are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathered {
    size: usize,
    octets: Vec<u8>,
}

impl Gathered {
    /// The first chunk says how much is to come: 411 if not, 416 if it is more than is taken.
    pub(crate) fn begin(size: Option<u64>, limit: usize) -> Result<Self, StatusCode> {
        let size = size.ok_or(StatusCode::SIZE_REQUIRED)?;
        let size = usize::try_from(size).ok();
        let size = size.filter(|size| *size <= limit.min(MAX_OBJECT_LEN));
        Ok(Self {
            size: size.ok_or(StatusCode::RANGE_NOT_SATISFIABLE)?,
            octets: Vec::new(),
        })
    }

    /// One more chunk. More octets than were announced are not kept: 424.
    pub(crate) fn add(&mut self, chunk: &Payload) -> Result<(), StatusCode> {
        let room = self.size.saturating_sub(self.octets.len());
        if chunk.as_bytes().len() > room {
            return Err(StatusCode::SIZE_MISMATCH);
        }
        self.octets.extend_from_slice(chunk.as_bytes());
        Ok(())
    }

    /// The whole object, after the last chunk: 424 if something is missing.
    pub(crate) fn end(self) -> Result<Payload, StatusCode> {
        if self.octets.len() == self.size {
            Ok(self.octets.into())
        } else {
            Err(StatusCode::SIZE_MISMATCH)
        }
    }
}

/// An object of which some chunks are out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    whole: Payload,
    sent: usize,
}

/// A piece of an object.
pub(crate) struct Chunk {
    pub(crate) data: Payload,
    /// The whole's size, in the first chunk of several.
    pub(crate) size: Option<u64>,
    pub(crate) is_last: bool,
}

impl Rest {
    pub(crate) const fn new(whole: Payload) -> Self {
        Self { whole, sent: 0 }
    }

    /// The next octets, `len` at most. A text is not cut within a character.
    fn chunk(&self, len: usize) -> Chunk {
        let octets = self.whole.as_bytes();
        let end = self.sent.saturating_add(len).min(octets.len());
        let end = match self.whole.as_text() {
            Some(text) => text.floor_char_boundary(end),
            None => end,
        };
        let data = octets.get(self.sent..end).unwrap_or_default().to_vec();
        let is_last = end == octets.len();
        let is_whole = is_last && self.sent == 0;
        let size = u64::try_from(octets.len()).ok();
        Chunk {
            data: data.into(),
            size: size.filter(|_| self.sent == 0 && !is_whole),
            is_last,
        }
    }

    /// The largest next chunk that fits, by what `len_of` says of a message's part with it in. None if
    /// not even one character does.
    pub(crate) fn largest<E>(
        &self,
        room: usize,
        len_of: impl Fn(&Chunk) -> Result<usize, E>,
    ) -> Result<Option<Chunk>, E> {
        let all = self.chunk(room);
        let is_some = all.is_last || !all.data.as_bytes().is_empty();
        if is_some && len_of(&all)? <= room {
            return Ok(Some(all));
        }
        // A longer chunk is written longer, so the longest that fits is found by halving.
        let (mut fits, mut too_long) = (0, room);
        let mut best = None;
        while too_long.saturating_sub(fits) > 1 {
            let middle = fits.midpoint(too_long);
            let chunk = self.chunk(middle);
            if len_of(&chunk)? <= room {
                fits = middle;
                best = Some(chunk);
            } else {
                too_long = middle;
            }
        }
        Ok(best.filter(|chunk| !chunk.data.as_bytes().is_empty()))
    }

    /// The chunk is on its way.
    pub(crate) fn has_sent(&mut self, chunk: &Chunk) {
        self.sent = self.sent.saturating_add(chunk.data.as_bytes().len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    proptest! {
        /// Whatever a character costs on the way, all of it arrives, and no chunk is too large.
        #[test]
        fn chunks_make_the_whole(text in "[a-z&é\u{1F600}]{0,60}", room in 30_usize..60) {
            let whole = Payload::from(&text);
            let mut rest = Rest::new(whole.clone());
            let cost = |chunk: &Chunk| {
                let text = chunk.data.as_text().unwrap();
                20 + text.chars().map(|it| if it == '&' { 5 } else { it.len_utf8() }).sum::<usize>()
            };
            let mut gathered = None;
            loop {
                let chunk = rest.largest(room, |it| Ok::<_, Infallible>(cost(it))).unwrap().unwrap();
                prop_assert!(cost(&chunk) <= room);
                rest.has_sent(&chunk);
                if chunk.is_last && chunk.size.is_none() && gathered.is_none() {
                    prop_assert_eq!(&chunk.data, &whole);
                    break;
                }
                let so_far = gathered.take();
                let mut object: Gathered =
                    so_far.map_or_else(|| Gathered::begin(chunk.size, 1_000), Ok).unwrap();
                object.add(&chunk.data).unwrap();
                if chunk.is_last {
                    prop_assert_eq!(object.end(), Ok(whole));
                    break;
                }
                gathered = Some(object);
            }
        }
    }

    #[test]
    fn what_does_not_fit_at_all_is_not_cut() {
        let rest = Rest::new("é".into());
        let chunk = rest.largest(1, |it| Ok::<_, Infallible>(it.data.as_bytes().len()));
        assert!(chunk.unwrap().is_none());
    }

    #[test]
    fn an_object_is_as_long_as_it_was_said_to_be() {
        let codes = [
            Gathered::begin(None, 10).unwrap_err(),
            Gathered::begin(Some(11), 10).unwrap_err(),
            Gathered::begin(Some(u64::MAX), usize::MAX).unwrap_err(),
        ];
        assert_eq!(codes.map(StatusCode::number), [411, 416, 416]);
        let mut object = Gathered::begin(Some(3), 10).unwrap();
        object.add(&"ab".into()).unwrap();
        assert_eq!(object.clone().end(), Err(StatusCode::SIZE_MISMATCH));
        assert_eq!(object.add(&"cd".into()), Err(StatusCode::SIZE_MISMATCH));
    }
}

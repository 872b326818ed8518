//! Lengths of time, as policies write them: `45s`, `30m`, `8h`, `7d`, or several of these.

use std::fmt;
use std::str::FromStr;

use crate::spelt::spelt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
/// The longest: ten years of 366 days.
const MOST: u32 = 3660 * DAY;

/// A length of time, in seconds: 1 to ten years. A day has 24 hours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u32);

/// The text is no length of time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no length of time; write for example 45s, 30m, 8h or 7d, up to 3660d")]
pub struct NoSpan(String);

impl Span {
    /// So many seconds; `None` when that is no time, or more than ten years.
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (1..=MOST).contains(&seconds).then_some(Self(seconds))
    }

    /// The instant so much later; `None` beyond the end of the calendar.
    pub fn after(self, instant: Timestamp) -> Option<Timestamp> {
        instant
            .checked_add(SignedDuration::from_secs(i64::from(self.0)))
            .ok()
    }
}

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let mut rest = text;
        let mut total: u32 = 0;
        let mut smaller_than = u32::MAX;
        let wrong = || NoSpan(text.to_owned());
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, unit) = rest.split_at(digits);
            let mut unit_and_rest = unit.chars();
            let unit = match unit_and_rest.next() {
                Some('d') => DAY,
                Some('h') => HOUR,
                Some('m') => MINUTE,
                Some('s') => 1,
                Some(_) | None => return Err(wrong()),
            };
            if unit >= smaller_than {
                return Err(wrong());
            }
            smaller_than = unit;
            rest = unit_and_rest.as_str();
            total = number
                .parse::<u32>()
                .ok()
                .and_then(|number| number.checked_mul(unit))
                .and_then(|part| total.checked_add(part))
                .ok_or_else(wrong)?;
        }
        Self::from_seconds(total).ok_or_else(wrong)
    }
}

spelt!(Span, NoSpan);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.0 / DAY, 'd'),
            (self.0 % DAY / HOUR, 'h'),
            (self.0 % HOUR / MINUTE, 'm'),
            (self.0 % MINUTE, 's'),
        ];
        parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_it_is_read() {
        for text in ["45s", "30m", "8h", "7d", "1d2h3m4s", "3660d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("90m".parse::<Span>().unwrap().to_string(), "1h30m");
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in [
            "",
            "0s",
            "8",
            "h",
            "-1h",
            "1h1h",
            "1m1h",
            "3661d",
            "99999999999d",
            "1w",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}

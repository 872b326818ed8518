//! What a leaf holds, as octets.

use std::fmt;

/// A value as it travels: most often text, seldom other octets.
///
/// WBXML carries any octets; XML carries text only, so there octets are written as base64 and a
/// format says so.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// The value as text, unless it is none.
    ///
    /// ```
    /// use omadm::Payload;
    /// assert_eq!(Payload::from("camera").as_text(), Some("camera"));
    /// assert_eq!(Payload::from(vec![0xFF]).as_text(), None);
    /// ```
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The value's octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value's octets.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The value as text, or as it was.
    pub fn into_text(self) -> Result<String, Self> {
        String::from_utf8(self.0).map_err(|error| Self(error.into_bytes()))
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&String> for Payload {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_text() {
            Some(text) => text.fmt(f),
            None => write!(f, "{:02X?}", self.0),
        }
    }
}

impl PartialEq<str> for Payload {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for Payload {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

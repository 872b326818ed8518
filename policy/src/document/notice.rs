//! What a person at the device is told.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A notice: a text, or a text with whom to ask and where to read on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Notice {
    /// What is said.
    pub text: String,
    /// Whom to ask about this, when it is not the policy's contact.
    pub contact: Option<String>,
    /// Where to read on.
    pub url: Option<String>,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if let Some(contact) = &self.contact {
            write!(f, " Ask {contact}.")?;
        }
        if let Some(url) = &self.url {
            write!(f, " See {url}")?;
        }
        Ok(())
    }
}

impl Serialize for Notice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.contact.is_none() && self.url.is_none() {
            return serializer.serialize_str(&self.text);
        }
        let mut notice = serializer.serialize_struct("Notice", 3)?;
        notice.serialize_field("text", &self.text)?;
        if let Some(contact) = &self.contact {
            notice.serialize_field("contact", contact)?;
        }
        if let Some(url) = &self.url {
            notice.serialize_field("url", url)?;
        }
        notice.end()
    }
}

impl<'de> Deserialize<'de> for Notice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

/// The long form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    text: String,
    contact: Option<String>,
    url: Option<String>,
}

struct TextOrTable;

impl<'de> Visitor<'de> for TextOrTable {
    type Value = Notice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table of text, contact and url")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Notice, E> {
        Ok(Notice {
            text: text.to_owned(),
            ..Notice::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Notice, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Notice {
            text: table.text,
            contact: table.contact,
            url: table.url,
        })
    }
}

//! The generic alert (1226): how a client tells the server that something has happened.

use crate::Payload;
use crate::code::AlertCode;
use crate::message::{Alert, Command, CommandId, Format, Item, Location, Mark, Meta};

/// What one item of a generic alert says (DM 1.2 §8.7.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GenericAlert {
    /// Ties the alert to the `Exec` it reports, or names the report, so that a receiver that sees
    /// it twice keeps it once.
    pub correlator: Option<String>,
    /// The node that the alert is about.
    pub source: Option<String>,
    /// What kind of alert, see [`code::alert_type`](crate::code::alert_type).
    pub alert_type: String,
    /// The format of `data`.
    pub format: Format,
    /// How much it matters; none means [`Mark::Informational`].
    pub mark: Option<Mark>,
    /// What happened, as the type prescribes.
    pub data: String,
}

/// A generic alert lacks something that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("generic alert without {element}")]
pub struct Incomplete {
    /// The element that is missing.
    pub element: &'static str,
}

impl GenericAlert {
    /// An alert of this type with empty data and nothing optional.
    pub fn new(alert_type: impl Into<String>, format: Format) -> Self {
        Self {
            correlator: None,
            source: None,
            alert_type: alert_type.into(),
            format,
            mark: None,
            data: String::new(),
        }
    }

    /// The alert as a command of its own.
    pub fn to_command(&self, id: CommandId) -> Command {
        Command::Alert(Alert {
            id,
            no_response: false,
            code: AlertCode::GENERIC,
            correlator: self.correlator.clone(),
            items: vec![Item {
                source: self.source.as_deref().map(Location::new),
                meta: Meta {
                    format: Some(self.format.clone()),
                    content_type: Some(self.alert_type.clone()),
                    mark: self.mark,
                    ..Meta::default()
                },
                data: Some(Payload::from(&self.data)),
                ..Item::default()
            }],
        })
    }

    /// Reads one item of an alert command. Type, format and data are mandatory; data that is no text
    /// counts as missing.
    pub fn from_item(correlator: Option<&str>, item: &Item) -> Result<Self, Incomplete> {
        let missing = |element| Incomplete { element };
        Ok(Self {
            correlator: correlator.map(str::to_owned),
            source: item.source.as_ref().map(|source| source.uri.clone()),
            alert_type: item.meta.content_type.clone().ok_or(missing("Type"))?,
            format: item.meta.format.clone().ok_or(missing("Format"))?,
            mark: item.meta.mark,
            data: item
                .data
                .as_ref()
                .and_then(Payload::as_text)
                .map(str::to_owned)
                .ok_or(missing("Data"))?,
        })
    }
}

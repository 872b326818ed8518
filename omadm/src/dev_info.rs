//! `DevInfo`: how a device introduces itself in the first message of every session.

use crate::client::{Tree, Value};
use crate::code::StatusCode;
use crate::message::{Command, CommandId, Format, Item, ItemCommand, Meta};
use std::collections::BTreeMap;

/// The management object `./DevInfo` (OMA DM 1.2 Standardized Objects).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DevInfo {
    /// `DevId`: a URN, unique to the device.
    pub device_id: String,
    /// `Man`: who made it.
    pub manufacturer: String,
    /// `Mod`: which model.
    pub model: String,
    /// `DmV`: version of the management client.
    pub client_version: String,
    /// `Lang`: the user's language, as RFC 1766 names it.
    pub language: String,
    /// Further leaves (`Ext/…`, `Bearer/…`) by their path below `./DevInfo/`.
    pub further: BTreeMap<String, String>,
}

/// `DevInfo` lacks a leaf that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("./DevInfo/{leaf} is missing")]
pub struct MissingLeaf {
    /// The leaf's name.
    pub leaf: &'static str,
}

const ROOT: &str = "DevInfo";

impl DevInfo {
    /// A device whose client has this crate's version and whose language is English.
    pub fn new(
        device_id: impl Into<String>,
        manufacturer: impl Into<String>,
        model: impl Into<String>,
    ) -> Self {
        Self {
            device_id: device_id.into(),
            manufacturer: manufacturer.into(),
            model: model.into(),
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            language: "en".to_owned(),
            further: BTreeMap::new(),
        }
    }

    /// Every leaf: path below `./DevInfo/`, and value. The mandatory ones come first.
    pub fn leaves(&self) -> impl Iterator<Item = (&str, &str)> {
        [
            ("DevId", &self.device_id),
            ("Man", &self.manufacturer),
            ("Mod", &self.model),
            ("DmV", &self.client_version),
            ("Lang", &self.language),
        ]
        .into_iter()
        .map(|(leaf, value)| (leaf, value.as_str()))
        .chain(
            self.further
                .iter()
                .map(|(leaf, value)| (leaf.as_str(), value.as_str())),
        )
    }

    /// The `Replace` of package 1.
    pub fn to_command(&self, id: CommandId) -> Command {
        let items = self
            .leaves()
            .map(|(leaf, value)| Item::value(format!("./{ROOT}/{leaf}"), value))
            .collect();
        Command::Replace(ItemCommand {
            id,
            no_response: false,
            meta: Meta::default(),
            items,
        })
    }

    /// Reads the items of a `Replace`; `None` when one of them is not below `./DevInfo`.
    pub fn from_items(items: &[Item]) -> Option<Result<Self, MissingLeaf>> {
        let mut leaves = BTreeMap::new();
        for item in items {
            let location = item.source.as_ref().or(item.target.as_ref())?;
            let leaf = normal(&location.uri)
                .strip_prefix(ROOT)?
                .strip_prefix('/')?;
            // What is no text says nothing.
            if let Ok(text) = item.data.clone().unwrap_or_default().into_text() {
                leaves.insert(leaf.to_owned(), text);
            }
        }
        let mut take = |leaf| leaves.remove(leaf).ok_or(MissingLeaf { leaf });
        let mut mandatory = || -> Result<[String; 5], MissingLeaf> {
            Ok([
                take("DevId")?,
                take("Man")?,
                take("Mod")?,
                take("DmV")?,
                take("Lang")?,
            ])
        };
        Some(mandatory().map(
            |[device_id, manufacturer, model, client_version, language]| Self {
                device_id,
                manufacturer,
                model,
                client_version,
                language,
                further: leaves,
            },
        ))
    }
}

/// `./A` and `A` are the same node.
fn normal(uri: &str) -> &str {
    uri.strip_prefix("./").unwrap_or(uri)
}

/// The tree of a device that shows `./DevInfo` and nothing else.
impl Tree for DevInfo {
    fn get(&mut self, uri: &str) -> Result<Value, StatusCode> {
        let path = normal(uri);
        if path == "." {
            return Ok(Value::interior(&[ROOT]));
        }
        let below = match path.strip_prefix(ROOT) {
            Some("") => "",
            Some(rest) => rest.strip_prefix('/').ok_or(StatusCode::NOT_FOUND)?,
            None => return Err(StatusCode::NOT_FOUND),
        };
        if let Some((_, value)) = self.leaves().find(|(leaf, _)| *leaf == below) {
            return Ok(Value {
                format: Format::Chr,
                content_type: None,
                data: value.into(),
            });
        }
        let mut children: Vec<&str> = Vec::new();
        for (leaf, _) in self.leaves() {
            let rest = match below {
                "" => Some(leaf),
                _ => leaf
                    .strip_prefix(below)
                    .and_then(|rest| rest.strip_prefix('/')),
            };
            let child = rest.and_then(|rest| rest.split('/').next());
            children.extend(child.filter(|child| !children.contains(child)));
        }
        if children.is_empty() {
            return Err(StatusCode::NOT_FOUND);
        }
        Ok(Value::interior(&children))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> DevInfo {
        let mut device = DevInfo::new("urn:uuid:1", "Example", "phone");
        device
            .further
            .insert("Ext/Tier/Camera".into(), "kernel".into());
        device
    }

    #[test]
    fn dev_info_survives_its_command() {
        let Command::Replace(replace) = device().to_command(CommandId::at(0)) else {
            panic!("DevInfo is sent by Replace");
        };
        assert_eq!(DevInfo::from_items(&replace.items), Some(Ok(device())));
    }

    #[test]
    fn a_mandatory_leaf_is_missed_by_name() {
        let items = [Item::value("./DevInfo/DevId", "urn:uuid:1")];
        assert_eq!(
            DevInfo::from_items(&items),
            Some(Err(MissingLeaf { leaf: "Man" }))
        );
    }

    #[test]
    fn other_nodes_are_no_dev_info() {
        for uri in ["./DevDetail/FwV", "./DevInfo", "./DevInfoX/DevId"] {
            assert_eq!(DevInfo::from_items(&[Item::value(uri, "")]), None);
        }
    }

    #[test]
    fn interior_nodes_name_their_children_once() {
        let mut device = device();
        let names = |value: Result<Value, StatusCode>| value.unwrap().data;
        assert_eq!(names(device.get("./DevInfo")), "DevId/Man/Mod/DmV/Lang/Ext");
        assert_eq!(names(device.get("DevInfo/Ext")), "Tier");
        assert_eq!(names(device.get("./DevInfo/Ext/Tier/Camera")), "kernel");
        assert_eq!(device.get("./DevInfo/Ext/Ti"), Err(StatusCode::NOT_FOUND));
        assert_eq!(device.get("./Vendor"), Err(StatusCode::NOT_FOUND));
    }
}

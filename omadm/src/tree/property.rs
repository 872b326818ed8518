//! Reading and replacing the properties of nodes.

use super::acting::Acting;
use super::address::{Property, is_name, segments};
use super::entry::{Entry, Holds};
use super::{Acl, ChangeKind};
use crate::client::Value;
use crate::code::StatusCode;
use crate::ddf::{Access, Scope};
use crate::message::Format;

/// Longest title that a server can give, in octets.
const MAX_TITLE_LEN: usize = 1_024;

/// 406 for a property that the node does not have.
pub(super) fn read(path: &[&str], entry: &Entry, property: Property) -> Result<Value, StatusCode> {
    let missing = StatusCode::FEATURE_NOT_SUPPORTED;
    let text = match property {
        Property::Acl => entry.acl.to_string(),
        Property::Format => match &entry.holds {
            Holds::Children(_) => Format::Node.to_string(),
            Holds::Value(format, _) => format.to_string(),
        },
        Property::Name => path.last().copied().unwrap_or(".").to_owned(),
        Property::Size => match &entry.holds {
            Holds::Children(_) => return Err(missing),
            Holds::Value(_, value) => value.as_bytes().len().to_string(),
        },
        Property::Title => entry.title.clone().ok_or(missing)?,
        Property::TStamp => entry.changed.clone().ok_or(missing)?,
        Property::Type => entry.kind.clone().unwrap_or_default(),
        Property::VerNo => entry.version.to_string(),
    };
    let format = match property {
        Property::Size | Property::VerNo => Format::Int,
        Property::Acl
        | Property::Format
        | Property::Name
        | Property::Title
        | Property::TStamp
        | Property::Type => Format::Chr,
    };
    Ok(Value {
        format,
        ..Value::text(text)
    })
}

impl Acting<'_> {
    pub(super) fn try_replace_property(
        &mut self,
        uri: &str,
        property: Property,
        value: &Value,
    ) -> Result<(), StatusCode> {
        let path = segments(uri)?;
        let entry = self.tree.at(&path).ok_or(StatusCode::NOT_FOUND)?;
        let scope = entry.scope;
        let text = value.data.as_text().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        let may = |access| self.tree.effective_acl(&path).allows(access, self.server);
        match property {
            Property::Acl if !self.tree.may_replace_acl(&path, self.server) => {
                return Err(StatusCode::PERMISSION_DENIED);
            }
            Property::Name | Property::Title if !may(Access::Replace) => {
                return Err(StatusCode::PERMISSION_DENIED);
            }
            Property::Acl => {
                let acl: Acl = text.parse().map_err(|_malformed| StatusCode::BAD_REQUEST)?;
                // Somebody must say what holds for nodes that say nothing.
                if path.is_empty() && acl.is_empty() {
                    return Err(StatusCode::COMMAND_NOT_ALLOWED);
                }
                self.entry(&path)?.acl = acl;
            }
            Property::Title if text.len() > MAX_TITLE_LEN => {
                return Err(StatusCode::ENTITY_TOO_LARGE);
            }
            Property::Title => self.entry(&path)?.title = Some(text.to_owned()),
            Property::Name => self.rename(&path, scope, text)?,
            Property::Format
            | Property::Size
            | Property::TStamp
            | Property::Type
            | Property::VerNo => return Err(StatusCode::COMMAND_NOT_ALLOWED),
        }
        self.note(&path, ChangeKind::Property(property));
        Ok(())
    }

    fn entry(&mut self, path: &[&str]) -> Result<&mut Entry, StatusCode> {
        self.tree.at_mut(path).ok_or(StatusCode::NOT_FOUND)
    }

    fn rename(&mut self, path: &[&str], scope: Scope, name: &str) -> Result<(), StatusCode> {
        let (old, parent) = path.split_last().ok_or(StatusCode::COMMAND_NOT_ALLOWED)?;
        if scope == Scope::Permanent {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        if !is_name(name) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let Holds::Children(children) = &mut self.entry(parent)?.holds else {
            return Err(StatusCode::NOT_FOUND);
        };
        if children.contains_key(name) {
            return Err(StatusCode::ALREADY_EXISTS);
        }
        let entry = children.remove(*old).ok_or(StatusCode::NOT_FOUND)?;
        children.insert(name.to_owned(), entry);
        Ok(())
    }
}

//! From a policy's values to nodes.

use omadm::tnds::{Format, Node};
use serde_json::{Map, Value};

use super::Unwritable;
use super::shape::{Field, Shape};

fn unfit(key: &str) -> Unwritable {
    Unwritable(format!("`{key}` is not what it should be"))
}

/// The nodes of a table.
pub(super) fn table(fields: &[Field], value: &Value) -> Result<Vec<Node>, Unwritable> {
    let object = value.as_object().ok_or_else(|| unfit("policy"))?;
    if let Some(key) = object
        .keys()
        .find(|key| fields.iter().all(|field| field.key != key.as_str()))
    {
        return Err(unfit(key));
    }
    fields
        .iter()
        .filter_map(|field| Some((field, object.get(field.key)?)))
        .filter(|(field, value)| field.default.is_none() || value.as_str() != field.default)
        .map(|(field, value)| node(field, value))
        .collect()
}

fn node(field: &Field, value: &Value) -> Result<Node, Unwritable> {
    let leaf = |text: String| Node::leaf(field.name, Format::Chr, text);
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| unfit(field.key))
    };
    Ok(match &field.shape {
        Shape::Text => leaf(text(value)?),
        Shape::Words => {
            let words = value.as_array().ok_or_else(|| unfit(field.key))?;
            let words: Result<Vec<String>, _> = words.iter().map(text).collect();
            leaf(join(&words?))
        }
        Shape::Toml => {
            let value = toml::Value::try_from(value)
                .map_err(|error| Unwritable(format!("`{}`: {error}", field.key)))?;
            leaf(value.to_string())
        }
        Shape::Notice(fields) if value.is_string() => {
            let first: Map<String, Value> = fields
                .first()
                .map(|first| (first.key.to_owned(), value.clone()))
                .into_iter()
                .collect();
            Node::interior(field.name, table(fields, &first.into())?)
        }
        Shape::Notice(fields) | Shape::Table(fields) => {
            Node::interior(field.name, table(fields, value)?)
        }
        Shape::List(fields) => {
            let items = value.as_array().ok_or_else(|| unfit(field.key))?;
            let items: Result<Vec<Node>, _> =
                items.iter().map(|item| named(fields, item)).collect();
            Node::interior(field.name, items?)
        }
        Shape::Names => {
            let names = value.as_object().ok_or_else(|| unfit(field.key))?;
            let leaves: Result<Vec<Node>, _> = names
                .iter()
                .map(|(name, value)| Ok(Node::leaf(name, Format::Chr, text(value)?)))
                .collect();
            Node::interior(field.name, leaves?)
        }
    })
}

/// A table that is named by its id.
fn named(fields: &[Field], item: &Value) -> Result<Node, Unwritable> {
    let mut item = item.clone();
    let id = item.as_object_mut().and_then(|item| item.remove("id"));
    let id = id
        .as_ref()
        .and_then(Value::as_str)
        .ok_or_else(|| unfit("id"))?;
    let name = id.replace('%', "%25").replace('/', "%2F");
    Ok(Node::interior(name, table(fields, &item)?))
}

/// Words with spaces between them.
fn join(words: &[String]) -> String {
    let escaped: Vec<String> = words
        .iter()
        .map(|word| word.replace('\\', "\\\\").replace(' ', "\\ "))
        .collect();
    escaped.join(" ")
}

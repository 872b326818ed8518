//! From nodes to a policy's values.

use omadm::tnds::Node;
use serde_json::{Map, Value};

use super::Unreadable;
use super::shape::{Field, POLICY, Shape};

/// The values of a policy's nodes but for its rules, each of which is handed to `rule` as it is read.
pub(super) fn policy(
    root: &Node,
    mut rule: impl FnMut(Value) -> Result<(), Unreadable>,
) -> Result<Value, Unreadable> {
    table_with(POLICY, root, "", &mut |field, child, at| {
        let Shape::List(fields) = &field.shape else {
            return value(field, child, at).map(Some);
        };
        if field.key != "rules" {
            return value(field, child, at).map(Some);
        }
        for item in interior(child, at)? {
            rule(named(fields, item, &format!("{at}/{}", item.name))?)?;
        }
        Ok(None)
    })
}

/// The values of a table's nodes. `at` is its address.
fn table(fields: &[Field], node: &Node, at: &str) -> Result<Value, Unreadable> {
    table_with(fields, node, at, &mut |field, child, at| {
        value(field, child, at).map(Some)
    })
}

/// What becomes of a node of a table.
type Reading<'a> = dyn FnMut(&Field, &Node, &str) -> Result<Option<Value>, Unreadable> + 'a;

fn table_with(
    fields: &[Field],
    node: &Node,
    at: &str,
    read: &mut Reading<'_>,
) -> Result<Value, Unreadable> {
    let mut object = Map::new();
    for child in interior(node, at)? {
        let below = format!("{at}/{}", child.name);
        let Some(field) = fields.iter().find(|field| field.name == child.name) else {
            return Err(Unreadable::Node { at: below });
        };
        if let Some(value) = read(field, child, &below)? {
            object.insert(field.key.to_owned(), value);
        }
    }
    for field in fields {
        if let Some(default) = field.default {
            object.entry(field.key).or_insert_with(|| default.into());
        }
    }
    Ok(Value::Object(object))
}

fn interior<'n>(node: &'n Node, at: &str) -> Result<&'n [Node], Unreadable> {
    if node.format().is_some() {
        return Err(Unreadable::Value {
            at: at.to_owned(),
            wanted: "an interior node",
        });
    }
    Ok(node.children())
}

fn text<'n>(node: &'n Node, at: &str) -> Result<&'n str, Unreadable> {
    node.text().ok_or_else(|| Unreadable::Value {
        at: at.to_owned(),
        wanted: "a leaf with a text",
    })
}

fn value(field: &Field, node: &Node, at: &str) -> Result<Value, Unreadable> {
    Ok(match &field.shape {
        Shape::Text => text(node, at)?.into(),
        Shape::Words => split(text(node, at)?).into(),
        Shape::Toml => inline(text(node, at)?).ok_or_else(|| Unreadable::Value {
            at: at.to_owned(),
            wanted: "a value in TOML",
        })?,
        Shape::Notice(fields) | Shape::Table(fields) => table(fields, node, at)?,
        Shape::List(fields) => interior(node, at)?
            .iter()
            .map(|item| named(fields, item, &format!("{at}/{}", item.name)))
            .collect::<Result<Vec<Value>, _>>()?
            .into(),
        Shape::Names => {
            let names: Result<Map<String, Value>, Unreadable> = interior(node, at)?
                .iter()
                .map(|leaf| {
                    let below = format!("{at}/{}", leaf.name);
                    Ok((leaf.name.clone(), text(leaf, &below)?.into()))
                })
                .collect();
            names?.into()
        }
    })
}

/// A table that is named by its id.
fn named(fields: &[Field], item: &Node, at: &str) -> Result<Value, Unreadable> {
    let mut table = table(fields, item, at)?;
    let id = item.name.replace("%2F", "/").replace("%25", "%");
    if let Some(table) = table.as_object_mut() {
        table.insert("id".to_owned(), id.into());
    }
    Ok(table)
}

/// A value in TOML.
fn inline(text: &str) -> Option<Value> {
    let document: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    // A text with a line break in it could smuggle in another key.
    let only = document.len() == 1;
    let value = document.get("value").filter(|_| only)?;
    serde_json::to_value(value).ok()
}

/// The words between spaces.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.extend(letters.next()),
            ' ' => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

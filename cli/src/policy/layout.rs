//! The layout: keys in the order of the reference, one blank line between tables, one blank at most
//! elsewhere, lists on one line where they fit.

use std::cmp::Ordering;

use cardwarden_policy::Policy;
use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, KeyMut, RawString, Table, Value};

/// Longest line, in characters, that a list may take; the longest that text editors show well.
const WIDTH: usize = 100;
/// One step to the right.
const STEP: &str = "    ";
/// The keys of a policy itself, in order.
const OUTER: [&str; 12] = [
    "organisation",
    "contact",
    "help",
    "zone",
    "validity",
    "audience",
    "companies",
    "guard",
    "baseline",
    "remote",
    "rules",
    "tasks",
];
/// The keys below, in order. What is in neither list stays where it is, after those that are.
const INNER: [&str; 33] = [
    "id",
    "functions",
    "action",
    "text",
    "contact",
    "url",
    "at",
    "may",
    "for",
    "missed",
    "when",
    "on-unknown",
    "allow",
    "deny",
    "storage",
    "notify",
    "not-before",
    "not-after",
    "devices",
    "kinds",
    "models",
    "days",
    "day",
    "date",
    "time",
    "from",
    "to",
    "address",
    "sha256",
    "circle",
    "polygon",
    "accuracy",
    "zone",
];

/// Lays a policy out; `None` when it is no TOML.
pub(super) fn lay_out(text: &str) -> Option<String> {
    let (title, rest) = titled(text);
    let mut document: DocumentMut = rest.parse().ok()?;
    let mut position = 0;
    table(document.as_table_mut(), &mut position);
    let last = comments(Some(document.trailing()));
    document.set_trailing(format!("\n{last}"));
    let laid_out = document.to_string();
    let paragraphs = [comments(Some(&title.into())), laid_out];
    let paragraphs: Vec<&str> = paragraphs
        .iter()
        .map(|paragraph| paragraph.trim_matches('\n').trim_end())
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    if paragraphs.is_empty() {
        return Some(String::new());
    }
    Some(paragraphs.join("\n\n") + "\n")
}

/// A policy as people would write it.
pub(super) fn written(policy: &Policy) -> Option<String> {
    let mut document: DocumentMut = policy.to_toml().parse().ok()?;
    for list in ["rules", "tasks"] {
        let tables = document
            .get_mut(list)
            .and_then(Item::as_array_of_tables_mut);
        for table in tables.into_iter().flat_map(|tables| tables.iter_mut()) {
            for (name, item) in table.iter_mut() {
                match name.get() {
                    "when" | "at" => on_one_line(item),
                    "notify" => {}
                    _ => item.make_value(),
                }
            }
        }
    }
    lay_out(&document.to_string())
}

/// `when.weekly = { … }` instead of a table of its own.
fn on_one_line(item: &mut Item) {
    if let Some(table) = item.as_table_mut() {
        table.set_dotted(true);
        table.iter_mut().for_each(|(_, inner)| inner.make_value());
    } else {
        item.make_value();
    }
}

/// The comments that begin a text and are about all of it, and the rest: they end with a blank
/// line. They stay at the top, whatever is moved.
fn titled(text: &str) -> (&str, &str) {
    let mut end = 0;
    let mut at: usize = 0;
    for line in text.split_inclusive('\n') {
        at = at.saturating_add(line.len());
        match line.trim() {
            "" => end = at,
            comment if comment.starts_with('#') => {}
            _ => break,
        }
    }
    text.split_at_checked(end).unwrap_or(("", text))
}

fn in_order(keys: &[&str], one: &str, other: &str) -> Ordering {
    let rank = |key| {
        keys.iter()
            .position(|known| *known == key)
            .unwrap_or(keys.len())
    };
    rank(one).cmp(&rank(other))
}

/// Lays out a table and what is below it. `position` is that of the next header.
fn table(table: &mut Table, position: &mut isize) {
    let keys = if *position == 0 {
        OUTER.as_slice()
    } else {
        &INNER
    };
    let order = |one: &toml_edit::Key, _: &Item, other: &toml_edit::Key, _: &Item| {
        in_order(keys, one.get(), other.get())
    };
    table.sort_values_by(order);
    let before = comments(table.decor().prefix());
    let after = remark(table.decor().suffix());
    *table.decor_mut() = Decor::new(format!("\n{before}"), after);
    table.set_position(Some(*position));
    *position = position.saturating_add(1);
    let mut first = true;
    for (mut name, item) in table.iter_mut() {
        if let Item::Value(given) = item {
            key(&mut name, first);
            let width = name.get().chars().count();
            value(given, "", width);
        }
        if let Item::Table(inner) = item
            && inner.is_dotted()
        {
            dotted(&mut name, inner, first);
        }
        first = false;
    }
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) if !inner.is_dotted() => self::table(inner, position),
            Item::ArrayOfTables(tables) => tables
                .iter_mut()
                .for_each(|inner| self::table(inner, position)),
            Item::Table(_) | Item::Value(_) | Item::None => {}
        }
    }
}

/// Lays out `a.b = …`.
fn dotted(name: &mut KeyMut<'_>, inner: &mut Table, mut first: bool) {
    *name.leaf_decor_mut() = Decor::new("", "");
    *name.dotted_decor_mut() = Decor::new("", "");
    inner.sort_values_by(|one, _, other, _| in_order(&INNER, one.get(), other.get()));
    for (mut name, item) in inner.iter_mut() {
        match item {
            Item::Table(inner) if inner.is_dotted() => dotted(&mut name, inner, first),
            Item::Value(given) => line(&mut name, given, first),
            Item::Table(_) | Item::ArrayOfTables(_) | Item::None => {}
        }
        first = false;
    }
}

/// Lays out `a = …`.
fn line(name: &mut KeyMut<'_>, given: &mut Value, first: bool) {
    key(name, first);
    let width = name.get().chars().count();
    value(given, "", width);
}

/// Lays out the key of a line, with the comments above it.
fn key(name: &mut KeyMut<'_>, first: bool) {
    let before = above(name.leaf_decor().prefix(), first);
    *name.leaf_decor_mut() = Decor::new(before, " ");
    *name.dotted_decor_mut() = Decor::new("", "");
}

/// The comments above a line, and at most one blank line before them.
fn above(prefix: Option<&RawString>, first: bool) -> String {
    let text = prefix.and_then(RawString::as_str).unwrap_or_default();
    let lines = comments(prefix);
    let is_apart = text.starts_with('\n') || text.contains("\n\n");
    let leading = if is_apart && !first { "\n" } else { "" };
    format!("{leading}{lines}")
}

/// The comments between two things. Blank lines between them stay, one at most.
fn comments(raw: Option<&RawString>) -> String {
    indented(raw, "")
}

/// The same, each on a line that begins with `indent`.
fn indented(raw: Option<&RawString>, indent: &str) -> String {
    let text = raw.and_then(RawString::as_str).unwrap_or_default();
    let mut lines = String::new();
    let mut is_apart = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            is_apart = !lines.is_empty();
            continue;
        }
        if std::mem::take(&mut is_apart) {
            lines.push('\n');
        }
        lines.extend([indent, line, "\n"]);
    }
    // A paragraph of its own before the first key, such as what the whole file is about.
    if is_apart && text.trim_end_matches([' ', '\t']).ends_with("\n\n") {
        lines.push('\n');
    }
    lines
}

/// A comment at the end of a line.
fn remark(raw: Option<&RawString>) -> String {
    let text = raw.and_then(RawString::as_str).unwrap_or_default().trim();
    if text.is_empty() {
        String::new()
    } else {
        format!("  {text}")
    }
}

/// Lays out a value that stands at the end of a line: after `=` at `column`, or as an item.
fn value(given: &mut Value, indent: &str, column: usize) {
    let after = remark(given.decor().suffix());
    inner(given, indent, column);
    *given.decor_mut() = Decor::new(" ", after);
}

fn inner(given: &mut Value, indent: &str, column: usize) {
    match given {
        Value::Array(array) => list(array, indent, column),
        Value::InlineTable(table) => inline(table, indent, column),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

fn inline(table: &mut InlineTable, indent: &str, column: usize) {
    table.sort_values_by(|one, _, other, _| in_order(&INNER, one.get(), other.get()));
    table.set_trailing("");
    table.set_trailing_comma(false);
    let last = table.len().saturating_sub(1);
    for (number, (mut name, given)) in table.iter_mut().enumerate() {
        *name.leaf_decor_mut() = Decor::new(" ", " ");
        *name.dotted_decor_mut() = Decor::new("", "");
        if let Value::InlineTable(dotted) = given
            && dotted.is_dotted()
        {
            inline(dotted, indent, column);
        } else {
            inner(given, indent, column);
        }
        *given.decor_mut() = Decor::new(" ", if number == last { " " } else { "" });
    }
}

/// Lays out a list: on one line, or each item on its own.
fn list(array: &mut Array, indent: &str, column: usize) {
    let below = format!("{indent}{STEP}");
    let mut remarks = Vec::new();
    let has_comments = array
        .iter()
        .flat_map(|item| [item.decor().prefix(), item.decor().suffix()])
        .chain([Some(array.trailing())])
        .any(|raw| !comments(raw).is_empty());
    for item in array.iter_mut() {
        let mut before = indented(item.decor().prefix(), &below);
        before += &indented(item.decor().suffix(), &below);
        remarks.push(before);
        inner(item, &below, below.len());
        *item.decor_mut() = Decor::new("", "");
    }
    let rest = indented(Some(array.trailing()), &below);
    let width: usize = array
        .iter()
        .map(|item| item.to_string().chars().count().saturating_add(2))
        .sum();
    let is_broken = array.iter().any(|item| item.to_string().contains('\n'));
    let fits = column.saturating_add(width).saturating_add(6) <= WIDTH;
    if fits && !has_comments && !is_broken {
        for (number, item) in array.iter_mut().enumerate() {
            *item.decor_mut() = Decor::new(if number == 0 { "" } else { " " }, "");
        }
        array.set_trailing("");
        array.set_trailing_comma(false);
        return;
    }
    for (item, before) in array.iter_mut().zip(remarks) {
        *item.decor_mut() = Decor::new(format!("\n{before}{below}"), "");
    }
    array.set_trailing(format!("\n{rest}{indent}"));
    array.set_trailing_comma(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_written_as_people_write_it() {
        let policy = include_str!("../../tests/expected/week.toml");
        let written = written(&Policy::from_toml(policy).unwrap()).unwrap();
        assert_eq!(written, policy);
        let everything = include_str!("../../../policy/tests/documents/everything.toml");
        let everything = Policy::from_toml(everything).unwrap();
        let text = super::written(&everything).unwrap();
        assert_eq!(Policy::from_toml(&text).unwrap(), everything);
        assert!(!text.contains("[[rules.allow]]"), "{text}");
    }
}

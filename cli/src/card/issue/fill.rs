//! Texts of a template with a person's values in them: `{column}`, `{column?}` where the value may
//! be empty, `{{` and `}}` for braces themselves.

use std::collections::BTreeSet;

use super::staff::Person;

/// Separates the values of a list in one column.
const SEPARATOR: char = ';';

/// Why a text cannot be filled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unfilled {
    /// A brace has no partner.
    #[error("`{0}` has a brace without its partner; write {{{{ or }}}} for a brace itself")]
    Unbalanced(String),
    /// No column has this name.
    #[error("`{text}` asks for the column `{column}`; there are: {columns}")]
    NoColumn {
        /// The text.
        text: String,
        /// The name.
        column: String,
        /// The names that there are.
        columns: String,
    },
    /// A value that is needed is empty.
    #[error(
        "`{text}` needs the column `{column}`, which is empty for {person}; \
         write {{{column}?}} where it may be"
    )]
    Empty {
        /// The text.
        text: String,
        /// The column.
        column: String,
        /// The person.
        person: String,
    },
}

/// A piece of a text.
enum Piece<'t> {
    /// As it stands.
    Plain(&'t str),
    /// A brace.
    Brace(char),
    /// A column's value.
    Column { name: &'t str, is_optional: bool },
}

/// Whether a text is the same for everybody.
pub(crate) fn is_fixed(text: &str) -> bool {
    pieces(text).is_ok_and(|pieces| {
        !pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Column { .. }))
    })
}

/// The text, filled.
pub(crate) fn fill(text: &str, person: &Person) -> Result<String, Unfilled> {
    let mut filled = String::new();
    for piece in pieces(text)? {
        match piece {
            Piece::Plain(plain) => filled.push_str(plain),
            Piece::Brace(brace) => filled.push(brace),
            Piece::Column { name, is_optional } => {
                filled.push_str(value(text, name, is_optional, person)?);
            }
        }
    }
    Ok(filled)
}

/// The texts, filled. One that is a column and nothing else stands for all of its values, which
/// semicolons separate.
pub(crate) fn fill_all(texts: &[String], person: &Person) -> Result<BTreeSet<String>, Unfilled> {
    let mut filled = BTreeSet::new();
    for text in texts {
        if let [Piece::Column { name, is_optional }] = pieces(text)?.as_slice() {
            let values = value(text, name, *is_optional, person)?.split(SEPARATOR);
            let values = values.map(str::trim).filter(|value| !value.is_empty());
            filled.extend(values.map(str::to_owned));
        } else {
            filled.insert(fill(text, person)?);
        }
    }
    Ok(filled)
}

fn value<'p>(
    text: &str,
    name: &str,
    is_optional: bool,
    person: &'p Person,
) -> Result<&'p str, Unfilled> {
    let Some(value) = person.value(name) else {
        return Err(Unfilled::NoColumn {
            text: text.to_owned(),
            column: name.to_owned(),
            columns: person.columns().collect::<Vec<_>>().join(", "),
        });
    };
    // An empty selector would make a group for one device a group for every device.
    let is_empty = value.split(SEPARATOR).all(|value| value.trim().is_empty());
    if is_empty && !is_optional {
        return Err(Unfilled::Empty {
            text: text.to_owned(),
            column: name.to_owned(),
            person: person.name().to_owned(),
        });
    }
    Ok(value)
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Unfilled> {
    let unbalanced = || Unfilled::Unbalanced(text.to_owned());
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, brace, after)) = split_at_brace(rest) {
        if !before.is_empty() {
            pieces.push(Piece::Plain(before));
        }
        if let Some(after) = after.strip_prefix(brace) {
            pieces.push(Piece::Brace(brace));
            rest = after;
            continue;
        }
        let (column, after) = match brace {
            '{' => after.split_once('}').ok_or_else(unbalanced)?,
            _closing => return Err(unbalanced()),
        };
        let name = column.strip_suffix('?').unwrap_or(column);
        if name.is_empty() || name.contains('{') {
            return Err(unbalanced());
        }
        pieces.push(Piece::Column {
            name,
            is_optional: name.len() != column.len(),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    Ok(pieces)
}

/// What is before the first brace, the brace, and what is behind it.
fn split_at_brace(text: &str) -> Option<(&str, char, &str)> {
    let (at, brace) = text.char_indices().find(|(_, c)| matches!(c, '{' | '}'))?;
    let (before, from) = text.split_at_checked(at)?;
    Some((before, brace, from.strip_prefix(brace)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Person {
        let column = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let columns = [
            column("labels", "field; lab ;"),
            column("laptop", "PF1"),
            column("phone", ""),
        ];
        Person::new("Ada", "17", columns).unwrap()
    }

    #[test]
    fn a_column_stands_for_its_value_and_doubled_braces_for_themselves() {
        let filled = |text: &str| fill(text, &ada()).unwrap();
        assert_eq!(filled("{id}/{laptop}.toml"), "17/PF1.toml");
        assert_eq!(filled("{{{id}}} {{id}}"), "{17} {id}");
        assert_eq!(filled("{phone?}x"), "x");
        assert!(is_fixed("a {{b}}") && !is_fixed("a{id}") && !is_fixed("{phone?}"));
    }

    #[test]
    fn a_list_in_a_column_becomes_a_list() {
        let filled = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            fill_all(&texts, &ada())
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(filled(&["{labels}", "all"]), ["all", "field", "lab"]);
        assert_eq!(filled(&["{phone?}", "x-{laptop}"]), ["x-PF1"]);
    }

    #[test]
    fn a_selector_never_becomes_empty_unasked() {
        assert!(matches!(
            fill_all(&["{phone}".to_owned()], &ada()),
            Err(Unfilled::Empty { .. })
        ));
        let blank = [("labels".to_owned(), " ; ".to_owned())];
        let blank = Person::new("Ada", "17", blank).unwrap();
        assert!(fill_all(&["{labels}".to_owned()], &blank).is_err());
    }

    #[test]
    fn what_no_column_is_called_and_lone_braces_are_told() {
        for text in ["{", "}", "{id", "id}", "{}", "{?}", "{a{id}}"] {
            assert!(
                matches!(fill(text, &ada()), Err(Unfilled::Unbalanced(_))),
                "{text}"
            );
        }
        let problem = fill("{lapdog}", &ada()).unwrap_err().to_string();
        assert!(
            problem.contains("id, labels, laptop, name, phone"),
            "{problem}"
        );
    }
}

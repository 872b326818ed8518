//! For whom cards are issued: one person from the command line, or a list of them as CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::failure::Failure;
use crate::file;

/// Longest list that is read, in bytes; a hundred thousand people have one of about 10 MiB.
const MAX_LIST: usize = 16 * 1024 * 1024;
/// Longest value, in bytes.
const MAX_VALUE: usize = 200;
/// The columns that every list has.
const NAME: &str = "name";
const ID: &str = "id";
/// What Excel and others begin a file in UTF-8 with.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Somebody who gets a card.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Person {
    /// Every column's value, with `name` and `id` among them.
    columns: BTreeMap<String, String>,
}

impl Person {
    /// A person with further variables.
    pub(crate) fn new(
        name: &str,
        id: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let mut columns: BTreeMap<String, String> = variables.into_iter().collect();
        columns.insert(NAME.to_owned(), name.to_owned());
        columns.insert(ID.to_owned(), id.to_owned());
        Self::checked(columns)
    }

    fn checked(columns: BTreeMap<String, String>) -> Result<Self, String> {
        for (column, value) in &columns {
            if value.len() > MAX_VALUE || value.chars().any(char::is_control) {
                return Err(format!(
                    "the value of `{column}` is longer than {MAX_VALUE} bytes or no plain text"
                ));
            }
        }
        let person = Self { columns };
        if person.name().is_empty() {
            return Err("there is no name".to_owned());
        }
        let id = person.id();
        // The record of a card is a file of this name.
        if id.is_empty() || id.starts_with('.') || id.contains('/') {
            return Err(format!(
                "`{id}` is no identifier: it names a file, so it is not empty, does not begin \
                 with a dot, and has no slash"
            ));
        }
        Ok(person)
    }

    /// The person's name.
    pub(crate) fn name(&self) -> &str {
        self.value(NAME).unwrap_or_default()
    }

    /// What tells this person from all others of the list.
    pub(crate) fn id(&self) -> &str {
        self.value(ID).unwrap_or_default()
    }

    /// The value of a column; `None` when there is no such column.
    pub(crate) fn value(&self, column: &str) -> Option<&str> {
        self.columns.get(column).map(String::as_str)
    }

    /// The columns that there are.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

/// Reads a list of people, in its order.
pub(crate) fn read(path: &Path) -> Result<Vec<Person>, Failure> {
    let text = file::read_text(path, MAX_LIST)?;
    people(&text).map_err(|problem| Failure::new(format!("{}: {problem}", path.display())))
}

/// Reads CSV (RFC 4180), with commas or, as spreadsheets of many countries write it, semicolons.
fn people(text: &str) -> Result<Vec<Person>, String> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') {
        b';'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = columns(&mut reader)?;
    let mut people = Vec::new();
    let mut ids = BTreeSet::new();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let line = row.position().map_or(0, csv::Position::line);
        let values = columns.iter().cloned().zip(row.iter().map(str::to_owned));
        let person = Person::checked(values.collect())
            .map_err(|problem| format!("line {line}: {problem}"))?;
        if !ids.insert(person.id().to_owned()) {
            return Err(format!(
                "line {line}: `{}` is the identifier of somebody above already",
                person.id()
            ));
        }
        people.push(person);
    }
    if people.is_empty() {
        return Err("nobody is in the list".to_owned());
    }
    Ok(people)
}

fn columns(reader: &mut csv::Reader<&[u8]>) -> Result<Vec<String>, String> {
    let header = reader.headers().map_err(|error| error.to_string())?;
    let columns: Vec<String> = header.iter().map(str::to_owned).collect();
    for needed in [NAME, ID] {
        if !columns.iter().any(|column| column == needed) {
            return Err(format!(
                "there is no column `{needed}`; the first line names the columns, and it is: {}",
                columns.join(", ")
            ));
        }
    }
    let distinct: BTreeSet<&String> = columns.iter().collect();
    if distinct.len() != columns.len() || distinct.iter().any(|column| column.is_empty()) {
        return Err("every column has a name of its own".to_owned());
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_spreadsheets_write_it() {
        let plain = "name,id,laptop\n\"Lovelace, Ada\",17,PF1\n Alan Turing , 18 ,\n";
        let german = "\u{feff}name;id;laptop\r\n\"Lovelace, Ada\";17;PF1\r\nAlan Turing;18;\r\n";
        for text in [plain, german] {
            let people = people(text).unwrap();
            assert_eq!(people.len(), 2, "{text}");
            assert_eq!(people[0].name(), "Lovelace, Ada");
            assert_eq!(people[0].value("laptop"), Some("PF1"));
            assert_eq!((people[1].name(), people[1].id()), ("Alan Turing", "18"));
            assert_eq!(people[1].value("laptop"), Some(""));
            assert_eq!(people[1].value("phone"), None);
        }
    }

    #[test]
    fn a_list_that_could_mix_people_up_is_refused_with_its_line() {
        for (text, part) in [
            ("name,id\nAda,1\nAlan,1\n", "line 3"),
            ("name,id\nAda,../../etc/passwd\n", "line 2"),
            ("name,id\nAda,.hidden\n", "line 2"),
            ("name,id\nAda,\n", "line 2"),
            ("name,id\n,1\n", "no name"),
            ("name,id\nAda\u{7},1\n", "plain text"),
            ("name,id\nAda,1,2\n", "2"),
            ("name,number\nAda,1\n", "no column `id`"),
            ("name,id,x,x\nAda,1,2,3\n", "name of its own"),
            ("name,id\n", "nobody"),
            ("", "no column `name`"),
        ] {
            let problem = people(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}

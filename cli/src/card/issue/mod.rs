//! `cardwarden card issue`: the whole for one employee, or for a box of cards from a list.
//!
//! ```text
//!  template + list ─► all groups of everybody, checked before the first card
//!        └► for each person: the next card ─► is it free? ─► its key ─► journal: begun
//!             ─► written ─► read back ─► certificate ─► journal: done ─► record
//! ```
//!
//! Between *begun* and *done* only the same card will do for the person, and it for nobody else.

pub(crate) mod args;
mod certificate;
mod fill;
mod journal;
mod one;
mod queue;
mod record;
mod staff;
mod template;

use std::path::{Path, PathBuf};

use cardwarden_card::NamedGroup;
use serde::Serialize;

use self::args::{Issue, People};
use self::certificate::CertificateAuthority;
use self::journal::{Journal, Stage};
use self::one::{Bench, OTHER_CARD, Order};
use self::queue::Queue;
use self::record::Record;
use self::staff::Person;
use self::template::Template;
use super::authority::Asking;
use super::reach::Trouble;
use super::write::Company;
use crate::args::Signing;
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::{Lines, Output, harmless, tell};

/// What a card can fail with that says nothing of the next card.
const OF_THE_CARD: [&str; 14] = [
    "card-fault",
    "card-full",
    "foreign-object",
    "in-use",
    "mute",
    "no-card",
    "no-card-key",
    "no-identity",
    "no-reader",
    "not-ours",
    OTHER_CARD,
    "removed",
    "reset",
    "torn",
];

/// Somebody who gets a card, and what is to be on it.
struct Due {
    person: Person,
    groups: Vec<NamedGroup>,
}

/// `card issue --csv … --json`.
#[derive(Serialize)]
struct Cards {
    /// How many people the list has, or were named.
    people: usize,
    /// How many cards this run issued.
    issued_now: usize,
    /// The cards of all of them.
    issued: Vec<Record>,
}

/// Issues one card, or a box of them.
pub(super) fn issue(arguments: &Issue) -> Result<Output, Failure> {
    if arguments.template_example {
        return Ok(Output::text(template::EXAMPLE));
    }
    let (Some(template), Some(key)) = (&arguments.template, &arguments.key) else {
        return Err(Failure::new("a card needs --template and --key"));
    };
    let mut template = Template::read(template)?;
    let due = everybody(&arguments.people, &mut template)?;
    if let Some(records) = &arguments.records {
        be_folder(records)?;
    }
    let signing = Signing {
        key: key.clone(),
        delegation: arguments.delegation.clone(),
    };
    let mut bench = Bench {
        company: Company::open(&signing, &arguments.showing)?,
        authority: CertificateAuthority::open(&arguments.certificate)?,
        asking: Asking::new(&arguments.authorities)?,
        batch: template.batch(),
        again: arguments.again,
    };
    match &arguments.people.csv {
        None => issue_one(arguments, &mut bench, &due),
        Some(list) => issue_box(arguments, &mut bench, &due, list),
    }
}

/// Everybody, with the groups of each card, so that a template that fails for somebody fails
/// before the first card is asked for.
fn everybody(people: &People, template: &mut Template) -> Result<Vec<Due>, Failure> {
    let persons = match (&people.csv, &people.name, &people.id) {
        (Some(list), _, _) => staff::read(list)?,
        (None, Some(name), Some(id)) => {
            let person = Person::new(name, id, people.variables.iter().cloned());
            vec![person.map_err(Failure::new)?]
        }
        (None, _, _) => return Err(Failure::new("whose card? --name and --id, or --csv")),
    };
    for id in people.only.iter().chain(&people.lost) {
        if !persons.iter().any(|person| person.id() == id) {
            return Err(Failure::new(format!("nobody in the list has the id {id}")));
        }
    }
    persons
        .into_iter()
        .filter(|person| people.only.is_empty() || people.only.iter().any(|id| id == person.id()))
        .map(|person| {
            let groups = template.groups(&person)?;
            one::check(&person, &groups)?;
            Ok(Due { person, groups })
        })
        .collect()
}

fn issue_one(arguments: &Issue, bench: &mut Bench, due: &[Due]) -> Result<Output, Failure> {
    let Some(Due { person, groups }) = due.first() else {
        return Err(Failure::new("nobody is to get a card"));
    };
    let order = Order { person, groups };
    let record = bench.issue(arguments.at.reader.as_deref(), &order, None)?;
    file_record(arguments.records.as_deref(), &record)?;
    if arguments.at.json {
        return Output::json(&record);
    }
    Ok(Output::text(record.to_markdown()))
}

fn issue_box(
    arguments: &Issue,
    bench: &mut Bench,
    due: &[Due],
    list: &Path,
) -> Result<Output, Failure> {
    let path = arguments.people.journal.clone();
    let path = path.unwrap_or_else(|| beside(list));
    let mut journal = Journal::open(&path, &bench.batch)?;
    for id in &arguments.people.lost {
        journal.lose(id)?;
    }
    // With --only and --again, who has a card gets another one.
    let anew = arguments.again && !arguments.people.only.is_empty();
    let mut queue = None;
    let mut issued_now = 0_usize;
    for (Due { person, groups }, number) in due.iter().zip(1_usize..) {
        if let (Stage::Done(record), false) = (journal.stage(person.id()), anew) {
            // The run may have ended between the journal and the record.
            file_record(arguments.records.as_deref(), &record)?;
            continue;
        }
        let queue = match &mut queue {
            Some(queue) => queue,
            None => queue.insert(Queue::open(arguments.at.reader.as_deref())?),
        };
        let order = Order { person, groups };
        let turn = format!(
            "[{number}/{}] {} ({})",
            due.len(),
            person.name(),
            person.id()
        );
        let record = next_card(bench, queue, &order, &mut journal, &turn)?;
        file_record(arguments.records.as_deref(), &record)?;
        issued_now = issued_now.saturating_add(1);
    }
    summary(arguments, &journal, due, issued_now)
}

/// Waits for a card that can be the person's, and makes it so.
fn next_card(
    bench: &mut Bench,
    queue: &mut Queue,
    order: &Order<'_>,
    journal: &mut Journal,
    turn: &str,
) -> Result<Record, Failure> {
    loop {
        let which = match journal.stage(order.person.id()) {
            Stage::Begun { card } => {
                format!("put the card in again that was being written ({card})")
            }
            Stage::Due | Stage::Done(_) => "put the next card in".to_owned(),
        };
        tell(&format!("{turn}: {which}"));
        let reader = queue.next()?;
        match bench.issue(Some(&reader), order, Some(journal)) {
            Ok(record) => {
                tell(&format!(
                    "{turn}: issued, {} APDUs; take the card out of {reader}",
                    record.apdus
                ));
                return Ok(record);
            }
            Err(Trouble { failure, code }) if OF_THE_CARD.contains(&code) => {
                tell(&format!("{turn}: {}", failure.text));
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

fn summary(
    arguments: &Issue,
    journal: &Journal,
    due: &[Due],
    issued_now: usize,
) -> Result<Output, Failure> {
    let cards: Vec<Record> = due
        .iter()
        .filter_map(|due| match journal.stage(due.person.id()) {
            Stage::Done(record) => Some(*record),
            Stage::Due | Stage::Begun { .. } => None,
        })
        .collect();
    if arguments.at.json {
        return Output::json(&Cards {
            people: due.len(),
            issued_now,
            issued: cards,
        });
    }
    let mut lines = Lines::default();
    for record in &cards {
        let card: String = record.card.chars().take(SHOWN_DIGITS).collect();
        lines.add(&harmless(&format!(
            "{}  {}  card {card}…  {}",
            record.id, record.name, record.issued
        )));
    }
    lines.add(&format!(
        "{} of {} have their cards, {issued_now} of them issued now",
        cards.len(),
        due.len()
    ));
    Ok(Output::text(lines.into_text()))
}

/// Digits of a card's fingerprint in lists.
const SHOWN_DIGITS: usize = 16;

fn beside(list: &Path) -> PathBuf {
    let mut name = list.as_os_str().to_owned();
    name.push(".journal");
    name.into()
}

fn be_folder(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} is no folder; make it first, so that records go where you mean",
        path.display()
    )))
}

/// Writes a record where there is none, or another one.
fn file_record(folder: Option<&Path>, record: &Record) -> Result<(), Failure> {
    let Some(folder) = folder else {
        return Ok(());
    };
    let put = |end: &str, text: &str| {
        let path = folder.join(format!("{}.{end}", record.id));
        if path.exists() {
            file::replace(&path, text.as_bytes())
        } else {
            file::create(&path, text.as_bytes(), Readable::Owner)
        }
    };
    if let Some(certificate) = &record.certificate {
        put("pem", &certificate.pem)?;
    }
    put("md", &record.to_markdown())
}

#[cfg(test)]
mod tests {
    use super::record::tests::record;
    use super::*;

    #[test]
    fn a_record_is_filed_under_its_id_and_renewed_when_the_card_is() {
        let directory = tempfile::tempdir().unwrap();
        let first = record("17", "aa");
        file_record(Some(directory.path()), &first).unwrap();
        let second = record("17", "bb");
        file_record(Some(directory.path()), &second).unwrap();
        let text = std::fs::read_to_string(directory.path().join("17.md")).unwrap();
        assert_eq!(text, second.to_markdown());
        assert!(be_folder(&directory.path().join("17.md")).is_err());
    }

    #[test]
    fn a_journal_lies_beside_its_list() {
        assert_eq!(
            beside(Path::new("lists/staff.csv")),
            Path::new("lists/staff.csv.journal")
        );
    }
}

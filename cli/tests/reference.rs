//! The reference of the policy language: its examples are policies, and it leaves nothing out.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure")]

use std::collections::BTreeSet;

use cardwarden_policy::Policy;

const REFERENCE: &str = include_str!("../../policy/REFERENCE.md");

const ZONE: &str = "zone = \"Europe/Berlin\"\n";
const RULE: &str = "[[rules]]\nid = \"example\"\nfunctions = [\"camera\"]\naction = \"disable\"\n";
const USB: &str = "[[rules]]\nid = \"example\"\nfunctions = [\"usb\"]\naction = \"disable\"\n";
const TASK: &str = "[[tasks]]\nid = \"example\"\nfunctions = [\"camera\"]\naction = \"disable\"\n";

/// Each example with the word after `toml` in its first line.
fn examples() -> Vec<(&'static str, &'static str)> {
    REFERENCE
        .split("\n```toml")
        .skip(1)
        .map(|rest| {
            let (example, _) = rest.split_once("\n```\n").unwrap();
            let (marker, text) = example.split_once('\n').unwrap();
            (marker.trim(), text)
        })
        .collect()
}

#[test]
fn every_example_is_a_policy_as_its_marker_says() {
    let examples = examples();
    assert!(examples.len() >= 20, "{} were found", examples.len());
    for (marker, text) in examples {
        let policy = match marker {
            "" => text.to_owned(),
            "when" => format!("{ZONE}{RULE}{text}\n"),
            "match" => format!("{USB}{text}\n"),
            other => panic!("no example is marked {other}"),
        };
        if let Err(error) = Policy::from_toml(&policy) {
            panic!("{error}:\n{policy}");
        }
    }
}

/// The words that the language knows in a place, by what it says of one that it does not know.
fn known(policy: &str) -> Vec<String> {
    let message = Policy::from_toml(policy).unwrap_err().problem.to_string();
    assert!(message.contains("expected"), "{policy}: {message}");
    let (message, _) = message
        .split_once("; did you mean")
        .unwrap_or((&message, ""));
    let words = message.split('`').skip(3).step_by(2);
    words.map(str::to_owned).collect()
}

/// Policies with a word that nobody knows, in every place that has words of its own.
fn places() -> Vec<String> {
    let mut places: Vec<String> = [
        "_ = 1",
        "validity._ = 1",
        "audience._ = 1",
        "remote._ = 1",
        "remote.may = \"_\"",
        "baseline._ = \"enable\"",
        "baseline.nfc = \"_\"",
        "[[rules]]\n_ = 1",
        "[[rules]]\nid = \"a\"\nfunctions = []\naction = \"_\"",
        "[[tasks]]\n_ = 1",
    ]
    .map(str::to_owned)
    .into();
    let conditions = [
        "_ = 1",
        "weekly._ = 1",
        "period._ = 1",
        "network._ = 1",
        "network.server._ = 1",
        "place._ = 1",
        "place.circle._ = 1",
        "card = \"_\"",
        "session._ = 1",
        "power._ = 1",
        "power.source = \"_\"",
        "server._ = 1",
    ];
    places.extend(conditions.map(|one| format!("{RULE}when.{one}")));
    places.extend(
        [
            "on-unknown = \"_\"",
            "storage = \"_\"",
            "notify._ = 1",
            "allow = [{ _ = 1 }]",
            "allow = [{ connection = \"_\" }]",
            "allow = [{ interfaces._ = 1 }]",
        ]
        .map(|one| format!("{USB}{one}")),
    );
    places.extend(
        [
            "at._ = 1",
            "at.once._ = 1",
            "at.weekly._ = 1",
            "at.monthly._ = 1",
            "missed = \"_\"",
        ]
        .map(|one| format!("{TASK}{one}")),
    );
    places
}

#[test]
fn every_word_of_the_language_is_in_the_reference() {
    let words: BTreeSet<String> = places().iter().flat_map(|place| known(place)).collect();
    assert!(words.len() > 90, "only {} words were found", words.len());
    let missing: Vec<&String> = words
        .iter()
        .filter(|word| {
            let quoted = [format!("`{word}`"), format!("`{word} = ")];
            !quoted
                .iter()
                .any(|quoted| REFERENCE.contains(quoted.as_str()))
        })
        .collect();
    assert!(missing.is_empty(), "the reference leaves out {missing:?}");
}

#[test]
fn every_word_of_the_language_is_in_an_example() {
    let examples: String = examples().into_iter().map(|(_, text)| text).collect();
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let said: BTreeSet<&str> = examples.split(|c| !is_letter(c)).collect();
    let parts: BTreeSet<&str> = said.iter().flat_map(|word| word.split('.')).collect();
    // Functions, days and kinds of connection are lists; the reference has a table of each.
    let in_tables = |word: &str| {
        word.parse::<cardwarden_policy::Function>().is_ok()
            || ["mains", "unknown", "restrict", "tighten"].contains(&word)
    };
    let missing: BTreeSet<String> = places()
        .iter()
        .flat_map(|place| known(place))
        .filter(|word| !in_tables(word) && !parts.contains(word.as_str()))
        .collect();
    assert!(missing.is_empty(), "no example has {missing:?}");
}

//! `cardwarden policy`: checking what people wrote.

use std::path::Path;

use cardwarden_policy::document::{Action, MAX_DOCUMENT, Switch};
use cardwarden_policy::manifest::MAX_GROUP;
use cardwarden_policy::{Group, Policy};

use crate::failure::Failure;
use crate::file;
use crate::output::{Lines, Output, harmless};

/// Reads a policy, or says what is wrong with it and where.
pub(crate) fn read(path: &Path) -> Result<Policy, Failure> {
    let text = file::read_text(path, MAX_DOCUMENT)?;
    Policy::from_toml(&text)
        .map_err(|error| Failure::because(format!("{} is no policy", path.display()), &error))
}

/// Says whether a policy is well formed, and what it does.
pub(crate) fn check(path: &Path) -> Result<Output, Failure> {
    let policy = read(path)?;
    let length = Group {
        policy: policy.clone(),
        account: None,
    }
    .to_bytes()
    .map_err(|error| Failure::because(format!("{} cannot be signed", path.display()), &error))?
    .len();
    if length > MAX_GROUP {
        return Err(Failure::new(format!(
            "{} needs {length} bytes on a card; {MAX_GROUP} is the most",
            path.display()
        )));
    }
    Ok(Output::text(describe(path, &policy, length)))
}

fn describe(path: &Path, policy: &Policy, length: usize) -> String {
    let mut lines = Lines::default();
    lines.add(&format!(
        "{} is a policy: {length} bytes on a card.",
        path.display()
    ));
    let mut line = |name: &str, what: String| lines.add(&format!("  {name:<10}{what}"));
    line(
        "contact",
        harmless(
            policy
                .contact
                .as_deref()
                .unwrap_or("none; people cannot ask"),
        ),
    );
    for (switch, word) in [(Switch::Disable, "off"), (Switch::Enable, "on")] {
        let functions: Vec<_> = policy
            .baseline
            .iter()
            .filter(|(_, given)| **given == switch)
            .map(|(function, _)| function.name())
            .collect();
        if !functions.is_empty() {
            line("baseline", format!("{} {word}", functions.join(", ")));
        }
    }
    for rule in &policy.rules {
        let functions: Vec<_> = rule
            .functions
            .iter()
            .map(|function| function.name())
            .collect();
        let action = match rule.action {
            Action::Enable => "on",
            Action::Disable => "off",
            Action::Audit => "watched",
        };
        let when = if rule.when.is_some() {
            "while its condition holds"
        } else {
            "always"
        };
        line(
            "rule",
            format!(
                "{}: {} {action} {when}",
                harmless(&rule.id),
                functions.join(", ")
            ),
        );
    }
    lines.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Readable;

    #[test]
    fn a_mistake_in_a_policy_is_shown_with_its_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("office.toml");
        file::create(&path, b"contact = \"x\"\ncolour = 1\n", Readable::All).unwrap();
        let text = check(&path).unwrap_err().text;
        assert!(
            text.contains("office.toml") && text.contains("line 2"),
            "{text}"
        );
    }

    #[test]
    fn a_policy_is_described_as_people_say_it() {
        let policy = Policy::from_toml(
            "contact = \"security@b.example\"\nbaseline.nfc = \"disable\"\n\
             [[rules]]\nid = \"no-pictures\"\nfunctions = [\"camera\"]\naction = \"disable\"\n",
        )
        .unwrap();
        assert_eq!(
            describe(Path::new("office.toml"), &policy, 120),
            "office.toml is a policy: 120 bytes on a card.\n  contact   security@b.example\n  \
             baseline  nfc off\n  rule      no-pictures: camera off always\n"
        );
    }
}

//! `cardwarden policy import-usbguard`: the rules of `USBGuard` as rules of a policy.

use std::collections::BTreeSet;

use cardwarden_policy::document::{Action, OnUnknown, Rule};
use cardwarden_policy::usb::Match;
use cardwarden_policy::usb::usbguard::{self, Import, MAX_BYTES};
use cardwarden_policy::{Function, Policy};
use serde::Serialize;

use super::args::ImportUsbguard;
use super::check::count;
use super::document::toml;
use crate::failure::{Exit, Failure};
use crate::file::{self, Readable};
use crate::output::{Lines, Output, harmless};

/// `import-usbguard --json`.
#[derive(Serialize)]
struct Imported<'a> {
    rules: &'a [Rule],
    report: Vec<Note<'a>>,
}

#[derive(Serialize)]
struct Note<'a> {
    line: u32,
    text: &'a str,
    /// `left out`, `stricter` or `same`.
    outcome: &'static str,
    why: String,
}

/// Reads rules, and writes them as a policy has them.
pub(super) fn import(arguments: &ImportUsbguard) -> Result<Output, Failure> {
    let text = file::read_text(&arguments.file, MAX_BYTES)?;
    let import = usbguard::import(&text).map_err(|error| {
        Failure::because(
            format!("{} holds no rules of USBGuard", arguments.file.display()),
            &error,
        )
    })?;
    let policy = Policy {
        rules: rules(&import),
        ..Policy::default()
    };
    let fragment = toml(&policy)?;
    if let Some(out) = &arguments.out {
        file::create(out, fragment.as_bytes(), Readable::All)?;
    }
    let output = if arguments.json {
        Output::json(&Imported {
            rules: &policy.rules,
            report: notes(&import),
        })?
    } else if arguments.out.is_some() {
        Output::text("").noting(report(&import))
    } else {
        Output::text(fragment).noting(report(&import))
    };
    // The rules are handed over all the same: a person has to change them.
    Ok(match policy.check() {
        Ok(()) => output,
        Err(error) => output
            .noting(format!(
                "cardwarden: no device takes these rules as they are: {error}\n"
            ))
            .exiting(Exit::Failed),
    })
}

fn rules(import: &Import) -> Vec<Rule> {
    let rule = |id: &str, allow: &[Match], deny: &[Match]| Rule {
        id: id.to_owned(),
        functions: BTreeSet::from([Function::Usb]),
        action: Action::Disable,
        when: None,
        on_unknown: OnUnknown::default(),
        allow: allow.to_vec(),
        deny: deny.to_vec(),
        storage: None,
        notify: None,
    };
    let mut rules = Vec::new();
    if import.default_block {
        rules.push(rule("usb-known-only", &import.allow, &[]));
    }
    if !import.deny.is_empty() {
        rules.push(rule("usb-refused", &[], &import.deny));
    }
    rules
}

fn notes(import: &Import) -> Vec<Note<'_>> {
    import
        .report
        .iter()
        .map(|note| Note {
            line: note.line,
            text: &note.text,
            outcome: note.why.outcome().name(),
            why: note.why.to_string(),
        })
        .collect()
}

fn report(import: &Import) -> String {
    let mut lines = Lines::default();
    lines.add(&format!(
        "cardwarden: {} devices or kinds of device allowed, {} refused, everything else {}; {}",
        import.allow.len(),
        import.deny.len(),
        if import.default_block {
            "refused"
        } else {
            "allowed"
        },
        match import.report.len() {
            0 => "nothing to know of the lines".to_owned(),
            notes => count(notes, "thing") + " to know of the lines:",
        }
    ));
    for note in notes(import) {
        lines.add(&format!(
            "  line {}, {}: {}",
            note.line, note.outcome, note.why
        ));
        lines.add(&format!("      {}", harmless(note.text)));
    }
    lines.into_text()
}

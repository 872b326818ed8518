//! What a person is shown before they agree.

use cardwarden_dbus::{Pending, PinDetails, PinWanted};

use crate::output::{Lines, Paint, harmless};

/// The hexadecimal digits of a fingerprint, without what separates them.
pub(crate) fn digits(fingerprint: &str) -> String {
    let separates = |c: char| c.is_whitespace() || matches!(c, ':' | '-');
    fingerprint
        .chars()
        .filter(|c| !separates(*c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// A card that waits, in plain words.
pub(super) fn card(card: &Pending, paint: Paint) -> String {
    let company = harmless(&card.company);
    let mut lines = Lines::default();
    lines.pair("Reader", &harmless(&card.reader));
    lines.pair(
        "Company",
        &format!("{}, as the card says", paint.strong(&company)),
    );
    lines.pair("Key", &paint.strong(&harmless(&card.fingerprint)));
    lines.pair(
        "Policy",
        &format!("version {}, group {}", card.version, harmless(&card.group)),
    );
    lines.pair("Card", proof(&card.proof));
    lines.add("");
    if card.restricts.is_empty() {
        lines.add("For now it would restrict nothing.");
    } else {
        lines.add("It would restrict this:");
        for sentence in &card.restricts {
            lines.add(&format!("  {}", harmless(sentence)));
        }
    }
    lines.add("");
    lines.add(&format!(
        "{company} could change that at any time, and only {company} can undo it: taking the card \
         out, restarting, or being root does not. Compare the key with the one that the company \
         gave you."
    ));
    lines.into_text()
}

/// How a card shows that it is no copy.
fn proof(proof: &str) -> &'static str {
    match proof {
        "own-key" => "has a key of its own, so it is no copy",
        "copyable" => "copyable card: it has no key of its own, so it may be a copy",
        _ => "does not say whether it can be copied",
    }
}

pub(super) fn question(card: &Pending) -> String {
    format!(
        "Let {} decide what this device may do?",
        harmless(&card.company)
    )
}

/// What is asked for, at the terminal.
pub(super) fn pin(details: &PinDetails) -> String {
    format!(
        "PIN of the card of {} in {}, for the group {}{}",
        harmless(&details.company),
        harmless(&details.reader),
        harmless(&details.group),
        tries(details.tries_left)
    )
}

pub(super) fn wrong(wanted: &PinWanted) -> String {
    format!(
        "The PIN was wrong{}. Try another?",
        tries(wanted.tries_left)
    )
}

pub(super) fn blocked(wanted: &PinWanted) -> String {
    format!(
        "the card in {} is blocked after too many wrong PINs; ask whoever gave it to you",
        harmless(wanted.reader.as_deref().unwrap_or("the reader"))
    )
}

/// How many tries are left, in words.
pub(crate) fn tries(left: Option<u32>) -> String {
    match left {
        None => String::new(),
        Some(1) => " (1 try is left: one more wrong one blocks the card)".to_owned(),
        Some(left) => format!(" ({left} tries are left)"),
    }
}

//! What a person agrees to when a stranger's card is to count, as polkit's dialogue shows it.

use std::collections::HashMap;

use cardwarden_dbus::{Error, harmless};

use crate::request::Refused;
use crate::status::Pending;

use super::refusal::refusal;

/// Most characters of what a dialogue shows as the company's name, and as what it restricts: a
/// stranger wrote both, and may not push the rest out of sight.
const MAX_COMPANY: usize = 100;
const MAX_RESTRICTS: usize = 600;

/// The newest of the cards that wait whose company's key has this fingerprint, however it is
/// grouped.
pub(super) fn find<'a>(pending: &'a [Pending], fingerprint: &str) -> Result<&'a Pending, Error> {
    if pending.is_empty() {
        return Err(refusal(&Refused::NotPending));
    }
    let given = digits(fingerprint);
    pending
        .iter()
        .filter(|card| digits(&card.fingerprint) == given)
        .max_by_key(|card| card.version)
        .ok_or_else(|| refusal(&Refused::WrongFingerprint))
}

/// What the dialogue shows, by the names in the message of the polkit action.
pub(super) fn details(card: &Pending) -> HashMap<&'static str, String> {
    let restricts = if card.restricts.is_empty() {
        "nothing for now.".to_owned()
    } else {
        card.restricts.join(" ")
    };
    HashMap::from([
        ("company", shown(&card.company, MAX_COMPANY)),
        ("fingerprint", shown(&card.fingerprint, MAX_COMPANY)),
        ("restricts", shown(&restricts, MAX_RESTRICTS)),
    ])
}

fn shown(text: &str, most: usize) -> String {
    let text = harmless(text);
    let mut shown: String = text.chars().take(most).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The hexadecimal digits, without what separates them.
fn digits(fingerprint: &str) -> String {
    let separates = |c: char| c.is_whitespace() || matches!(c, ':' | '-');
    fingerprint
        .chars()
        .filter(|c| !separates(*c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::waiting;
    use super::*;

    #[test]
    fn only_the_whole_fingerprint_names_a_card_and_its_grouping_does_not_matter() {
        let cards = [
            waiting("0011 2233 aabb ccdd", 7),
            waiting("0011 2233 aabb ccdd", 8),
        ];
        for written in [
            "0011 2233 aabb ccdd",
            "00112233AABBCCDD",
            "00:11:22:33:aa:bb:cc:dd",
        ] {
            assert_eq!(find(&cards, written).unwrap().version, 8);
        }
        for other in ["", "0011 2233", "0011 2233 aabb ccde", "B Company"] {
            assert!(
                matches!(find(&cards, other), Err(Error::WrongFingerprint(_))),
                "{other}"
            );
        }
        assert!(matches!(
            find(&[], "0011 2233 aabb ccdd"),
            Err(Error::NotPending(_))
        ));
    }

    #[test]
    fn a_stranger_cannot_rewrite_the_dialogue_or_push_the_rest_out_of_sight() {
        let mut card = waiting("0011", 7);
        card.company = format!("B\u{202e}\n{}", "x".repeat(500));
        card.restricts = vec!["The camera is off.".to_owned(); 100];
        let details = details(&card);
        assert!(details["company"].starts_with("B\u{fffd}\u{fffd}xx"));
        assert_eq!(details["company"].chars().count(), MAX_COMPANY + 1);
        assert!(details["restricts"].starts_with("The camera is off. The camera"));
        assert_eq!(details["restricts"].chars().count(), MAX_RESTRICTS + 1);
        card.restricts.clear();
        assert_eq!(super::details(&card)["restricts"], "nothing for now.");
    }
}

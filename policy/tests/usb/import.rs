//! What becomes of `USBGuard`'s rules.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cardwarden_policy::usb::usbguard::{
    Import, MAX_BYTES, MAX_LINE, MAX_RULES, MAX_VALUES, Malformed, Outcome, Problem, import,
};
use cardwarden_policy::usb::{Device, Match};
use proptest::prelude::*;

use crate::devices::device;
use crate::usbguard::{Beyond, allows, beyond, file, rules};

/// What the lists say of a device: what refuses wins, then what allows, then the default.
fn lets_in(import: &Import, device: &Device) -> bool {
    let named = |list: &[Match]| list.iter().any(|entry| entry.matches(device));
    !named(&import.deny) && (named(&import.allow) || !import.default_block)
}

fn known() -> impl Strategy<Value = (Device, Beyond)> {
    device().prop_flat_map(|device| {
        let beyond = beyond(device.connection);
        (Just(device), beyond)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_the_import_allows_usbguard_allows(
        rules in rules(), devices in prop::collection::vec(known(), 24),
    ) {
        let import = import(&file(&rules)).unwrap();
        for (device, beyond) in devices {
            prop_assert!(
                allows(&rules, &device, &beyond) || !lets_in(&import, &device),
                "{}\n{import:?}\n{device:?} {beyond:?}", file(&rules)
            );
        }
    }

    #[test]
    fn without_a_note_of_a_loss_every_verdict_is_the_same(
        rules in rules(), devices in prop::collection::vec(known(), 24),
    ) {
        let import = import(&file(&rules)).unwrap();
        let whole = import.report.iter().all(|note| note.why.outcome() == Outcome::Same);
        for (device, beyond) in devices {
            prop_assert!(
                !whole || allows(&rules, &device, &beyond) == lets_in(&import, &device),
                "{}\n{import:?}\n{device:?} {beyond:?}", file(&rules)
            );
        }
    }

    #[test]
    fn every_entry_of_an_import_is_possible(rules in rules()) {
        let import = import(&file(&rules)).unwrap();
        for entry in import.allow.iter().chain(&import.deny) {
            prop_assert_eq!(entry.check(), Ok(()));
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        drop(import(&text));
    }

    #[test]
    fn no_damage_makes_it_panic_and_the_place_is_in_the_text(
        rules in rules(),
        at in any::<prop::sample::Index>(),
        cut in 0_usize..3,
        put in "[a-z0-9\"\\\\{}()!#:* \t\r\n\u{e9}]{0,3}",
    ) {
        let mut letters: Vec<char> = file(&rules).chars().collect();
        let start = at.index(letters.len() + 1);
        let end = letters.len().min(start + cut);
        letters.splice(start..end, put.chars());
        let text: String = letters.into_iter().collect();
        if let Err(wrong) = import(&text) {
            let line = text.split('\n').nth(usize::try_from(wrong.line).unwrap() - 1).unwrap();
            prop_assert!(wrong.column >= 1);
            prop_assert!(usize::try_from(wrong.column).unwrap() <= line.chars().count() + 1);
        }
    }
}

fn cases(ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/usb/cases");
    let mut paths: Vec<PathBuf> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == ending)
        })
        .collect();
    paths.sort();
    paths
}

/// An import as text that people can review.
fn shown(import: &Import) -> String {
    let default = if import.default_block {
        "refused"
    } else {
        "allowed"
    };
    let mut text = format!("What no list names is {default}.\n");
    for (title, list) in [("Allowed", &import.allow), ("Refused", &import.deny)] {
        for entry in list {
            writeln!(text, "{title}: {entry}").unwrap();
            writeln!(text, "    {}", serde_json::to_string(entry).unwrap()).unwrap();
        }
    }
    for note in &import.report {
        writeln!(text, "{note}").unwrap();
    }
    text
}

#[test]
fn files_of_rules_become_what_was_reviewed() {
    let paths = cases("conf");
    assert!(paths.len() >= 6);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown =
            import(&text).map_or_else(|wrong| format!("{wrong}\n"), |import| shown(&import));
        let reviewed = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert!(shown == reviewed, "{}:\n{shown}", path.display());
    }
}

fn wrong(text: &str) -> Malformed {
    import(text).expect_err(text)
}

#[test]
fn what_usbguard_refuses_is_refused_at_its_place() {
    let places = [
        ("alloww", 1, Problem::NoTarget),
        (" 1234:1234", 2, Problem::NoTarget),
        ("allow allow", 7, Problem::NoAttribute),
        ("allow { }", 7, Problem::NoAttribute),
        ("allow unknown \"s\"", 7, Problem::NoAttribute),
        ("allow serial \"a\"name \"b\"", 17, Problem::NoAttribute),
        ("allow serial \"a\" 1234:1234", 18, Problem::NoAttribute),
        ("allow 1234:1234 id 1234:1234", 17, Problem::Twice),
        ("allow name \"asdf\" name \"foo\"", 19, Problem::Twice),
        ("allow if true if true", 15, Problem::Twice),
        ("allow id 1234:123", 10, Problem::NoId),
        ("allow id asdf:*", 10, Problem::NoId),
        ("allow *:1234", 7, Problem::NoId),
        ("allow with-interface 12:*:34", 22, Problem::NoInterface),
        ("allow with-interface *:*:*", 22, Problem::NoInterface),
        (
            "allow with-interface some { 12:12:12 }",
            22,
            Problem::NoInterface,
        ),
        (
            "allow with-interface one-of{ 12:12:12 }",
            22,
            Problem::NoInterface,
        ),
        ("allow name", 11, Problem::NoText),
        ("allow name }", 12, Problem::NoText),
        ("allow name one-of", 12, Problem::NoText),
        ("allow name { }", 14, Problem::NoText),
        ("allow name \"a", 14, Problem::EndlessText),
        ("allow name \"a\\\"", 16, Problem::EndlessText),
        ("allow name \"\\n\"", 13, Problem::NoEscape),
        ("allow name \"\\x4\"", 13, Problem::NoEscape),
        ("allow name { \"a\"", 17, Problem::EndlessSet),
        ("allow name { \"a\"\"b\" }", 17, Problem::EndlessSet),
        ("allow if", 9, Problem::NoCondition),
        ("allow if randomM", 10, Problem::NoCondition),
        ("allow if !!true", 11, Problem::NoCondition),
        ("allow if random(", 17, Problem::EndlessText),
        ("allow\r", 6, Problem::NoAttribute),
    ];
    for (text, column, problem) in places {
        let file = format!("# é\n\n{text}\nallow");
        let place = Malformed {
            line: 3,
            column,
            problem,
        };
        assert_eq!(wrong(&file), place, "{text}");
    }
}

#[test]
fn a_file_has_bounds() {
    let long_line = format!("#{}", "x".repeat(MAX_LINE));
    assert_eq!(wrong(&long_line).problem, Problem::LongLine);
    assert_eq!(wrong(&"\n".repeat(MAX_BYTES + 1)).problem, Problem::TooBig);
    let values = "1d6b:* ".repeat(MAX_VALUES);
    assert!(import(&format!("allow id one-of {{ {values}}}")).is_ok());
    let one_more = format!("allow id one-of {{ {values} 046d:* }}");
    assert_eq!(wrong(&one_more).problem, Problem::TooManyValues);
    let rules = "allow 1d6b:*\n".repeat(MAX_RULES);
    assert_eq!(import(&rules).unwrap().allow.len(), MAX_RULES);
    let place = wrong(&format!("{rules}\nallow"));
    assert_eq!(place.problem, Problem::TooManyRules);
    assert_eq!(usize::try_from(place.line).unwrap(), MAX_RULES + 2);
}

#[test]
fn sets_that_multiply_beyond_the_bound_are_left_out() {
    let names: Vec<String> = (0..9).map(|number| format!("\"{number}\"")).collect();
    let names = names.join(" ");
    let line = |names: &str| format!("allow name one-of {{ {names} }} serial one-of {{ {names} }}");
    let import = import(&format!("{}\n{}", line(&names), line("\"1\" \"2\""))).unwrap();
    assert_eq!(import.allow.len(), 4);
    let outcomes: Vec<Outcome> = import
        .report
        .iter()
        .map(|note| note.why.outcome())
        .collect();
    assert_eq!(outcomes, [Outcome::LeftOut]);
}

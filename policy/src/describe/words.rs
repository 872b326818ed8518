//! Lists, names and numbers in plain words.

use std::collections::BTreeSet;

use crate::condition::{Day, Days};
use crate::document::Switch;
use crate::function::Function;
use crate::span::Span;

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: ToString>(items: impl IntoIterator<Item = T>, joint: &str) -> String {
    let mut words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} {joint} {last}", words.join(", ")),
        None => String::new(),
    }
}

/// A name in quotation marks. A name may hold control characters.
pub(super) fn quoted(text: &str) -> String {
    format!("“{}”", text.escape_debug())
}

/// Names of which any will do.
pub(super) fn any_of<'a, I: IntoIterator<Item = &'a String>>(names: I) -> String {
    list(names.into_iter().map(|name: &String| quoted(name)), "or")
}

/// The first letter large.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What people call a function.
pub const fn name(function: Function) -> &'static str {
    match function {
        Function::Camera => "the camera",
        Function::Microphone => "the microphone",
        Function::Bluetooth => "Bluetooth",
        Function::Usb => "USB",
        Function::UsbStorage => "USB storage",
        Function::UsbHid => "USB keyboards and mice",
        Function::UsbNetwork => "USB network adapters",
        Function::UsbAudio => "USB sound",
        Function::UsbVideo => "USB video",
        Function::UsbSerial => "USB serial lines",
        Function::UsbPrinter => "USB printers",
        Function::UsbSmartcard => "USB card readers",
        Function::UsbOther => "other USB devices",
        Function::UsbGadget => "acting as a USB device",
        Function::Infrared => "infrared",
        Function::Nfc => "NFC",
    }
}

/// What people call some functions, in the order in which they are shown.
pub fn names(functions: &BTreeSet<Function>) -> String {
    list(functions.iter().map(|function| name(*function)), "and")
}

/// What becomes of functions.
pub(super) const fn may(action: Switch) -> &'static str {
    match action {
        Switch::Enable => "may be used",
        Switch::Disable => "must not be used",
    }
}

const fn day(day: Day) -> &'static str {
    match day {
        Day::Mon => "Monday",
        Day::Tue => "Tuesday",
        Day::Wed => "Wednesday",
        Day::Thu => "Thursday",
        Day::Fri => "Friday",
        Day::Sat => "Saturday",
        Day::Sun => "Sunday",
    }
}

/// `every day`, or `Monday to Thursday and Saturday`: three days and more in a row are a run.
pub(super) fn days(days: Days) -> String {
    let named: Vec<Day> = days.iter().collect();
    if named.len() == Day::ALL.len() {
        return "every day".to_owned();
    }
    let mut runs: Vec<Vec<Day>> = Vec::new();
    let mut is_open = false;
    for one in Day::ALL {
        if !days.contains(one) {
            is_open = false;
        } else if let (true, Some(run)) = (is_open, runs.last_mut()) {
            run.push(one);
        } else {
            runs.push(vec![one]);
            is_open = true;
        }
    }
    let words = runs.iter().flat_map(|run| match run.as_slice() {
        [first, _, .., last] => vec![format!("{} to {}", day(*first), day(*last))],
        few => few.iter().map(|one| day(*one).to_owned()).collect(),
    });
    list(words, "and")
}

/// `8 hours`, `1 day and 30 minutes`.
pub(super) fn span(span: Span) -> String {
    let text = span.to_string();
    let parts = text
        .split_inclusive(|letter: char| !letter.is_ascii_digit())
        .map(|part| {
            let (count, unit) = part
                .split_at_checked(part.len().saturating_sub(1))
                .unwrap_or((part, ""));
            let word = match unit {
                "d" => "day",
                "h" => "hour",
                "m" => "minute",
                _ => "second",
            };
            let plural = if count == "1" { "" } else { "s" };
            format!("{count} {word}{plural}")
        });
    list(parts, "and")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_in_a_row_are_a_run_from_three_on() {
        let of = |names: &[Day]| days(names.iter().copied().collect());
        assert_eq!(of(&Day::ALL), "every day");
        assert_eq!(of(&[Day::Sun]), "Sunday");
        assert_eq!(of(&[Day::Mon, Day::Tue]), "Monday and Tuesday");
        assert_eq!(
            of(&[Day::Mon, Day::Tue, Day::Wed, Day::Sat]),
            "Monday to Wednesday and Saturday"
        );
        assert_eq!(
            of(&[Day::Mon, Day::Wed, Day::Thu, Day::Fri, Day::Sun]),
            "Monday, Wednesday to Friday and Sunday"
        );
    }

    #[test]
    fn lengths_of_time_are_words() {
        let of = |text: &str| span(text.parse().unwrap());
        assert_eq!(of("8h"), "8 hours");
        assert_eq!(of("1d30m"), "1 day and 30 minutes");
        assert_eq!(of("2d1h3m4s"), "2 days, 1 hour, 3 minutes and 4 seconds");
    }
}

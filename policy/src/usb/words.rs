//! An entry in plain words, for explanations.

use std::fmt;

use super::{ClassPattern, Connection, IdPattern, InterfaceSet, Match};

/// What people call a class.
fn word(class: ClassPattern) -> Option<&'static str> {
    Some(match class.numbers() {
        (Some(0x01), ..) => "sound device",
        (Some(0x02), Some(0x02), _) => "modem or serial line",
        (Some(0x02), ..) => "communications device",
        (Some(0x03), Some(0x01), Some(0x01)) => "keyboard",
        (Some(0x03), Some(0x01), Some(0x02)) => "mouse",
        (Some(0x03), ..) => "input device",
        (Some(0x06), ..) => "camera or phone with pictures",
        (Some(0x07), ..) => "printer",
        (Some(0x08), ..) => "storage device",
        (Some(0x09), ..) => "hub",
        (Some(0x0b), ..) => "smart-card reader",
        (Some(0x0e), ..) => "video device",
        (Some(0xe0), Some(0x01), Some(0x01)) => "Bluetooth adapter",
        (Some(0xff), ..) => "device of its maker's own class",
        _ => return None,
    })
}

/// The class with its word, such as “keyboard (03:01:01)”.
fn class(class: ClassPattern) -> String {
    match word(class) {
        Some(word) => format!("{word} ({class})"),
        None => format!("device of class {class}"),
    }
}

fn list(patterns: &[ClassPattern], joint: &str) -> String {
    let mut words: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} {joint} {last}", words.join(", ")),
        None => String::new(),
    }
}

fn interfaces(set: &InterfaceSet) -> Vec<String> {
    let mut parts = Vec::new();
    if !set.equals.is_empty() {
        let count = set.equals.len();
        let plural = if count == 1 {
            "interface"
        } else {
            "interfaces"
        };
        parts.push(format!(
            "with exactly the {plural} {}",
            list(&set.equals, "and")
        ));
    }
    if !set.all_of.is_empty() {
        parts.push(format!("with interfaces of {}", list(&set.all_of, "and")));
    }
    if !set.one_of.is_empty() {
        parts.push(format!("with an interface of {}", list(&set.one_of, "or")));
    }
    if !set.none_of.is_empty() {
        parts.push(format!("with no interface of {}", list(&set.none_of, "or")));
    }
    parts
}

impl Match {
    /// What the entry is about, without its strings and its place.
    fn subject(&self) -> String {
        let what = self
            .class
            .filter(|one| *one != ClassPattern::ANY)
            .map_or_else(|| "device".to_owned(), class);
        match self
            .id
            .filter(|id| *id != IdPattern::ANY)
            .map(|id| (id.numbers(), id))
        {
            None => format!("any {what}"),
            Some(((Some(vendor), None), _)) => format!("any {what} of maker {vendor:04x}"),
            Some((_, id)) => format!("any {what} of product {id}"),
        }
    }

    fn strings(&self) -> Vec<String> {
        let texts = [
            ("a name", "the name", &self.name),
            ("a maker's name", "the maker's name", &self.manufacturer),
            ("a serial number", "the serial number", &self.serial),
        ];
        texts
            .into_iter()
            .filter_map(|(none, some, text)| {
                let text = text.as_deref()?;
                Some(if text.is_empty() {
                    format!("without {none}")
                } else {
                    // What a device says of itself may hold control characters.
                    format!("with {some} “{}”", text.escape_debug())
                })
            })
            .collect()
    }

    fn place(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(port) = &self.port {
            parts.push(match port.beginning() {
                Some(beginning) => format!("at a port that begins with {beginning}"),
                None => format!("at port {port}"),
            });
        }
        parts.extend(self.connection.map(|kind| {
            match kind {
                Connection::BuiltIn => "built in",
                Connection::External => "plugged in from outside",
                Connection::Unknown => "at a port that firmware does not know",
            }
            .to_owned()
        }));
        parts
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject())?;
        let mut parts = self.interfaces.as_deref().map_or_else(Vec::new, interfaces);
        parts.extend(self.strings());
        parts.extend(
            self.descriptors
                .map(|hash| format!("with descriptors {hash}")),
        );
        parts.extend(self.place());
        for (position, part) in parts.iter().enumerate() {
            let joint = if position == 0 { " " } else { ", " };
            write!(f, "{joint}{part}")?;
        }
        Ok(())
    }
}

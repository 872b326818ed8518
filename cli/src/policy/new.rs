//! `cardwarden policy new`: a policy from a template, or from the answers to a few questions.

use cardwarden_policy::condition::Zone;
use cardwarden_policy::{Function, Policy};
use jiff::tz::TimeZone;
use toml_edit::{Array, DocumentMut, value};

use super::args::{New, Template};
use super::layout::lay_out;
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::{Output, Questions, harmless};

/// What the questions lead to.
const ANSWERS: &str = include_str!("../../templates/answers.toml");
const OFFICE: &str = include_str!("../../templates/office.toml");
const SECURE_LAB: &str = include_str!("../../templates/secure-lab.toml");
const BYOD: &str = include_str!("../../templates/byod.toml");
const KIOSK: &str = include_str!("../../templates/kiosk.toml");

/// What the questions say of themselves.
const GREETING: &str = "\
A few questions, and the policy is there. What is in brackets is taken when you only press Enter.
";

impl Template {
    const fn text(self) -> &'static str {
        match self {
            Self::Office => OFFICE,
            Self::SecureLab => SECURE_LAB,
            Self::Byod => BYOD,
            Self::Kiosk => KIOSK,
        }
    }
}

/// Writes a policy.
pub(super) fn new(arguments: &New) -> Result<Output, Failure> {
    // Before anybody answers for nothing.
    if let Some(out) = arguments.out.as_ref().filter(|out| out.exists()) {
        return Err(file::taken(out));
    }
    let zone = match &arguments.zone {
        Some(name) => known_zone(name).map_err(Failure::new)?,
        None => system_zone(),
    };
    let text = match arguments.template {
        Some(template) => filled(template, arguments, &zone)?,
        None => answered(arguments, &zone)?,
    };
    let Some(out) = &arguments.out else {
        return Ok(Output::text(text));
    };
    file::create(out, text.as_bytes(), Readable::All)?;
    let name = harmless(&out.display().to_string());
    Ok(Output::text(format!(
        "{name} is written. Look at it: cardwarden policy explain {name}\n"
    )))
}

fn filled(template: Template, arguments: &New, zone: &str) -> Result<String, Failure> {
    let mut document = parse(template.text())?;
    set(&mut document, "zone", zone);
    for (key, given) in [
        ("organisation", &arguments.organisation),
        ("contact", &arguments.contact),
    ] {
        if let Some(given) = given {
            set(&mut document, key, given);
        }
    }
    finish(&document)
}

fn answered(arguments: &New, zone: &str) -> Result<String, Failure> {
    let mut questions = Questions::begin(GREETING);
    let mut document = parse(ANSWERS)?;
    let organisation = match &arguments.organisation {
        Some(given) => given.clone(),
        None => questions.ask("Whose policy is it? (organisation)", None, named)?,
    };
    let contact = match &arguments.contact {
        Some(given) => given.clone(),
        None => questions.ask("Whom do people ask? (address or telephone)", None, named)?,
    };
    let zone = questions.ask("In which time zone?", Some(zone), known_zone)?;
    let functions = questions.ask(
        "What is off during working hours? (such as camera microphone usb.storage)",
        Some("camera microphone"),
        functions,
    )?;
    let days = questions.ask("On which days?", Some("mon-fri"), days)?;
    let hours = questions.ask("From when to when?", Some("08:00-18:00"), hours)?;
    for (key, given) in [
        ("organisation", &organisation),
        ("contact", &contact),
        ("zone", &zone),
    ] {
        set(&mut document, key, given);
    }
    let rule = document
        .get_mut("rules")
        .and_then(|rules| rules.get_mut(0))
        .ok_or_else(|| Failure::new("the template has no rule"))?;
    let names: Array = functions.iter().map(|function| function.name()).collect();
    let (from, to) = &hours;
    if let Some(entry) = rule.get_mut("functions") {
        *entry = value(names);
    }
    if let Some(weekly) = rule.get_mut("when").and_then(|when| when.get_mut("weekly")) {
        for (key, given) in [("days", &days), ("from", from), ("to", to)] {
            if let Some(entry) = weekly.get_mut(key) {
                *entry = value(given.as_str());
            }
        }
    }
    finish(&document)
}

fn parse(text: &str) -> Result<DocumentMut, Failure> {
    text.parse()
        .map_err(|error| Failure::because("the template cannot be read", &error))
}

/// Sets a text; what is around it stays.
fn set(document: &mut DocumentMut, key: &str, given: &str) {
    if let Some(item) = document.get_mut(key) {
        let decor = item.as_value().map(|old| old.decor().clone());
        *item = value(given);
        if let (Some(new), Some(decor)) = (item.as_value_mut(), decor) {
            *new.decor_mut() = decor;
        }
    }
}

/// Whatever was answered, what is written is a policy.
fn finish(document: &DocumentMut) -> Result<String, Failure> {
    let text = lay_out(&document.to_string())
        .ok_or_else(|| Failure::new("the policy cannot be laid out"))?;
    Policy::from_toml(&text)
        .map(|_good| text)
        .map_err(|error| Failure::because("these answers make no policy", &error))
}

fn system_zone() -> String {
    TimeZone::system()
        .iana_name()
        .filter(|name| known_zone(name).is_ok())
        .unwrap_or("UTC")
        .to_owned()
}

fn named(answer: &str) -> Result<String, String> {
    if answer.is_empty() {
        return Err("please give a name".to_owned());
    }
    Ok(answer.to_owned())
}

fn known_zone(answer: &str) -> Result<String, String> {
    Zone::try_from(answer.to_owned())
        .map(|zone| zone.name().to_owned())
        .map_err(|error| error.to_string())
}

fn functions(answer: &str) -> Result<Vec<Function>, String> {
    let words = answer.split([' ', ',']).filter(|word| !word.is_empty());
    let functions: Vec<Function> = words
        .map(|word| {
            word.parse()
                .map_err(|error: cardwarden_policy::function::UnknownFunction| error.to_string())
        })
        .collect::<Result<_, _>>()?;
    if functions.is_empty() {
        return Err("name at least one function".to_owned());
    }
    let text = format!(
        "[[rules]]\nid = \"work-hours\"\naction = \"disable\"\nfunctions = {:?}\n",
        functions.iter().map(|one| one.name()).collect::<Vec<_>>()
    );
    Policy::from_toml(&text).map_err(|error| error.problem.to_string())?;
    Ok(functions)
}

fn days(answer: &str) -> Result<String, String> {
    window(answer, "00:00", "24:00").map(|()| answer.to_owned())
}

fn hours(answer: &str) -> Result<(String, String), String> {
    let (from, to) = answer
        .split_once('-')
        .ok_or("write two times with a dash, such as 08:00-18:00")?;
    let (from, to) = (from.trim(), to.trim());
    window("mon-fri", from, to)?;
    Ok((from.to_owned(), to.to_owned()))
}

/// Whether a window is one, by what a policy says of it.
fn window(days: &str, from: &str, to: &str) -> Result<(), String> {
    let mut weekly = toml_edit::InlineTable::new();
    for (key, given) in [("days", days), ("from", from), ("to", to), ("zone", "UTC")] {
        weekly.insert(key, given.into());
    }
    let text = format!(
        "[[rules]]\nid = \"a\"\naction = \"disable\"\nfunctions = [\"camera\"]\nwhen.weekly = {weekly}\n"
    );
    Policy::from_toml(&text)
        .map(drop)
        .map_err(|error| error.problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_template_is_a_policy_that_is_laid_out_and_commented() {
        let templates = Template::value_variants().iter().map(|one| one.text());
        for text in templates.chain([ANSWERS]) {
            Policy::from_toml(text).unwrap();
            assert_eq!(lay_out(text).unwrap(), text);
            assert!(text.starts_with("# "), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 100));
        }
    }

    #[test]
    fn answers_that_no_policy_can_mean_are_told_at_once() {
        assert!(
            functions("camera, kitchen")
                .unwrap_err()
                .contains("kitchen")
        );
        assert!(functions("usb.hid").unwrap_err().contains("keyboard"));
        assert!(days("mno").unwrap_err().contains("did you mean `mon`"));
        assert!(hours("8-18").is_err() && hours("08:00-08:00").is_err());
        assert_eq!(hours("22:00 - 06:00").unwrap().1, "06:00");
        assert!(
            known_zone("Europe/Berlim")
                .unwrap_err()
                .contains("Europe/Berlin")
        );
    }
}

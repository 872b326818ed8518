//! What no policy can mean. Everything that becomes a policy passes here, whatever its spelling.

use std::collections::BTreeSet;

use super::{
    Action, At, MAX_DOCUMENT, MAX_MATCHES, MAX_RULES, MAX_TASKS, MAX_TEXT, MAX_USB_RULES, Notice,
    Policy, Rule, Task,
};
use crate::condition::{Impossible, Zone};
use crate::diagnosis::{Fault, Malformed, Path};
use crate::function::Function;
use crate::usb::danger;

/// Something that no policy can mean, or that would do harm.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the policy is {0} bytes long; {MAX_DOCUMENT} is the most")]
    TooLong(usize),
    /// More of something than a policy may have.
    #[error("the policy has {count} {what}; {most} is the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The most.
        most: usize,
    },
    /// Two rules, or two tasks, have one name.
    #[error("another {what} has the id `{id}` too; give each its own")]
    Duplicate {
        /// `rule` or `task`.
        what: &'static str,
        /// The name.
        id: String,
    },
    /// A name is empty.
    #[error("the id is empty; give it a name")]
    Nameless,
    /// It is about nothing.
    #[error("it names no function, so it could never do anything")]
    Idle,
    /// A text is longer than [`MAX_TEXT`].
    #[error("a text of {0} bytes; {MAX_TEXT} is the most")]
    TextTooLong(usize),
    /// USB devices are named in a rule that is not about USB alone.
    #[error(
        "`allow`, `deny` and `storage` are for rules about `usb` and its parts alone, and this rule names {0} too"
    )]
    NotUsb(Function),
    /// Read-only storage in a rule that does not disable storage.
    #[error(
        "`storage` says what a disabling rule leaves of storage; this rule does not disable `usb` or `usb.storage`"
    )]
    NotStorage,
    /// A rule would take every card reader.
    #[error(
        "this would take every card reader, and with it the way to a new policy; allow one by its id or its port, or name the devices that are meant"
    )]
    TakesReader,
    /// A rule would take every keyboard.
    #[error(
        "this would take every keyboard, the only one too; allow those that are built in, or name the devices that are meant"
    )]
    TakesKeyboard,
    /// The policy ends before it begins.
    #[error("the policy would end before it begins")]
    NeverValid,
    /// A day that no month has.
    #[error("a month has days 1 to 31, not {0}")]
    NoDay(u8),
    /// No day of the week is named.
    #[error("it names no day; it could never run")]
    NoWeekday,
}

/// The complaint about a text that is not even read.
pub(super) fn too_long(length: usize) -> Malformed {
    Malformed::from(Path::default().fault(Unfit::TooLong(length)))
}

impl Policy {
    /// Refuses what no policy can mean.
    pub fn check(&self) -> Result<(), Malformed> {
        Ok(self.check_all()?)
    }

    /// Refuses rules that can never hold: slips of whoever writes a policy. A device does not ask:
    /// such a rule does it no harm, and to find out takes time.
    pub fn check_sense(&self) -> Result<(), Malformed> {
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(condition) = &rule.when {
                let at = Path::default().key("rules").index(index).key("when");
                condition.check_sense(self.zone.as_ref(), &at)?;
            }
        }
        Ok(())
    }

    fn check_all(&self) -> Result<(), Fault> {
        let root = Path::default();
        for (key, text) in [
            ("organisation", &self.organisation),
            ("contact", &self.contact),
            ("help", &self.help),
        ] {
            if let Some(text) = text {
                bounded(&root.key(key), text)?;
            }
        }
        if let (Some(begin), Some(end)) = (self.validity.not_before, self.validity.not_after)
            && begin >= end
        {
            return Err(root
                .key("validity")
                .key("not-after")
                .fault(Unfit::NeverValid));
        }
        self.check_counts(&root)?;
        let zone = self.zone.as_ref();
        let mut names = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let at = root.key("rules").index(index);
            named(&at, "rule", &rule.id, &mut names)?;
            rule.check(zone, &at)?;
        }
        let mut names = BTreeSet::new();
        for (index, task) in self.tasks.iter().enumerate() {
            let at = root.key("tasks").index(index);
            named(&at, "task", &task.id, &mut names)?;
            task.check(zone, &at)?;
        }
        Ok(())
    }

    fn check_counts(&self, root: &Path) -> Result<(), Fault> {
        let counted = self
            .rules
            .iter()
            .filter(|rule| !rule.is_of_usb_alone())
            .count();
        let matches = self
            .rules
            .iter()
            .map(|rule| rule.allow.len().saturating_add(rule.deny.len()))
            .fold(0, usize::saturating_add);
        let counts = [
            (
                "rules",
                "rules about other functions than USB",
                counted,
                MAX_RULES,
            ),
            ("rules", "rules", self.rules.len(), MAX_USB_RULES),
            ("rules", "matches of USB devices", matches, MAX_MATCHES),
            ("tasks", "tasks", self.tasks.len(), MAX_TASKS),
        ];
        for (key, what, count, most) in counts {
            if count > most {
                return Err(root.key(key).fault(Unfit::TooMany { what, count, most }));
            }
        }
        Ok(())
    }
}

fn named<'a>(
    at: &Path,
    what: &'static str,
    id: &'a str,
    names: &mut BTreeSet<&'a str>,
) -> Result<(), Fault> {
    let at = at.key("id");
    if id.trim().is_empty() {
        return Err(at.fault(Unfit::Nameless));
    }
    bounded(&at, id)?;
    if names.insert(id) {
        Ok(())
    } else {
        Err(at.fault(Unfit::Duplicate {
            what,
            id: id.to_owned(),
        }))
    }
}

fn bounded(at: &Path, text: &str) -> Result<(), Fault> {
    if text.len() > MAX_TEXT {
        return Err(at.fault(Unfit::TextTooLong(text.len())));
    }
    Ok(())
}

impl Notice {
    fn check(&self, at: &Path) -> Result<(), Fault> {
        [Some(&self.text), self.contact.as_ref(), self.url.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|text| bounded(at, text))
    }
}

impl Rule {
    fn check(&self, zone: Option<&Zone>, at: &Path) -> Result<(), Fault> {
        if let Some(notify) = &self.notify {
            notify.check(&at.key("notify"))?;
        }
        if self.functions.is_empty() {
            return Err(at.key("functions").fault(Unfit::Idle));
        }
        if let Some(condition) = &self.when {
            condition.check(zone, &at.key("when"))?;
        }
        self.check_usb(at)
    }

    fn check_usb(&self, at: &Path) -> Result<(), Fault> {
        for (key, matches) in [("allow", &self.allow), ("deny", &self.deny)] {
            for (index, one) in matches.iter().enumerate() {
                let at = at.key(key).index(index);
                one.check().map_err(|problem| at.fault(problem))?;
            }
        }
        let other = self.functions.iter().find(|function| !function.is_usb());
        let names_devices = !self.allow.is_empty() || !self.deny.is_empty();
        if let Some(other) = other
            && (names_devices || self.storage.is_some())
        {
            return Err(at.key("functions").fault(Unfit::NotUsb(*other)));
        }
        let disables = self.action == Action::Disable;
        if self.storage.is_some()
            && !(disables
                && self
                    .functions
                    .iter()
                    .any(|function| function.covers(Function::UsbStorage)))
        {
            return Err(at.key("storage").fault(Unfit::NotStorage));
        }
        if disables {
            self.check_danger(at)?;
        }
        Ok(())
    }

    /// A rule that names all keyboards or all readers is refused. One about `usb` as a whole is
    /// not: it spares what must stay (design.md, “Never taken away”), and says nothing of them.
    fn check_danger(&self, at: &Path) -> Result<(), Fault> {
        let asks = |function| {
            self.functions.contains(&function) && self.deny.is_empty() && self.allow.is_empty()
        };
        let at = at.key(if self.deny.is_empty() {
            "functions"
        } else {
            "deny"
        });
        if asks(Function::UsbSmartcard)
            || danger::would_take_every_card_reader(&self.deny, &self.allow)
        {
            return Err(at.fault(Unfit::TakesReader));
        }
        if asks(Function::UsbHid) || danger::would_take_every_keyboard(&self.deny, &self.allow) {
            return Err(at.fault(Unfit::TakesKeyboard));
        }
        Ok(())
    }
}

impl Task {
    fn check(&self, zone: Option<&Zone>, at: &Path) -> Result<(), Fault> {
        if let Some(notify) = &self.notify {
            notify.check(&at.key("notify"))?;
        }
        if self.functions.is_empty() {
            return Err(at.key("functions").fault(Unfit::Idle));
        }
        let at = at.key("at");
        if self.at.zone().is_none() && zone.is_none() {
            return Err(at.fault(Impossible::NoZone));
        }
        match &self.at {
            At::Monthly(monthly) if !(1..=31).contains(&monthly.day) => Err(at
                .key("monthly")
                .key("day")
                .fault(Unfit::NoDay(monthly.day))),
            At::Weekly(weekly) if weekly.days.is_empty() => {
                Err(at.key("weekly").key("days").fault(Unfit::NoWeekday))
            }
            At::Once(_) | At::Weekly(_) | At::Monthly(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Policy::from_toml(text).unwrap_err().to_string()
    }

    const RULE: &str = "[[rules]]\nid = \"a\"\naction = \"disable\"\n";

    #[test]
    fn a_rule_that_could_never_do_anything_is_refused() {
        let text = format!("{RULE}functions = []\n");
        assert!(wrong(&text).starts_with("line 4, column 1: rules[1].functions: it names no"));
    }

    #[test]
    fn two_rules_of_one_name_are_refused_where_the_second_stands() {
        let rule = format!("{RULE}functions = [\"camera\"]\n");
        assert!(wrong(&rule.repeat(2)).starts_with("line 6, column 1: rules[2].id: another rule"));
    }

    #[test]
    fn a_window_of_no_length_and_an_unknown_zone_are_refused() {
        for (window, because) in [
            (
                r#"{ days = "mon", from = "08:00", to = "08:00", zone = "UTC" }"#,
                "no length",
            ),
            (
                r#"{ days = "mon", from = "08:00", to = "09:00", zone = "Europe/Berlim" }"#,
                "Europe/Berlin`?",
            ),
            (
                r#"{ days = "mon", from = "08:00", to = "25:00", zone = "UTC" }"#,
                "time of day",
            ),
            (
                r#"{ days = "mno", from = "08:00", to = "09:00", zone = "UTC" }"#,
                "did you mean `mon`?",
            ),
            (
                r#"{ days = [], from = "08:00", to = "09:00", zone = "UTC" }"#,
                "names no day",
            ),
            (
                r#"{ days = "mon", from = "08:00", to = "09:00" }"#,
                "no zone is given",
            ),
        ] {
            let text = format!("{RULE}functions = [\"camera\"]\nwhen.weekly = {window}\n");
            assert!(wrong(&text).contains(because), "{window}: {}", wrong(&text));
            assert!(
                wrong(&text).starts_with("line 5"),
                "{window}: {}",
                wrong(&text)
            );
        }
    }

    #[test]
    fn a_rule_that_can_never_hold_is_refused_to_people_and_let_be_by_devices() {
        let when = "when.all = [{ card = \"present\" }, { card = \"absent\" }]";
        let text = format!("{RULE}functions = [\"camera\"]\n{when}\n");
        assert!(wrong(&text).starts_with("line 5, column 1: rules[1].when: this can never hold"));
        let policy: Policy = toml::from_str(&text).unwrap();
        assert!(policy.check().is_ok());
    }

    #[test]
    fn a_rule_that_would_take_every_keyboard_or_reader_is_refused() {
        for (rule, because) in [
            ("functions = [\"usb.smartcard\"]", "card reader"),
            ("functions = [\"usb.hid\"]", "keyboard"),
            (
                "functions = [\"usb\"]\ndeny = [{ class = \"0b\" }]",
                "card reader",
            ),
            (
                "functions = [\"usb\"]\ndeny = [{ class = \"03:01:01\" }]",
                "keyboard",
            ),
        ] {
            assert!(
                wrong(&format!("{RULE}{rule}\n")).contains(because),
                "{rule}"
            );
        }
        for rule in [
            "functions = [\"usb\"]",
            "functions = [\"usb.storage\"]",
            "functions = [\"usb.hid\"]\nallow = [{ connection = \"built-in\" }]",
        ] {
            let text = format!("{RULE}{rule}\n");
            assert!(Policy::from_toml(&text).is_ok(), "{rule}: {}", wrong(&text));
        }
    }

    #[test]
    fn what_is_only_for_usb_is_refused_elsewhere() {
        let text =
            format!("{RULE}functions = [\"camera\", \"usb\"]\nallow = [{{ class = \"08\" }}]\n");
        assert!(
            wrong(&text).contains("names camera too"),
            "{}",
            wrong(&text)
        );
        let text = format!("{RULE}functions = [\"usb.hid\"]\nstorage = \"read-only\"\n");
        assert!(
            wrong(&text).contains("does not disable"),
            "{}",
            wrong(&text)
        );
    }
}
